"""What may happen to a training picture: lighting, camera, scale and orientation.

albumentations does the work, but for turning by less than a quarter, which needs more than boxes
(`detector.rotation`). ultralytics hands it BGR pictures, so nothing here depends on the
order of the channels in a way that matters. Boxes move with the picture.
"""

from __future__ import annotations

from typing import Any

import albumentations as A
import cv2

from detector.config import AugmentationConfig
from detector.letterbox import GREY
from detector.lettering import Lettering

_GREY = (GREY, GREY, GREY)
_SMOOTH = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}  # by default, wires break


def build_augmentation(config: AugmentationConfig, size: int) -> list[Any]:
    """Transforms in the order in which they are applied, for ultralytics' `augmentations`.

    Args:
        config: how often and how much.
        size: side of the pictures in pixels; they stay square.
    """
    written = Lettering(emblems=config.emblems, p=config.lettering)
    scaled = _scale(config, size)
    return [written, *_orientation(config), *scaled, *_lighting(config), *_camera(config)]


def with_boxes(transforms: list[Any]) -> A.Compose:
    """Compose for boxes and the bookkeeping of ultralytics' `Albumentations` transform.

    Unlike ultralytics' own, it forgives boxes that rounding put a hair outside the picture, and
    drops boxes of which less than a quarter is left.
    """
    return A.Compose(
        transforms,
        bbox_params=A.BboxParams(
            format="yolo", label_fields=["class_labels", "idx"], min_visibility=0.25, clip=True
        ),
        keypoint_params=A.KeypointParams(
            format="xy", remove_invisible=False, label_fields=["pidx"]
        ),
    )


def _orientation(config: AugmentationConfig) -> list[Any]:
    return [
        A.RandomRotate90(p=config.quarter_turns),
        A.HorizontalFlip(p=config.flip),
    ]


def _scale(config: AugmentationConfig, size: int) -> list[Any]:
    # Shrinking moves the picture about in a grey frame: glasses that fill a tenth of the width.
    # It averages areas, as prediction does, so that wires stay whole; warps (A.Affine) cannot.
    scales = config.smallest - 1, config.largest - 1
    return [
        A.Sequential(
            [
                A.RandomScale(scales, interpolation=cv2.INTER_AREA, p=1),
                A.RandomCrop(
                    size, size, pad_if_needed=True, pad_position="random", fill=_GREY, p=1
                ),
            ],
            p=config.scale,
        )
    ]


def _lighting(config: AugmentationConfig) -> list[Any]:
    return [
        A.OneOf(
            [
                A.RandomBrightnessContrast(brightness_limit=0.3, contrast_limit=0.3, p=1),
                A.RandomGamma(gamma_limit=(60, 160), p=1),
                A.RandomToneCurve(scale=0.2, p=1),
                A.CLAHE(clip_limit=(1, 3), p=1),
                # Renders are duller than photos, see datasets/failures.md. The default method,
                # "cdf", equalises each channel, which leaves blots of pure colours.
                A.AutoContrast(cutoff=0.5, method="pil", p=1),
            ],
            p=config.lighting,
        ),
        A.OneOf(
            [
                A.ColorJitter((0.9, 1.1), (0.9, 1.1), (0.6, 1.4), (-0.03, 0.03), p=1),
                # Much more, and grey ground breaks into patches of colour.
                A.HueSaturationValue(15, 25, 15, p=1),
                A.PlanckianJitter(temperature_limit=(4000, 11000), p=1),
            ],
            p=config.lighting,
        ),
        A.RandomShadow(shadow_roi=(0, 0, 1, 1), num_shadows_limit=(1, 1), p=config.lighting / 10),
    ]


def _camera(config: AugmentationConfig) -> list[Any]:
    return [
        A.OneOf(
            [
                A.GaussNoise(std_range=(0.02, 0.08), p=1),
                A.ISONoise(p=1),
                A.GaussianBlur(blur_limit=(3, 5), p=1),
                A.MotionBlur(blur_limit=(3, 7), p=1),
                A.ImageCompression(quality_range=(35, 90), p=1),
                A.Downscale(scale_range=(0.4, 0.9), interpolation_pair=_SMOOTH, p=1),
                A.ToGray(p=1),
            ],
            p=config.camera,
        )
    ]
