"""Training samples of the compact segmenter: a square crop, a prompt, and the truth.

Reads the layout that `scripts/make_dataset.py` and `scripts/prepare_labels.py` write:
`images/<stem>.jpg`, `masks/<stem>_<i>.png` (RGB: R = frame coverage, G = lens coverage; grey
where they are not told apart) and, where present, `labels/<stem>.txt`. The folder may grow while
it is read: a scene counts once its labels and all of its masks are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.rotation import row_ends
from pipeline.errors import UnreadableImage, ValidationError
from pipeline.segmenter.augment import block_light, cast_shadow, photometric
from pipeline.segmenter.mixing import Crop, paste, stack
from pipeline.segmenter.prompting import Truth, make_prompt

Bytes = NDArray[Any]  # uint8; OpenCV's stubs promise less
Floats = NDArray[np.float32]
SHADOWS = 0.25  # share of crops with one more shadow
PAD_COLOUR = (124, 116, 104)  # the mean colour that the network subtracts


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture of a dataset and its instances' masks (none: a scene without glasses)."""

    image: Path
    masks: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one step of training needs of one crop of side S.

    Attributes:
        image: uint8 (S, S, 3) sRGB.
        target: uint8 (3, S, S), coverage of glasses, frame and lenses.
        weight: uint8 (S, S), how much each pixel counts (1 or more).
        coords, labels: float32 (K, 2) xy pixels and int64 (K,): 1, 0, and 2, 3 for the box.
        prior: uint8 (S/4, S/4), coverage of a previous mask; `has_prior` tells if it counts.
        parts: whether the targets of frame and lenses count.
    """

    image: Bytes
    target: Bytes
    weight: Bytes
    coords: Floats
    labels: NDArray[np.int64]
    prior: Bytes
    has_prior: bool
    parts: bool


def list_scenes(root: Path) -> list[Scene]:
    """List the complete scenes below `root`, sorted by name.

    Raises:
        ValidationError: there is no `images` folder.
    """
    images = root / "images"
    if not images.is_dir():
        raise ValidationError(f"{root} is no dataset: it has no folder 'images'")
    found: dict[str, list[Path]] = {}
    if (root / "masks").is_dir():
        for path in sorted((root / "masks").glob("*.png")):
            found.setdefault(path.stem.rpartition("_")[0], []).append(path)
    labels = root / "labels"
    scenes = []
    for image in sorted(images.glob("*.jpg")):
        masks = tuple(found.get(image.stem, ()))
        if labels.is_dir():
            expected = _count_glasses(labels / f"{image.stem}.txt")
            if expected != len(masks):
                continue  # still being written
        scenes.append(Scene(image, masks))
    return scenes


def _count_glasses(path: Path) -> int | None:
    """Lines of class 0 in a YOLO label file, None where it is not there yet."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return sum(1 for line in lines if line.startswith("0 "))


def read_scene(scene: Scene) -> tuple[Bytes, list[Bytes]]:
    """Read the picture, uint8 (H, W, 3) sRGB, and each instance's uint8 (H, W, 2): frame, lens,
    see `Truth`.

    Raises:
        UnreadableImage: a file cannot be decoded, or sizes differ.
    """
    arrays: list[Bytes] = []
    for path in (scene.image, *scene.masks):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise UnreadableImage(f"{path} is not a readable picture")
        if arrays and bgr.shape != arrays[0].shape:
            raise UnreadableImage(f"{path} is {bgr.shape[:2]}, its picture {arrays[0].shape[:2]}")
        arrays.append(bgr)
    rgb = cv2.cvtColor(arrays[0], cv2.COLOR_BGR2RGB)
    return rgb, [_frame_and_lens(m) for m in arrays[1:]]


def _frame_and_lens(bgr: Bytes) -> Bytes:
    """Red and green, several times as fast as by a slice."""
    pair: Bytes = np.empty((*bgr.shape[:2], 2), np.uint8)
    cv2.mixChannels([bgr], [pair], [2, 0, 1, 1])
    return pair


def hull_of(mask: Bytes) -> Floats | None:
    """Convex hull, float32 (K, 2) xy, of coverage above one half; None under 30 pixels."""
    on = (np.maximum(mask[..., 0], mask[..., 1]) > 127).astype(np.uint8)
    if cv2.countNonZero(on) < 30:
        return None
    return cv2.convexHull(row_ends(on)).reshape(-1, 2).astype(np.float32)


