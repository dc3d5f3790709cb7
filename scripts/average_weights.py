"""Average the weights of segmenters, of edge networks or of detectors, and measure the mean.

    python scripts/average_weights.py OUT FILE FILE [FILE ...] --val DATA

FILEs are what the trainers exported, best of runs that went on from the same weights. Writes the
mean to OUT under the last FILE's name, and its model card, that of the last FILE with what was
averaged and the mean's own figures on DATA, which none was trained on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

from detector.errors import DetectorError  # noqa: E402
from pipeline.errors import EyecutError, ValidationError  # noqa: E402


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--val", type=Path, nargs="+", required=True, metavar="DATA")
    parser.add_argument(
        "--before",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="detectors that the FILEs went on from: the card names their data, too",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="of configs/train_segmenter.yaml, for the validation of segmenters",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 written, 2 files or data cannot be used."""
    options = parse(arguments)
    from detector.checkpoint import is_detector
    from pipeline.segmenter.edges import is_edges

    try:
        if all(is_detector(file) for file in options.files):
            average_detectors(options)
        elif all(is_edges(file) for file in options.files):
            average_edges(options)
        else:
            average_segmenters(options)
    except (EyecutError, DetectorError) as error:
        print(f"average_weights: {error}", file=sys.stderr)
        return 2
    return 0


def average_detectors(options: argparse.Namespace) -> None:
    """Write the mean of detectors and its card.

    Raises:
        DetectorError: files of other networks, one alone or one without a card, or no data.
    """
    from detector.averaging import average as average_of

    figures = average_of(options.files, options.val, options.out, options.before)
    for name, value in figures.items():
        print(f"{name}: {value if value is None or isinstance(value, int) else f'{value:.3f}'}")


def average_segmenters(options: argparse.Namespace) -> None:
    """Write the mean of segmenters and its card.

    Raises:
        EyecutError: files of other networks, one alone or one without a card, or no data.
    """
    from pipeline.segmenter.averaging import mean_of
    from pipeline.segmenter.samples import list_scenes
    from pipeline.segmenter.train_config import load_train_config
    from pipeline.segmenter.validation import validate
    from pipeline.segmenter.weights_io import load_compact, save_compact

    config = load_train_config(ROOT / "configs" / "train_segmenter.yaml", options.set)
    mean = mean_of([load_compact(file) for file in options.files])
    weights, card = target(options, "compact.safetensors")
    scenes = [scene for root in options.val for scene in list_scenes(root) if scene.masks]
    figures = validate(mean, scenes, config)
    digest = save_compact(mean, weights)
    told = {"validation": figures.to_dict(), "validation_size": config.validate_size}
    write(options, weights, card | {"sha256": digest} | told)
    print(figures.line())


def average_edges(options: argparse.Namespace) -> None:
    """Write the mean of edge networks and its card.

    Raises:
        EyecutError: as for segmenters.
    """
    import numpy as np

    from pipeline.segmenter.averaging import mean_of
    from pipeline.segmenter.edge_samples import all_samples
    from pipeline.segmenter.edge_training import measure
    from pipeline.segmenter.edges import EMBEDDED, load_edges, save_edges
    from pipeline.segmenter.predictor import CompactModel
    from pipeline.segmenter.weights_io import load_compact

    mean = mean_of([load_edges(str(file)).network for file in options.files])
    weights, card = target(options, EMBEDDED.name)
    model, rng = CompactModel(load_compact()), np.random.default_rng(0)
    figures = measure(mean, all_samples(options.val, model, rng))
    digest = save_edges(mean, weights)
    write(options, weights, card | {"sha256": digest, "figures": figures})
    print(figures)


def target(options: argparse.Namespace, name: str) -> tuple[Path, dict[str, Any]]:
    """The file of the mean, and the card of the last file, before anything is measured or written.

    Raises:
        ValidationError: the file is one of those to average, or the last of these has no card.
    """
    from pipeline.segmenter.weights_io import read_card

    weights: Path = options.out / name
    card = read_card(options.files[-1])
    if card is None:
        raise ValidationError(f"{options.files[-1]}: no model card beside it")
    if weights.resolve() in {file.resolve() for file in options.files}:
        raise ValidationError(f"{weights} would be overwritten: name another folder")
    return weights, card


def write(options: argparse.Namespace, weights: Path, card: dict[str, Any]) -> None:
    """Write the card with what was averaged, and on what the mean was measured."""
    from provenance import commit

    from pipeline.segmenter.samples import list_scenes
    from pipeline.segmenter.weights_io import sha256_of, write_card

    told = {
        "averaged": [sha256_of(file)[:12] for file in options.files],
        "validation_data": {root.name: len(list_scenes(root)) for root in options.val},
        "commit": commit(),
    }
    write_card(weights, card | told)


if __name__ == "__main__":
    sys.exit(main())
