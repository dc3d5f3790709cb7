"""The shipped weights obey their prompt, on pictures that hold two pairs.

Each picture is two rendered scenes, one above the other, so that every pair can be seen well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from pipeline.segmenter.weights_io import EMBEDDED
from pipeline.types import Photo, Prompt, Segmenter

if TYPE_CHECKING:
    from synthetic.renderer import Renderer
    from synthetic.sample import Instance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EMBEDDED.is_file(), reason="no embedded weights in this checkout"),
]
FIRST_SEED, SCENES = 20_910_000, 5
HALF = (288, 512)


@dataclass(frozen=True)
class Pair:
    """One of the two pairs of a scene: truth and the places to point at."""

    mask: np.ndarray
    box: np.ndarray
    on_lens: tuple[float, float] | None
    on_temple: tuple[float, float]


@dataclass(frozen=True)
class Two:
    photo: Photo
    pairs: tuple[Pair, Pair]


@dataclass(frozen=True)
class Settings:
    kind: str = "compact"
    weights: str = "embedded"
    device: str = "cpu"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    from pipeline.segmenter import build_segmenter

    return build_segmenter(Settings())


@pytest.fixture(scope="module")
def scenes(renderer: Renderer) -> list[Two]:
    halves = []
    for seed in range(FIRST_SEED, FIRST_SEED + 10 * SCENES):
        sample = renderer.render(seed, size=HALF, glasses=True, pairs=1)
        pair = pair_of(sample.instances[0]) if len(sample.instances) == 1 else None
        if pair is not None:
            halves.append((sample.image, pair))
        if len(halves) == 2 * SCENES:
            return [stacked(*pair) for pair in zip(halves[::2], halves[1::2], strict=True)]
    pytest.fail(f"only {len(halves)} scenes show a pair well")


def stacked(top: tuple[np.ndarray, Pair], bottom: tuple[np.ndarray, Pair]) -> Two:
    """One picture of two, the second scene's pair moved down to where it is now."""
    (above, first), (below, second) = top, bottom
    down = len(above)
    blank = np.zeros_like(first.mask)
    pairs = (
        replace(first, mask=np.concatenate([first.mask, blank])),
        Pair(
            np.concatenate([blank, second.mask]),
            second.box + np.array([0, down, 0, down], np.float32),
            second.on_lens and (second.on_lens[0], second.on_lens[1] + down),
            (second.on_temple[0], second.on_temple[1] + down),
        ),
    )
    return Two(Photo("two.jpg", np.concatenate([above, below])), pairs)


def pair_of(instance: Instance) -> Pair | None:
    """None for a pair that is cut off or too small to judge."""
    frame, lens = instance.frame > 127, instance.lens > 127
    mask = frame | lens
    edge = mask[[0, -1]].any() or mask[:, [0, -1]].any()
    if mask.sum() < 4000 or edge or not frame.any():
        return None
    # The frame's pixel that is farthest from the lenses lies on a temple.
    away = cv2.distanceTransform((~lens).astype(np.uint8), cv2.DIST_L2, 5) * frame
    inner = cv2.distanceTransform(lens.astype(np.uint8), cv2.DIST_L2, 5)
    on_lens = peak(inner) if inner.max() > 4 else None
    return Pair(mask, np.array(instance.box, np.float32), on_lens, peak(away))


def peak(values: np.ndarray) -> tuple[float, float]:
    y, x = np.unravel_index(int(values.argmax()), values.shape)
    return float(x), float(y)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def ask(segmenter: Segmenter, scene: Two, *prompts: Prompt) -> np.ndarray:
    return segmenter.segment(scene.photo, prompts).masks


def points(*spots: tuple[tuple[float, float], int]) -> dict[str, np.ndarray]:
    return {
        "points": np.array([s for s, _ in spots], np.float32),
        "point_labels": np.array([label for _, label in spots], np.int64),
    }


def both_boxes(scene: Two) -> np.ndarray:
    a, b = (p.box for p in scene.pairs)
    return np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])


def test_the_box_decides_which_pair(segmenter: Segmenter, scenes: list[Two]) -> None:
    right, wrong = [], []
    for scene in scenes:
        masks = ask(segmenter, scene, *(Prompt(box=p.box) for p in scene.pairs))
        for i, mask in enumerate(masks):
            right.append(iou(mask, scene.pairs[i].mask))
            wrong.append(iou(mask, scene.pairs[1 - i].mask))
    assert np.mean(right) > 0.8 and np.mean(wrong) < 0.05


@pytest.mark.parametrize("part", ["on_lens", "on_temple"])
def test_a_point_selects_the_pair_under_it(
    segmenter: Segmenter, scenes: list[Two], part: str
) -> None:
    chosen = []
    for scene in scenes:
        for i, pair in enumerate(scene.pairs):
            spot = getattr(pair, part)
            if spot is None:
                continue
            mask = ask(segmenter, scene, Prompt(**points((spot, 1))))[0]
            chosen.append(iou(mask, pair.mask) > iou(mask, scene.pairs[1 - i].mask) + 0.2)
    assert len(chosen) >= SCENES and np.mean(chosen) > 0.8


def test_a_negative_point_takes_the_other_pair_away(
    segmenter: Segmenter, scenes: list[Two]
) -> None:
    obeyed = []
    for scene in scenes:
        union = both_boxes(scene)
        both = scene.pairs[0].mask | scene.pairs[1].mask
        for i, pair in enumerate(scene.pairs):
            other = scene.pairs[1 - i]
            if pair.on_lens is None or other.on_lens is None:
                continue
            told = points((pair.on_lens, 1), (other.on_lens, 0))
            mask = ask(segmenter, scene, Prompt(box=union, mask=both, **told))[0]
            kept = (mask & pair.mask).sum() / pair.mask.sum()
            left = (mask & other.mask).sum() / other.mask.sum()
            obeyed.append(left < 0.3 and kept > 0.5)
    assert len(obeyed) >= SCENES // 2 and np.mean(obeyed) > 0.7


def test_a_negative_point_on_a_lens_takes_that_lens_away(
    segmenter: Segmenter, scenes: list[Two]
) -> None:
    gone = []
    for scene in scenes:
        for pair in scene.pairs:
            if pair.on_lens is None:
                continue
            told = Prompt(box=pair.box, **points((pair.on_lens, 0)))
            mask, before = ask(segmenter, scene, told, Prompt(box=pair.box))
            x, y = (int(v) for v in pair.on_lens)
            if before[y, x]:
                gone.append(not mask[y, x] and mask.sum() < before.sum())
    assert len(gone) >= SCENES // 2 and np.mean(gone) > 0.7


def test_a_previous_mask_refines(segmenter: Segmenter, scenes: list[Two]) -> None:
    """A coarse previous mask comes back finer than it was, and no worse than without it."""
    coarse, refined, plain = [], [], []
    for scene in scenes:
        for pair in scene.pairs:
            blurred = cv2.blur(pair.mask.astype(np.float32), (15, 15)) > 0.35
            masks = ask(segmenter, scene, Prompt(box=pair.box, mask=blurred), Prompt(box=pair.box))
            coarse.append(iou(blurred, pair.mask))
            refined.append(iou(masks[0], pair.mask))
            plain.append(iou(masks[1], pair.mask))
    assert np.mean(refined) > np.mean(coarse)
    assert np.mean(refined) > np.mean(plain) - 0.02
