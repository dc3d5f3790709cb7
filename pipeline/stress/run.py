"""A sweep from a data set to an output folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from pipeline import flow
from pipeline.config import Config
from pipeline.discovery import check_places
from pipeline.evaluation.readers import find_truth
from pipeline.provenance import eyecut_version, weights_hashes
from pipeline.stress.changes import Change, require_albumentations
from pipeline.stress.points import open_points
from pipeline.stress.result import StressReport
from pipeline.stress.sweep import Watch, sweep


def stress(
    data: Path,
    output: Path,
    config: Config,
    changes: Sequence[Change],
    *,
    floor: float = 0.9,
    longest_side: int = 1600,
    limit: int | None = None,
    watch: Watch | None = None,
) -> StressReport:
    """Sweep the photos of `data` and write points, curves, tables and plots to `output`.

    What an earlier sweep measured with the same configuration, weights and data is not measured
    again. See `pipeline.stress.sweep.sweep` for the arguments.

    Raises:
        ConfigError: albumentations is missing, or the configuration does not fit this machine.
        EvaluationError: `data` holds no truth, or none of its photos could be processed.
        OutputError: `output` holds something else, lies inside `data`, or cannot be written.
        WeightsError: weights are missing or damaged.
    """
    require_albumentations()  # before seconds are spent on loading networks
    truths = find_truth(data)
    check_places(data, output)
    with open_points(output) as points:
        stages = flow.build(config)
        weights = weights_hashes(config)
        told = config.fingerprint(weights, eyecut_version())
        swept = sweep(
            truths,
            stages,
            changes,
            points,
            fingerprint=f"{told} albumentations {version('albumentations')}",
            longest_side=longest_side,
            limit=limit,
            watch=watch,
        )
    report = StressReport.of(swept, changes, floor, weights)
    report.write(output)
    return report
