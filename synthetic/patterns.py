"""The kinds of surfaces that can be made up: each a function of a generator and a size.

Each returns sRGB, float32 (size, size, 3), about 0..1, tileable.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from synthetic.tiling import (
    Float,
    Rng,
    cell_distance,
    fractal,
    grid,
    mix,
    noise,
    random_colour,
    relief,
    vary,
    wrap_offsets,
)


def _plain(rng: Rng, size: int) -> Float:
    grain = rng.standard_normal((size, size), dtype=np.float32) * rng.uniform(0, 0.006)
    return np.asarray(random_colour(rng) + grain[..., None], dtype=np.float32)


def _paper(rng: Rng, size: int) -> Float:
    """Fine fibres; now and then embossed like laid or linen paper."""
    fibre = fractal(rng, size, (24, 24), 4)
    across = noise(rng, size, size // 4, size // 24 + 1)
    height = fibre + across * rng.uniform(0, 1)
    if rng.random() < 0.4:
        y, x = grid(size)
        lines = int(rng.integers(12, 48))
        wave = np.sin(2 * np.pi * lines * y) + rng.integers(0, 2) * np.sin(2 * np.pi * lines * x)
        height = height * 0.5 + wave.astype(np.float32) * 2
    elif rng.random() < 0.4:
        height = height * 0.3 + fractal(rng, size, (8, 8), 2) * 4
    shade = relief(height, rng, rng.uniform(0.008, 0.06))
    tone = 1 + fibre * rng.uniform(0, 0.012)
    colour = random_colour(rng, 0.6, 1.0) if rng.random() < 0.75 else random_colour(rng)
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
    _, y = grid(size)
    rings = int(rng.integers(3, 12))
    bend = fractal(rng, size, (3, 1), 3) * rng.uniform(0.3, 1.1)
    phase = 2 * np.pi * rings * y.T + bend * 2
    ring = (0.5 + 0.5 * np.sin(phase)) ** rng.uniform(1, 3)
    streak = noise(rng, size, size // 2, int(rng.integers(2, 8)))
    pore = np.maximum(noise(rng, size, size // 2, size // 16 + 1) - 1.4, 0)
    light = vary(rng, np.array(_WOODS[int(rng.integers(len(_WOODS)))], np.float32), 0.05)
    dark = light * rng.uniform(0.5, 0.9)
    share = ring * rng.uniform(0.2, 0.8) + streak * rng.uniform(0.05, 0.18)
    picture = mix(light, dark, share.astype(np.float32))
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
    base = random_colour(rng, 0.75, 1.0) if rng.random() < 0.7 else random_colour(rng, 0.02, 0.25)
    vein = vary(rng, base * rng.uniform(0.3, 0.8) if base.mean() > 0.5 else base + 0.5, 0.06)
    cloud = fractal(rng, size, (2, 2), 5)
    share = np.zeros((size, size), np.float32)
    for weight in (1.0, 0.5):
        cells = int(rng.integers(1, 4))
        ridge = np.abs(fractal(rng, size, (cells, cells + int(rng.integers(0, 3))), 6))
        share += weight * np.exp(-ridge * np.float32(rng.uniform(6, 25)))
    share = np.clip(share * rng.uniform(0.3, 0.9) + cloud * rng.uniform(0, 0.12), 0, 1)
    return mix(base, vein, share.astype(np.float32))


def _cloth(rng: Rng, size: int) -> Float:
    """Woven: warp over weft in a plain or twill order."""
    threads = int(rng.choice([size // 16, size // 8, size // 6]))
    threads += threads % 2
    y, x = grid(size)
    warp, weft = np.sin(np.pi * threads * x) ** 2, np.sin(np.pi * threads * y) ** 2
    column, row = np.floor(threads * x), np.floor(threads * y)
    step = 2 if threads % 4 or rng.random() < 0.5 else 4
    over = np.mod(column + row, step) < step / 2
    height = np.where(over, warp * (0.6 + 0.4 * weft), weft * (0.6 + 0.4 * warp))
    first = random_colour(rng)
    second = first if rng.random() < 0.5 else vary(rng, first, 0.15)
    picture = mix(first, second, over.astype(np.float32))
    thread = noise(rng, size, size // 2, 4) + noise(rng, size, 4, size // 2)
    depth = rng.uniform(0.1, 0.5)
    shade = (1 - depth + depth * height) * (1 + thread * rng.uniform(0.01, 0.06))
    folds = fractal(rng, size, (2, 2), 2) * rng.uniform(0, 0.08)
    return np.asarray(picture * (shade + folds)[..., None], dtype=np.float32)


def _knit(rng: Rng, size: int) -> Float:
    """Columns of V-shaped stitches."""
    columns, rows = int(rng.integers(6, 18)), int(rng.integers(8, 24))
    y, x = grid(size)
    u = np.mod(columns * x, 1.0) - 0.5
    v = np.mod(rows * y + np.abs(u) * 1.6, 1.0) - 0.5
    height = np.exp(-((v * 2.6) ** 2)) * (1 - np.exp(-(((np.abs(u)) * 9) ** 2)) * 0.7)
    height *= 1 - (np.abs(u) * 2) ** 6 * 0.8
    fuzz = fractal(rng, size, (size // 8, size // 8), 3)
    shade = 0.45 + 0.55 * height + fuzz * rng.uniform(0.02, 0.06)
    colour = random_colour(rng)
    if rng.random() < 0.3:
        band = np.floor(rows * y) % int(rng.integers(2, 6)) == 0
        picture = mix(
            colour, random_colour(rng), np.broadcast_to(band, (size, size)).astype(np.float32)
        )
        return np.asarray(picture * shade[..., None], dtype=np.float32)
    return np.asarray(colour * shade[..., None], dtype=np.float32)


def _speckle(rng: Rng, size: int) -> Float:
    picture = np.broadcast_to(random_colour(rng), (size, size, 3)).copy()
    for _ in range(int(rng.integers(1, 4))):
        grain = noise(rng, size, size // int(rng.integers(2, 8)), size // 4)
        dots = np.clip((grain - rng.uniform(1.0, 2.2)) * 3, 0, 1)
        picture = picture + (random_colour(rng) - picture) * dots[..., None]
    return np.asarray(picture, dtype=np.float32)


def _concrete(rng: Rng, size: int) -> Float:
    tone = fractal(rng, size, (2, 2), 7) * rng.uniform(0.03, 0.09)
    pores = np.maximum(noise(rng, size, size // 5, size // 5) - 1.9, 0) * rng.uniform(0, 0.5)
    grain = rng.standard_normal((size, size), dtype=np.float32) * 0.012
    base = vary(rng, np.full(3, rng.uniform(0.25, 0.85), np.float32), 0.02)
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
    y, x = grid(size)
    count = int(rng.integers(2, 16))
    direction = ((count, 0), (0, count), (count, count), (count, -count))[int(rng.integers(4))]
    phase = (direction[0] * y + direction[1] * x) + np.zeros((size, size), np.float32)
    picture = mix(random_colour(rng), random_colour(rng), _profile(rng, phase.astype(np.float32)))
    grain = rng.standard_normal((size, size), dtype=np.float32) * rng.uniform(0, 0.02)
    return np.asarray(picture + grain[..., None], dtype=np.float32)


def _checks(rng: Rng, size: int) -> Float:
    """Gingham, tartan or tiles: stripes down and across."""
    y, x = grid(size)
    count = int(rng.integers(1, 10))
    down, across = _profile(rng, count * y), _profile(rng, count * x)
    base, band = random_colour(rng), random_colour(rng)
    picture = mix(base, band, np.asarray((down + across) / 2, dtype=np.float32))
    if rng.random() < 0.3:
        tiles = (np.floor(2 * count * y) + np.floor(2 * count * x)) % 2
        picture = mix(base, band, tiles.astype(np.float32))
    return np.asarray(picture * (1 + fractal(rng, size) * 0.02)[..., None], dtype=np.float32)


def _leather(rng: Rng, size: int) -> Float:
    cells = cell_distance(rng, size, int(rng.integers(400, 3000)))
    padded = np.pad(-(cells**2), 4, mode="wrap")
    height = cv2.GaussianBlur(padded, (0, 0), 1.0)[4:-4, 4:-4] + fractal(rng, size) * 0.05
    colour = random_colour(rng, 0.05, 0.75)
    crease = np.clip(1 - (cells - 0.45) * rng.uniform(0.2, 0.8), 0.5, 1.1)
    shade = relief(height.astype(np.float32), rng, rng.uniform(0.05, 0.15)) * crease
    return np.asarray(colour * shade[..., None], dtype=np.float32)


def _brushed_metal(rng: Rng, size: int) -> Float:
    """Fine scratches along x over a soft sheen."""
    scratch = noise(rng, size, size, int(rng.integers(1, 5)))
    scratch += noise(rng, size, size, size // 16 + 1) * 0.4
    y, _ = grid(size)
    sheen = np.cos(2 * np.pi * (y + rng.random())) * rng.uniform(0, 0.12)
    tint = np.array(
        [(1, 1, 1), (1, 0.86, 0.62), (0.96, 0.78, 0.70), (0.9, 0.95, 1)][int(rng.integers(4))],
        np.float32,
    )
    shade = rng.uniform(0.2, 0.85) * (1 + scratch * rng.uniform(0.02, 0.09) + sheen)
    return np.asarray(tint * shade[..., None], dtype=np.float32)


def _terrazzo(rng: Rng, size: int) -> Float:
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = (
        random_colour(rng, 0.5, 1.0) if rng.random() < 0.8 else random_colour(rng, 0.05, 0.4)
    )
    palette = [random_colour(rng, 0.1, 0.95) for _ in range(int(rng.integers(2, 6)))]
    for _ in range(int(rng.integers(40, 130))):
        radius = size * rng.uniform(0.008, 0.05)
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
        ring = np.stack([np.cos(angles), np.sin(angles)], 1) * radius
        centre = rng.uniform(0, size, 2)
        colour = [float(c) for c in palette[int(rng.integers(len(palette)))]]
        for offset in wrap_offsets(centre, radius, size):
            chip = np.round((ring + centre + offset) * 16).astype(np.int32)
            cv2.fillConvexPoly(picture, chip, colour, cv2.LINE_AA, 4)
    return np.asarray(picture * (1 + fractal(rng, size, (8, 8), 4) * 0.015)[..., None], np.float32)


def _clutter(rng: Rng, size: int) -> Float:
    """A printed page: headline, lines of made-up text, a picture box, table rules."""
    paper = random_colour(rng, 0.82, 1.0)
    page = np.empty((size, size, 3), np.float32)
    page[:] = paper
    ink = [float(c) for c in random_colour(rng, 0.0, 0.45)]
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
                colour = [float(c) for c in random_colour(rng)]
                cv2.rectangle(page, (left, top), (right, top + box), colour, -1)
                top += box + line
                continue
            _text_line(page, rng, (left, right, top), line, ink)
            top += line
    grain = fractal(rng, size, (16, 16), 3) * 0.008
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
    y, x = grid(size)
    down, across = ((1, 0), (0, 1), (1, 1), (1, -1))[int(rng.integers(4))]
    share = 0.5 - 0.5 * np.cos(2 * np.pi * (down * y + across * x + rng.random()))
    share = np.broadcast_to(share, (size, size)).astype(np.float32)
    first = random_colour(rng)
    second = (
        random_colour(rng) if rng.random() < 0.3 else np.clip(first * rng.uniform(0.4, 1.5), 0, 1)
    )
    return mix(first, second.astype(np.float32), share)


def _camouflage(rng: Rng, size: int) -> Float:
    picture = np.broadcast_to(random_colour(rng, 0.1, 0.9), (size, size, 3)).copy()
    for _ in range(3):
        cells = int(rng.integers(3, 8))
        spot = fractal(rng, size, (cells, cells), 2) > rng.uniform(0.2, 0.9)
        picture[spot] = random_colour(rng, 0.1, 0.9)
    return picture


MAKERS: dict[str, Callable[[Rng, int], Float]] = {
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
