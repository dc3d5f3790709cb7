"""Printing made up from a seed: demo-lens prints and stickers, lettering on turntables and props.

Words, marks and numbers are invented; no real brand is drawn on purpose. All results are uint8
(H, W, 4), straight alpha, and carry the ink's colour where they are transparent, so that scaling
them down draws no dark rim.
"""

from __future__ import annotations

import cv2
import numpy as np

from synthetic.ink import (
    INKS,
    Array8,
    Ink,
    Rng,
    Sheet,
    any_ink,
    fit,
    invented_word,
    mark_mask,
    paste,
    word_mask,
)


def lens_print(rng: Rng, size: tuple[int, int] = (256, 256)) -> Array8:
    """What a shop finds on a demo lens: uint8 (H, W, 4) straight alpha, mostly transparent.

    Lettering with a mark, a model line, size numbers such as 52[]18-140, matrix-code and bar-code
    stickers, price and hologram stickers, marking crosses; each by chance, at least one of them.
    It keeps clear of the outer eighth of the lens.
    """
    sheet = Sheet(size)
    ink = INKS[int(rng.choice(len(INKS), p=[0.34, 0.22, 0.16, 0.1, 0.1, 0.08]))]
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
    sheet = Sheet(size)
    ink = any_ink(rng)
    tall = int(height * rng.uniform(0.45, 0.8))
    word = word_mask(invented_word(rng), rng, tall)
    mark = mark_mask(rng, tall) if rng.random() < 0.6 else np.zeros((tall, 0), np.uint8)
    gap = int(tall * 0.35) if mark.shape[1] else 0
    rows = max(word.shape[0], mark.shape[0])
    line = np.zeros((rows, mark.shape[1] + gap + word.shape[1]), np.uint8)
    paste(line, mark, (rows - mark.shape[0]) // 2, 0)
    paste(line, word, rows - word.shape[0], mark.shape[1] + gap)
    line = fit(line, int(height * 0.92), int(width * 0.96))
    top, left = (height - line.shape[0]) // 2, (width - line.shape[1]) // 2
    sheet.ink(line, top, left, ink)
    return sheet.finish()


def _place(sheet: Sheet, rng: Rng, mask: Array8) -> tuple[Array8, int, int]:
    """Fit into the inner three quarters of the sheet and choose a place there."""
    room_y, room_x = int(sheet.height * 0.75), int(sheet.width * 0.75)
    if mask.shape[0] > room_y or mask.shape[1] > room_x:
        mask = fit(mask, room_y, room_x)
    top = sheet.height // 8 + int(rng.integers(0, room_y - mask.shape[0] + 1))
    left = sheet.width // 8 + int(rng.integers(0, room_x - mask.shape[1] + 1))
    return mask, top, left


def _brand_on_lens(sheet: Sheet, rng: Rng, ink: Ink) -> None:
    tall = int(sheet.height * rng.uniform(0.05, 0.2))
    word = word_mask(invented_word(rng), rng, tall)
    if rng.random() < 0.4:
        mark = mark_mask(rng, int(tall * rng.uniform(1, 1.8)))
        wide, gap = max(word.shape[1], mark.shape[1]), max(2, tall // 4)
        both = np.zeros((mark.shape[0] + gap + tall, wide), np.uint8)
        paste(both, mark, 0, (wide - mark.shape[1]) // 2)
        paste(both, word, mark.shape[0] + gap, (wide - word.shape[1]) // 2)
        word = both
    mask, top, left = _place(sheet, rng, word)
    sheet.ink(mask, top, left, ink, rng.uniform(0.6, 1))


def _model_line(sheet: Sheet, rng: Rng, ink: Ink) -> None:
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
    mask = word_mask(text, rng, int(sheet.height * rng.uniform(0.03, 0.06)), plain=True)
    sheet.ink(*_place(sheet, rng, mask), ink, rng.uniform(0.6, 1))


def _size_numbers(sheet: Sheet, rng: Rng, ink: Ink) -> None:
    """Lens width, the boxing-system square, bridge width, temple length."""
    tall = max(5, int(sheet.height * rng.uniform(0.03, 0.06)))
    lens = word_mask(str(rng.integers(44, 62)), rng, tall, plain=True)
    rest = word_mask(f"{rng.integers(14, 24)}-{5 * rng.integers(26, 31)}", rng, tall, plain=True)
    gap = max(2, tall // 4)
    line = np.zeros((tall, lens.shape[1] + rest.shape[1] + tall + 2 * gap), np.uint8)
    paste(line, lens, 0, 0)
    left = lens.shape[1] + gap
    cv2.rectangle(line, (left, 1), (left + tall - 2, tall - 2), 255, max(1, tall // 10))
    paste(line, rest, 0, left + tall + gap)
    sheet.ink(*_place(sheet, rng, line), ink, rng.uniform(0.6, 1))


def _matrix_code(sheet: Sheet, rng: Rng, ink: Ink) -> None:
    """A square code with three finder marks on a white label."""
    modules = int(rng.choice([17, 21, 25]))
    code = np.where(rng.random((modules, modules)) < 0.5, 255, 0).astype(np.uint8)
    finder = np.full((7, 7), 255, np.uint8)
    finder[1:6, 1:6], finder[2:5, 2:5] = 0, 255
    code[:7, :7], code[:7, -7:], code[-7:, :7] = finder, finder, finder
    side = int(min(sheet.height, sheet.width) * rng.uniform(0.14, 0.3))
    _label(sheet, rng, np.asarray(cv2.resize(code, (side, side), interpolation=cv2.INTER_AREA)))


def _bar_code(sheet: Sheet, rng: Rng, ink: Ink) -> None:
    bars = np.repeat(rng.random((1, 45)) < 0.5, 10, axis=0).astype(np.uint8) * 255
    wide = int(sheet.width * rng.uniform(0.2, 0.5))
    tall = max(4, int(wide * rng.uniform(0.2, 0.5)))
    code = cv2.resize(bars, (wide, tall), interpolation=cv2.INTER_AREA)
    digits = word_mask("".join(map(str, rng.integers(0, 10, 10))), rng, max(3, tall // 4), True)
    digits = fit(digits, max(3, tall // 4), wide)
    both = np.zeros((tall + digits.shape[0] + 2, wide), np.uint8)
    paste(both, np.asarray(code, dtype=np.uint8), 0, 0)
    paste(both, digits, tall + 2, (wide - digits.shape[1]) // 2)
    _label(sheet, rng, both)


def _label(sheet: Sheet, rng: Rng, black: Array8) -> None:
    """Black print on an opaque white label with a quiet zone, seldom without the label."""
    quiet = max(2, min(black.shape) // 8)
    wide = np.pad(black, quiet)
    mask, top, left = _place(sheet, rng, wide)
    if rng.random() < 0.75:
        sheet.ink(np.full_like(mask, 255), top, left, (0.95, 0.95, 0.94), rng.uniform(0.85, 1))
    sheet.ink(mask, top, left, INKS[0])


def _round_sticker(sheet: Sheet, rng: Rng, ink: Ink) -> None:
    """A coloured or white dot or oval with a number on it."""
    tall = int(sheet.height * rng.uniform(0.1, 0.24))
    wide = int(tall * rng.choice([1.0, 1.0, 1.6]))
    disc = _ellipse(tall, wide)
    mask, top, left = _place(sheet, rng, disc)
    colour = (0.95, 0.95, 0.95) if rng.random() < 0.5 else tuple(rng.uniform(0.1, 0.95, 3))
    sheet.ink(mask, top, left, colour, rng.uniform(0.8, 1))
    number = fit(word_mask(str(rng.integers(10, 400)), rng, tall, True), tall // 2, wide // 2)
    dark = sum(colour) < 1.2
    sheet.ink(
        number,
        top + (mask.shape[0] - number.shape[0]) // 2,
        left + (mask.shape[1] - number.shape[1]) // 2,
        INKS[1] if dark else INKS[0],
    )


def _hologram(sheet: Sheet, rng: Rng, ink: Ink) -> None:
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


def _cross(sheet: Sheet, rng: Rng, ink: Ink) -> None:
    """Marking lines of progressive lenses: a cross, arcs, two small circles."""
    mask = np.zeros((sheet.height, sheet.width), np.uint8)
    y, x = int(sheet.height * rng.uniform(0.4, 0.6)), int(sheet.width * rng.uniform(0.4, 0.6))
    arm = int(sheet.width * rng.uniform(0.05, 0.25))
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
