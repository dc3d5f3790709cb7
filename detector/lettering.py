"""Words of round letters on training pictures: two of them side by side look like two rims, and so
does a letter beside a round emblem."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

_LETTERS = "oacednsgpqb0689CGOQDS-"
_FACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
_HEIGHT = 22  # of a capital at scale 1, in pixels


@dataclass(frozen=True, slots=True)
class Emblem:
    """A disc or ring with blades, as of a camera's aperture, in place of a letter.

    Attributes:
        after: letters before it.
        blades: lines from the hub to the border; 0 leaves it bare.
        skew: angle by which a blade's outer end is ahead of its inner one.
        hub: radius at which blades begin, as a share of the emblem's.
        filled: a disc with blades in the word's colour, else a ring.
        colour: of disc or ring.
    """

    after: int
    blades: int
    skew: float
    hub: float
    filled: bool
    colour: tuple[int, int, int]


class Lettering(A.ImageOnlyTransform):  # type: ignore[misc]
    """Writes a word somewhere on the picture, as brands stand on turntables, boxes and walls.

    Args:
        smallest, largest: height of a capital, as a share of the picture's shorter side.
        emblems: share of words with an emblem.
        p: how often.
    """

    def __init__(
        self, smallest: float = 0.03, largest: float = 0.25, emblems: float = 0.0, p: float = 0.5
    ) -> None:
        super().__init__(p=p)
        self.smallest, self.largest, self.emblems = smallest, largest, emblems

    def get_params(self) -> dict[str, Any]:
        """Draw what is written, and where."""
        draw = self.py_random
        word = "".join(draw.choices(_LETTERS, k=draw.randint(2, 8)))
        emblem = None
        if draw.random() < self.emblems:
            emblem = Emblem(
                draw.randint(0, len(word)), draw.choice((0, 3, 5, 6, 8)), draw.uniform(-1.2, 1.2),
                draw.uniform(0.2, 0.6), draw.random() < 0.5, _colour(draw),
            )  # fmt: skip
        return {
            "word": word,
            "emblem": emblem,
            "face": draw.choice(_FACES),
            "height": self.smallest * (self.largest / self.smallest) ** draw.random(),
            "weight": draw.uniform(0.06, 0.22),
            "place": (draw.random(), draw.random()),
            "colour": _colour(draw),
        }

    def apply(
        self,
        img: NDArray[np.uint8],
        word: str = "",
        emblem: Emblem | None = None,
        face: int = 0,
        height: float = 0.1,
        weight: float = 0.1,
        place: tuple[float, float] = (0.5, 0.5),
        colour: tuple[int, int, int] = (0, 0, 0),
        **_: Any,
    ) -> NDArray[np.uint8]:
        """Write `word` on a copy of `img`, uint8 (H, W, 3)."""
        pixels = height * min(img.shape[:2])
        scale, thickness = pixels / _HEIGHT, max(1, round(weight * pixels))
        cut = len(word) if emblem is None else emblem.after
        radius = 0 if emblem is None else round(0.65 * pixels)
        parts = word[:cut], word[cut:]
        first, last = (cv2.getTextSize(part, face, scale, thickness)[0][0] for part in parts)
        # what sticks out is cut off, but never more than half of the word
        x = round(place[0] * img.shape[1] - (first + last) / 2) - radius
        y = round(place[1] * img.shape[0] + pixels / 2)
        out = np.ascontiguousarray(img).copy()
        for part, start in zip(parts, (x, x + first + 2 * radius), strict=True):
            cv2.putText(out, part, (start, y), face, scale, colour, thickness, cv2.LINE_AA)
        if emblem is not None:
            middle = x + first + radius, y - round(pixels / 2)
            _draw(out, emblem, middle, radius, thickness, colour)
        return out


def _colour(draw: Any) -> tuple[int, int, int]:
    return draw.randint(0, 255), draw.randint(0, 255), draw.randint(0, 255)


def _draw(
    out: NDArray[np.uint8],
    emblem: Emblem,
    middle: tuple[int, int],
    radius: int,
    thickness: int,
    colour: tuple[int, int, int],
) -> None:
    """Draw `emblem` on `out`; `colour` is that of the word."""
    ring = -1 if emblem.filled else thickness
    cv2.circle(out, middle, radius, emblem.colour, ring, cv2.LINE_AA)
    blade = colour if emblem.filled else emblem.colour
    for number in range(emblem.blades):
        angle = 2 * math.pi * number / emblem.blades
        ends = ((emblem.hub * radius, angle), (radius, angle + emblem.skew))
        inner, outer = (
            (round(middle[0] + r * math.cos(a)), round(middle[1] + r * math.sin(a)))
            for r, a in ends
        )
        cv2.line(out, inner, outer, blade, max(1, thickness // 2), cv2.LINE_AA)
