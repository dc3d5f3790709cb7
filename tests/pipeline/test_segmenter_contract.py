"""What every segmenter promises, checked on each adapter with a small network of random weights.

The large models are built by their own loading code from small checkpoints of the right layout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.benchmark.models import random_checkpoint
from pipeline.errors import ConfigError, ValidationError, WeightsError
from pipeline.segmenter import KINDS, build_segmenter
from pipeline.segmenter.windowed import Answer, CropPrompt, WindowedSegmenter
from pipeline.types import Masks, Photo, Prompt, Segmenter


@dataclass(frozen=True)
class Settings:
    kind: str
    weights: str
    device: str = "cpu"


class Dark:
    """A crop model without a network: what is dark within the box, or around the points."""

    smallest = largest = 128

    def answer(self, image: np.ndarray, prompt: CropPrompt) -> Answer:
        dark = np.where(image.max(axis=2) < 100, 4.0, -4.0).astype(np.float32)
        if prompt.box is not None:
            x0, y0, x1, y1 = prompt.box
            ys, xs = np.mgrid[: len(image), : len(image)]
            dark[(xs < x0) | (xs >= x1) | (ys < y0) | (ys >= y1)] = -4
        return Answer(dark, dark - 1, 1.5)


def dark(_: Path, __: pytest.MonkeyPatch) -> Segmenter:
    return WindowedSegmenter(Dark())


def compact(folder: Path, _: pytest.MonkeyPatch) -> Segmenter:
    from pipeline.segmenter.compact import CompactSam
    from pipeline.segmenter.encoder import CompactConfig
    from pipeline.segmenter.weights_io import save_compact

    torch.manual_seed(1)
    small = CompactConfig(8, (8, 16, 16), (1, 1, 1), 16, 1, 16, 1, 4)
    save_compact(CompactSam(small), folder / "compact.safetensors")
    return build_segmenter(Settings("compact", str(folder / "compact.safetensors")))


def vit_b(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    from segment_anything.build_sam import _build_sam

    from pipeline.segmenter import sam

    torch.manual_seed(1)
    tiny = partial(_build_sam, 32, 1, 2, [0])
    monkeypatch.setitem(sam.sam_model_registry, "vit_b", tiny)
    torch.save(tiny().state_dict(), folder / "sam.pth")
    return build_segmenter(Settings("vit_b", str(folder / "sam.pth")))


def mobile_sam(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    from pipeline.segmenter import ultralytics as adapter

    torch.manual_seed(1)
    build = adapter.sam_builders._build_sam
    tiny = partial(build, [16, 16, 32, 320], [1, 1, 1, 1], [1, 1, 2, 10], None, mobile_sam=True)
    monkeypatch.setattr(adapter.sam_builders, "build_mobile_sam", tiny)
    torch.save({"model": tiny().state_dict()}, folder / "mobile_sam.pt")
    return build_segmenter(Settings("mobile_sam", str(folder / "mobile_sam.pt")))


def sam2(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    from pipeline.segmenter import ultralytics as adapter

    torch.manual_seed(1)
    tiny = partial(
        adapter.sam_builders._build_sam2, 16, [1, 1, 2, 1], 1, [3], [128, 64, 32, 16], (7, 7),
        [8, 4, 14, 7],
    )  # fmt: skip
    monkeypatch.setattr(adapter.sam_builders, "build_sam2_t", tiny)
    monkeypatch.setitem(adapter._SAM2_SIZES, (16, 5), "build_sam2_t")
    torch.save({"model": tiny().state_dict()}, folder / "sam2.1_t.pt")
    return build_segmenter(Settings("sam2", str(folder / "sam2.1_t.pt")))


def sam3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    """At a third of its size, for on a processor its neck alone takes seconds."""
    from pipeline.segmenter import ultralytics as adapter

    torch.manual_seed(1)
    load, predictor, side = adapter._KINDS["sam3"]
    monkeypatch.setitem(adapter._KINDS, "sam3", (load, predictor, side // 3))
    shrink_sam3(monkeypatch)
    torch.save(sam3_state(), folder / "sam3.pt")
    return build_segmenter(Settings("sam3", str(folder / "sam3.pt")))


def shrink_sam3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SAM 3 be built with a small trunk."""
    pytest.importorskip("timm", reason="ultralytics builds SAM 3 with it")
    from ultralytics.models.sam import build_sam3
    from ultralytics.models.sam.sam3.vitdet import ViT

    small = {"embed_dim": 32, "depth": 2, "num_heads": 2, "global_att_blocks": (1,)}
    monkeypatch.setattr(build_sam3, "ViT", lambda **told: ViT(**{**told, **small}))


