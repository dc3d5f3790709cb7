"""The mean of several detectors' weights, with a card that names them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from detector.card import CARD_NAME, read_card, write_card
from detector.checkpoint import Checkpoint, build, read_checkpoint, write_safetensors
from detector.config import TrainingConfig
from detector.dataset import read_dataset
from detector.errors import TrainingError
from detector.training import figures_of


def mean_of(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The mean of every weight and running statistic; counters are the first's.

    Of networks that went on from the same weights it often holds where each alone has forgotten
    something (Wortsman et al., "Model soups", ICML 2022).

    Raises:
        TrainingError: fewer than two, or networks of different layers.
    """
    if len(checkpoints) < 2:
        raise TrainingError("a mean takes two weights files or more")
    first, *others = checkpoints
    if any((c.layers, c.names) != (first.layers, first.names) for c in others):
        raise TrainingError("the files hold networks of different layers")
    state = {
        name: torch.stack([c.state[name].float() for c in checkpoints]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in first.state.items()
    }
    return Checkpoint(first.architecture, first.layers, first.names, first.imgsz, state)


def average(
    files: Sequence[Path], data: Sequence[Path | str], out: Path, before: Sequence[Path] = ()
) -> dict[str, Any]:
    """Write the mean of exported weights to the folder `out`, and its card: the last file's, with
    the data of all, what was averaged, and the figures of the mean on all pictures of `data`.

    Args:
        files: what to average.
        data: datasets to measure on, which nothing was trained on.
        out: folder for the mean.
        before: weights that `files` went on from; the card names their data, too.

    Returns:
        The figures.

    Raises:
        DetectorError: files of other networks, one alone or without a card, or unusable data.
    """
    mean = mean_of([read_checkpoint(file) for file in files])
    build(mean)  # fails here, not in a user's hands
    cards = [_card_of(file) for file in files]
    path = out / files[-1].name
    if path.resolve() in {file.resolve() for file in files}:
        raise TrainingError(f"{path} would be overwritten: name another folder")
    listed = {
        entry["fingerprint"]: entry
        for card in (*(_card_of(file) for file in before), *cards)
        for entry in card["data"]
    }
    datasets = [read_dataset(source) for source in data]
    unseen = [replace(dataset, train=(), val=dataset.examples) for dataset in datasets]
    digest = write_safetensors(mean, path)
    figures = figures_of(path, TrainingConfig.model_validate(cards[-1]["config"]), unseen)
    told = {
        "sha256": digest,
        "averaged": [card["sha256"][:12] for card in cards],
        "data": list(listed.values()),
        "figures": figures,
    }
    write_card(cards[-1] | told, out)
    return figures


def _card_of(file: Path) -> dict[str, Any]:
    card = file.with_name(CARD_NAME)
    if not card.is_file():
        raise TrainingError(f"{file}: has no {CARD_NAME} beside it, so its data are unknown")
    return read_card(card, "export the weights again")
