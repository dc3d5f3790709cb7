"""Train the network that finds the true edge along a mask's outline, on rendered scenes.

    python scripts/make_dataset.py SCENES --count 600                    # see its own help
    python scripts/train_edges.py SCENES [MORE ...] --out runs/edges --minutes 30 [--embed]

The masks whose outlines it learns from are the compact segmenter's. Writes OUT/edges.safetensors
with its model card; `--embed` also copies both to where the package ships them. OUT/samples.npy is
kept and used again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded

from pipeline.errors import EyecutError  # noqa: E402


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="+", metavar="SCENES")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=30.0, help="of training, wall clock")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init", type=str, metavar="FILE", help="weights to go on from")
    parser.add_argument("--segmenter", default="embedded", metavar="FILE", help="its weights")
    parser.add_argument("--embed", action="store_true", help="install the weights when done")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 trained, 2 data or weights cannot be used."""
    options = parse(arguments)
    from pipeline.segmenter import edge_training
    from pipeline.segmenter.edges import EMBEDDED, load_edges, save_edges

    plan = edge_training.EdgePlan(minutes=options.minutes, seed=options.seed)
    try:
        start = origin(options.init)  # before --embed replaces the file
        samples = collect(options)
        network = load_edges(options.init).network if options.init else None
        network, figures = edge_training.train(samples, plan, print, network)
        weights = options.out / EMBEDDED.name
        digest = save_edges(network, weights)
        write(weights, options, digest, figures, len(samples), start)
        if options.embed:
            for name in (weights.name, "model_card.json", "model_card.md"):
                shutil.copyfile(options.out / name, EMBEDDED.parent / name)
    except EyecutError as error:
        print(f"train_edges: {error}", file=sys.stderr)
        return 2
    print(figures)
    return 0


def collect(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """The samples of all scenes, read again where an earlier run kept them."""
    import numpy as np

    from pipeline.segmenter.edge_samples import all_samples
    from pipeline.segmenter.predictor import CompactModel
    from pipeline.segmenter.weights_io import load_compact

    kept = options.out / "samples.npy"
    if not kept.is_file():
        options.out.mkdir(parents=True, exist_ok=True)
        model = CompactModel(load_compact(options.segmenter))
        rng = np.random.default_rng(options.seed)
        np.save(kept, all_samples(options.data, model, rng))
    return np.load(kept, mmap_mode="r")


def write(
    weights: Path,
    options: argparse.Namespace,
    digest: str,
    figures: dict[str, float],
    count: int,
    start: str,
) -> None:
    """The model card; folders by their names only."""
    from provenance import commit, credits_of

    from pipeline.segmenter.samples import list_scenes
    from pipeline.segmenter.weights_io import write_card

    card = {
        "name": "eyecut edge network",
        "summary": "Finds the true edge in the band along a mask's outline. Trained on rendered"
        " scenes, along the outlines of the compact segmenter's masks. `edge` and `mask` are mean"
        " absolute errors of alpha within 16 pixels of the outline, on held-out samples; `thin`"
        " and `thin_mask` are the shares of thin parts that are kept.",
        "file": weights.name,
        "sha256": digest,
        "licence": "AGPL-3.0",
        "data": {root.name: len(list_scenes(root)) for root in options.data},
        "samples": count,
        "figures": figures,
        "seed": options.seed,
        "minutes": options.minutes,
        "from": start,
        "commit": commit(),
        "credits": credits_of(options.data),
    }
    write_card(weights, card)


def origin(init: str | None) -> str:
    """What a run started from: a file's name and the start of its SHA-256."""
    from pipeline.segmenter.edges import EMBEDDED
    from pipeline.segmenter.weights_io import sha256_of

    if init is None:
        return "random weights"
    path = EMBEDDED if init == "embedded" else Path(init)
    return f"{path.name}, SHA-256 {sha256_of(path)[:12]}"


if __name__ == "__main__":
    sys.exit(main())
