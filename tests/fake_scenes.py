"""Scenes without a renderer: ellipses with rims, exact labels, made up from the seed."""

from __future__ import annotations

import os

import cv2
import numpy as np

from synthetic.assets import Assets
from synthetic.errors import RendererUnavailable
from synthetic.sample import Box, Instance, Sample


class FakeScenes:
    """Stands in for `synthetic.renderer.Renderer`."""

    def __init__(self, assets: Assets | None = None) -> None:
        self.rendered: list[int] = []

    def render(
        self,
        seed: int,
        size: tuple[int, int] = (96, 96),
        glasses: bool | None = None,
        pairs: int | None = None,
        cutout: bool = True,
    ) -> Sample:
        self.rendered.append(seed)
        rng = np.random.default_rng(seed)
        count = (pairs or 0) if glasses else 0
        height, width = size
        rows = np.linspace(0, height, count + 1).astype(int)
        instances = tuple(_pair(size, int(rows[i]) + 4, int(rows[i + 1]) - 4) for i in range(count))
        image = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        freed = np.zeros((height, width, 4), np.uint8)
        if cutout:
            for instance in instances:
                freed[instance.alpha > 0, :3] = (200, 10, 30)
                freed[..., 3] = np.maximum(freed[..., 3], instance.alpha)
        return Sample(seed, image, instances, freed, {"set": "fake"})


class FailsAtThree(FakeScenes):
    """Cannot render seeds that end in 3."""

    def render(self, seed, *args, **kwargs):  # type: ignore[no-untyped-def]
        if seed % 10 == 3:
            raise ZeroDivisionError("no light in this scene")
        return super().render(seed, *args, **kwargs)


class NoDriver(FakeScenes):
    """A machine without OpenGL."""

    def __init__(self, assets: Assets | None = None) -> None:
        raise RendererUnavailable("no EGL")


def _pair(size: tuple[int, int], top: int, bottom: int) -> Instance:
    height, width = size
    rims, glass = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    middle, half = (top + bottom) // 2, max(5, (bottom - top) // 3)
    boxes: list[Box] = []
    for x in (width // 4, 3 * width // 4):
        axes = (width // 6, half)
        cv2.ellipse(rims, (x, middle), axes, 0, 0, 360, 255, -1)
        inner = np.zeros(size, np.uint8)
        cv2.ellipse(inner, (x, middle), (axes[0] - 3, axes[1] - 3), 0, 0, 360, 255, -1)
        glass = np.maximum(glass, inner)
        boxes.append(_box(inner))
    cv2.line(rims, (width // 4, middle), (3 * width // 4, middle), 255, 1)
    rims[glass > 0] = 0
    return Instance(rims, glass, _box(np.maximum(rims, glass)), tuple(boxes))


def _box(mask: np.ndarray) -> Box:
    x, y, width, height = cv2.boundingRect(mask)
    return float(x), float(y), float(x + width), float(y + height)


class DiesAtFour(FakeScenes):
    """Takes its whole process down, as a driver may."""

    def render(self, seed, *args, **kwargs):  # type: ignore[no-untyped-def]
        if seed == 4:
            os._exit(1)
        return super().render(seed, *args, **kwargs)


class TellsItsProcess(FakeScenes):
    """Writes the number of its process where the environment says."""

    def __init__(self, assets: Assets | None = None) -> None:
        super().__init__(assets)
        with open(os.environ["TELL_PROCESS"], "w") as file:
            file.write(f"{os.getpid()}\n")
