"""Make training data of labelled photos, in any format that `eyecut evaluate` reads.

    python scripts/prepare_labels.py TRUTH OUT [--test 0.2] [--group REGEX]

Writes OUT/train for scripts/train_detector.py and scripts/train_segmenter.py, and OUT/test for
`eyecut evaluate`. TRUTH: docs/truth_formats.md. What to do with it: docs/fine_tuning.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.errors import EyecutError  # noqa: E402


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path, metavar="TRUTH")
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    parser.add_argument("--test", type=float, default=0.2, help="share kept for measuring")
    parser.add_argument(
        "--group", metavar="REGEX", help="photos of one product, which go to one part"
    )
    parser.add_argument(
        "--longest-side", type=int, default=1600, help="photos are shrunk to this; 0: not at all"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 written, 2 the labels or the folder cannot be used."""
    options = parse(argv)
    from pipeline.evaluation.readers import find_truth
    from pipeline.evaluation.training_folder import Split, write_training_folder

    try:
        split = Split(options.test, options.group, options.longest_side)
        counts = write_training_folder(find_truth(options.truth), options.out, split)
    except EyecutError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {', '.join(f'{n} to {part}' for part, n in sorted(counts.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