@cache
def sam3_state() -> dict[str, torch.Tensor]:
    """Random weights of the shrunk SAM 3 by their published names."""
    from ultralytics.models.sam import build_sam3

    with pytest.MonkeyPatch.context() as patch:
        shrink_sam3(patch)
        patch.setattr(build_sam3, "_load_checkpoint", lambda model, *_, **__: model)
        model = build_sam3.build_interactive_sam3("none")
    ours, theirs = "image_encoder.vision_backbone.", "backbone.vision_backbone."
    return {
        f"detector.{name.replace(ours, theirs)}" if name.startswith(ours) else f"tracker.{name}": x
        for name, x in model.state_dict().items()
    }


ADAPTERS: list[Callable[[Path, pytest.MonkeyPatch], Segmenter]] = [
    dark, compact, vit_b, mobile_sam, sam2, sam3,
]  # fmt: skip


@pytest.mark.parametrize("adapter", [vit_b, mobile_sam, sam2])
def test_checkpoints_of_random_weights_are_read_like_published_ones(
    adapter: Callable[[Path, pytest.MonkeyPatch], Segmenter],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo: Photo,
) -> None:
    """Those that the benchmark makes, of the small networks."""
    kind, path = adapter.__name__, tmp_path / "random.pt"
    adapter(tmp_path, monkeypatch)
    random_checkpoint(kind, path)
    check(build_segmenter(Settings(kind, str(path))).segment(photo, [LEFT]), photo, 1)


@pytest.fixture(params=ADAPTERS, ids=lambda f: f.__name__, scope="module")
def segmenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        yield request.param(tmp_path_factory.mktemp("weights"), patch)


@pytest.fixture
def photo() -> Photo:
    rng = np.random.default_rng(3)
    rgb = rng.integers(150, 255, (90, 140, 3), dtype=np.uint8)
    rgb[30:50, 20:60] = 10
    rgb[60:80, 90:130] = 30
    return Photo("folder/a.jpg", rgb)


def box(*values: float) -> Prompt:
    return Prompt(box=np.float32(values))


LEFT, RIGHT = box(15, 25, 65, 55), box(85, 55, 135, 85)
POINT = Prompt(points=np.float32([[40, 40]]), point_labels=np.int64([1]))


def check(masks: Masks, photo: Photo, count: int) -> None:
    assert masks.masks.shape == (count, *photo.size) and masks.masks.dtype == np.bool_
    assert masks.quality.shape == (count,) and ((masks.quality >= 0) & (masks.quality <= 1)).all()
    if masks.lenses is not None:
        assert not (masks.lenses & ~masks.masks).any()


def test_one_mask_for_each_prompt_in_their_order(segmenter: Segmenter, photo: Photo) -> None:
    together = segmenter.segment(photo, [LEFT, RIGHT])
    check(together, photo, 2)
    swapped = segmenter.segment(photo, [RIGHT, LEFT])
    for i, j in ((0, 1), (1, 0)):
        agree = (together.masks[i] == swapped.masks[j]).mean()
        assert agree > 0.999
        assert together.quality[i] == pytest.approx(swapped.quality[j], abs=1e-3)


def test_no_prompt_no_mask(segmenter: Segmenter, photo: Photo) -> None:
    check(segmenter.segment(photo, []), photo, 0)


def test_points_and_a_previous_mask_are_taken(segmenter: Segmenter, photo: Photo) -> None:
    previous = np.zeros(photo.size, np.bool_)
    previous[30:50, 20:60] = True
    all_of_it = Prompt(
        box=LEFT.box,
        points=np.float32([[40, 40], [100, 70]]),
        point_labels=np.int64([1, 0]),
        mask=previous,
    )
    check(segmenter.segment(photo, [POINT, all_of_it]), photo, 2)


def test_a_box_outside_the_photo_gets_an_empty_mask(segmenter: Segmenter, photo: Photo) -> None:
    masks = segmenter.segment(photo, [box(500, 500, 600, 600), box(-50, -50, 0.2, 0.2)])
    check(masks, photo, 2)
    assert not masks.masks.any() and not masks.quality.any()


def test_nothing_is_marked_far_from_the_box(segmenter: Segmenter, photo: Photo) -> None:
    masks = segmenter.segment(photo, [LEFT])
    assert not masks.masks[0, :, 90:].any()


def test_a_previous_mask_of_another_size_is_refused(segmenter: Segmenter, photo: Photo) -> None:
    odd = Prompt(box=LEFT.box, mask=np.zeros((5, 5), np.bool_))
    with pytest.raises(ValidationError, match=r"folder/a\.jpg.*\(5, 5\)"):
        segmenter.segment(photo, [odd])


def test_a_window_comes_back_where_it_was(photo: Photo) -> None:
    masks = WindowedSegmenter(Dark()).segment(photo, [LEFT, RIGHT])
    truth = np.zeros((2, *photo.size), np.bool_)
    truth[0, 30:50, 20:60] = truth[1, 60:80, 90:130] = True
    for found, wanted in zip(masks.masks, truth, strict=True):
        assert (found & wanted).sum() / (found | wanted).sum() > 0.95


