"""Fit the detector's scores to the share of boxes that is right, and say how far off they are.

    python scripts/calibrate_detector.py DATA [DATA ...] [--config FILE] [--set KEY=VALUE ...]

DATA is labelled pictures as for scripts/train_detector.py, which the weights were not trained on,
some without glasses. Prints `detector.calibration` for the configuration, and a table of errors;
--doc FILE writes the table between its markers. The fitted column is cross-validated: each half
of the pictures is measured with the fit of the other half. No picture is turned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from fits import labelled, parse, report  # noqa: E402

from detector.errors import DetectorError  # noqa: E402
from pipeline.errors import EyecutError  # noqa: E402

if TYPE_CHECKING:
    from detector.calibration import Calibration
    from detector.types import Detector

BEGIN = "<!-- calibration: written by scripts/calibrate_detector.py -->"
END = "<!-- end of calibration -->"
LEAST = 0.05  # fainter boxes are legion, and nobody would take them for glasses


@dataclass(frozen=True)
class Box:
    """One found box: its score, whether it is right, its share of the width, how many pairs the
    picture shows, and which half of the pictures it is of."""

    score: float
    right: bool
    width: float
    pairs: int
    half: int


KINDS: dict[str, Callable[[Box], bool]] = {
    "all": lambda box: True,
    "narrower than a quarter of the picture": lambda box: box.width < 0.25,
    "wider": lambda box: box.width >= 0.25,
    "in pictures without glasses": lambda box: box.pairs == 0,
    "in pictures of one pair": lambda box: box.pairs == 1,
    "in pictures of several": lambda box: box.pairs > 1,
}


def boxes_of(detector: Detector, data: Sequence[Path]) -> Iterator[Box]:
    """Everything that a detector finds in labelled pictures."""
    from detector.metrics import answered
    from detector.types import EYEGLASSES

    for number, (_, rgb, truth) in enumerate(labelled(data)):
        found = detector.detect(rgb).only(EYEGLASSES)
        meant = answered(truth, found.boxes)
        for box, score, one in zip(found.boxes, found.scores, meant, strict=True):
            width = float(box[2] - box[0]) / rgb.shape[1]
            yield Box(float(score), one is not None, width, len(truth), number % 2)


def fit(boxes: Sequence[Box]) -> Calibration:
    from detector.calibration import fit_calibration

    return fit_calibration([box.score for box in boxes], [box.right for box in boxes])


def table(boxes: Sequence[Box]) -> str:
    """Markdown: a row a kind of box, its share that is right, and the errors before and after."""
    from detector.calibration import calibration_error

    fits = {half: fit([box for box in boxes if box.half != half]) for half in (0, 1)}
    rows = [
        "| boxes | number | right | error of the score | error, calibrated |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, belongs in KINDS.items():
        some = [box for box in boxes if belongs(box)]
        if not some:
            continue
        scores, right = [box.score for box in some], [box.right for box in some]
        told = [float(fits[box.half].probability(box.score)) for box in some]
        rows.append(
            f"| {name} | {len(some)} | {sum(right) / len(some):.2f} "
            f"| {calibration_error(scores, right):.3f} | {calibration_error(told, right):.3f} |"
        )
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 fitted, 2 weights, data or configuration cannot be used."""
    options = parse(__doc__, argv)
    from pipeline.config import load_config
    from pipeline.flow import DETECTORS

    own = [
        "detector.calibration=null",
        f"detector.confidence={LEAST}",
        "detector.turns=[]",
        "segmenter.opinion=null",
    ]
    try:
        config = load_config(options.config, [*options.set, *own])
        boxes = list(boxes_of(DETECTORS[config.detector.kind](config), options.data))
        found, text = fit(boxes), table(boxes)
    except (EyecutError, DetectorError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    line = f"detector.calibration: [{found.slope:.2f}, {found.offset:.2f}]"
    report(line, text, options.doc, BEGIN, END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
