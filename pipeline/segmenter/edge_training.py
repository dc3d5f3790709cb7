"""Training of the edge network: augmentation, loss, schedule."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn import functional as F

from detector.devices import has_bfloat16
from pipeline.errors import ValidationError
from pipeline.segmenter.edge_samples import ALPHA, COLOURS, GUESS, OWN, THIN
from pipeline.segmenter.edges import EdgeNet, decided, features

Samples = NDArray[np.uint8]
_WARM_UP = 100
_FOREIGN = 0.1  # weight of pixels to which another outline is nearer
_THIN = 8.0  # what is lost of a thin part weighs so much more


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """How long and how to train.

    Attributes:
        minutes: wall clock; the learning rate falls along a cosine over it.
        steps: end after so many instead, however long they take.
        batch: samples a step.
        rate: highest learning rate.
        seed: of weights and batches.
        held: samples kept from training and used to measure.
    """

    minutes: float = 30.0
    steps: int | None = None
    batch: int = 24
    rate: float = 2e-3
    seed: int = 0
    held: int = 300


def train(
    samples: Samples, plan: EdgePlan, log: Callable[[str], None], network: EdgeNet | None = None
) -> tuple[EdgeNet, dict[str, float]]:
    """Train, from random weights or on from those of `network`.

    Args:
        samples: uint8 (N, PIECE, WIDTH, 7), see `edge_samples`; the last `plan.held` are held
            out, so that with samples in the order of their scenes at most one scene is on both
            sides.
        plan: see there.
        log: gets a line now and then.

    Returns:
        The network and its figures: see `measure`, and ``"steps"``.

    Raises:
        ValidationError: too few samples.
    """
    if len(samples) < 2 * plan.held or not len(samples):
        raise ValidationError(f"{len(samples)} samples are too few to hold {plan.held} out")
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    network = (network or EdgeNet()).to(memory_format=torch.channels_last)
    half = has_bfloat16(torch.device("cpu"))
    learned, held = samples[: len(samples) - plan.held], samples[len(samples) - plan.held :]
    optimiser = torch.optim.AdamW(network.parameters(), plan.rate, weight_decay=1e-4)
    started, step, gone = time.monotonic(), 0, 0.0
    while gone < 1:
        slow = max(0.02, (1 + np.cos(np.pi * gone)) / 2)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * min(1.0, (step + 1) / _WARM_UP) * slow
        chosen = learned[np.sort(rng.integers(0, len(learned), plan.batch))]
        x, alpha, weight = tensors(augmented(chosen, rng))
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found = network(x)
        value = loss(found.float(), alpha, weight)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        step += 1
        spent = (time.monotonic() - started) / (60 * plan.minutes)
        gone = spent if plan.steps is None else step / plan.steps
        if step % 200 == 0:
            log(f"step {step}, {100 * gone:.0f} % done, loss {value.item():.4f}")
    figures = measure(network, held) | {"steps": float(step)}
    return network, figures


def loss(logits: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy and absolute error of alpha, both (B, L, WIDTH), weighted mean."""
    entropy = F.binary_cross_entropy_with_logits(logits, alpha, reduction="none")
    error = (torch.sigmoid(logits) - alpha).abs()
    return ((0.5 * entropy + 2 * error) * weight).sum() / weight.sum()


@torch.no_grad()
def measure(network: EdgeNet, held: Samples) -> dict[str, float]:
    """What the network makes of the segmenter's masks, over pixels that are the outline's own.

    Returns:
        ``"edge"`` and ``"mask"``: mean absolute error of alpha, of the network and of the mask;
        ``"thin"`` and ``"thin_mask"``: share of the thin parts that each of them keeps.
    """
    sums = np.zeros(6)
    for start in range(0, len(held), 50):
        part = held[start : start + 50]
        x, alpha, _ = tensors(part)
        own, thin = (torch.from_numpy(part[..., i] > 127) for i in (OWN, THIN))
        mask = torch.from_numpy(part[..., GUESS] > 127)
        found = decided(torch.sigmoid(network(x)))
        thin &= own
        errors = [float(((one - alpha).abs() * own).sum()) for one in (found, mask.float())]
        kept = [float((one & thin).sum()) for one in (found >= 0.5, mask)]
        sums += np.array([*errors, float(own.sum()), *kept, float(thin.sum())])
    names = ("edge", "mask", "thin", "thin_mask")
    shares = [*(sums[:2] / max(sums[2], 1)), *(sums[3:5] / max(sums[5], 1))]
    return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}


def tensors(samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """Features (B, FEATURES, L, WIDTH), alpha and weight (B, L, WIDTH) of samples."""
    planes = np.stack([features(one[..., COLOURS], one[..., GUESS]) for one in samples])
    x = torch.from_numpy(planes).permute(0, 3, 1, 2)
    alpha, own, thin = (
        torch.from_numpy(samples[..., i] / np.float32(255)) for i in (ALPHA, OWN, THIN)
    )
    return x, alpha, (_FOREIGN + (1 - _FOREIGN) * own) * (1 + _THIN * thin)


def augmented(samples: Samples, rng: np.random.Generator) -> Samples:
    """Turn samples around; change light, noise and how sure the guess is."""
    samples = samples.copy()
    count = len(samples)
    turned = rng.random(count) < 0.5
    samples[turned] = samples[turned][:, ::-1]

    def drawn(spread: float, *size: int) -> NDArray[np.float32]:
        return rng.normal(0, spread, (count, 1, *size)).astype(np.float32)

    rgb = samples[..., COLOURS].astype(np.float32)
    rgb = rgb * np.exp(drawn(0.12, 1, 3)) + drawn(8, 1, 1)
    rgb = np.asarray(255 * np.clip(rgb / 255, 0, 1) ** np.exp(drawn(0.15, 1, 1)), np.float32)
    if rng.random() < 0.3:
        rgb = rgb[..., rng.permutation(3)]
    noisy = (rng.random((count, 1, 1, 1)) < 0.3) * rng.uniform(0, 8, (count, 1, 1, 1))
    rgb += rng.standard_normal(rgb.shape, dtype=np.float32) * noisy
    samples[..., COLOURS] = np.clip(rgb + 0.5, 0, 255)
    share = np.clip(samples[..., GUESS] / np.float32(255), 1e-3, 1 - 1e-3)
    logits = np.log(share / (1 - share)) * np.exp(drawn(0.3, 1))
    logits *= np.where(rng.random((count, 1, 1)) < 0.1, 6, 1)  # now and then all but a bare mask
    samples[..., GUESS] = 255 * expit(logits) + 0.5
    return samples