@pytest.mark.parametrize("two_pass", [False, True])
def test_points_alone_lead_to_a_second_closer_look(photo: Photo, two_pass: bool) -> None:
    seen: list[CropPrompt] = []

    class Spy(Dark):
        def answer(self, image: np.ndarray, prompt: CropPrompt) -> Answer:
            seen.append(prompt)
            return super().answer(
                image,
                CropPrompt(
                    np.float32([18, 40, 55, 66]), *(prompt.points, prompt.labels, prompt.prior)
                )
                if prompt.box is None
                else prompt,
            )

    WindowedSegmenter(Spy(), two_pass=two_pass).segment(photo, [POINT])
    assert [p.box is None for p in seen] == [True, False]
    assert seen[1].prior is not None and seen[1].prior.max() == 1


def test_two_passes_ask_again_with_the_first_mask(photo: Photo) -> None:
    seen: list[CropPrompt] = []

    class Spy(Dark):
        def answer(self, image: np.ndarray, prompt: CropPrompt) -> Answer:
            seen.append(prompt)
            return super().answer(image, prompt)

    WindowedSegmenter(Spy(), two_pass=True).segment(photo, [LEFT])
    assert [p.prior is None for p in seen] == [True, False]


@pytest.mark.parametrize("kind", [k for k in KINDS])
def test_missing_weights_are_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "nowhere.pt"
    with pytest.raises(WeightsError, match=r"nowhere\.pt not found"):
        build_segmenter(Settings(kind, str(path)))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "compact"])
def test_only_the_compact_model_is_embedded(kind: str) -> None:
    with pytest.raises(WeightsError, match=f"{kind} has no embedded weights"):
        build_segmenter(Settings(kind, "embedded"))


@pytest.mark.parametrize("kind", [k for k in KINDS])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04broken"])
def test_damaged_weights_are_named(kind: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.pt"):
        build_segmenter(Settings(kind, str(path)))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "compact"])
def test_weights_of_another_model_are_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"other\.pt"):
        build_segmenter(Settings(kind, str(path)))


@pytest.mark.parametrize("part", ["sam_mask_decoder.", "sam_prompt_encoder.", "vision_backbone."])
def test_a_sam3_checkpoint_without_a_part_is_refused(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink_sam3(monkeypatch)
    kept = {k: v for k, v in sam3_state().items() if part not in k}
    torch.save(kept, tmp_path / "part.pt")
    with pytest.raises(WeightsError, match=rf"part\.pt lacks weights such as .*{part}"):
        build_segmenter(Settings("sam3", str(tmp_path / "part.pt")))


def test_a_sam3_checkpoint_of_another_width_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink_sam3(monkeypatch)
    state = dict(sam3_state())
    name = next(k for k in state if k.endswith("patch_embed.proj.weight"))
    state[name] = state[name][:16]
    torch.save(state, tmp_path / "thin.pt")
    with pytest.raises(WeightsError, match=r"thin\.pt does not fit"):
        build_segmenter(Settings("sam3", str(tmp_path / "thin.pt")))


def test_sam3_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"tracker.a": torch.zeros(1)}, tmp_path / "sam3.pt")
    monkeypatch.setattr("pipeline.segmenter.ultralytics.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="pip install timm"):
        build_segmenter(Settings("sam3", str(tmp_path / "sam3.pt")))


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    path = tmp_path / "evil.pt"
    torch.save({"image_encoder.pos_embed": Evil()}, path)
    with pytest.raises(WeightsError, match="safely"):
        build_segmenter(Settings("vit_b", str(path)))
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_another_size_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segment_anything.build_sam import _build_sam

    from pipeline.segmenter import sam

    monkeypatch.setitem(sam.sam_model_registry, "vit_b", partial(_build_sam, 32, 1, 2, [0]))
    state = {
        "image_encoder.pos_embed": torch.zeros(1, 64, 64, 1024),
        "mask_decoder.mask_tokens.weight": torch.zeros(4, 256),
    }
    torch.save(state, tmp_path / "large.pth")
    with pytest.raises(WeightsError, match=r"large\.pth is vit_l, not vit_b"):
        build_segmenter(Settings("vit_b", str(tmp_path / "large.pth")))


def test_unknown_kinds_and_devices_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not 'vit_z'"):
        build_segmenter(Settings("vit_z", "embedded"))
    (tmp_path / "w.safetensors").write_bytes(b"x")
    with pytest.raises(ConfigError, match="abacus"):
        build_segmenter(Settings("compact", str(tmp_path / "w.safetensors"), "abacus"))
