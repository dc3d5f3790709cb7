"""`SamPredictor`'s interface over the compact network, and its adapter to `Segmenter`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import SamPredictor
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor
from torch.nn import functional as F

from pipeline.errors import ValidationError
from pipeline.fitting import fit_box
from pipeline.segmenter.blocks import fold_norms
from pipeline.segmenter.compact import PRIOR_LIMIT, CompactSam
from pipeline.segmenter.prompt_encoder import CORNER_A, CORNER_B
from pipeline.segmenter.weights_io import load_compact
from pipeline.segmenter.windowed import Answer, CropPrompt, WindowedSegmenter

REFIT = 0.05  # of a box: smaller corrections are as often wrong as right
GLASSES, _, FRAME, LENS = range(4)


class CompactPredictor(SamPredictor):  # type: ignore[misc]
    """`segment_anything.SamPredictor` for `CompactSam`; differs only in that the side of the
    network's input is chosen for each image, and that mask inputs may have any size. The third
    result of `predict` has a quarter of the input's side, as SAM's.

    The three masks of `multimask_output` are the glasses, the frame and the lenses.
    """

    model: CompactSam

    def set_image(
        self, image: NDArray[Any], image_format: str = "RGB", size: int | None = None
    ) -> None:
        """Compute the embedding of an image for `predict`.

        Args:
            image: uint8 (H, W, 3).
            image_format: "RGB" or "BGR".
            size: longest side of the network's input in pixels, a multiple of 64.

        Raises:
            ValidationError: wrong shape, type, format or size.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValidationError(f"image must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
        if image_format not in ("RGB", "BGR"):
            raise ValidationError(f"image_format must be RGB or BGR, not {image_format!r}")
        size = size or self.model.image_encoder.img_size
        if size % 64:
            raise ValidationError(f"size must be a multiple of 64, not {size}")
        if image_format == "BGR":
            image = image[..., ::-1]
        self.transform = ResizeLongestSide(size)
        original = image.shape[:2]
        height, width = self.transform.get_preprocess_shape(*original, size)
        if (height, width) != original:
            shrink = size < max(original)
            method = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
            image = cv2.resize(image, (width, height), interpolation=method)
        tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
        self.set_torch_image(tensor.to(self.device), original)

    @torch.no_grad()
    def set_torch_image(
        self, transformed_image: Tensor, original_image_size: tuple[int, ...]
    ) -> None:
        """As `set_image`, for uint8 (1, 3, H, W) that already has the network's size."""
        self.reset_image()
        self.original_size = tuple(original_image_size)
        self.input_size = tuple(transformed_image.shape[-2:])
        self.features = self.model.encode(self.model.preprocess(transformed_image))
        self.is_image_set = True

    @torch.no_grad()
    def predict_torch(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `SamPredictor.predict_torch`, for B prompts in the network's pixels.

        Returns masks (B, C, H, W) at the image's size, quality (B, C), and logits
        (B, C, S/4, S/4).
        """
        logits, quality = self.predict_all(point_coords, point_labels, boxes, mask_input)
        chosen = slice(1, None) if multimask_output else slice(0, 1)
        logits, quality = logits[:, chosen], quality[:, chosen]
        masks = self.model.postprocess_masks(logits, self.input_size, self.original_size)
        if not return_logits:
            masks = masks > self.model.mask_threshold
        return masks, quality, F.avg_pool2d(logits, 4)

    @torch.no_grad()
    def predict_all(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """All four masks (glasses, glasses, frame, lens) over the padded square input:
        logits (B, 4, S, S) and quality (B, 4)."""
        if not self.is_image_set:
            raise RuntimeError("An image must be set with .set_image(...) before mask prediction.")
        encoded = self.features
        coords, labels = _as_points(point_coords, point_labels, boxes, encoded[-1])
        if mask_input is not None:
            side = encoded[-1].shape[-1]
            mask_input = F.interpolate(mask_input.float(), (side, side), mode="bilinear")
            mask_input = mask_input.clamp(-PRIOR_LIMIT, PRIOR_LIMIT)
        return self.model.decode(encoded, coords, labels, mask_input)


def _as_points(
    coords: Tensor | None, labels: Tensor | None, boxes: Tensor | None, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Points with boxes as points labelled 2 and 3: (B, K, 2) and (B, K)."""
    count = next((len(t) for t in (coords, boxes) if t is not None), 1)
    all_coords = [coords.float()] if coords is not None else []
    all_labels = [labels.long()] if labels is not None else []
    if boxes is not None:
        all_coords.append(boxes.reshape(count, 2, 2).float())
        corners = torch.tensor([[CORNER_A, CORNER_B]], device=like.device)
        all_labels.append(corners.expand(count, 2))
    if not all_coords:
        return like.new_zeros((1, 0, 2)), torch.zeros((1, 0), dtype=torch.long, device=like.device)
    return torch.cat(all_coords, dim=1), torch.cat(all_labels, dim=1)


class CompactModel:
    """`CropModel` of the compact network, from coarse to fine.

    A small view shows best what belongs to the glasses, a large one where exactly they end. So
    the crop is first looked at in the size `coarse`, and the answer is handed on as the previous
    mask of the look at full size.

    Args:
        network: the model, in evaluation mode.
        smallest, largest: sides of the input in pixels, multiples of 64.
        coarse: side of the first look, a multiple of 64; None for a single look.
        refit: put the box of the second look around what the first one saw.
        mirror: also ask of the mirrored crop and take the mean, at twice the time.
    """

    def __init__(
        self,
        network: CompactSam,
        smallest: int = 512,
        largest: int = 1024,
        coarse: int | None = 320,
        mirror: bool = False,
        refit: bool = True,
    ) -> None:
        self.predictor = CompactPredictor(network)
        self.smallest, self.largest = smallest, largest
        self.coarse, self.mirror, self.refit = coarse, mirror, refit

    def answer(self, image: NDArray[np.uint8], prompt: CropPrompt) -> Answer:
        """Glasses and lenses of one prompt; see `CropModel`."""
        return self.answer_all([image], [prompt])[0]

    def answer_all(
        self, images: Sequence[NDArray[np.uint8]], prompts: Sequence[CropPrompt]
    ) -> list[Answer]:
        """Glasses and lenses of several prompts in one pass; see `BatchModel`."""
        logits, quality = self._look(images, prompts)
        if self.mirror:
            mirrored = [image[:, ::-1] for image in images]
            again, second = self._look(mirrored, [_mirrored(p, len(images[0])) for p in prompts])
            logits = (logits + again[..., ::-1]) / np.float32(2)
            quality = (quality + second) / np.float32(2)
        return [
            Answer(one[GLASSES], one[LENS], float(expected[GLASSES]))
            for one, expected in zip(logits, quality, strict=True)
        ]

    def _look(
        self, images: Sequence[NDArray[np.uint8]], prompts: Sequence[CropPrompt]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.coarse and self.coarse < len(images[0]):
            size = (self.coarse, self.coarse)
            small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]
            first, _ = self._ask(
                [np.asarray(one, np.uint8) for one in small],
                [_resized(prompt, self.coarse, images[0]) for prompt in prompts],
            )
            priors = np.clip(first[:, GLASSES] / (2 * PRIOR_LIMIT) + 0.5, 0, 1).astype(np.float32)
            if self.refit:
                side = len(images[0])
                prompts = [
                    _nearer(p, one[GLASSES], side) for p, one in zip(prompts, first, strict=True)
                ]
            prompts = [replace(p, prior=prior) for p, prior in zip(prompts, priors, strict=True)]
        return self._ask(images, prompts)

    def _ask(
        self, images: Sequence[NDArray[np.uint8]], prompts: Sequence[CropPrompt]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits (B, 4, S, S) and quality (B, 4) of all masks, for square crops of one side."""
        predictor = self.predictor
        device = predictor.device

        def stacked(arrays: Sequence[NDArray[Any] | None]) -> Tensor | None:
            known = [array for array in arrays if array is not None]
            return torch.from_numpy(np.stack(known)).to(device) if known else None

        with torch.inference_mode():
            crops = np.stack([image.transpose(2, 0, 1) for image in images])
            predictor.set_torch_image(torch.from_numpy(crops).to(device), images[0].shape[:2])
            prior = stacked([prompt.prior for prompt in prompts])
            if prior is not None:
                prior = (prior[:, None] - 0.5) * (2 * PRIOR_LIMIT)
            logits, quality = predictor.predict_all(
                stacked([prompt.points for prompt in prompts]),
                stacked([prompt.labels for prompt in prompts]),
                stacked([prompt.box for prompt in prompts]),
                prior,
            )
            predictor.reset_image()
            return logits.float().cpu().numpy(), quality.float().cpu().numpy()


def _nearer(prompt: CropPrompt, logits: NDArray[np.float32], side: int) -> CropPrompt:
    """The prompt with its box around what the first look saw: boxes are often short of a tip.
    Points say more than a box does, so with points the box stays."""
    if prompt.box is None or len(prompt.points):
        return prompt
    ratio = np.float32(side / len(logits))
    return replace(prompt, box=fit_box(np.asarray(logits > 0), prompt.box / ratio, REFIT) * ratio)


def _resized(prompt: CropPrompt, size: int, image: NDArray[np.uint8]) -> CropPrompt:
    """The same prompt for the crop resized to `size`; the prior is resized by the predictor."""
    ratio = np.float32(size / len(image))
    box = None if prompt.box is None else prompt.box * ratio
    return CropPrompt(box, prompt.points * ratio, prompt.labels, prompt.prior)


def _mirrored(prompt: CropPrompt, side: int) -> CropPrompt:
    """The same prompt for the crop of `side` with left and right exchanged."""
    box = prompt.box
    if box is not None:
        box = np.array([side - box[2], box[1], side - box[0], box[3]], np.float32)
    points = prompt.points.copy()
    points[:, 0] = side - points[:, 0]
    prior = prompt.prior
    if prior is not None:
        prior = np.ascontiguousarray(prior[:, ::-1])
    return CropPrompt(box, points, prompt.labels, prior)


def build(config: Any) -> WindowedSegmenter:
    """The compact segmenter that a `SegmenterConfig` asks for.

    Raises:
        WeightsError: the weights are missing, damaged, or of another model.
    """
    from pipeline.segmenter.devices import choose_device

    network = load_compact(config.weights, choose_device(config.device))
    fold_norms(network)
    network.to(memory_format=torch.channels_last)
    model = CompactModel(
        network,
        getattr(config, "smallest", 512),
        getattr(config, "largest", 1024),
        getattr(config, "coarse", 320),
        getattr(config, "mirror", False),
        getattr(config, "refit", True),
    )
    return WindowedSegmenter(
        model,
        getattr(config, "margin", 0.15),
        getattr(config, "two_pass", False),
        getattr(config, "batch", 1),
    )
