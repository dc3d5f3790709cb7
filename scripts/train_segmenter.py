#!/usr/bin/env python3
"""Train the compact segmenter on rendered scenes, or fine-tune a checkpoint on a folder of yours.

    python scripts/make_dataset.py ...                     # the scenes, see its own help
    python scripts/train_segmenter.py --data ROOT --val ROOT --out runs/segmenter --minutes 100
    python scripts/train_segmenter.py ... --resume         # go on after an interruption
    python scripts/train_segmenter.py --data ROOT --out runs/tuned --minutes 60 \\
        --config configs/train_sam.yaml --init sam_vit_b_01ec64.pth

`--init` takes compact weights (`embedded`: those shipped), or the public checkpoints of
segment-anything (ViT-B, -L, -H) and MobileSAM, of which prompt encoder and mask decoder learn.
Compact weights may go on in a deeper network, which starts with the same answers: `--set
network.context_depth=6`, also `network.depths` and `network.mix_depth`.

Writes OUT/compact.safetensors (float16), or OUT/vit_b.pth, vit_l.pth, vit_h.pth or mobile_sam.pt
in the layout of the public file for `segmenter.kind` and `segmenter.weights`; beside it its model
card and OUT/checkpoint.pt. `--embed` also copies compact weights and card to where the package
ships them.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

# Read when torch is loaded. Threads that spin while they wait cost ten times the work where
# other programs share the cores; many crop sizes need many compiled convolutions at hand.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

from pipeline.errors import ConfigError, EyecutError  # noqa: E402

TUNING_RATE = 3e-4  # above it a trained decoder forgets more than it learns


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="ROOT")
    parser.add_argument("--val", type=Path, nargs="*", default=[], metavar="ROOT")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="start from: compact weights, embedded, or a public checkpoint of "
        "segment-anything (.pth) or MobileSAM (.pt)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    parser.add_argument("--minutes", type=float, default=100.0, help="whole budget, wall clock")
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "train_segmenter.yaml")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--embed", action="store_true", help="install compact weights when done")
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
        weights = options.out / run.exported
        check(run, weights, options)

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


def check(run: object, weights: Path, options: argparse.Namespace) -> None:
    """Refuse what would go wrong at the end of a run, and say what looks like an oversight."""
    from pipeline.segmenter import training
    from pipeline.segmenter.tunable import FILES

    assert isinstance(run, training.Run)
    if run.kind not in FILES:
        return
    if options.embed:
        raise ConfigError(f"--embed installs a compact model, not {run.kind}; leave it out")
    if not options.resume and options.init.resolve() == weights.resolve():
        raise ConfigError(f"{weights} would be overwritten: give another folder to --out")
    if run.config.rate > TUNING_RATE:
        log(
            f"rate {run.config.rate:g} suits training from scratch; to fine-tune, "
            "--config configs/train_sam.yaml"
        )


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
        **subject(run),
        "file": run.exported,
        "sha256": digest,
        "weights": training.count_weights(run.model),
        "data": {root.name: len(list_scenes(root)) for root in options.data},
        "validation_data": {root.name: len(list_scenes(root)) for root in options.val},
        "validation": {k: v for k, v in run.best_figures.items() if k not in unknown(run)},
        "validation_size": run.config.validate_size,
        "seed": run.config.seed,
        "steps": run.step,
        "crops": run.crops,
        "minutes": round(run.elapsed / 60, 1),
        "from": run.origin,
        "commit": commit(),
        "settings": run.config.model_dump(mode="json", exclude={"network"}),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "opencv": cv2.__version__,
        },
        "device": str(run.device),
        "credits": credits_of(options.data),
    }


def unknown(run: object) -> tuple[str, ...]:
    """Figures that a model of the whole glasses alone has none of."""
    from pipeline.segmenter.training import Run
    from pipeline.segmenter.tunable import FILES

    return ("frame", "lens") if isinstance(run, Run) and run.kind in FILES else ()


def subject(run: object) -> dict[str, object]:
    """What the card says of the model itself."""
    from pipeline.segmenter import training
    from pipeline.segmenter.compact import CompactSam
    from pipeline.segmenter.training_run import count_trained

    assert isinstance(run, training.Run)
    if isinstance(run.model, CompactSam):
        return {
            "name": "eyecut compact segmenter",
            "summary": "Cuts glasses out of a square crop: glasses, frame and lens masks for a "
            "box, points or a previous mask. Trained on rendered scenes.",
            "licence": "AGPL-3.0",
            "network": run.model.config.to_dict(),
        }
    return {
        "name": f"{run.kind}, fine-tuned for eyewear",
        "summary": "A public checkpoint whose prompt encoder and mask decoder learned on "
        "labelled glasses; its image encoder is as published.",
        "licence": "that of the checkpoint it started from, see 'from'",
        "network": run.kind,
        "weights_trained": count_trained(run.model),
    }


if __name__ == "__main__":
    sys.exit(main())
