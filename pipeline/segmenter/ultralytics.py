"""MobileSAM, SAM 2 and 2.1, and SAM 3, through ultralytics' predictors.

*MobileSAM* (Zhang et al., 2023), *SAM 2* (Ravi et al., 2024), *SAM 3* (Carion et al., 2025).

`ultralytics.SAM.predict` drops masks under its confidence threshold and may reorder them. We
call the layer below it, prompt by prompt, which answers each prompt exactly once. Checkpoints
are read as tensors only, and nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# isort: off
import detector.quiet  # noqa: F401  before ultralytics: no network, nothing in the home folder

# isort: on
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics.models.sam import build as sam_builders
from ultralytics.models.sam.predict import Predictor, SAM2Predictor, SAM3Predictor

from pipeline.errors import ConfigError, WeightsError
from pipeline.segmenter.devices import choose_device
from pipeline.segmenter.sam import read_state, sam_prior
from pipeline.segmenter.windowed import Answer, CropPrompt, WindowedSegmenter

# Width of the first layer and number of blocks of SAM 2's trunk -> builder.
_SAM2_SIZES: dict[tuple[int, int], str] = {
    (96, 12): "build_sam2_t",
    (96, 16): "build_sam2_s",
    (112, 24): "build_sam2_b",
    (144, 48): "build_sam2_l",
}
_PARTS = ("image_encoder.", "prompt_encoder.", "mask_decoder.", "sam_prompt_encoder.",
          "sam_mask_decoder.")  # fmt: skip


def load_mobile_sam(path: Path) -> torch.nn.Module:
    """MobileSAM from its published checkpoint.

    Raises:
        WeightsError: missing, unreadable, or another model.
    """
    state = read_state(path)
    if "image_encoder.patch_embed.seq.0.c.weight" not in state:
        raise WeightsError(f"{path} is not a MobileSAM checkpoint")
    return _filled(new_mobile_sam(), state, path)


def new_mobile_sam() -> torch.nn.Module:
    """MobileSAM with random weights, in evaluation mode."""
    build: Callable[[], torch.nn.Module] = sam_builders.build_mobile_sam
    return build()


def load_sam2(path: Path) -> torch.nn.Module:
    """SAM 2 or 2.1 of any size; the size is read off the checkpoint.

    Raises:
        WeightsError: missing, unreadable, or another model.
    """
    state = read_state(path)
    first = state.get("image_encoder.trunk.patch_embed.proj.weight")
    if first is None or not any(k.startswith("sam_mask_decoder.") for k in state):
        raise WeightsError(f"{path} is not a SAM 2 checkpoint")
    prefix = "image_encoder.trunk.blocks."
    blocks = {int(k[len(prefix) :].split(".")[0]) for k in state if k.startswith(prefix)}
    size = (int(first.shape[0]), len(blocks))
    if size not in _SAM2_SIZES:
        raise WeightsError(f"{path}: no known size of SAM 2 has width and depth {size}")
    return _filled(getattr(sam_builders, _SAM2_SIZES[size])(), state, path)


def load_sam3(path: Path) -> torch.nn.Module:
    """SAM 3's interactive model from its published checkpoint.

    Raises:
        WeightsError: missing, unreadable, or another model.
        ConfigError: timm, of which ultralytics takes parts, is not installed.
    """
    from ultralytics.models.sam import build_sam3

    state = read_state(path)
    if not any(k.startswith("tracker.") for k in state):
        raise WeightsError(f"{path} is not a SAM 3 checkpoint")
    if find_spec("timm") is None:
        raise ConfigError("segmenter.kind sam3 needs timm: pip install timm")
    try:
        with _given(build_sam3, state) as missing:
            model: torch.nn.Module = build_sam3.build_interactive_sam3(str(path))
    except RuntimeError as error:
        raise _unfit(path, error) from error
    return _complete(model, missing, path)


@contextmanager
def _given(module: Any, state: dict[str, Any]) -> Iterator[list[str]]:
    """Let ultralytics' loader, which renames keys and takes what it gets, work on tensors that
    were read safely; yields the names of the weights that it does not find among them."""
    read, fill = module.torch_load, module._load_checkpoint
    missing: list[str] = []

    def filling(model: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        hook = model.register_load_state_dict_post_hook
        hook(lambda _, keys: missing.extend(keys.missing_keys))  # type: ignore[no-untyped-call]
        return fill(model, *args, **kwargs)

    module.torch_load = lambda *_args, **_kwargs: state
    module._load_checkpoint = filling
    try:
        yield missing
    finally:
        module.torch_load, module._load_checkpoint = read, fill


def _filled(model: torch.nn.Module, state: dict[str, Any], path: Path) -> torch.nn.Module:
    """Load what single images need; a video model's memory may differ between versions."""
    try:
        missing, _ = model.load_state_dict(
            {k: v for k, v in state.items() if k.startswith(_PARTS) or k in {"no_mem_embed"}},
            strict=False,
        )
    except RuntimeError as error:
        raise _unfit(path, error) from error
    return _complete(model, missing, path)


