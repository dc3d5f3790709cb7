#!/usr/bin/env python3
"""Train the compact segmenter on rendered scenes.

    python scripts/make_dataset.py ...                     # the scenes, see its own help
    python scripts/train_segmenter.py --data ROOT --val ROOT --out runs/segmenter --minutes 100
    python scripts/train_segmenter.py ... --resume         # go on after an interruption

Writes OUT/compact.safetensors (float16) with its model card, and
OUT/checkpoint.pt. `--embed` also copies weights and card to where the package ships them.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

# Read when torch is loaded. Threads that spin while they wait cost ten times the work where
# other programs share the cores; many crop sizes need many compiled convolutions at hand.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

from pipeline.errors import EyecutError  # noqa: E402


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="ROOT")
    parser.add_argument("--val", type=Path, nargs="*", default=[], metavar="ROOT")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--init", type=Path, metavar="FILE", help="start from: weights, embedded")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    parser.add_argument("--minutes", type=float, default=100.0, help="whole budget, wall clock")
    parser.add_argument("--config", type=Path, default=Path("configs/train_segmenter.yaml"))
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--embed", action="store_true", help="install the weights when done")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    from pipeline.segmenter import training
    from pipeline.segmenter.train_config import load_train_config
    from pipeline.segmenter.weights_io import CARD, EMBEDDED, write_card

    try:
        config = load_train_config(options.config, options.set)
        if options.resume:
            run = training.resume(config, options.minutes, options.out / training.CHECKPOINT)
        else:
            run = training.start(config, options.minutes, options.init)
        weights = options.out / "compact.safetensors"

        def card(state: training.Run, digest: str) -> None:
            write_card(weights, describe(state, digest, options))

        training.train(run, options.data, options.val, options.out, log, card)
        if options.embed:
            EMBEDDED.parent.mkdir(parents=True, exist_ok=True)
            for name in (weights.name, CARD, "model_card.md"):
                shutil.copyfile(options.out / name, EMBEDDED.parent / name)
    except EyecutError as error:
        print(f"train_segmenter: {error}", file=sys.stderr)
        return 2
    return 0


def log(line: str) -> None:
    print(line, flush=True)


def describe(run: object, digest: str, options: argparse.Namespace) -> dict[str, object]:
    """The model card's content; folders by their names only."""
    import cv2
    import numpy
    import torch
    from provenance import commit, credits_of

    from pipeline.segmenter import training
    from pipeline.segmenter.samples import list_scenes

    assert isinstance(run, training.Run)
    return {
        "name": "eyecut compact segmenter",
        "summary": "Cuts glasses out of a square crop: glasses, frame and lens masks for a box, "
        "points or a previous mask. Trained on rendered scenes.",
        "file": "compact.safetensors",
        "sha256": digest,
        "licence": "AGPL-3.0",
        "weights": training.count_weights(run.model),
        "network": run.model.config.to_dict(),
        "data": {root.name: len(list_scenes(root)) for root in options.data},
        "validation_data": {root.name: len(list_scenes(root)) for root in options.val},
        "validation": run.best_figures,
        "validation_size": run.config.validate_size,
        "seed": run.config.seed,
        "steps": run.step,
        "crops": run.crops,
        "minutes": round(run.elapsed / 60, 1),
        "from": run.origin,
        "commit": commit(),
        "settings": run.config.model_dump(mode="json"),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "opencv": cv2.__version__,
        },
        "device": str(run.device),
        "credits": credits_of(options.data),
    }


if __name__ == "__main__":
    sys.exit(main())