def make_sample(
    rng: np.random.Generator,
    rgb: Bytes,
    masks: Sequence[Bytes],
    chosen: int | None,
    size: int,
    *,
    other: tuple[Bytes, Sequence[Bytes]] | None = None,
    pasted: bool = False,
    shade: float = 0.0,
) -> Sample:
    """Cut an augmented crop around instance `chosen` and prompt for it.

    `chosen` None prompts for a place without glasses, whose truth is empty. `other` is a second
    scene that shares the crop, so that the prompt has to choose: in the half above or below, or,
    if `pasted`, with one scene's glasses on the other. `shade` is the chance of shadows of things
    out of the picture.
    """
    window = _window(rng, rgb.shape[:2], masks, chosen, size)
    crop = _warp(rng, rgb, masks, window, size)
    if other is not None:
        crop = _share(rng, crop, other, chosen, pasted)
    image, warped = crop.image, crop.masks
    instances = [Truth(m[..., 0], m[..., 1]) for m in warped]
    target = instances[chosen] if chosen is not None else Truth.empty(size)
    rest = [t for i, t in enumerate(instances) if i != chosen]
    prompt = make_prompt(rng, target, rest, size)
    if warped and rng.random() < SHADOWS:
        image = cast_shadow(rng, image, *np.max(warped, axis=0).transpose(2, 0, 1))
    if rng.random() < shade:
        image = block_light(rng, image)
    image = photometric(rng, image)
    planes = np.stack([prompt.truth.glasses, prompt.truth.frame, prompt.truth.lens])
    return Sample(
        image, planes, pixel_weights(planes), prompt.coords, prompt.labels, prompt.prior,
        prompt.has_prior, prompt.truth.parts,
    )  # fmt: skip


def pixel_weights(planes: Bytes) -> Bytes:
    """Weights that make edges and thin parts count, uint8 (S, S) from coverage (3, S, S).

    Thin parts count with a rim of background around them, so that gaps count as much as wires.
    """
    whole = (planes[0] > 127).astype(np.uint8)
    weight = np.ones(whole.shape, np.uint8)
    x, y, w, h = cv2.boundingRect(whole)
    if w == 0:
        return weight
    kernel = np.ones((5, 5), np.uint8)
    for plane in (whole, (planes[1] > 127).astype(np.uint8)):
        edge = cv2.morphologyEx(plane, cv2.MORPH_GRADIENT, kernel)
        weight[edge > 0] = 3
    thin = thin_parts(whole, float(np.hypot(w, h)))
    weight[cv2.dilate(thin, kernel) > 0] = 6
    return weight


def thin_parts(whole: Bytes, diagonal: float) -> Bytes:
    """Where a disc of 1.2 % of the glasses' box diagonal does not fit, as in the metric `thin`:
    uint8 (H, W) of 0 and 1, as `whole`."""
    radius = max(1, round(0.006 * diagonal))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    thin: Bytes = whole - cv2.morphologyEx(whole, cv2.MORPH_OPEN, disc)
    return thin


def _window(
    rng: np.random.Generator,
    shape: tuple[int, int],
    masks: Sequence[Bytes],
    chosen: int | None,
    size: int,
) -> NDArray[np.float64]:
    """Choose the affine map (2, 3) from the picture to the crop."""
    height, width = shape
    linear = _random_linear(rng)
    hulls = [hull_of(m) for m in masks]
    target = hulls[chosen] if chosen is not None else None
    if target is None:  # anywhere
        side = rng.uniform(0.3, 0.9) * min(height, width)
        centre = rng.uniform(0.3, 0.7, 2) * (width, height)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
        target = corners * np.float32(side / 2) + centre.astype(np.float32)
    points = target
    present = [h for h in hulls if h is not None]
    if len(present) > 1 and rng.random() < 0.5:
        points = np.concatenate(present)
    turned = points.astype(np.float64) @ linear.T
    low, high = turned.min(0), turned.max(0)
    side = float((high - low).max())
    grow = rng.uniform(1.02, 1.6) if rng.random() < 0.85 else rng.uniform(1.4, 2.6)
    grow = min(grow, max(1.02, 1.05 * max(width, height) / side))
    shift = min(0.7 * max(0.06, (grow - 1) / 2), 0.4) * side
    centre = (low + high) / 2 + rng.uniform(-shift, shift, 2)
    if rng.random() < 0.8:  # mostly within the picture, as in use
        centre = linear @ _pull_inside(np.linalg.solve(linear, centre), side * grow, width, height)
    scale = size / (side * grow)
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * linear
    matrix[:, 2] = size / 2 - scale * centre
    return matrix


