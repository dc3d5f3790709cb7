"""A toy world: glasses are two ellipses and a bridge, drawn on plain or noisy paper."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


def draw_glasses(picture: np.ndarray, centre: tuple[int, int], width: int) -> list[list[float]]:
    """Draw a pair and return its label rows `class x y w h`, glasses first."""
    height_px, width_px = picture.shape[:2]
    x, y = centre
    rx, ry, line = width // 5, width // 7, max(2, width // 25)
    colour = (20, 20, 30)
    rows = []
    for side in (-1, 1):
        lens = (x + side * (width // 2 - rx), y)
        cv2.ellipse(picture, lens, (rx, ry), 0, 0, 360, colour, line)
        box = (lens[0], lens[1], 2 * rx, 2 * ry)
        rows.append(
            [1.0, box[0] / width_px, box[1] / height_px, box[2] / width_px, box[3] / height_px]
        )
    half = width // 2 - 2 * rx
    cv2.line(picture, (x - half, y), (x + half, y), colour, line)
    extent = ((width + line) / width_px, (2 * ry + line) / height_px)
    return [[0.0, x / width_px, y / height_px, *extent], *rows]


def make_toy_dataset(root: Path, pictures: int = 24, size: int = 96, seed: int = 0) -> Path:
    """Write images/ and labels/ in the layout of rendered datasets; every fourth scene is empty."""
    rng = np.random.default_rng(seed)
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for index in range(pictures):
        paper = rng.integers(150, 250, 3)
        picture = np.clip(paper + rng.normal(0, 4, (size, size, 3)), 0, 255).astype(np.uint8)
        rows = []
        if index % 4:
            width = int(rng.uniform(0.4, 0.9) * size)
            margin = width // 2 + 3
            centre = (
                int(rng.integers(margin, size - margin + 1)),
                int(rng.integers(25, size - 25)),
            )
            rows = draw_glasses(picture, centre, width)
        name = f"{index:06d}"
        cv2.imwrite(str(root / "images" / f"{name}.jpg"), picture)
        lines = (" ".join([f"{int(row[0])}", *(f"{v:.6f}" for v in row[1:])]) for row in rows)
        (root / "labels" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    return root


@pytest.fixture(scope="session")
def toy_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_dataset(tmp_path_factory.mktemp("data") / "toy")
