"""How predictions were made: the configuration that a run wrote down, if it can be had here."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pipeline.config import Config
from pipeline.errors import EvaluationError, EyecutError
from pipeline.manifest import RUN, read_run
from pipeline.provenance import eyecut_version, weights_hashes


def config_of(pred: Path) -> Config | None:
    """The configuration that made `pred`, the OUTPUT folder of ``eyecut run``.

    Returns:
        The configuration; None where `pred` is no run's.

    Raises:
        EvaluationError: asked again, a run of it would not give the same: its weights are not
            here, or it was made by another version. The message names the file and the remedy.
    """
    remedy = "name a configuration with --config, or leave the columns out with --no-columns"
    try:
        told = read_run(pred)
        if told is None:
            return None
        config = Config.model_validate(told.get("config"))
        same = config.fingerprint(weights_hashes(config), eyecut_version())
    except (EyecutError, ValidationError) as error:
        reason = "its configuration is not one of this version's"
        reason = str(error) if isinstance(error, EyecutError) else reason
        raise EvaluationError(f"{pred / RUN}: {reason}; {remedy}") from error
    if same != told.get("config_hash"):
        raise EvaluationError(
            f"{pred / RUN}: made with weights that are not here, or by another version; {remedy}"
        )
    return config