def _pull_inside(
    centre: NDArray[np.float64], side: float, width: int, height: int
) -> NDArray[np.float64]:
    """Move a window's centre so that the window stays inside the picture where it can."""
    half = np.minimum(side, (width, height)) / 2
    inside: NDArray[np.float64] = np.clip(centre, half, np.array([width, height]) - half)
    return inside


def _random_linear(rng: np.random.Generator) -> NDArray[np.float64]:
    """Rotation, flips and a little stretch, (2, 2)."""
    roll = rng.random()
    if roll < 0.45:
        angle = 0.0
    elif roll < 0.8:
        angle = rng.normal(0, 12)
    elif roll < 0.9:
        angle = rng.uniform(-180, 180)
    else:
        angle = 90.0 * rng.integers(1, 4) + rng.normal(0, 4)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    stretch = rng.uniform(0.87, 1.15) if rng.random() < 0.4 else 1.0
    shear = rng.normal(0, 0.06) if rng.random() < 0.3 else 0.0
    flip = np.diag([-1.0 if rng.random() < 0.5 else 1.0, -1.0 if rng.random() < 0.1 else 1.0])
    turn = np.array([[c, -s], [s, c]])
    linear: NDArray[np.float64] = turn @ np.array([[stretch, shear], [0, 1]]) @ flip
    return linear


def _warp(
    rng: np.random.Generator,
    rgb: Bytes,
    masks: Sequence[Bytes],
    matrix: NDArray[np.float64],
    size: int,
) -> Crop:
    """Warp picture and masks into the crop, shrinking first so that nothing aliases."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.8:
        height, width = rgb.shape[:2]
        small = max(8, round(width * scale)), max(8, round(height * scale))
        ratio = np.array([small[0] / width, small[1] / height])
        # Pixel centres: x' + 0.5 = r (x + 0.5).
        inverse = matrix.copy()
        inverse[:, :2] = matrix[:, :2] / ratio
        inverse[:, 2] = matrix[:, 2] + matrix[:, :2] @ (0.5 / ratio - 0.5)
        matrix = inverse
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        masks = [cv2.resize(m, small, interpolation=cv2.INTER_AREA) for m in masks]
    border = cv2.BORDER_REPLICATE if rng.random() < 0.25 else cv2.BORDER_CONSTANT
    method = cv2.INTER_CUBIC if scale > 1 and rng.random() < 0.5 else cv2.INTER_LINEAR
    image = cv2.warpAffine(
        rgb, matrix, (size, size), flags=method, borderMode=border, borderValue=PAD_COLOUR
    )
    warped = [cv2.warpAffine(m, matrix, (size, size), flags=cv2.INTER_LINEAR) for m in masks]
    return Crop(image, warped)


def _share(
    rng: np.random.Generator,
    crop: Crop,
    other: tuple[Bytes, Sequence[Bytes]],
    chosen: int | None,
    pasted: bool,
) -> Crop:
    """Let another scene share the crop; its instances come last.

    Pasted glasses lie near and at another scale, on the crop or under it; they are left out where
    they would hide most of the chosen instance.
    """
    size = crop.image.shape[0]
    window = _window(rng, other[0].shape[:2], other[1], 0 if other[1] else None, size)
    if not pasted:
        return stack(rng, crop, _warp(rng, *other, window, size))
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.3))))
    window = scale * window
    window[:, 2] += (1 - scale) * size / 2 + rng.uniform(-0.4, 0.4, 2) * size
    second = _warp(rng, *other, window, size)
    if rng.random() < 0.35:
        mixed = paste(rng, second, crop)
        count = len(second.masks)
        return Crop(mixed.image, [*mixed.masks[count:], *mixed.masks[:count]])
    mixed = paste(rng, crop, second)
    hidden = chosen is not None and 2 * mixed.masks[chosen].sum() < crop.masks[chosen].sum()
    return crop if hidden else mixed
