"""A training run of the segmenter: what it starts from and what it carries from step to step."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from detector.devices import has_bfloat16
from detector.muon import Muon, grouped
from pipeline.errors import ConfigError
from pipeline.segmenter.compact import CompactSam
from pipeline.segmenter.devices import choose_device
from pipeline.segmenter.encoder import CompactConfig
from pipeline.segmenter.growth import deepened
from pipeline.segmenter.train_config import TrainConfig
from pipeline.segmenter.tunable import FILES, TunableSam, load_tunable, save_tunable
from pipeline.segmenter.weights_io import EMBEDDED, load_compact, save_compact, sha256_of

Trainable = CompactSam | TunableSam
COMPACT = "compact"
_BETAS = (0.9, 0.98)


@dataclass(slots=True)
class Run:
    """Everything that a checkpoint keeps, and what the loop needs around it."""

    config: TrainConfig
    minutes: float
    model: Trainable
    average: Trainable
    optimizer: torch.optim.Optimizer
    device: torch.device
    step: int = 0
    crops: int = 0
    elapsed: float = 0.0
    best: float = -1.0
    best_figures: dict[str, float] = field(default_factory=dict)
    origin: str = "random weights"
    """What the run started from: a file's name and the start of its SHA-256."""

    @property
    def progress(self) -> float:
        """Share of the time budget that is spent, in [0, 1]."""
        return min(self.elapsed / (60 * self.minutes), 1.0)

    @property
    def kind(self) -> str:
        """The `segmenter.kind` that the exported weights are for."""
        return self.model.kind if isinstance(self.model, TunableSam) else COMPACT

    @property
    def exported(self) -> str:
        """Name of the file with the exported weights."""
        return FILES.get(self.kind, "compact.safetensors")


def start(config: TrainConfig, minutes: float, init: Path | None) -> Run:
    """A fresh run, from random weights or from a weights file: a compact model's (`embedded`:
    the one shipped) or a public checkpoint, told by what the file holds.

    Raises:
        ConfigError: sizes of a network are set that do not go with the given weights.
        WeightsError: the file is missing, unreadable, or of a model that cannot be trained.
    """
    prepare(config)
    if init is None:
        return begin(
            config, minutes, CompactSam(CompactConfig.from_dict(config.network.model_dump()))
        )
    file = EMBEDDED if str(init) == "embedded" else init
    model: Trainable
    if _is_compact(file):
        model = load_compact(init)
        told = config.network.model_dump(include=config.network.model_fields_set)
        if told:
            model = deepened(model, replace(model.config, **told))
    else:
        model = load_tunable(file)
        refuse_network(config, file)
    run = begin(config, minutes, model)
    run.origin = f"{file.name}, SHA-256 {sha256_of(file)[:12]}"
    return run


def prepare(config: TrainConfig) -> None:
    """What has to stand before a model with random weights is built."""
    seed_all(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)


def _is_compact(file: Path) -> bool:
    """Whether a file is for `load_compact`, which also says what is wrong where none is there.

    A safetensors file starts with the length of its header, 8 bytes, and the header, JSON.
    """
    if not file.is_file():
        return True
    with file.open("rb") as reader:
        return reader.read(9)[8:] == b"{" or file.suffix == ".safetensors"


def refuse_network(config: TrainConfig, file: Path) -> None:
    """Raise ConfigError where `network` is set beside a public checkpoint's own network."""
    if "network" in config.model_fields_set:
        raise ConfigError(
            f"network: {file} brings its own network; leave network.* out, it sizes a compact "
            "model trained from scratch"
        )


def begin(config: TrainConfig, minutes: float, model: Trainable) -> Run:
    """Step 0 of training `model`."""
    device = choose_device(config.device)
    model = model.to(device)
    shared: dict[int, object] = {}
    if isinstance(model, TunableSam):
        shared[id(model.frozen)] = model.frozen  # for `deepcopy`: one that it need not copy
    else:
        model = model.to(memory_format=torch.channels_last)
    average = deepcopy(model, shared).eval().requires_grad_(False)
    return Run(config, minutes, model, average, make_optimizer(model, config), device)


def save_weights(model: Trainable, path: Path) -> str:
    """Write the weights for use, in the layout of their kind, and return the SHA-256."""
    if isinstance(model, TunableSam):
        return save_tunable(model, path)
    return save_compact(model, path)


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def half_precision(config: TrainConfig, device: torch.device) -> bool:
    """Whether to compute in bfloat16: asked for, or the processor has instructions for it."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    return has_bfloat16(device)


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019), or `detector.muon.Muon`, of what is not frozen;
    norms, biases and embeddings do not decay."""
    decay: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        (decay if p.ndim > 1 and "embed" not in name and "token" not in name else plain).append(p)
    rest: dict[str, object] = {"params": plain, "weight_decay": 0.0}
    if config.optimizer == "Muon":
        groups = [*grouped(decay, config.decay), rest]
        return Muon(groups, lr=config.rate, betas=_BETAS)
    groups = [{"params": decay, "weight_decay": config.decay}, rest]
    return torch.optim.AdamW(groups, lr=config.rate, betas=_BETAS)


def count_weights(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def count_trained(model: nn.Module) -> int:
    """The weights that are not frozen."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
