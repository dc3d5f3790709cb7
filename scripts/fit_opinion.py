"""Fit how much the segmenter's word counts in whether a pair is one, and say what it is worth.

    python scripts/fit_opinion.py DATA [DATA ...] [--config FILE] [--set KEY=VALUE ...]

DATA is labelled pictures as for scripts/train_detector.py, which no weights were trained on, some
without glasses. Prints `segmenter.opinion` for the configuration, and a table of what is found at
`detector.confidence`; --doc FILE writes the table between its markers. The segmenter's row is
cross-validated: each half of the pictures is judged with the fit of the other half. No picture is
turned.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from fits import labelled, parse, report  # noqa: E402
from markers import table_row  # noqa: E402

from detector.errors import DetectorError  # noqa: E402
from pipeline.errors import EyecutError  # noqa: E402

if TYPE_CHECKING:
    import numpy as np

    from pipeline.flow import Flow
    from pipeline.opinion import Opinion

BEGIN = "<!-- opinion: written by scripts/fit_opinion.py -->"
END = "<!-- end of opinion -->"
LEAST = 0.2  # the detector's score; no mask would save what is fainter


@dataclass(frozen=True)
class Picture:
    """What is found in one picture: scores and qualities, float32 (N,), which pair of glasses each
    find means, None for none, and how many there are."""

    scores: np.ndarray
    quality: np.ndarray
    meant: list[int | None]
    glasses: int


def look_at(flow: Flow, data: Sequence[Path]) -> Iterator[Picture]:
    """What both networks say of labelled pictures."""
    from detector.metrics import answered
    from pipeline.types import Photo

    for name, rgb, truth in labelled(data):
        photo = Photo(name, rgb)
        found = flow.find(photo)
        quality = flow.mark(photo, found.pairs, found.lenses).quality
        meant = answered(truth, found.pairs.boxes)
        yield Picture(found.pairs.scores, quality, meant, len(truth))


def fit(pictures: Sequence[Picture]) -> Opinion:
    """Fit to the surest find of each picture: whether a picture shows glasses is what the opinion
    mostly decides, for `Flow.find` hands on weak finds only where nothing is surer."""
    from pipeline.opinion import fit_opinion

    some = [picture for picture in pictures if picture.meant]
    return fit_opinion(
        [float(picture.scores[0]) for picture in some],
        [float(picture.quality[0]) for picture in some],
        [picture.meant[0] is not None for picture in some],
    )


def table(pictures: Sequence[Picture], confidence: float) -> str:
    """Markdown: what the detector finds alone, and what with the segmenter's opinion."""
    fits = [fit(pictures[1::2]), fit(pictures[::2])]
    chances = [fits[i % 2].probability(p.scores, p.quality) for i, p in enumerate(pictures)]
    sure = [picture.scores >= confidence for picture in pictures]
    counts = [some if some.any() else ~some for some in sure]  # as `Flow.find` has it
    rows = [
        ("pairs by", "found", "false, a picture", "pictures without glasses left alone"),
        ("---", "---:", "---:", "---:"),
        ("the detector", *row(pictures, sure)),
        (
            "both networks",
            *row(pictures, [c & (p >= confidence) for c, p in zip(counts, chances, strict=True)]),
        ),
    ]
    return "\n".join(map(table_row, rows))


def row(pictures: Sequence[Picture], kept: Sequence[np.ndarray]) -> tuple[str, str, str]:
    """Share of the glasses found, false finds a picture, share of silent pictures without glasses;
    `kept` are bool (N,), which finds count."""
    found = false = silent = 0
    for picture, some in zip(pictures, kept, strict=True):
        answers = [one for one, keep in zip(picture.meant, some, strict=True) if keep]
        found += len(answers) - answers.count(None)
        false += answers.count(None)
        silent += not picture.glasses and not answers
    glasses = sum(picture.glasses for picture in pictures)
    without = sum(not picture.glasses for picture in pictures)
    alone = f"{silent / without:.3f}" if without else "–"
    return f"{found / glasses:.3f}", f"{false / len(pictures):.3f}", alone


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 fitted, 2 weights, data or configuration cannot be used."""
    options = parse(__doc__, argv)
    from pipeline.config import load_config
    from pipeline.flow import build

    own = ["segmenter.opinion=null", f"detector.confidence={LEAST}", "detector.turns=[]"]
    try:
        confidence = load_config(options.config, options.set).detector.confidence
        flow = build(load_config(options.config, [*options.set, *own]))
        pictures = list(look_at(flow, options.data))
        found, text = fit(pictures), table(pictures, confidence)
    except (EyecutError, DetectorError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    line = f"segmenter.opinion: [{found.score:.2f}, {found.quality:.2f}, {found.offset:.2f}]"
    report(line, text, options.doc, BEGIN, END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
