"""What a training run needs to go on after an interruption: `checkpoint.pt`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from pipeline.errors import ConfigError, WeightsError
from pipeline.segmenter.encoder import CompactConfig
from pipeline.segmenter.train_config import TrainConfig
from pipeline.segmenter.training_run import (
    COMPACT,
    Run,
    begin,
    prepare,
    refuse_network,
    start,
)
from pipeline.segmenter.tunable import FILES, TunableSam, new_tunable

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(run: Run, path: Path) -> None:
    """Write plain tensors and numbers, whole or not at all.

    A frozen encoder, which model and average share, is written once.
    """
    model = run.model
    state = {
        "kind": run.kind,
        "model": model.state_dict(),
        "average": run.average.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "network": {} if isinstance(model, TunableSam) else model.config.to_dict(),
        "config": run.config.model_dump(mode="json"),
        "numbers": {
            "step": run.step,
            "crops": run.crops,
            "elapsed": run.elapsed,
            "best": run.best,
        },
        "best_figures": run.best_figures,
        "origin": run.origin,
        "torch_rng": torch.get_rng_state(),
    }
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)


def resume(config: TrainConfig, minutes: float, path: Path) -> Run:
    """Continue from a checkpoint with the given configuration and total budget.

    Raises:
        ConfigError: sizes of a network are set for a public checkpoint, which has its own, or
            another optimizer than the run's.
        WeightsError: the checkpoint is missing, not one of this script's, or of an older network.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        kind = state.get("kind", COMPACT)  # older runs do not say
        if kind != COMPACT and kind not in FILES:
            raise ValueError(f"unknown kind {kind}")
        network = CompactConfig.from_dict(state["network"]) if kind == COMPACT else None
    except FileNotFoundError as error:
        raise WeightsError(f"nothing to resume: {path} not found") from error
    except Exception as error:
        raise WeightsError(f"{path} is not a checkpoint of this script: {error}") from error
    used = state["config"].get("optimizer", "AdamW")  # older runs do not say
    if used != config.optimizer:
        raise ConfigError(
            f"optimizer: {path} is of a run with {used}; resume with --set optimizer={used}"
        )
    if network is None:
        refuse_network(config, path)
        prepare(config)
        run = begin(config, minutes, new_tunable(kind))
    else:
        told = type(config.network).model_validate(network.to_dict())
        run = start(config.model_copy(update={"network": told}), minutes, None)
    try:
        _fill(run, state)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} does not fit today's network; go on from the weights that its run exported, "
            "with --init"
        ) from error
    return run


def _fill(run: Run, state: dict[str, Any]) -> None:
    run.model.load_state_dict(state["model"])
    run.average.load_state_dict(state["average"])
    run.average.eval()  # MobileSAM's encoder keeps sums of its weights for evaluation
    run.optimizer.load_state_dict(state["optimizer"])
    for name, value in state["numbers"].items():
        setattr(run, name, value)
    run.best_figures = state["best_figures"]
    run.origin = state.get("origin", "unknown: the checkpoint does not say")
    torch.set_rng_state(state["torch_rng"])
