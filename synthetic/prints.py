"""Printing made up from a seed: demo-lens prints and stickers, lettering on turntables and props.

Words, marks and numbers are invented; no real brand is drawn on purpose. All results are uint8
(H, W, 4), straight alpha, and carry the ink's colour where they are transparent, so that scaling
them down draws no dark rim.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Array8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Rng = np.random.Generator
Ink = tuple[float, float, float]

_INKS: tuple[Ink, ...] = (
    (0.05, 0.05, 0.06),
    (0.97, 0.97, 0.97),
    (0.79, 0.63, 0.32),
    (0.55, 0.55, 0.57),
    (0.32, 0.33, 0.36),
    (0.78, 0.78, 0.80),
)
_STARTS = (
    *"bcdfghklmnprstvz",
    "br",
    "cl",
    "dr",
    "fl",
    "gr",
    "kr",
    "pl",
    "sh",
    "st",
    "tr",
)
_VOWELS = (*"aeiou", "ai", "ea", "io", "ou")
_ENDS = ["", "", "", "n", "l", "r", "s", "x", "th", "nt"]
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def lens_print(rng: Rng, size: tuple[int, int] = (256, 256)) -> Array8:
    """What a shop finds on a demo lens: uint8 (H, W, 4) straight alpha, mostly transparent.

    Lettering with a mark, a model line, size numbers such as 52[]18-140, matrix-code and bar-code
    stickers, price and hologram stickers, marking crosses; each by chance, at least one of them.
    It keeps clear of the outer eighth of the lens.
    """
    sheet = _Sheet(size)
    ink = _INKS[int(rng.choice(len(_INKS), p=[0.34, 0.22, 0.16, 0.1, 0.1, 0.08]))]
    drawn = False
    for maker, chance in _LENS_PARTS:
        if rng.random() < chance:
            maker(sheet, rng, ink)
            drawn = True
    if not drawn:
        _brand_on_lens(sheet, rng, ink)
    return sheet.finish()


def lettering(rng: Rng, size: tuple[int, int] = (128, 1024)) -> Array8:
    """An invented brand word with or without a mark on a strip: uint8 (H, W, 4) straight alpha.

    Centred, as tall or as wide as the strip allows, in one colour or two.
    """
    height, width = size
    sheet = _Sheet(size)
    ink = _any_ink(rng)
    tall = int(height * rng.uniform(0.45, 0.8))
    word = _word_mask(invented_word(rng), rng, tall)
    mark = _mark_mask(rng, tall) if rng.random() < 0.6 else np.zeros((tall, 0), np.uint8)
    gap = int(tall * 0.35) if mark.shape[1] else 0
    rows = max(word.shape[0], mark.shape[0])
    line = np.zeros((rows, mark.shape[1] + gap + word.shape[1]), np.uint8)
    _paste(line, mark, (rows - mark.shape[0]) // 2, 0)
    _paste(line, word, rows - word.shape[0], mark.shape[1] + gap)
    line = _fit(line, int(height * 0.92), int(width * 0.96))
    top, left = (height - line.shape[0]) // 2, (width - line.shape[1]) // 2
    sheet.ink(line, top, left, ink)
    return sheet.finish()


def invented_word(rng: Rng) -> str:
    """Two or three syllables, as a brand would write them."""
    count = int(rng.integers(1, 4))
    word = "".join(f"{rng.choice(_STARTS)}{rng.choice(_VOWELS)}" for _ in range(count))
    word += str(rng.choice(_ENDS)) if count > 1 else str(rng.choice(_ENDS[3:]))
    style = rng.random()
    return word.upper() if style < 0.45 else word.title() if style < 0.75 else word


class _Sheet:
    """A transparent sheet onto which inks are printed one over the other."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.height, self.width = size
        self.colour: Float = np.zeros((*size, 3), np.float32)
        self.alpha: Float = np.zeros(size, np.float32)

    def ink(self, mask: Array8, top: int, left: int, ink: Ink | Float, opacity: float = 1) -> None:
        """Print `ink` (one colour or (h, w, 3)) through a mask uint8 (h, w); the rest is cut."""
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + mask.shape[0], self.height), min(left + mask.shape[1], self.width)
        if y1 <= y0 or x1 <= x0:
            return
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        here = (slice(y0, y1), slice(x0, x1))
        cover = mask[part].astype(np.float32) * np.float32(opacity / 255)
        paint = np.asarray(ink, np.float32)
        paint = paint[part] if paint.ndim == 3 else paint
        self.colour[here] += (paint - self.colour[here]) * cover[..., None]
        self.alpha[here] += (1 - self.alpha[here]) * cover

    def finish(self) -> Array8:
        """Straight alpha; clear pixels take the mean ink."""
        cover = np.maximum(self.alpha, 1e-4)[..., None]
        total = float(self.alpha.sum())
        mean = self.colour.sum((0, 1)) / max(total, 1e-4)
        straight = np.where(self.alpha[..., None] > 0.004, self.colour / cover, mean)
        rgba = np.concatenate([straight, self.alpha[..., None]], -1)
        return np.asarray(np.clip(rgba * 255 + 0.5, 0, 255), dtype=np.uint8)


