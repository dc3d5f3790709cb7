"""ultralytics' detection trainer with a time budget, plain progress and safe starts."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from detector import quiet  # noqa: F401  (before ultralytics)
from detector.augmentation import build_augmentation
from detector.checkpoint import Checkpoint, build
from detector.config import TrainingConfig
from detector.dataset import Example
from detector.devices import has_bfloat16
from detector.muon import Muon, grouped
from detector.norms import freeze_norms, frozen_norm
from detector.types import CLASS_NAMES
from detector.yolo_data import EyewearDataset

# isort: split
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.modules.conv import Conv

PROGRESS = "progress.json"
_ENDLESS = 1_000_000  # epochs, where a time budget ends the run
_REPORT_SECONDS = 20.0
_MOSAIC_ENDS = 0.9  # of the run: the last tenth sees whole pictures only


@dataclass(slots=True)
class Budget:
    """How far a run has come and when it ends.

    Attributes:
        epochs: passes over the data, if no time is given.
        seconds: time for this start of the run, or None.
        spent: seconds of earlier starts of the same run.
    """

    epochs: int
    seconds: float | None = None
    spent: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds over all starts of the run."""
        return self.spent + time.monotonic() - self.started

    @property
    def over(self) -> bool:
        """Whether the time given has passed."""
        return self.seconds is not None and time.monotonic() - self.started >= self.seconds

    def progress(self, epochs_done: float) -> float:
        """Share of the run behind us, in [0, 1]."""
        if self.seconds is not None:
            return min(1.0, self.elapsed / (self.spent + self.seconds))
        return min(1.0, epochs_done / self.epochs)


def trainer_settings(config: TrainingConfig, run: Path, architecture: str) -> dict[str, Any]:
    """Our configuration in ultralytics' words."""
    adam = config.optimizer in ("AdamW", "Muon")
    augmentation = config.augmentation
    return {
        "task": "detect",
        "mode": "train",
        "model": architecture,
        "save_dir": str(run),
        "imgsz": config.imgsz,
        "batch": config.batch,
        "nbs": config.batch,  # an optimizer step after every batch
        "optimizer": config.optimizer,
        "lr0": config.lr0,
        "lrf": config.lrf,
        "momentum": 0.9 if adam else 0.937,
        "weight_decay": config.weight_decay,
        "warmup_bias_lr": 0.0 if adam else 0.1,
        "seed": config.seed,
        "deterministic": True,
        "device": config.device,
        "workers": config.workers,
        "cache": "ram" if config.cache == "ram" else False,
        "freeze": config.freeze or None,
        "amp": mixed_precision(config) and config.device != "cpu",
        "val": False,  # EyewearTrainer decides at the end of each epoch
        "plots": False,
        "verbose": False,
        "patience": 0,
        "close_mosaic": 0,
        "mosaic": augmentation.mosaic,
        "translate": 0.1,
        "scale": 0.2,
        # albumentations does these:
        "augmentations": build_augmentation(augmentation, config.imgsz),
        **dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "degrees", "shear", "fliplr", "flipud"), 0.0),
    }


def mixed_precision(config: TrainingConfig) -> bool:
    """Whether to compute in 16 bits: asked for, or the device has instructions for it."""
    if config.precision != "auto":
        return config.precision == "mixed"
    return config.device != "cpu" or has_bfloat16(torch.device("cpu"))


