"""Runs any promptable model on the square around each prompt, at the resolution it deserves.

The adapters differ only in their `CropModel`: what answers one prompt within one crop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import overlap
from pipeline.errors import ValidationError
from pipeline.segmenter.crop import (
    Window,
    extract,
    extract_mask,
    input_size,
    paste,
    paste_soft,
    whole_photo,
    window_around,
)
from pipeline.types import Masks, Photo, Prompt

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CropPrompt:
    """A prompt in pixels of a crop of side S.

    Attributes:
        box: float32 (4,) xyxy, or None.
        points, labels: float32 (K, 2) xy and int64 (K,) of 1 and 0; K may be 0.
        prior: float32 (S, S) coverage of a previous mask in [0, 1], or None.
    """

    box: Floats | None
    points: Floats
    labels: Ints
    prior: Floats | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Logits (s, s) float32 over the crop, above 0 inside, at any s; and the expected IoU."""

    glasses: Floats
    lens: Floats | None
    quality: float


class CropModel(Protocol):
    """Answers one prompt within one square crop."""

    smallest: int
    """The least side of a crop worth giving to the model."""
    largest: int
    """The greatest; equal to `smallest` for a model of fixed size."""

    def answer(self, image: Bytes, prompt: CropPrompt) -> Answer:
        """`image` is uint8 (S, S, 3) RGB, S between `smallest` and `largest`."""
        ...


@runtime_checkable
class BatchModel(CropModel, Protocol):
    """Answers several prompts in one pass as well."""

    def answer_all(self, images: Sequence[Bytes], prompts: Sequence[CropPrompt]) -> list[Answer]:
        """As `answer`, for crops of one side; the prompts have the same parts, see `_alike`."""
        ...


@dataclass(frozen=True, slots=True)
class _Look:
    """What is asked first of one prompt: `prompt` in the pixels of `window` at `size`."""

    number: int
    box: Floats | None
    window: Window
    size: int
    prompt: CropPrompt


class WindowedSegmenter:
    """A `Segmenter` out of a `CropModel`.

    Args:
        model: answers within crops.
        margin: of the box's longer side, on each side of the crop.
        two_pass: ask again with the first mask as prior, in the window around it.
        batch: most crops of one photo in one pass, where `model` is a `BatchModel`.
    """

    def __init__(
        self, model: CropModel, margin: float = 0.15, two_pass: bool = False, batch: int = 1
    ) -> None:
        self.model = model
        self.margin = margin
        self.two_pass = two_pass
        self.batch = batch

    def segment(self, photo: Photo, prompts: Sequence[Prompt]) -> Masks:
        """Return one mask for each prompt, in the order of the prompts.

        A prompt whose box lies outside the photo gets an empty mask of quality 0.

        Raises:
            ValidationError: a prompt's mask is not of the photo's size.
        """
        masks = np.zeros((len(prompts), *photo.size), np.bool_)
        soft = np.zeros(masks.shape, np.uint8)
        lenses: Bools | None = None
        quality = np.zeros(len(prompts), np.float32)
        looks = (self._first(photo, prompt, i) for i, prompt in enumerate(prompts))
        for look, first in self._answered(photo, [one for one in looks if one is not None]):
            i, answer, window = look.number, first, look.window
            if look.box is None or self.two_pass:  # points have shown where it is: look closely
                answer, window = self._again(photo, prompts[i], look.box, first, window)
            masks[i] = paste(answer.glasses, window, photo.size)
            soft[i] = paste_soft(answer.glasses, window, photo.size)
            quality[i] = np.clip(np.nan_to_num(answer.quality), 0, 1)
            if answer.lens is not None:
                if lenses is None:
                    lenses = np.zeros_like(masks)
                lenses[i] = paste(answer.lens, window, photo.size)
                lenses[i] &= masks[i]
        return Masks(masks, quality, lenses, soft)

    def _first(self, photo: Photo, prompt: Prompt, number: int) -> _Look | None:
        """The first look at what a prompt means; None where its box lies outside the photo."""
        if prompt.mask is not None and prompt.mask.shape != photo.size:
            raise ValidationError(
                f"{photo.key}: prompt {number} has a mask of {prompt.mask.shape}, "
                f"the photo is {photo.size}"
            )
        box = prompt.box
        if box is None:
            return self._look(prompt, None, whole_photo(photo.size), prompt.mask, number)
        high = np.array([photo.width, photo.height] * 2, np.float32)
        box = np.clip(box, 0, high)
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            return None
        window = window_around(box, photo.size, self.margin)
        return self._look(prompt, box, window, prompt.mask, number)

    def _answered(self, photo: Photo, looks: Sequence[_Look]) -> Iterator[tuple[_Look, Answer]]:
        """Each look with its answer, those that are alike in passes of up to `batch`."""
        model = self.model
        if self.batch == 1 or not isinstance(model, BatchModel):
            yield from ((look, self._ask(photo, look)) for look in looks)
            return
        groups: dict[Hashable, list[_Look]] = defaultdict(list)
        for look in looks:
            groups[_alike(look)].append(look)
        for group in groups.values():
            for start in range(0, len(group), self.batch):
                part = group[start : start + self.batch]
                crops = [extract(photo.rgb, look.window, look.size) for look in part]
                answers = model.answer_all(crops, [look.prompt for look in part])
                yield from zip(part, answers, strict=True)

    def _again(
        self, photo: Photo, prompt: Prompt, box: Floats | None, answer: Answer, window: Window
    ) -> tuple[Answer, Window]:
        mask = paste(answer.glasses, window, photo.size)
        x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
        if w < 8 or h < 4:
            return answer, window
        found = np.array([x, y, x + w, y + h], np.float32)
        if box is not None and overlap(found, box[None])[0] <= 0.5:
            return answer, window
        closer = window_around(found, photo.size, self.margin)
        if box is None and closer.side > 0.8 * window.side:
            return answer, window
        look = self._look(prompt, found if box is None else box, closer, mask)
        return self._ask(photo, look), closer

    def _ask(self, photo: Photo, look: _Look) -> Answer:
        return self.model.answer(extract(photo.rgb, look.window, look.size), look.prompt)

    def _look(
        self,
        prompt: Prompt,
        box: Floats | None,
        window: Window,
        prior: Bools | None,
        number: int = 0,
    ) -> _Look:
        size = input_size(window.side, smallest=self.model.smallest, largest=self.model.largest)
        points = np.zeros((0, 2), np.float32)
        labels = np.zeros(0, np.int64)
        if prompt.points is not None and prompt.point_labels is not None:
            points = window.to_window(prompt.points, size)
            inside = ((points >= 0) & (points < size)).all(axis=1)
            points, labels = points[inside], prompt.point_labels[inside]
        within = CropPrompt(
            None if box is None else window.to_window(box.reshape(2, 2), size).reshape(4),
            points,
            labels,
            None if prior is None else extract_mask(prior, window, size),
        )
        return _Look(number, box, window, size, within)


def _alike(look: _Look) -> Hashable:
    """What looks must have in common to be answered in one pass."""
    told = look.prompt
    return look.size, len(told.points), told.box is None, told.prior is None
