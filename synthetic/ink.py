"""Inks, words and marks for everything that is printed; invented, no real brands."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Array8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Rng = np.random.Generator
Ink = tuple[float, float, float]

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

INKS: tuple[Ink, ...] = (
    (0.05, 0.05, 0.06),
    (0.97, 0.97, 0.97),
    (0.79, 0.63, 0.32),
    (0.55, 0.55, 0.57),
    (0.32, 0.33, 0.36),
    (0.78, 0.78, 0.80),
)


class Sheet:
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


def invented_word(rng: Rng) -> str:
    """Two or three syllables, as a brand would write them."""
    count = int(rng.integers(1, 4))
    word = "".join(f"{rng.choice(_STARTS)}{rng.choice(_VOWELS)}" for _ in range(count))
    word += str(rng.choice(_ENDS)) if count > 1 else str(rng.choice(_ENDS[3:]))
    style = rng.random()
    return word.upper() if style < 0.45 else word.title() if style < 0.75 else word


def any_ink(rng: Rng) -> Ink:
    """Mostly black, white, gold or grey; sRGB in 0..1."""
    if rng.random() < 0.7:
        return INKS[int(rng.integers(len(INKS)))]
    red, green, blue = rng.uniform(0.02, 0.9, 3)
    return float(red), float(green), float(blue)


def paste(target: Array8, mask: Array8, top: int, left: int) -> None:
    """Lay one coverage mask into another at a place; what sticks out is cut off."""
    height, width = mask.shape
    area = target[top : top + height, left : left + width]
    np.maximum(area, mask[: area.shape[0], : area.shape[1]], out=area)


def fit(mask: Array8, height: int, width: int) -> Array8:
    """Scale a mask to fill height or width, whichever comes first."""
    scale = min(height / mask.shape[0], width / mask.shape[1])
    wanted = (max(1, int(mask.shape[1] * scale)), max(1, int(mask.shape[0] * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, wanted, interpolation=kind), dtype=np.uint8)


def word_mask(text: str, rng: Rng, height: int, plain: bool = False) -> Array8:
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


def mark_mask(rng: Rng, size: int) -> Array8:
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
