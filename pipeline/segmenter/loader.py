"""Batches for training, drawn by seed: the same seed and step give the same crops."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipeline.errors import UnreadableImage
from pipeline.segmenter.samples import Sample, Scene, make_sample, read_scene
from pipeline.segmenter.train_config import TrainConfig

Draw = tuple[int, int]  # seed of the crop, its side in pixels


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step: image (B, 3, S, S) uint8, planes (B, 3, S, S) uint8, weight
    (B, 1, S, S) uint8, coords (B, K, 2), labels (B, K), prior (B, 1, S/4, S/4) uint8,
    has_prior (B,), parts (B,): whether the planes of frame and lenses count."""

    image: Tensor
    planes: Tensor
    weight: Tensor
    coords: Tensor
    labels: Tensor
    prior: Tensor
    has_prior: Tensor
    parts: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, n).to(device, non_blocking=True) for n in self.__slots__))


class CropDataset(Dataset[Sample]):
    """Makes the crop that a draw asks for; unreadable scenes are named and passed over."""

    def __init__(self, scenes: Sequence[Scene], config: TrainConfig) -> None:
        self.targets = [(i, j) for i, s in enumerate(scenes) for j in range(len(s.masks))]
        self.without = [i for i, s in enumerate(scenes) if not s.masks]
        self.scenes = scenes
        self.config = config

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, draw: Draw) -> Sample:
        seed, size = draw
        rng = np.random.default_rng(seed)
        for _ in range(20):
            try:
                return self._sample(rng, size)
            except UnreadableImage as error:
                print(f"passed over: {error}", file=sys.stderr)
        raise UnreadableImage("twenty scenes in a row cannot be read; is the data damaged?")

    def _sample(self, rng: np.random.Generator, size: int) -> Sample:
        shade = self.config.shade
        # Anywhere in a picture with glasses a prompt may well mean them.
        if self.without and rng.random() < self.config.empty:
            scene = self.scenes[self.without[int(rng.integers(len(self.without)))]]
            rgb, masks = read_scene(scene)
            return make_sample(rng, rgb, masks, None, size, shade=shade)
        which, instance = self.targets[int(rng.integers(len(self.targets)))]
        rgb, masks = read_scene(self.scenes[which])
        other = None
        stacked, pasted = self.config.stacked, self.config.pasted
        kind = rng.random()
        if kind < stacked + pasted:
            second, _ = self.targets[int(rng.integers(len(self.targets)))]
            other = read_scene(self.scenes[second])
        return make_sample(
            rng, rgb, masks, instance, size, other=other, pasted=kind >= stacked, shade=shade
        )


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples of one size; prompts of different length are filled with label -1."""
    longest = max(len(s.labels) for s in samples)
    coords = np.zeros((len(samples), longest, 2), np.float32)
    labels = np.full((len(samples), longest), -1, np.int64)
    for i, s in enumerate(samples):
        coords[i, : len(s.labels)], labels[i, : len(s.labels)] = s.coords, s.labels
    image = np.stack([s.image for s in samples])
    return Batch(
        image=torch.from_numpy(image).permute(0, 3, 1, 2),
        planes=torch.from_numpy(np.stack([s.target for s in samples])),
        weight=torch.from_numpy(np.stack([s.weight for s in samples]))[:, None],
        coords=torch.from_numpy(coords),
        labels=torch.from_numpy(labels),
        prior=torch.from_numpy(np.stack([s.prior for s in samples]))[:, None],
        has_prior=torch.tensor([s.has_prior for s in samples]),
        parts=torch.tensor([s.parts for s in samples]),
    )


def draw_batches(config: TrainConfig, step: int, crops: int) -> list[list[Draw]]:
    """The draws of the steps from `step` on until about `crops` crops are asked for."""
    sizes = np.array(sorted(config.sizes))
    shares = np.array([config.sizes[int(s)] for s in sizes], float)
    shares /= shares.sum()
    plan: list[list[Draw]] = []
    made = 0
    while made < crops:
        rng = np.random.default_rng([config.seed, step + len(plan)])
        size = int(rng.choice(sizes, p=shares))
        count = max(config.batch_min, round(config.batch * (384 / size) ** 2))
        plan.append([(int(s), size) for s in rng.integers(0, 2**62, count)])
        made += count
    return plan


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(0)


def batches(scenes: Sequence[Scene], config: TrainConfig, step: int) -> Iterator[Batch]:
    """One round of batches, starting at the given step of the run."""
    cv2.setNumThreads(0)
    plan = draw_batches(config, step, config.round)
    loader: DataLoader[Sample] = DataLoader(
        CropDataset(scenes, config),
        batch_sampler=plan,
        num_workers=config.workers,
        collate_fn=collate,
        worker_init_fn=_one_thread,
    )
    yield from loader
