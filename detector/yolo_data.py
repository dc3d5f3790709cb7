"""Our labelled pictures as a dataset of ultralytics, without its label caches beside the data."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from detector import quiet  # noqa: F401  (before ultralytics)
from detector.augmentation import with_boxes
from detector.dataset import Example, read_bgr
from detector.errors import DatasetError
from detector.letterbox import fit_size, resize, square_within
from detector.pasting import Labelled, cuttable, paste, read_cut
from detector.rotation import Outline, Turn, outlines_of
from detector.types import EYEGLASSES

# isort: split
from ultralytics.data.augment import Albumentations
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils.instance import Instances


class EyewearDataset(YOLODataset):
    """Examples in ultralytics' clothes: labels from memory, pictures resized as in prediction.

    ultralytics would read the labels itself, write a cache next to them, and shrink pictures
    without area averaging, in which wires vanish.
    """

    # ultralytics' own attributes, whose types it leaves to guessing.
    ims: Any
    im_hw0: Any
    im_hw: Any
    imgsz: Any

    def __init__(
        self,
        examples: Sequence[Example],
        zoom: float = 0.0,
        pasted: float = 0.0,
        rotation: float = 0.0,
        **settings: Any,
    ) -> None:
        self.examples, self.zoom, self.pasted = list(examples), zoom, pasted
        self.rotation = rotation
        self.outlines: dict[int, list[Outline]] = {}
        self.cuttable = cuttable(examples) if pasted else []
        super().__init__(img_path="", **settings)
        if not self.buffer:  # a mosaic draws from it, and what was zoomed into is not in it
            self.buffer = [0]

    def get_img_files(self, img_path: str | list[str]) -> list[str]:
        """Paths of the pictures; ultralytics calls this once."""
        return [str(example.image) for example in self.examples]

    def get_labels(self) -> list[dict[str, Any]]:
        """One label dict a picture, in the layout that ultralytics' transforms expect."""
        return [
            {
                "im_file": str(example.image),
                "shape": upright_size(example.image),
                "cls": example.labels.astype(np.float32).reshape(-1, 1),
                "bboxes": example.boxes.copy(),
                "segments": [],
                "keypoints": None,
                "normalized": True,
                "bbox_format": "xywh",
            }
            for example in self.examples
        ]

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """Picture and label; every second time turned by up to `rotation` degrees; with the chance
        `zoom`, of a part of the picture around glasses, and with the chance `pasted`, with another
        picture's glasses on it."""
        zoomed = self.augment and random.random() < self.zoom
        turn = None
        if self.augment and self.rotation and random.random() < 0.5:
            turn = Turn(random.uniform(-self.rotation, self.rotation))
        if zoomed:
            label = self._part(index, turn)
        else:
            label = super().get_image_and_label(index)
            if turn is not None:
                self._turn(label, index, turn)
        if self.augment and self.cuttable and random.random() < self.pasted:
            self._paste(label)
        return label

    def _turned(self, index: int, turn: Turn, size: tuple[int, int]) -> Example:
        example = self.examples[index]
        if index not in self.outlines:
            self.outlines[index] = outlines_of(example)
        return turn.example(example, self.outlines[index], size)

    def _turn(self, label: dict[str, Any], index: int, turn: Turn) -> None:
        """Turn the picture of `label`, in place."""
        image = label["img"]
        example = self._turned(index, turn, (image.shape[0], image.shape[1]))
        label["img"] = turn.picture(image)
        label["resized_shape"] = label["img"].shape[:2]  # mosaics go by it
        label["cls"] = example.labels.astype(np.float32).reshape(-1, 1)
        label["instances"] = Instances(
            example.boxes, label["instances"].segments, bbox_format="xywh", normalized=True
        )

    def _part(self, index: int, turn: Turn | None) -> dict[str, Any]:
        bgr = read_bgr(Path(self.im_files[index]))
        example = self.examples[index]
        if turn is not None:
            example = self._turned(index, turn, (bgr.shape[0], bgr.shape[1]))
            bgr = turn.picture(bgr)
        window = zoom_window(example, (bgr.shape[0], bgr.shape[1]))
        x0, y0, x1, y1 = window
        part, labels, boxes = bgr[y0:y1, x0:x1], *boxes_within(example, bgr.shape, window)
        small = resize(part, fit_size((part.shape[0], part.shape[1]), self.imgsz))
        label = self.labels[index] | {
            "cls": labels.astype(np.float32).reshape(-1, 1),
            "bboxes": boxes,
            "img": small,
            "ori_shape": part.shape[:2],
            "resized_shape": small.shape[:2],
            "ratio_pad": (small.shape[0] / part.shape[0], small.shape[1] / part.shape[1]),
        }
        del label["shape"]
        updated: dict[str, Any] = self.update_labels_info(label)
        return updated

    def _paste(self, label: dict[str, Any]) -> None:
        """Lay the glasses of any picture on that of `label`, in place."""
        height, width = label["img"].shape[:2]
        instances = label["instances"]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        classes = label["cls"].reshape(-1).astype(np.int64)
        below = Labelled(label["img"], instances.bboxes.astype(np.float32), classes)
        both = paste(below, read_cut(random.choice(self.cuttable)))
        label["img"], label["cls"] = both.image, both.labels.astype(np.float32).reshape(-1, 1)
        label["instances"] = Instances(
            both.boxes, instances.segments, bbox_format="xyxy", normalized=False
        )

    def load_image(
        self, i: int, rect_mode: bool = True, resize_short: bool = False
    ) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[int, int]]:
        """Picture i as uint8 BGR with its longer side `imgsz`, its size before and after."""
        if self.ims[i] is not None:
            return self.ims[i], self.im_hw0[i], self.im_hw[i]
        bgr = read_bgr(Path(self.im_files[i]))
        before = (bgr.shape[0], bgr.shape[1])
        small = resize(bgr, fit_size(before, self.imgsz))
        after = (small.shape[0], small.shape[1])
        if self.augment and self.cache != "ram":  # mosaic draws from the pictures seen last
            self.ims[i], self.im_hw0[i], self.im_hw[i] = small, before, after
            self.buffer.append(i)
            if 1 < len(self.buffer) >= self.max_buffer_length:
                oldest = self.buffer.pop(0)
                self.ims[oldest] = self.im_hw0[oldest] = self.im_hw[oldest] = None
        return small, before, after

    def cache_images(self) -> None:
        """Load every resized picture into memory."""
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for i, loaded in enumerate(pool.map(self.load_image, range(self.ni))):
                self.ims[i], self.im_hw0[i], self.im_hw[i] = loaded
        self.ims = self._ImageCache(self.ims)

    def build_transforms(self, hyp: Any = None) -> Any:
        """ultralytics' transforms, with boxes handled by our own albumentations Compose."""
        transforms = super().build_transforms(hyp)
        for transform in transforms.transforms:
            if isinstance(transform, Albumentations) and transform.transform is not None:
                transform.transform = with_boxes(transform.transform.transforms)
        return transforms


