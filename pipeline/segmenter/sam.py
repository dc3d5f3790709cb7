"""segment-anything's own models, ViT-B, ViT-L and ViT-H, from a checkpoint of the user's.

*Segment Anything* (Kirillov et al., ICCV 2023). The compact model is registered beside them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import segment_anything
import torch
from numpy.typing import NDArray
from segment_anything import SamPredictor
from segment_anything.modeling import Sam
from torch.nn import functional as F

from pipeline.errors import WeightsError
from pipeline.segmenter.compact import build_compact
from pipeline.segmenter.devices import choose_device
from pipeline.segmenter.windowed import Answer, CropPrompt, WindowedSegmenter

sam_model_registry: dict[str, Callable[..., Sam]] = {
    **segment_anything.sam_model_registry,
    "compact": build_compact,
}
_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
SAM_LIMIT = 10.0  # its mask inputs are logits within this


def read_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint's tensors without running any code from it.

    A dictionary under "model", as some publishers wrap it, is unwrapped.

    Raises:
        WeightsError: missing, not a checkpoint, or holds more than tensors.
    """
    if not path.is_file():
        raise WeightsError(
            f"segmenter weights {path} not found; download them and set segmenter.weights"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path} is not a checkpoint that can be read safely: {first}"
        ) from error
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise WeightsError(f"{path} holds no state dictionary of tensors")
    return state


def kind_of_width(width: int) -> str | None:
    """Which model's image encoder is so wide; None where it is no published one's."""
    return _WIDTHS.get(width)


def new_sam(kind: str) -> Sam:
    """`kind` with random weights, in evaluation mode."""
    return sam_model_registry[kind]()


def load_sam(kind: str, path: Path, device: torch.device) -> Sam:
    """Build `kind` and load its checkpoint.

    Raises:
        WeightsError: missing, unreadable, or of another kind; the message says which.
    """
    state = read_state(path)
    positions = state.get("image_encoder.pos_embed")
    if positions is None or "mask_decoder.mask_tokens.weight" not in state:
        raise WeightsError(f"{path} is not a segment-anything checkpoint")
    model = new_sam(kind)
    expected = model.image_encoder.pos_embed.shape[-1]
    if positions.shape[-1] != expected:
        found = kind_of_width(positions.shape[-1]) or f"of width {positions.shape[-1]}"
        raise WeightsError(f"{path} is {found}, not {kind}: set segmenter.kind to fit")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise WeightsError(f"{path} does not fit {kind}: {first}") from error
    return model.to(device).eval()


class SamModel:
    """`CropModel` of a segment-anything model; it knows nothing of lenses."""

    smallest = largest = 1024

    def __init__(self, model: Sam) -> None:
        self.predictor = SamPredictor(model)

    def answer(self, image: NDArray[np.uint8], prompt: CropPrompt) -> Answer:
        """One mask; for a single point, which may mean a part, the best of SAM's three."""
        ambiguous = prompt.box is None and len(prompt.points) < 2 and prompt.prior is None
        prior = None
        if prompt.prior is not None:
            prior = sam_prior(prompt.prior, 256)
        with torch.inference_mode():
            self.predictor.set_image(image)
            _, quality, logits = self.predictor.predict(
                point_coords=prompt.points if len(prompt.points) else None,
                point_labels=prompt.labels if len(prompt.points) else None,
                box=prompt.box,
                mask_input=prior,
                multimask_output=ambiguous,
                return_logits=True,
            )
            self.predictor.reset_image()
        best = int(np.argmax(quality))
        return Answer(logits[best].astype(np.float32), None, float(quality[best]))


def sam_prior(coverage: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Coverage (S, S) in [0, 1] as the logits (1, side, side) that SAM takes."""
    tensor = torch.from_numpy(coverage)[None, None]
    small = F.interpolate(tensor, (side, side), mode="area")[0]
    logits: NDArray[np.float32] = ((small - 0.5) * (2 * SAM_LIMIT)).numpy()
    return logits


def build(config: Any) -> WindowedSegmenter:
    """The segment-anything segmenter that a `SegmenterConfig` asks for.

    Raises:
        WeightsError: the checkpoint is missing or of another kind.
    """
    if config.weights == "embedded":
        raise WeightsError(
            f"segmenter.kind {config.kind} has no embedded weights: set segmenter.weights to its "
            "checkpoint (.pth) as published with segment-anything"
        )
    model = load_sam(config.kind, Path(config.weights), choose_device(config.device))
    return WindowedSegmenter(
        SamModel(model), getattr(config, "margin", 0.15), getattr(config, "two_pass", False)
    )
