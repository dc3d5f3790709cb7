"""Trains the compact segmenter on rendered scenes.

The run is bounded by wall clock: rate and checkpoints follow the minutes that were given, and
a resumed run goes on where the budget stood.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.errors import ValidationError, WeightsError
from pipeline.segmenter.compact import CompactSam
from pipeline.segmenter.encoder import CompactConfig
from pipeline.segmenter.loader import Batch, batches
from pipeline.segmenter.losses import LossShares, segmentation_loss
from pipeline.segmenter.samples import Scene, list_scenes
from pipeline.segmenter.train_config import TrainConfig
from pipeline.segmenter.validation import Figures, validate
from pipeline.segmenter.weights_io import EMBEDDED, load_compact, save_compact, sha256_of

PRIOR_LIMIT = 8.0  # mask inputs are logits within this
CHECKPOINT = "checkpoint.pt"


@dataclass(slots=True)
class Run:
    """Everything that a checkpoint keeps, and what the loop needs around it."""

    config: TrainConfig
    minutes: float
    model: CompactSam
    average: CompactSam
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


def start(config: TrainConfig, minutes: float, init: Path | None) -> Run:
    """A fresh run, from random weights or from a weights file (`embedded`: those shipped)."""
    seed_all(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    if init is not None:
        model = load_compact(init)
    else:
        model = CompactSam(CompactConfig.from_dict(config.network.model_dump()))
    model = model.to(device).to(memory_format=torch.channels_last)
    average = deepcopy(model).eval().requires_grad_(False)
    run = Run(config, minutes, model, average, make_optimizer(model, config), device)
    if init is not None:
        file = EMBEDDED if str(init) == "embedded" else init
        run.origin = f"{file.name}, SHA-256 {sha256_of(file)[:12]}"
    return run


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def choose_device(name: str) -> torch.device:
    """`auto` is the first GPU where there is one, else the processor."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def half_precision(config: TrainConfig, device: torch.device) -> bool:
    """Whether to compute in bfloat16: asked for, or the processor has instructions for it."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    try:
        return bool(torch.cpu._is_avx512_bf16_supported())
    except AttributeError:
        return False


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019); norms, biases and embeddings do not decay."""
    decay: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, p in model.named_parameters():
        (decay if p.ndim > 1 and "embed" not in name and "token" not in name else plain).append(p)
    groups = [
        {"params": decay, "weight_decay": config.decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.98))


