"""Surfaces made up from a seed: tileable pictures for tables, walls, cloths and props.

Every pattern is periodic by construction (wrapped noise, whole numbers of stripes, shapes drawn
across the border), so it can be repeated without a seam. Colours are sRGB.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from synthetic.assets import Assets
from synthetic.errors import AssetError
from synthetic.prints import lens_print, lettering

__all__ = ["KINDS", "lens_print", "lettering", "library_surface", "surface", "temple_texture"]

Array8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Rng = np.random.Generator


def surface(kind: str, rng: Rng, size: int = 256) -> Array8:
    """A tileable surface, uint8 (size, size, 3) sRGB. `kind` is one of `KINDS`.

    The first row follows the last without a seam, and so do the columns. Raises ValueError for
    an unknown kind.
    """
    if kind not in _MAKERS:
        raise ValueError(f"unknown surface {kind!r}; known: {', '.join(KINDS)}")
    picture = _MAKERS[kind](rng, size)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), dtype=np.uint8)


def library_surface(assets: Assets, rng: Rng) -> Array8:
    """A picture from the user's folder of textures, uint8 (N, N, 3) sRGB, in its own size.

    Brightness and hue are varied a little, and the tile is turned by quarter turns. Raises
    AssetError when the folder is not set, missing or empty, or the file is unreadable.
    """
    files = assets.texture_files()
    if not files:
        raise AssetError("no folder of textures was named")
    tile = np.rot90(_decoded(files[int(rng.integers(len(files)))]), int(rng.integers(4)))
    gain = np.exp(rng.normal(0, 0.18) + rng.normal(0, 0.05, 3))
    varied = np.clip(tile * gain.astype(np.float32) + 0.5, 0, 255)
    return np.ascontiguousarray(varied, dtype=np.uint8)


@lru_cache(maxsize=256)
def _decoded(path: Path) -> Array8:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise AssetError(f"texture cannot be read: {path}")
    side = min(bgr.shape[:2])
    rgb = np.ascontiguousarray(bgr[:side, :side, ::-1], dtype=np.uint8)
    rgb.flags.writeable = False
    return rgb


def temple_texture(rng: Rng, size: tuple[int, int] = (64, 512)) -> Array8:
    """A pattern to lay along a temple, uint8 (H, W, 3) sRGB: stripes, camouflage or plain,
    sometimes with a word near the hinge (left end). Not tileable."""
    height, width = size
    kind = str(rng.choice(["plain", "stripes", "camouflage", "speckle", "gradient", "wood"]))
    side = 1 << (max(height, 64) - 1).bit_length()
    tile = surface(kind, rng, side)
    strip = np.tile(tile, (-(-height // side), -(-width // side), 1))[:height, :width]
    if rng.random() < 0.6:
        word = lettering(rng, (height, min(width, height * 4)))
        start = int(rng.integers(0, max(1, width - word.shape[1])))
        area = strip[:, start : start + word.shape[1]]
        cover = word[..., 3:].astype(np.float32) / 255
        area[:] = (area * (1 - cover) + word[..., :3] * cover + 0.5).astype(np.uint8)
    return np.ascontiguousarray(strip)


# ---- building blocks: all periodic ----------------------------------------------------------


def _grid(size: int) -> tuple[Float, Float]:
    axis = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return axis[:, None], axis[None, :]


def _colour(rng: Rng, low: float = 0.05, high: float = 0.97) -> Float:
    """A colour, sRGB float32 (3,): greys, muted and, less often, strong ones."""
    value = rng.uniform(low, high)
    saturation = float(
        rng.choice(
            [rng.uniform(0, 0.06), rng.uniform(0.05, 0.4), rng.random()], p=[0.35, 0.45, 0.2]
        )
    )
    hsv = np.array([[[rng.uniform(0, 360), saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], dtype=np.float32)


def _near(rng: Rng, colour: Float, spread: float) -> Float:
    return np.clip(colour + rng.normal(0, spread, 3), 0, 1).astype(np.float32)


def _mix(first: Float, second: Float, share: Float) -> Float:
    """(H, W, 3) going from `first` (share 0) to `second` (share 1)."""
    return np.asarray(first + (second - first) * share[..., None], dtype=np.float32)


def _value_noise(rng: Rng, size: int, cells_y: int, cells_x: int) -> Float:
    """Smooth periodic noise of about unit deviation with that many cells down and across."""
    cells_y, cells_x = min(cells_y, size), min(cells_x, size)
    grid = rng.standard_normal((cells_y, cells_x), dtype=np.float32)
    padded = np.pad(grid, 3, mode="wrap")
    # Resampling maps pixel centres; cutting whole cells off keeps the period.
    scale_y, scale_x = size / cells_y, size / cells_x
    shift = np.array(
        [[scale_x, 0, (0.5 - 3) * scale_x - 0.5], [0, scale_y, (0.5 - 3) * scale_y - 0.5]],
        np.float32,
    )
    out = cv2.warpAffine(
        padded, shift, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, dtype=np.float32)


def _fractal(rng: Rng, size: int, cells: tuple[int, int] = (4, 4), octaves: int = 5) -> Float:
    """Octaves of periodic noise at halving weight, unit deviation."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        total += _value_noise(rng, size, cells[0] << octave, cells[1] << octave) * 0.55**octave
    return np.asarray(total / (total.std() + 1e-6), dtype=np.float32)


