"""Trains the segmenter: the compact one, or the decoder of a public checkpoint.

The run is bounded by wall clock: rate and checkpoints follow the minutes that were given, and
a resumed run goes on where the budget stood.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detector.norms import freeze_norms
from pipeline.errors import ValidationError
from pipeline.segmenter.checkpoints import CHECKPOINT, resume, save_checkpoint
from pipeline.segmenter.coarse import as_logits, guided
from pipeline.segmenter.compact import PRIOR_LIMIT, CompactSam
from pipeline.segmenter.loader import Batch, batches
from pipeline.segmenter.losses import LossShares, segmentation_loss
from pipeline.segmenter.samples import Scene, list_scenes
from pipeline.segmenter.train_config import TrainConfig
from pipeline.segmenter.training_run import (
    Run,
    Trainable,
    count_trained,
    count_weights,
    half_precision,
    make_optimizer,
    save_weights,
    seed_all,
    start,
)
from pipeline.segmenter.validation import Figures, validate


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
    """Train until the budget is spent; writes `run.exported` (`compact.safetensors`, or as
    `tunable.FILES` has it) and `checkpoint.pt`.

    The exported weights are the moving average's: the last, or the best that validation saw.
    """
    out.mkdir(parents=True, exist_ok=True)
    held_out = [scene for root in val for scene in list_scenes(root) if scene.masks]
    autocast = half_precision(run.config, run.device)
    trained, weights = count_trained(run.model), count_weights(run.model)
    frozen = f", {weights - trained:,} of them frozen" if trained < weights else ""
    log(f"device {run.device}, bfloat16 {autocast}, {weights:,} weights{frozen}")
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
    chance = random.Random(config.seed * 1_000_003 + run.step).random()
    twice = chance < config.second_pass
    shares = LossShares(config.focal, config.dice, config.quality, config.gamma)
    if isinstance(model, CompactSam) and chance >= 1 - config.guided:
        # A context of its own: autocast may keep the weights that it has cast, without gradients.
        with torch.autocast(run.device.type, torch.bfloat16, enabled=autocast):
            batch = guided(model, batch)
    if config.frozen_norms:
        freeze_norms(model)
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
    model: Trainable, batch: Batch, shares: LossShares, twice: bool
) -> tuple[Tensor, Tensor]:
    """Loss of one batch; `twice` asks again with the first answer as mask input and a point
    where it was wrong, as SAM is trained."""
    encoded = model.encode(model.preprocess(batch.image))
    planes = batch.planes.float() / 255
    weight = batch.weight.float()
    prior = as_logits(batch.prior)
    logits, quality = model.decode(encoded, batch.coords, batch.labels, prior, batch.has_prior)
    loss, iou = segmentation_loss(logits, quality, planes, weight, shares, batch.parts)
    if not twice:
        return loss, iou
    first = logits[:, :1].detach().float()
    prior = F.avg_pool2d(first, 4).clamp(-PRIOR_LIMIT, PRIOR_LIMIT)
    coords, labels = correct(first[:, 0] > 0, planes[:, 0] > 0.5, batch.coords, batch.labels)
    logits, quality = model.decode(encoded, coords, labels, prior)
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
        if mean.data_ptr() == value.data_ptr():
            continue  # frozen, and shared
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
    digest = save_weights(run.average, out / run.exported)
    if on_best is not None:
        on_best(run, digest)


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


__all__ = [
    "CHECKPOINT",
    "Run",
    "count_weights",
    "half_precision",
    "make_optimizer",
    "resume",
    "save_checkpoint",
    "seed_all",
    "start",
    "train",
]
