"""Average the weights of compact segmenters, or of detectors, and measure the mean.

    python scripts/average_weights.py OUT FILE FILE [FILE ...] --val DATA

FILEs are what scripts/train_segmenter.py or scripts/train_detector.py exported, best of runs that
went on from the same weights: their mean often holds where each alone has forgotten something
(Wortsman et al., "Model soups", ICML 2022). Writes the mean to OUT under the last FILE's name, and
its model card, that of the last FILE with what was averaged and the mean's own figures on DATA,
which none was trained on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

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

    try:
        if all(is_detector(file) for file in options.files):
            average_detectors(options)
        else:
            average(options)
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


def average(options: argparse.Namespace) -> None:
    """Write the mean of segmenters and its card.

    Raises:
        EyecutError: files of other networks, one alone or one without a card, or no data.
    """
    from provenance import commit

    from pipeline.segmenter.samples import list_scenes
    from pipeline.segmenter.train_config import load_train_config
    from pipeline.segmenter.validation import validate
    from pipeline.segmenter.weights_io import (
        load_compact,
        read_card,
        save_compact,
        sha256_of,
        write_card,
    )

    config = load_train_config(ROOT / "configs" / "train_segmenter.yaml", options.set)
    models = [load_compact(file) for file in options.files]
    card = read_card(options.files[-1])
    weights = options.out / "compact.safetensors"
    if len(models) < 2 or card is None:
        raise ValidationError(f"{options.files[-1]}: expected two files or more, with a model card")
    if len({str(model.config) for model in models}) > 1:
        raise ValidationError("the files hold networks of different sizes")
    if weights.resolve() in {file.resolve() for file in options.files}:
        raise ValidationError(f"{weights} would be overwritten: name another folder")
    mean = models[0]
    states = [model.state_dict() for model in models]
    mean.load_state_dict(
        {
            name: sum(state[name] for state in states) / len(states)
            if value.is_floating_point()
            else value
            for name, value in states[0].items()
        }
    )
    scenes = [scene for root in options.val for scene in list_scenes(root) if scene.masks]
    figures = validate(mean, scenes, config)
    options.out.mkdir(parents=True, exist_ok=True)
    digest = save_compact(mean, weights)
    told = {
        "sha256": digest,
        "averaged": [sha256_of(file)[:12] for file in options.files],
        "validation_data": {root.name: len(list_scenes(root)) for root in options.val},
        "validation": figures.to_dict(),
        "validation_size": config.validate_size,
        "commit": commit(),
    }
    write_card(weights, card | told)
    print(figures.line())


if __name__ == "__main__":
    sys.exit(main())