def rate_at(config: TrainConfig, step: int, progress: float) -> float:
    """Linear warm-up by steps, then a cosine over the time budget down to `rate_end`."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return config.rate * warm * (config.rate_end + (1 - config.rate_end) * cosine)


def train(
    run: Run,
    data: Sequence[Path],
    val: Sequence[Path],
    out: Path,
    log: Callable[[str], None] = print,
    on_best: Callable[[Run, str], None] | None = None,
) -> Run:
    """Train until the budget is spent; writes `compact.safetensors` and `checkpoint.pt`.

    The exported weights are the moving average's: the last, or the best that validation saw.
    """
    out.mkdir(parents=True, exist_ok=True)
    held_out = [scene for root in val for scene in list_scenes(root) if scene.masks]
    autocast = half_precision(run.config, run.device)
    log(f"device {run.device}, bfloat16 {autocast}, {count_weights(run.model):,} weights")
    saved = validated = run.elapsed
    last, done = time.monotonic(), False
    window = Window()
    for batch in endless(run, data, log):
        window.add(take_step(run, batch.to(run.device), autocast), len(batch.labels))
        now = time.monotonic()
        run.elapsed, last = run.elapsed + now - last, now
        done = run.progress >= 1
        if run.step % run.config.log_every == 0 or done:
            log(window.line(run))
            window = Window()
        if done or run.elapsed - validated > 60 * run.config.validate_minutes:
            export_if_best(run, held_out, out, log, on_best)
            run.elapsed += time.monotonic() - last
            last, validated = time.monotonic(), run.elapsed
        if done or run.elapsed - saved > 60 * run.config.checkpoint_minutes:
            save_checkpoint(run, out / CHECKPOINT)
            saved = run.elapsed
        if done:
            break
    return run


def endless(run: Run, data: Sequence[Path], log: Callable[[str], None]) -> Iterator[Batch]:
    """Batches round after round; the folders are listed anew each time, for they may grow."""
    while True:
        scenes = list_all(data)
        log(f"round at step {run.step}: {len(scenes)} scenes")
        yield from batches(scenes, run.config, run.step)


def list_all(data: Sequence[Path]) -> list[Scene]:
    """All complete scenes of all folders.

    Raises:
        ValidationError: there is none with glasses.
    """
    scenes = [scene for root in data for scene in list_scenes(root)]
    if not any(scene.masks for scene in scenes):
        raise ValidationError(f"no scene with masks in {', '.join(map(str, data))}")
    return scenes


def take_step(run: Run, batch: Batch, autocast: bool) -> dict[str, float]:
    """One step of the optimizer and of the moving average."""
    config, model = run.config, run.model
    rate = rate_at(config, run.step, run.progress)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    model.train()
    twice = random.Random(config.seed * 1_000_003 + run.step).random() < config.second_pass
    shares = LossShares(config.focal, config.dice, config.quality, config.gamma)
    with torch.autocast(run.device.type, torch.bfloat16, enabled=autocast):
        loss, iou = batch_loss(model, batch, shares, twice)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    if torch.isfinite(norm):
        run.optimizer.step()
    run.step += 1
    run.crops += len(batch.labels)
    update_average(run)
    return {"loss": loss.item(), "iou": iou[:, 0].mean().item(), "norm": float(norm)}


def batch_loss(
    model: CompactSam, batch: Batch, shares: LossShares, twice: bool
) -> tuple[Tensor, Tensor]:
    """Loss of one batch; `twice` asks again with the first answer as mask input and a point
    where it was wrong, as SAM is trained."""
    embedding, features = model.encode(model.preprocess(batch.image))
    planes = batch.planes.float() / 255
    weight = batch.weight.float()
    prior = (batch.prior.float() / 255 - 0.5) * (2 * PRIOR_LIMIT)
    logits, quality = model.decode(
        embedding, features, batch.coords, batch.labels, prior, batch.has_prior
    )
    loss, iou = segmentation_loss(logits, quality, planes, weight, shares, batch.parts)
    if not twice:
        return loss, iou
    first = logits[:, :1].detach().float()
    prior = F.avg_pool2d(first, 4).clamp(-PRIOR_LIMIT, PRIOR_LIMIT)
    coords, labels = correct(first[:, 0] > 0, planes[:, 0] > 0.5, batch.coords, batch.labels)
    logits, quality = model.decode(embedding, features, coords, labels, prior)
    again, _ = segmentation_loss(logits, quality, planes, weight, shares, batch.parts)
    return (loss + again) / 2, iou


@torch.no_grad()
def correct(on: Tensor, truth: Tensor, coords: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Add a point where a mask (B, S, S) is wrong, rather within large errors than small."""
    wrong = (on != truth).float()
    depth = F.avg_pool2d(wrong[:, None], 9, 1, 4)[:, 0] * wrong
    best, spot = (depth * torch.rand_like(depth)).flatten(1).max(dim=1)
    side = on.shape[-1]
    xy = torch.stack([spot % side, spot // side], dim=1).float()[:, None]
    label = truth.flatten(1).gather(1, spot[:, None]).long()
    label = torch.where(best[:, None] > 0, label, -torch.ones_like(label))
    return torch.cat([coords, xy], dim=1), torch.cat([labels, label], dim=1)


@torch.no_grad()
def update_average(run: Run) -> None:
    """Exponential moving average of weights and running statistics, quicker at the start."""
    keep = min(run.config.ema, (1 + run.step) / (10 + run.step))
    for mean, value in zip(
        run.average.state_dict().values(), run.model.state_dict().values(), strict=True
    ):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)


def export_if_best(
    run: Run,
    held_out: Sequence[Scene],
    out: Path,
    log: Callable[[str], None],
    on_best: Callable[[Run, str], None] | None,
) -> None:
    """Validate the moving average and export it where it is the best so far, or the last."""
    figures = Figures.empty()
    if held_out:
        figures = validate(run.average, held_out, run.config)
        log(f"val step {run.step}: {figures.line()}")
    last = run.progress >= 1 and run.config.keep == "last"
    if held_out and figures.iou <= run.best and not last:
        return
    run.best, run.best_figures = figures.iou, figures.to_dict()
    digest = save_compact(run.average, out / "compact.safetensors")
    if on_best is not None:
        on_best(run, digest)


def save_checkpoint(run: Run, path: Path) -> None:
    """Write plain tensors and numbers, whole or not at all."""
    state = {
        "model": run.model.state_dict(),
        "average": run.average.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "network": run.model.config.to_dict(),
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
        WeightsError: the checkpoint is missing or not one of this script's.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        network = CompactConfig.from_dict(state["network"])
    except FileNotFoundError as error:
        raise WeightsError(f"nothing to resume: {path} not found") from error
    except Exception as error:
        raise WeightsError(f"{path} is not a checkpoint of this script: {error}") from error
    run = start(
        config.model_copy(
            update={"network": type(config.network).model_validate(network.to_dict())}
        ),
        minutes,
        None,
    )
    run.model.load_state_dict(state["model"])
    run.average.load_state_dict(state["average"])
    run.optimizer.load_state_dict(state["optimizer"])
    for name, value in state["numbers"].items():
        setattr(run, name, value)
    run.best_figures = state["best_figures"]
    run.origin = state.get("origin", "unknown: the checkpoint does not say")
    torch.set_rng_state(state["torch_rng"])
    return run


def count_weights(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@dataclass(slots=True)
class Window:
    """What happened since the last line of the log."""

    began: float = field(default_factory=time.monotonic)
    crops: int = 0
    losses: list[dict[str, float]] = field(default_factory=list)

    def add(self, losses: dict[str, float], crops: int) -> None:
        self.losses.append(losses)
        self.crops += crops

    def line(self, run: Run) -> str:
        """One plain line."""
        mean = {k: float(np.mean([x[k] for x in self.losses])) for k in self.losses[0]}
        speed = self.crops / max(time.monotonic() - self.began, 1e-9)
        rate = run.optimizer.param_groups[0]["lr"]
        return (
            f"step {run.step} crops {run.crops} {run.elapsed / 60:.1f}/{run.minutes:g} min "
            f"loss {mean['loss']:.4f} iou {mean['iou']:.3f} norm {mean['norm']:.2f} "
            f"rate {rate:.2e} {speed:.1f} crops/s"
        )
