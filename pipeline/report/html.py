"""Pages from the templates beside this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from pipeline.images import write_bytes

_TEMPLATES = Path(__file__).parent / "templates"


def write_html(path: Path, template: str, overwrite: bool, **values: Any) -> None:
    """Render `template` with `values`, all of them escaped, to `path`.

    Raises:
        OutputError: `path` exists and `overwrite` is False, or it cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(**values)
    write_bytes(path, text.encode("utf-8", "replace"), overwrite=overwrite)