def _any_ink(rng: Rng) -> Ink:
    if rng.random() < 0.7:
        return _INKS[int(rng.integers(len(_INKS)))]
    red, green, blue = rng.uniform(0.02, 0.9, 3)
    return float(red), float(green), float(blue)


def _paste(target: Array8, mask: Array8, top: int, left: int) -> None:
    height, width = mask.shape
    area = target[top : top + height, left : left + width]
    np.maximum(area, mask[: area.shape[0], : area.shape[1]], out=area)


def _fit(mask: Array8, height: int, width: int) -> Array8:
    scale = min(height / mask.shape[0], width / mask.shape[1])
    wanted = (max(1, int(mask.shape[1] * scale)), max(1, int(mask.shape[0] * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, wanted, interpolation=kind), dtype=np.uint8)


def _word_mask(text: str, rng: Rng, height: int, plain: bool = False) -> Array8:
    """The text, cut close, `height` pixels tall: uint8 coverage (height, w)."""
    font = _FONTS[int(rng.integers(2 if plain else len(_FONTS)))]
    weight = int(rng.integers(1, 3 if plain else 5))
    scratch = np.zeros((120, 60 + 56 * len(text)), np.uint8)
    cv2.putText(scratch, text, (20, 84), font, 1.9, 255, weight, cv2.LINE_AA)
    x, y, w, h = cv2.boundingRect(scratch)
    if not w:  # a font without these letters
        return np.zeros((height, 1), np.uint8)
    cut = np.asarray(scratch[y : y + h, x : x + w], dtype=np.uint8)
    slant = 0.0 if plain or rng.random() < 0.65 else float(rng.uniform(0.1, 0.35))
    if slant:
        lean = np.array([[1, -slant, slant * h], [0, 1, 0]], np.float32)
        cut = np.asarray(cv2.warpAffine(cut, lean, (w + int(slant * h) + 1, h)), dtype=np.uint8)
    stretch = 1.0 if plain else float(rng.uniform(0.8, 1.5))
    wide = max(1, int(cut.shape[1] * stretch * height / cut.shape[0]))
    return np.asarray(cv2.resize(cut, (wide, height), interpolation=cv2.INTER_AREA), np.uint8)


def _mark_mask(rng: Rng, size: int) -> Array8:
    """A simple sign: rings, blades of an aperture, triangle, diamond, star or bars."""
    big = 128
    mark = np.zeros((big, big), np.uint8)
    middle, radius = big // 2, big // 2 - 6
    kind = int(rng.integers(5))
    thick = int(rng.integers(4, 22))
    if kind == 0:
        cv2.circle(mark, (middle, middle), radius - thick // 2, 255, thick, cv2.LINE_AA)
        inner = int(radius * rng.uniform(0.1, 0.5))
        cv2.circle(mark, (middle, middle), inner, 255, -1, cv2.LINE_AA)
    elif kind == 1:
        blades = int(rng.integers(5, 9))
        cv2.circle(mark, (middle, middle), radius, 255, -1, cv2.LINE_AA)
        for blade in range(blades):
            ends = (
                _spoke(middle, radius * 0.4, 2 * np.pi * blade / blades),
                _spoke(middle, radius * 1.1, 2 * np.pi * (blade + 1.3) / blades),
            )
            cv2.line(mark, ends[0], ends[1], 0, 5, cv2.LINE_AA)
        cv2.circle(mark, (middle, middle), int(radius * 0.38), 0, -1, cv2.LINE_AA)
    elif kind < 4:
        corners = int(rng.integers(3, 7)) if kind == 2 else 2 * int(rng.integers(4, 7))
        waist = rng.uniform(0.35, 0.6) if kind == 3 else 1.0
        points = [
            _spoke(
                middle,
                radius * (waist if i % 2 and kind == 3 else 1.0),
                2 * np.pi * i / corners - np.pi / 2,
            )
            for i in range(corners)
        ]
        cv2.fillPoly(mark, [np.array(points, np.int32)], 255, cv2.LINE_AA)
    else:
        for bar in range(int(rng.integers(2, 5))):
            cv2.rectangle(
                mark, (6 + bar * 30, int(rng.integers(6, 70))), (22 + bar * 30, big - 6), 255, -1
            )
    return np.asarray(cv2.resize(mark, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _spoke(middle: int, radius: float, angle: float) -> tuple[int, int]:
    return int(middle + radius * np.cos(angle)), int(middle + radius * np.sin(angle))


# ---- parts of a lens print ------------------------------------------------------------------


def _place(sheet: _Sheet, rng: Rng, mask: Array8) -> tuple[Array8, int, int]:
    """Fit into the inner three quarters of the sheet and choose a place there."""
    room_y, room_x = int(sheet.height * 0.75), int(sheet.width * 0.75)
    if mask.shape[0] > room_y or mask.shape[1] > room_x:
        mask = _fit(mask, room_y, room_x)
    top = sheet.height // 8 + int(rng.integers(0, room_y - mask.shape[0] + 1))
    left = sheet.width // 8 + int(rng.integers(0, room_x - mask.shape[1] + 1))
    return mask, top, left


def _brand_on_lens(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    tall = int(sheet.height * rng.uniform(0.05, 0.2))
    word = _word_mask(invented_word(rng), rng, tall)
    if rng.random() < 0.4:
        mark = _mark_mask(rng, int(tall * rng.uniform(1, 1.8)))
        wide, gap = max(word.shape[1], mark.shape[1]), max(2, tall // 4)
        both = np.zeros((mark.shape[0] + gap + tall, wide), np.uint8)
        _paste(both, mark, 0, (wide - mark.shape[1]) // 2)
        _paste(both, word, mark.shape[0] + gap, (wide - word.shape[1]) // 2)
        word = both
    mask, top, left = _place(sheet, rng, word)
    sheet.ink(mask, top, left, ink, rng.uniform(0.6, 1))


def _model_line(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    letters = "".join(rng.choice(list("ABCDEGHKLMNPRSTVX"), 2))
    words = [
        f"{letters}{rng.integers(1000, 9999)} C{rng.integers(1, 30)}",
        "POLARIZED",
        "UV 400",
        f"CAT. {rng.integers(0, 5)}",
        "TITANIUM",
        "BLUE LIGHT",
        "HAND MADE",
    ]
    text = words[0] if rng.random() < 0.5 else str(rng.choice(words))
    mask = _word_mask(text, rng, int(sheet.height * rng.uniform(0.03, 0.06)), plain=True)
    sheet.ink(*_place(sheet, rng, mask), ink, rng.uniform(0.6, 1))


def _size_numbers(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    """Lens width, the boxing-system square, bridge width, temple length."""
    tall = max(5, int(sheet.height * rng.uniform(0.03, 0.06)))
    lens = _word_mask(str(rng.integers(44, 62)), rng, tall, plain=True)
    rest = _word_mask(f"{rng.integers(14, 24)}-{5 * rng.integers(26, 31)}", rng, tall, plain=True)
    gap = max(2, tall // 4)
    line = np.zeros((tall, lens.shape[1] + rest.shape[1] + tall + 2 * gap), np.uint8)
    _paste(line, lens, 0, 0)
    left = lens.shape[1] + gap
    cv2.rectangle(line, (left, 1), (left + tall - 2, tall - 2), 255, max(1, tall // 10))
    _paste(line, rest, 0, left + tall + gap)
    sheet.ink(*_place(sheet, rng, line), ink, rng.uniform(0.6, 1))


def _matrix_code(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    """A square code with three finder marks on a white label."""
    modules = int(rng.choice([17, 21, 25]))
    code = np.where(rng.random((modules, modules)) < 0.5, 255, 0).astype(np.uint8)
    finder = np.full((7, 7), 255, np.uint8)
    finder[1:6, 1:6], finder[2:5, 2:5] = 0, 255
    code[:7, :7], code[:7, -7:], code[-7:, :7] = finder, finder, finder
    side = int(min(sheet.height, sheet.width) * rng.uniform(0.14, 0.3))
    _label(sheet, rng, np.asarray(cv2.resize(code, (side, side), interpolation=cv2.INTER_AREA)))


def _bar_code(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    bars = np.repeat(rng.random((1, 45)) < 0.5, 10, axis=0).astype(np.uint8) * 255
    wide = int(sheet.width * rng.uniform(0.2, 0.5))
    tall = max(4, int(wide * rng.uniform(0.2, 0.5)))
    code = cv2.resize(bars, (wide, tall), interpolation=cv2.INTER_AREA)
    digits = _word_mask("".join(map(str, rng.integers(0, 10, 10))), rng, max(3, tall // 4), True)
    digits = _fit(digits, max(3, tall // 4), wide)
    both = np.zeros((tall + digits.shape[0] + 2, wide), np.uint8)
    _paste(both, np.asarray(code, dtype=np.uint8), 0, 0)
    _paste(both, digits, tall + 2, (wide - digits.shape[1]) // 2)
    _label(sheet, rng, both)


def _label(sheet: _Sheet, rng: Rng, black: Array8) -> None:
    """Black print on an opaque white label with a quiet zone, seldom without the label."""
    quiet = max(2, min(black.shape) // 8)
    wide = np.pad(black, quiet)
    mask, top, left = _place(sheet, rng, wide)
    if rng.random() < 0.75:
        sheet.ink(np.full_like(mask, 255), top, left, (0.95, 0.95, 0.94), rng.uniform(0.85, 1))
    sheet.ink(mask, top, left, _INKS[0])


def _round_sticker(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    """A coloured or white dot or oval with a number on it."""
    tall = int(sheet.height * rng.uniform(0.1, 0.24))
    wide = int(tall * rng.choice([1.0, 1.0, 1.6]))
    disc = _ellipse(tall, wide)
    mask, top, left = _place(sheet, rng, disc)
    colour = (0.95, 0.95, 0.95) if rng.random() < 0.5 else tuple(rng.uniform(0.1, 0.95, 3))
    sheet.ink(mask, top, left, colour, rng.uniform(0.8, 1))
    number = _fit(_word_mask(str(rng.integers(10, 400)), rng, tall, True), tall // 2, wide // 2)
    dark = sum(colour) < 1.2
    sheet.ink(
        number,
        top + (mask.shape[0] - number.shape[0]) // 2,
        left + (mask.shape[1] - number.shape[1]) // 2,
        _INKS[1] if dark else _INKS[0],
    )


def _hologram(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    """A small foil sticker in changing pastel colours."""
    tall = int(sheet.height * rng.uniform(0.06, 0.14))
    wide = int(tall * rng.uniform(1, 1.8))
    disc = _ellipse(tall, wide) if rng.random() < 0.5 else np.full((tall, wide), 255, np.uint8)
    mask, top, left = _place(sheet, rng, disc)
    rows, columns = np.indices(mask.shape, dtype=np.float32)
    hue = (rows * rng.uniform(-9, 9) + columns * rng.uniform(-9, 9) + rng.uniform(0, 360)) % 360
    foil = np.stack([hue, np.full_like(hue, 0.35), np.full_like(hue, 0.9)], -1)
    sheet.ink(mask, top, left, np.asarray(cv2.cvtColor(foil, cv2.COLOR_HSV2RGB)), 0.9)


def _ellipse(tall: int, wide: int) -> Array8:
    disc = np.zeros((tall, wide), np.uint8)
    axes = (max(1, wide // 2 - 1), max(1, tall // 2 - 1))
    cv2.ellipse(disc, (wide // 2, tall // 2), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    return disc


def _cross(sheet: _Sheet, rng: Rng, ink: Ink) -> None:
    """Marking lines of progressive lenses: a cross, arcs, two small circles."""
    mask = np.zeros((sheet.height, sheet.width), np.uint8)
    y, x = int(sheet.height * rng.uniform(0.4, 0.6)), int(sheet.width * rng.uniform(0.4, 0.6))
    arm = int(sheet.width * rng.uniform(0.05, 0.3))
    cv2.line(mask, (x - arm, y), (x + arm, y), 255, 1, cv2.LINE_AA)
    cv2.line(mask, (x, y - arm // 2), (x, y + arm // 2), 255, 1, cv2.LINE_AA)
    if rng.random() < 0.5:
        for side in (-1, 1):
            cv2.circle(mask, (x + side * arm, y), max(2, arm // 8), 255, 1, cv2.LINE_AA)
    sheet.ink(mask, 0, 0, ink, rng.uniform(0.4, 1))


_LENS_PARTS = (
    (_brand_on_lens, 0.7),
    (_model_line, 0.35),
    (_size_numbers, 0.4),
    (_matrix_code, 0.18),
    (_bar_code, 0.1),
    (_round_sticker, 0.12),
    (_hologram, 0.1),
    (_cross, 0.07),
)
