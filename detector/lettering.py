"""Words of round letters on training pictures: two of them side by side look like two rims."""

from __future__ import annotations

from typing import Any

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

_LETTERS = "oacednsgpqb0689CGOQDS-"
_FACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
_HEIGHT = 22  # of a capital at scale 1, in pixels


class Lettering(A.ImageOnlyTransform):  # type: ignore[misc]
    """Writes a word somewhere on the picture, as brands stand on turntables, boxes and walls.

    Args:
        smallest, largest: height of a capital, as a share of the picture's shorter side.
        p: how often.
    """

    def __init__(self, smallest: float = 0.03, largest: float = 0.25, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.smallest, self.largest = smallest, largest

    def get_params(self) -> dict[str, Any]:
        """Draw what is written, and where."""
        draw = self.py_random
        return {
            "word": "".join(draw.choices(_LETTERS, k=draw.randint(2, 8))),
            "face": draw.choice(_FACES),
            "height": self.smallest * (self.largest / self.smallest) ** draw.random(),
            "weight": draw.uniform(0.06, 0.22),
            "place": (draw.random(), draw.random()),
            "colour": tuple(draw.randint(0, 255) for _ in range(3)),
        }

    def apply(
        self,
        img: NDArray[np.uint8],
        word: str = "",
        face: int = 0,
        height: float = 0.1,
        weight: float = 0.1,
        place: tuple[float, float] = (0.5, 0.5),
        colour: tuple[int, int, int] = (0, 0, 0),
        **_: Any,
    ) -> NDArray[np.uint8]:
        """Write `word` on a copy of `img`, uint8 (H, W, 3)."""
        pixels = height * min(img.shape[:2])
        thickness = max(1, round(weight * pixels))
        (width, tall), _under = cv2.getTextSize(word, face, pixels / _HEIGHT, thickness)
        # what sticks out is cut off, but never more than half of the word
        x = round(place[0] * img.shape[1] - width / 2)
        y = round(place[1] * img.shape[0] + tall / 2)
        out = np.ascontiguousarray(img).copy()
        cv2.putText(out, word, (x, y), face, pixels / _HEIGHT, colour, thickness, cv2.LINE_AA)
        return out