def _relief(height: Float, rng: Rng, strength: float) -> Float:
    """Shading of a height map lit from a random side: multiplies the colour, mean about 1."""
    angle = rng.uniform(0, 2 * np.pi)
    slope_y = np.roll(height, -1, 0) - np.roll(height, 1, 0)
    slope_x = np.roll(height, -1, 1) - np.roll(height, 1, 1)
    slope = slope_y * np.float32(np.sin(angle)) + slope_x * np.float32(np.cos(angle))
    slope *= np.float32(strength / (slope.std() + 1e-6))
    return np.asarray(np.clip(1 + slope, 0.4, 1.6), dtype=np.float32)


def _scatter(rng: Rng, size: int, number: int) -> Array8:
    """Distance-transform input: zeros at random points, wrapped a quarter tile outwards."""
    free = np.full((size, size), 255, np.uint8)
    free[rng.integers(0, size, number), rng.integers(0, size, number)] = 0
    return np.pad(free, size // 4, mode="wrap")


def _cells(rng: Rng, size: int, number: int) -> Float:
    """Distance to the nearest of random points in units of the mean cell, periodic."""
    distance = cv2.distanceTransform(_scatter(rng, size, number), cv2.DIST_L2, 5)
    pad = size // 4
    middle = distance[pad : pad + size, pad : pad + size]
    return np.asarray(middle * (np.sqrt(number) / size), dtype=np.float32)


# ---- the kinds ------------------------------------------------------------------------------


def _plain(rng: Rng, size: int) -> Float:
    grain = rng.standard_normal((size, size), dtype=np.float32) * rng.uniform(0, 0.006)
    return np.asarray(_colour(rng) + grain[..., None], dtype=np.float32)


def _paper(rng: Rng, size: int) -> Float:
    """Fine fibres; now and then embossed like laid or linen paper."""
    fibre = _fractal(rng, size, (24, 24), 4)
    across = _value_noise(rng, size, size // 4, size // 24 + 1)
    height = fibre + across * rng.uniform(0, 1)
    if rng.random() < 0.4:
        y, x = _grid(size)
        lines = int(rng.integers(12, 48))
        wave = np.sin(2 * np.pi * lines * y) + rng.integers(0, 2) * np.sin(2 * np.pi * lines * x)
        height = height * 0.5 + wave.astype(np.float32) * 2
    elif rng.random() < 0.4:
        height = height * 0.3 + _fractal(rng, size, (8, 8), 2) * 4
    shade = _relief(height, rng, rng.uniform(0.008, 0.06))
    tone = 1 + fibre * rng.uniform(0, 0.012)
    colour = _colour(rng, 0.6, 1.0) if rng.random() < 0.75 else _colour(rng)
    return np.asarray(colour * (shade * tone)[..., None], dtype=np.float32)


_WOODS = (
    (0.80, 0.66, 0.46),
    (0.62, 0.43, 0.26),
    (0.40, 0.25, 0.15),
    (0.88, 0.80, 0.68),
    (0.25, 0.17, 0.12),
    (0.70, 0.36, 0.20),
    (0.60, 0.58, 0.54),
    (0.93, 0.90, 0.86),
)


def _wood(rng: Rng, size: int) -> Float:
    _, y = _grid(size)
    rings = int(rng.integers(3, 12))
    bend = _fractal(rng, size, (3, 1), 3) * rng.uniform(0.3, 1.1)
    phase = 2 * np.pi * rings * y.T + bend * 2
    ring = (0.5 + 0.5 * np.sin(phase)) ** rng.uniform(1, 3)
    streak = _value_noise(rng, size, size // 2, int(rng.integers(2, 8)))
    pore = np.maximum(_value_noise(rng, size, size // 2, size // 16 + 1) - 1.4, 0)
    light = _near(rng, np.array(_WOODS[int(rng.integers(len(_WOODS)))], np.float32), 0.05)
    dark = light * rng.uniform(0.5, 0.9)
    share = ring * rng.uniform(0.2, 0.8) + streak * rng.uniform(0.05, 0.18)
    picture = _mix(light, dark, share.astype(np.float32))
    picture *= (1 - pore * rng.uniform(0, 0.3))[..., None]
    if rng.random() < 0.4:
        picture *= _board_lines(rng, size)
    return picture.transpose(1, 0, 2) if rng.random() < 0.5 else picture


def _board_lines(rng: Rng, size: int) -> Float:
    """Seams between boards and a tone for each, (size, 1, 1)."""
    boards = int(rng.integers(2, 5))
    tone = np.repeat(rng.uniform(0.8, 1.1, boards), -(-size // boards))[:size]
    tone[:: -(-size // boards)] *= 0.4
    return tone.astype(np.float32)[:, None, None]


def _marble(rng: Rng, size: int) -> Float:
    base = _colour(rng, 0.75, 1.0) if rng.random() < 0.7 else _colour(rng, 0.02, 0.25)
    vein = _near(rng, base * rng.uniform(0.3, 0.8) if base.mean() > 0.5 else base + 0.5, 0.06)
    cloud = _fractal(rng, size, (2, 2), 5)
    share = np.zeros((size, size), np.float32)
    for weight in (1.0, 0.5):
        cells = int(rng.integers(1, 4))
        ridge = np.abs(_fractal(rng, size, (cells, cells + int(rng.integers(0, 3))), 6))
        share += weight * np.exp(-ridge * np.float32(rng.uniform(6, 25)))
    share = np.clip(share * rng.uniform(0.3, 0.9) + cloud * rng.uniform(0, 0.12), 0, 1)
    return _mix(base, vein, share.astype(np.float32))


def _cloth(rng: Rng, size: int) -> Float:
    """Woven: warp over weft in a plain or twill order."""
    threads = int(rng.choice([size // 16, size // 8, size // 6]))
    threads += threads % 2
    y, x = _grid(size)
    warp, weft = np.sin(np.pi * threads * x) ** 2, np.sin(np.pi * threads * y) ** 2
    column, row = np.floor(threads * x), np.floor(threads * y)
    step = 2 if threads % 4 or rng.random() < 0.5 else 4
    over = np.mod(column + row, step) < step / 2
    height = np.where(over, warp * (0.6 + 0.4 * weft), weft * (0.6 + 0.4 * warp))
    first = _colour(rng)
    second = first if rng.random() < 0.5 else _near(rng, first, 0.15)
    picture = _mix(first, second, over.astype(np.float32))
    thread = _value_noise(rng, size, size // 2, 4) + _value_noise(rng, size, 4, size // 2)
    depth = rng.uniform(0.1, 0.5)
    shade = (1 - depth + depth * height) * (1 + thread * rng.uniform(0.01, 0.06))
    folds = _fractal(rng, size, (2, 2), 2) * rng.uniform(0, 0.08)
    return np.asarray(picture * (shade + folds)[..., None], dtype=np.float32)


def _knit(rng: Rng, size: int) -> Float:
    """Columns of V-shaped stitches."""
    columns, rows = int(rng.integers(6, 18)), int(rng.integers(8, 24))
    y, x = _grid(size)
    u = np.mod(columns * x, 1.0) - 0.5
    v = np.mod(rows * y + np.abs(u) * 1.6, 1.0) - 0.5
    height = np.exp(-((v * 2.6) ** 2)) * (1 - np.exp(-(((np.abs(u)) * 9) ** 2)) * 0.7)
    height *= 1 - (np.abs(u) * 2) ** 6 * 0.8
    fuzz = _fractal(rng, size, (size // 8, size // 8), 3)
    shade = 0.45 + 0.55 * height + fuzz * rng.uniform(0.02, 0.06)
    colour = _colour(rng)
    if rng.random() < 0.3:
        band = np.floor(rows * y) % int(rng.integers(2, 6)) == 0
        picture = _mix(colour, _colour(rng), np.broadcast_to(band, (size, size)).astype(np.float32))
        return np.asarray(picture * shade[..., None], dtype=np.float32)
    return np.asarray(colour * shade[..., None], dtype=np.float32)


def _speckle(rng: Rng, size: int) -> Float:
    picture = np.broadcast_to(_colour(rng), (size, size, 3)).copy()
    for _ in range(int(rng.integers(1, 4))):
        noise = _value_noise(rng, size, size // int(rng.integers(2, 8)), size // 4)
        dots = np.clip((noise - rng.uniform(1.0, 2.2)) * 3, 0, 1)
        picture = picture + (_colour(rng) - picture) * dots[..., None]
    return np.asarray(picture, dtype=np.float32)


def _concrete(rng: Rng, size: int) -> Float:
    tone = _fractal(rng, size, (2, 2), 7) * rng.uniform(0.03, 0.09)
    pores = np.maximum(_value_noise(rng, size, size // 5, size // 5) - 1.9, 0) * rng.uniform(0, 0.5)
    grain = rng.standard_normal((size, size), dtype=np.float32) * 0.012
    base = _near(rng, np.full(3, rng.uniform(0.25, 0.85), np.float32), 0.02)
    return np.asarray(base * (1 + tone + grain - pores)[..., None], dtype=np.float32)


def _profile(rng: Rng, phase: Float) -> Float:
    """Stripes over a phase of period 1: random widths, the edge a little soft."""
    share = np.zeros_like(phase)
    for _ in range(int(rng.integers(1, 4))):
        middle, width = rng.random(), rng.uniform(0.02, 0.25)
        distance = np.abs(np.mod(phase - middle + 0.5, 1.0) - 0.5)
        share = np.maximum(share, np.clip((width - distance) * 24, 0, 1) * rng.uniform(0.4, 1))
    return np.asarray(share, dtype=np.float32)


def _stripes(rng: Rng, size: int) -> Float:
    y, x = _grid(size)
    count = int(rng.integers(2, 16))
    direction = ((count, 0), (0, count), (count, count), (count, -count))[int(rng.integers(4))]
    phase = (direction[0] * y + direction[1] * x) + np.zeros((size, size), np.float32)
    picture = _mix(_colour(rng), _colour(rng), _profile(rng, phase.astype(np.float32)))
    grain = rng.standard_normal((size, size), dtype=np.float32) * rng.uniform(0, 0.02)
    return np.asarray(picture + grain[..., None], dtype=np.float32)


def _checks(rng: Rng, size: int) -> Float:
    """Gingham, tartan or tiles: stripes down and across."""
    y, x = _grid(size)
    count = int(rng.integers(1, 10))
    down, across = _profile(rng, count * y), _profile(rng, count * x)
    base, band = _colour(rng), _colour(rng)
    picture = _mix(base, band, np.asarray((down + across) / 2, dtype=np.float32))
    if rng.random() < 0.3:
        tiles = (np.floor(2 * count * y) + np.floor(2 * count * x)) % 2
        picture = _mix(base, band, tiles.astype(np.float32))
    return np.asarray(picture * (1 + _fractal(rng, size) * 0.02)[..., None], dtype=np.float32)


def _leather(rng: Rng, size: int) -> Float:
    cells = _cells(rng, size, int(rng.integers(400, 3000)))
    padded = np.pad(-(cells**2), 4, mode="wrap")
    height = cv2.GaussianBlur(padded, (0, 0), 1.0)[4:-4, 4:-4] + _fractal(rng, size) * 0.05
    colour = _colour(rng, 0.05, 0.75)
    crease = np.clip(1 - (cells - 0.45) * rng.uniform(0.2, 0.8), 0.5, 1.1)
    shade = _relief(height.astype(np.float32), rng, rng.uniform(0.05, 0.15)) * crease
    return np.asarray(colour * shade[..., None], dtype=np.float32)


def _brushed_metal(rng: Rng, size: int) -> Float:
    """Fine scratches along x over a soft sheen."""
    scratch = _value_noise(rng, size, size, int(rng.integers(1, 5)))
    scratch += _value_noise(rng, size, size, size // 16 + 1) * 0.4
    y, _ = _grid(size)
    sheen = np.cos(2 * np.pi * (y + rng.random())) * rng.uniform(0, 0.12)
    tint = np.array(
        [(1, 1, 1), (1, 0.86, 0.62), (0.96, 0.78, 0.70), (0.9, 0.95, 1)][int(rng.integers(4))],
        np.float32,
    )
    shade = rng.uniform(0.2, 0.85) * (1 + scratch * rng.uniform(0.02, 0.09) + sheen)
    return np.asarray(tint * shade[..., None], dtype=np.float32)


def _terrazzo(rng: Rng, size: int) -> Float:
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = _colour(rng, 0.5, 1.0) if rng.random() < 0.8 else _colour(rng, 0.05, 0.4)
    palette = [_colour(rng, 0.1, 0.95) for _ in range(int(rng.integers(2, 6)))]
    for _ in range(int(rng.integers(40, 130))):
        radius = size * rng.uniform(0.008, 0.05)
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
        ring = np.stack([np.cos(angles), np.sin(angles)], 1) * radius
        centre = rng.uniform(0, size, 2)
        colour = [float(c) for c in palette[int(rng.integers(len(palette)))]]
        for offset in _wraps(centre, radius, size):
            chip = np.round((ring + centre + offset) * 16).astype(np.int32)
            cv2.fillConvexPoly(picture, chip, colour, cv2.LINE_AA, 4)
    return np.asarray(picture * (1 + _fractal(rng, size, (8, 8), 4) * 0.015)[..., None], np.float32)


def _wraps(centre: npt.NDArray[np.float64], radius: float, size: int) -> list[tuple[int, int]]:
    """Offsets at which a shape has to be drawn so that it continues across the border."""
    steps = [
        [0, *([size] if c < radius + 1 else []), *([-size] if c > size - radius - 1 else [])]
        for c in centre
    ]
    return [(x, y) for x in steps[0] for y in steps[1]]


def _clutter(rng: Rng, size: int) -> Float:
    """A printed page: headline, lines of made-up text, a picture box, table rules."""
    paper = _colour(rng, 0.82, 1.0)
    page = np.empty((size, size, 3), np.float32)
    page[:] = paper
    ink = [float(c) for c in _colour(rng, 0.0, 0.45)]
    margin = int(size * rng.uniform(0.04, 0.1))
    columns = int(rng.integers(1, 4))
    width = (size - 2 * margin) // columns
    line = max(3, int(size * rng.uniform(0.018, 0.05)))
    for column in range(columns):
        left, right = margin + column * width, margin + (column + 1) * width - line
        top = margin
        while top + line < size - margin:
            box = int(size * rng.uniform(0.1, 0.3))
            if rng.random() < 0.06 and top + box < size - margin:
                colour = [float(c) for c in _colour(rng)]
                cv2.rectangle(page, (left, top), (right, top + box), colour, -1)
                top += box + line
                continue
            _text_line(page, rng, (left, right, top), line, ink)
            top += line
    grain = _fractal(rng, size, (16, 16), 3) * 0.008
    return np.asarray(page * (1 + grain)[..., None], dtype=np.float32)


def _text_line(
    page: Float, rng: Rng, place: tuple[int, int, int], line: int, ink: list[float]
) -> None:
    """Words as runs of strokes between left and right at a height of 0.6 line."""
    left, right, top = place
    if rng.random() < 0.12:
        return
    tall = max(1, int(line * 0.6))
    end = right if rng.random() < 0.8 else left + int((right - left) * rng.uniform(0.2, 0.9))
    x = left
    while x < end:
        word = min(end - x, int(line * rng.uniform(0.8, 4)))
        if word > 1:
            strokes = rng.random((tall, word)) < 0.55
            region = page[top : top + tall, x : x + word]
            region[strokes[: region.shape[0], : region.shape[1]]] = ink
        x += word + max(2, int(line * 0.35))


def _gradient(rng: Rng, size: int) -> Float:
    y, x = _grid(size)
    down, across = ((1, 0), (0, 1), (1, 1), (1, -1))[int(rng.integers(4))]
    share = 0.5 - 0.5 * np.cos(2 * np.pi * (down * y + across * x + rng.random()))
    share = np.broadcast_to(share, (size, size)).astype(np.float32)
    first = _colour(rng)
    second = _colour(rng) if rng.random() < 0.3 else np.clip(first * rng.uniform(0.4, 1.5), 0, 1)
    return _mix(first, second.astype(np.float32), share)


def _camouflage(rng: Rng, size: int) -> Float:
    picture = np.broadcast_to(_colour(rng, 0.1, 0.9), (size, size, 3)).copy()
    for _ in range(3):
        cells = int(rng.integers(3, 8))
        spot = _fractal(rng, size, (cells, cells), 2) > rng.uniform(0.2, 0.9)
        picture[spot] = _colour(rng, 0.1, 0.9)
    return picture


_MAKERS: dict[str, Callable[[Rng, int], Float]] = {
    "plain": _plain,
    "paper": _paper,
    "wood": _wood,
    "marble": _marble,
    "cloth": _cloth,
    "knit": _knit,
    "speckle": _speckle,
    "concrete": _concrete,
    "stripes": _stripes,
    "checks": _checks,
    "leather": _leather,
    "brushed_metal": _brushed_metal,
    "terrazzo": _terrazzo,
    "clutter": _clutter,
    "gradient": _gradient,
    "camouflage": _camouflage,
}
KINDS: tuple[str, ...] = tuple(_MAKERS)
