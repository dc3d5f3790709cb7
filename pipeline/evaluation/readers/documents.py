"""Text and JSON files, read so that an error names the file and the place in it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import EvaluationError

Model = TypeVar("Model", bound=BaseModel)


def read_text(path: Path) -> str:
    """Read UTF-8 text, with or without a byte order mark.

    Raises:
        EvaluationError: missing, unreadable or in another encoding.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8 text; save it as UTF-8") from error


def parse(model: type[Model], text: str, where: Path | str, kind: str) -> Model:
    """Read JSON `text` as a `model`.

    Raises:
        EvaluationError: "`where`: not `kind`", with the first place that does not fit.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        raise EvaluationError(f"{where}: not {kind} ({reason}); export it anew") from error