class EyewearTrainer(DetectionTrainer):
    """Trains on examples in memory, from a Checkpoint, within a Budget.

    Args:
        settings: from `trainer_settings`; for a resumed run with "resume" set to its last.pt.
        config: the run's configuration.
        examples: pictures of "train" and "val".
        start: weights or architecture to start from; None for a resumed run.
        budget: when to end.
        report: gets a line of text now and then.
    """

    # ultralytics' own attributes, whose types it leaves to guessing.
    amp: bool
    args: Any
    epoch: int
    epochs: int
    fitness: Any
    lf: Any
    metrics: Any
    optimizer: Any
    save_dir: Path
    scheduler: Any
    tloss: Any
    train_loader: Any

    def __init__(
        self,
        settings: dict[str, Any],
        config: TrainingConfig,
        examples: dict[str, Sequence[Example]],
        start: Checkpoint | None,
        budget: Budget,
        report: Callable[[str], None],
    ) -> None:
        self.config, self.examples, self.start = config, examples, start
        self.budget, self.report = budget, report
        self.epoch, self.step, self.reported = 0, 0, 0.0
        super().__init__(overrides=settings)
        self.args.workers = config.workers  # ultralytics sets 0 on a CPU
        self.args.mosaic = config.augmentation.mosaic  # a resumed run has that of its end
        self.epochs = self.args.epochs = _ENDLESS if budget.seconds is not None else budget.epochs
        for event, act in (
            ("on_train_epoch_start", _end_mosaic),
            ("on_train_batch_start", _set_learning_rate),
            ("on_train_batch_end", _report_batch),
            ("on_train_epoch_end", _decide_validation),
            ("on_model_save", _note_progress),
            ("on_fit_epoch_end", _report_epoch),
        ):
            self.add_callback(event, act)

    def get_dataset(self) -> dict[str, Any]:
        """What ultralytics wants to know of the data; the parts are keys of `examples`."""
        names = dict(CLASS_NAMES)
        return {"train": "train", "val": "val", "names": names, "nc": len(names), "channels": 3}

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """The examples of one part."""
        return EyewearDataset(
            self.examples[img_path],
            zoom=self.config.augmentation.zoom,
            pasted=self.config.augmentation.pasted,
            rotation=self.config.augmentation.rotation,
            data=self.data,
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=mode == "train",
            hyp=self.args,
            rect=mode == "val",
            cache=self.args.cache or None,
            stride=32,
            pad=0.0 if mode == "train" else 0.5,
            prefix=f"{mode}: ",
        )

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """The network: as checkpointed when resuming, else built from the start's layers."""
        if self.start is None:
            model = super().get_model(cfg, weights, verbose=False)
        else:
            source = build(self.start, self.start.architecture) if self.start.state else None
            model = super().get_model(dict(self.start.layers), source, verbose=False)
        return model.to(memory_format=torch.channels_last)  # a third faster on two CPU cores

    def final_eval(self) -> None:
        """Nothing: the run's checkpoints stay whole, so that it can go on another day."""

    def epochs_done(self) -> float:
        """Epochs behind us, with the fraction of the one under way."""
        return self.epoch + self.step / max(1, len(self.train_loader))

    def learning_rate_factor(self, _epoch: int = 0) -> float:
        """Cosine from 1 to `lrf` over the run (Loshchilov & Hutter 2017, SGDR, one period)."""
        last = self.config.lrf
        progress = self.budget.progress(self.epochs_done())
        return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * progress))

    def build_optimizer(
        self,
        model: nn.Module,
        name: str = "auto",
        lr: float = 0.001,
        momentum: float = 0.9,
        decay: float = 1e-5,
        iterations: float = 1e5,
    ) -> Any:
        """Ours, or one of ultralytics' own."""
        if name != "Muon":
            return super().build_optimizer(model, name, lr, momentum, decay, iterations)  # type: ignore[no-untyped-call]
        params = [p for p in model.parameters() if p.requires_grad]
        plain = {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0}
        groups = [*grouped((p for p in params if p.ndim > 1), decay), plain]
        return Muon(groups, lr=lr, betas=(momentum, 0.999))

    def _model_train(self) -> None:
        super()._model_train()  # type: ignore[no-untyped-call]
        assert isinstance(self.model, nn.Module)
        if self.config.frozen_norms:
            freeze_norms(self.model)
            for layer in self.model.modules():
                if type(layer).forward is Conv.forward:
                    # Of the network in training alone: what is saved is its average.
                    layer.forward = partial(_with_frozen_norm, layer)

    def _setup_train(self) -> None:
        super()._setup_train()  # type: ignore[no-untyped-call]
        # ultralytics' switch is for GPUs and brings a gradient scaler, which bfloat16, all that
        # processors have, does without. Here it only opens autocast around the forward pass.
        self.amp = mixed_precision(self.config)

    def _setup_scheduler(self) -> None:
        self.lf = self.learning_rate_factor
        self.scheduler = LambdaLR(self.optimizer, lr_lambda=self.lf)

    def _get_warmup_iterations(self, num_batches: int) -> int:
        return min(self.config.warmup_steps, num_batches * self.epochs // 4)


def _with_frozen_norm(layer: Any, x: Tensor) -> Any:
    return layer.act(frozen_norm(layer.conv, layer.bn, x))


def _end_mosaic(trainer: EyewearTrainer) -> None:
    trainer.step = 0
    done = trainer.budget.progress(trainer.epochs_done()) >= _MOSAIC_ENDS
    if done and trainer.args.mosaic > 0:
        trainer.args.mosaic = 0.0
        trainer._close_dataloader_mosaic()  # type: ignore[no-untyped-call]
        trainer.train_loader.reset()


def _set_learning_rate(trainer: EyewearTrainer) -> None:
    # At every step, not every epoch: a short run has few epochs. The warm-up overrides it.
    factor = trainer.learning_rate_factor()
    for group in trainer.optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def _report_batch(trainer: EyewearTrainer) -> None:
    trainer.step += 1
    if trainer.budget.over:
        trainer.stop = True
    now = time.monotonic()
    if now - trainer.reported >= _REPORT_SECONDS:
        trainer.reported = now
        trainer.report(f"{_where(trainer)}  {_losses(trainer)}")


def _decide_validation(trainer: EyewearTrainer) -> None:
    # Without a figure of its own an epoch must not pass for the best.
    trainer.fitness = None
    trainer.args.val = (trainer.epoch + 1) % trainer.config.val_period == 0


def _note_progress(trainer: EyewearTrainer) -> None:
    progress = {"epochs": trainer.epoch + 1, "seconds": round(trainer.budget.elapsed, 1)}
    (trainer.save_dir / PROGRESS).write_text(json.dumps(progress) + "\n", encoding="utf-8")


def _report_epoch(trainer: EyewearTrainer) -> None:
    line = f"{_where(trainer)}  {_losses(trainer)}"
    if trainer.fitness is not None:
        ap50, ap = (trainer.metrics[f"metrics/{name}(B)"] for name in ("mAP50", "mAP50-95"))
        line += f"  AP50 {ap50:.3f}  AP50-95 {ap:.3f}"
    trainer.report(line)


def _where(trainer: EyewearTrainer) -> str:
    budget, steps = trainer.budget, len(trainer.train_loader)
    epochs = "" if budget.seconds is not None else f" of {budget.epochs}"
    minutes = "" if budget.seconds is None else f" of {(budget.spent + budget.seconds) / 60:.1f}"
    return (
        f"epoch {trainer.epoch + 1}{epochs}  batch {trainer.step} of {steps}"
        f"  {budget.elapsed / 60:.1f}{minutes} min"
    )


def _losses(trainer: EyewearTrainer) -> str:
    return "  ".join(f"{k.removesuffix('_loss')} {float(v):.3f}" for k, v in trainer.tloss.items())