def zoom_window(example: Example, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square part (x0, y0, x1, y1) of a picture (H, W), pixels: around one of its glasses, which
    fill 40 to 90 % of it, or anywhere."""
    height, width = size
    glasses = example.boxes[example.labels == EYEGLASSES]
    if len(glasses):
        x, y, w, h = random.choice(glasses.tolist())
        longest = max(w * width, h * height)
        side = longest / random.uniform(0.4, 0.9)
        slack = (side - longest) / 2
        x, y = x * width + random.uniform(-slack, slack), y * height + random.uniform(-slack, slack)
    else:
        side = random.uniform(0.25, 0.8) * max(size)
        x, y = random.uniform(0, width), random.uniform(0, height)
    return square_within(x, y, max(side, 32.0), size)


def boxes_within(
    example: Example, shape: tuple[int, ...], window: tuple[int, int, int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels and normalised xywh boxes in a part of a picture; those with less than a quarter of
    their area left are dropped."""
    x0, y0, x1, y1 = window
    corners = example.corners((shape[0], shape[1]))
    cut = corners.clip((x0, y0, x0, y0), (x1, y1, x1, y1))
    area, left = (np.prod(np.maximum(c[:, 2:] - c[:, :2], 0), axis=1) for c in (corners, cut))
    seen = left >= 0.25 * np.maximum(area, 1e-6)
    cut = (cut[seen] - (x0, y0, x0, y0)) / ((x1 - x0, y1 - y0) * 2)
    boxes = np.concatenate([(cut[:, :2] + cut[:, 2:]) / 2, cut[:, 2:] - cut[:, :2]], 1)
    return example.labels[seen], boxes.astype(np.float32)


def upright_size(path: Path) -> tuple[int, int]:
    """(H, W) of a picture after its EXIF orientation, read from the header alone.

    Raises:
        DatasetError: if the file is not a picture.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except (OSError, UnidentifiedImageError) as error:
        raise DatasetError(f"{path}: not a readable picture; remove it from the dataset") from error
    return (width, height) if turned else (height, width)