def _complete(model: torch.nn.Module, missing: Iterable[str], path: Path) -> torch.nn.Module:
    lacking = [name for name in missing if name.startswith(_PARTS)]
    if lacking:
        raise WeightsError(f"{path} lacks weights such as {lacking[0]}")
    return model.eval()


def _unfit(path: Path, error: RuntimeError) -> WeightsError:
    return WeightsError(f"{path} does not fit: {str(error).splitlines()[0]}")


class UltralyticsModel:
    """`CropModel` of one of ultralytics' SAM predictors; it knows nothing of lenses."""

    def __init__(self, predictor: Any, size: int) -> None:
        self.predictor = predictor
        self.smallest = self.largest = size

    def answer(self, image: NDArray[np.uint8], prompt: CropPrompt) -> Answer:
        """One mask for one prompt, whatever its confidence."""
        predictor = self.predictor
        with torch.inference_mode():
            predictor.set_image(np.ascontiguousarray(image[..., ::-1]))  # BGR
            points = prompt.points[None] if len(prompt.points) else None
            labels = prompt.labels[None] if len(prompt.points) else None
            boxes = None if prompt.box is None else prompt.box[None]
            shape = image.shape[:2]
            prompts = predictor._prepare_prompts(shape, shape, boxes, points, labels, None)
            prior = None
            if prompt.prior is not None:
                side = self._encoder().mask_input_size[0]
                prior = torch.from_numpy(sam_prior(prompt.prior, side))[None].to(predictor.device)
            logits, quality = predictor._inference_features(
                predictor.features, *prompts[:-1], prior
            )
            predictor.reset_image()
        found = logits[0].float().cpu().numpy()
        return Answer(found, None, float(quality[0]))

    def _encoder(self) -> Any:
        model = self.predictor.model
        return getattr(model, "sam_prompt_encoder", None) or model.prompt_encoder


_KINDS: dict[str, tuple[Callable[[Path], torch.nn.Module], type[Predictor], int]] = {
    "mobile_sam": (load_mobile_sam, Predictor, 1024),
    "sam2": (load_sam2, SAM2Predictor, 1024),
    "sam3": (load_sam3, SAM3Predictor, 1008),
}


def build(config: Any) -> WindowedSegmenter:
    """The segmenter of ultralytics that a `SegmenterConfig` asks for.

    Raises:
        WeightsError: the checkpoint is missing or of another kind.
    """
    if config.weights == "embedded":
        raise WeightsError(
            f"segmenter.kind {config.kind} has no embedded weights: set segmenter.weights to its "
            "checkpoint (.pt)"
        )
    load, predictor_type, size = _KINDS[config.kind]
    device = choose_device(config.device)
    model = load(Path(config.weights))
    overrides = {"imgsz": size, "device": str(device), "verbose": False, "save": False, "conf": 0.0}
    predictor = predictor_type(overrides=overrides)
    predictor.setup_model(model=model, verbose=False)
    return WindowedSegmenter(
        UltralyticsModel(predictor, size),
        getattr(config, "margin", 0.15),
        getattr(config, "two_pass", False),
    )
