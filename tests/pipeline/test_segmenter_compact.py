"""The compact network: sizes, prompts, weights."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor
from segment_anything.modeling import MaskDecoder, PromptEncoder

from pipeline.errors import ValidationError, WeightsError
from pipeline.segmenter.blocks import fold_norms
from pipeline.segmenter.compact import HINT_GAIN, CompactSam
from pipeline.segmenter.decoder import FusedUpscaling, expected_iou
from pipeline.segmenter.encoder import HINTS, CompactConfig
from pipeline.segmenter.predictor import CompactModel, CompactPredictor
from pipeline.segmenter.sam import sam_model_registry
from pipeline.segmenter.weights_io import (
    FORMAT,
    WITHOUT_HINTS,
    load_compact,
    save_compact,
    sha256_of,
    write_card,
)
from pipeline.segmenter.windowed import Answer, CropPrompt, WindowedSegmenter
from pipeline.types import Photo, Prompt

SMALL = CompactConfig(8, (8, 16, 16), (1, 1, 1), 16, 1, 16, 1, 4, 1)


@pytest.fixture(scope="module")
def model() -> CompactSam:
    torch.manual_seed(0)
    model = CompactSam(SMALL).eval()
    for hint in model.image_encoder.hints:  # zero before training
        torch.nn.init.normal_(hint.weight, std=0.3)
    return model


@pytest.fixture
def predictor(model: CompactSam) -> CompactPredictor:
    rng = np.random.default_rng(0)
    predictor = CompactPredictor(model)
    predictor.set_image(rng.integers(0, 256, (100, 180, 3), dtype=np.uint8), size=128)
    return predictor


def test_it_is_built_of_segment_anything_and_registered_beside_it(model: CompactSam) -> None:
    assert isinstance(model.prompt_encoder, PromptEncoder)
    assert isinstance(model.mask_decoder, MaskDecoder)
    assert issubclass(CompactPredictor, SamPredictor)
    assert {"vit_b", "vit_l", "vit_h", "compact"} <= set(sam_model_registry)


def test_the_full_size_fits_in_sixteen_megabytes(tmp_path: Path) -> None:
    save_compact(CompactSam(), tmp_path / "full.safetensors")
    assert (tmp_path / "full.safetensors").stat().st_size < 16e6


@pytest.mark.parametrize("size", [64, 128, 192])
def test_masks_have_the_size_of_the_input(model: CompactSam, size: int) -> None:
    with torch.inference_mode():
        encoded = model.encode(model.preprocess(torch.zeros(2, 3, size, size)))
        coords = torch.tensor([[[4.0, 4.0], [40.0, 30.0]]] * 2)
        labels = torch.tensor([[2, 3], [1, -1]])
        logits, quality = model.decode(encoded, coords, labels)
        embedding, _ = model.image_encoder.finish(encoded)
    assert embedding.shape[-1] == size // 16
    assert logits.shape == (2, 4, size, size) and quality.shape == (2, 4)
    assert ((quality >= 0) & (quality <= 1)).all()


def test_every_kind_of_prompt_changes_the_answer(model: CompactSam) -> None:
    """With random weights each must at least be heard."""
    with torch.inference_mode():
        encoded = model.encode(model.preprocess(torch.rand(1, 3, 128, 128) * 255))

        def ask(points: list[tuple[float, float, int]], prior: float | None = None) -> torch.Tensor:
            table = torch.tensor(points).reshape(1, -1, 3)
            masks = None if prior is None else torch.full((1, 1, 32, 32), prior)
            return model.decode(encoded, table[..., :2], table[..., 2].long(), masks)[0]

        plain = ask([(20, 20, 2), (100, 90, 3)])
        for other in (
            ask([(40, 20, 2), (100, 90, 3)]),
            ask([(20, 20, 2), (100, 90, 3), (50, 50, 1)]),
            ask([(20, 20, 2), (100, 90, 3), (50, 50, 0)]),
            ask([(20, 20, 2), (100, 90, 3)], prior=8.0),
        ):
            assert (plain - other).abs().max() > 1e-4


def test_masks_are_the_weighted_features_of_stride_1() -> None:
    torch.manual_seed(5)
    upscaling = FusedUpscaling(SMALL).eval()
    fine = [torch.randn(2, c, s, s) for c, s in ((8, 32), (8, 16), (16, 8))]
    masks = torch.randn(2, 3, SMALL.mask_dim)
    hidden: list[torch.Tensor] = []
    upscaling.out[0].register_forward_hook(lambda _module, _x, y: hidden.append(y))
    with torch.inference_mode():
        logits = upscaling(torch.randn(2, 16, 4, 4), fine, masks)
        cells = upscaling.out[1](hidden[0]).unflatten(1, (4, SMALL.mask_dim))
        features = torch.nn.functional.pixel_shuffle(cells.transpose(1, 2).flatten(1, 2), 2)
    assert logits.shape == (2, 3, 64, 64)
    expected = torch.einsum("bmc,bchw->bmhw", masks, features)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


def test_folded_norms_give_the_same_answer() -> None:
    torch.manual_seed(6)
    model = CompactSam(SMALL)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    folded = copy.deepcopy(model.eval())
    fold_norms(folded)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    image, prompt = crop_and_prompt()
    one, other = (CompactModel(m, coarse=64).answer(image, prompt) for m in (model, folded))
    np.testing.assert_allclose(one.glasses, other.glasses, atol=1e-3, rtol=1e-3)
    assert abs(one.quality - other.quality) < 1e-4


def test_the_image_encoder_hears_of_every_kind_of_prompt(model: CompactSam) -> None:
    coords = torch.tensor([[[20.0, 20.0], [100.0, 90.0], [50.0, 50.0], [60.0, 70.0]]])
    kinds = torch.tensor([[2, 3, -1, -1], [-1, -1, 1, -1], [-1, -1, -1, 0], [-1, -1, -1, -1]])
    masks = torch.zeros(4, 1, 32, 32)
    masks[3] = 8.0
    told = torch.tensor([False, False, False, True])
    with torch.inference_mode():
        encoded = model.encode(model.preprocess(torch.rand(1, 3, 128, 128) * 255))
        model.prompt_encoder.set_size(128)
        hints = model.hints(coords.expand(4, -1, -1), kinds, masks, told)
        seen, _ = model.image_encoder.finish(encoded, hints)
        blind, _ = model.image_encoder.finish(encoded)
    assert hints.shape == (4, HINTS, 32, 32)
    planes = hints.abs().amax(dim=(2, 3)) / HINT_GAIN
    assert torch.equal(planes > 0.2, torch.eye(HINTS, dtype=torch.bool)), "a plane a kind"
    assert planes.max() <= 1
    for one in seen:
        assert (one - blind[0]).abs().max() > 1e-3


def test_hints_lie_where_the_prompt_does(model: CompactSam) -> None:
    coords = torch.tensor([[[16.0, 32.0], [80.0, 96.0], [50.0, 42.0]]])
    model.prompt_encoder.set_size(128)
    box, point, _, _ = model.hints(coords, torch.tensor([[2, 3, 1]]), None, None)[0]
    expected = torch.zeros(32, 32)
    expected[8:24, 4:20] = HINT_GAIN
    assert torch.equal(box, expected)
    assert divmod(int(point.argmax()), 32) == (10, 12)


@pytest.mark.parametrize("told", [WITHOUT_HINTS, FORMAT])
def test_only_weights_from_before_the_hints_may_lack_them(told: str, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    torch.manual_seed(3)
    path = tmp_path / "old.safetensors"
    save_compact(CompactSam(SMALL), path)
    tensors = {k: v for k, v in load_file(path).items() if ".hints." not in k}
    with safe_open(path, framework="pt") as file:
        metadata = {k: v.replace(FORMAT, told) for k, v in file.metadata().items()}
    save_file(tensors, path, metadata)
    if told == FORMAT:
        with pytest.raises(WeightsError, match="missing"):
            load_compact(path)
        return
    model = load_compact(path)
    with torch.inference_mode():
        encoded = model.encode(model.preprocess(torch.rand(1, 3, 64, 64) * 255))
        hinted, _ = model.image_encoder.finish(encoded, torch.rand(1, HINTS, 16, 16))
        assert torch.equal(hinted, model.image_encoder.finish(encoded)[0])


def test_boxes_and_corner_points_say_the_same(predictor: CompactPredictor) -> None:
    box = torch.tensor([[10.0, 12.0, 60.0, 50.0]])
    by_box, _ = predictor.predict_all(None, None, box)
    by_corner, _ = predictor.predict_all(box.reshape(1, 2, 2), torch.tensor([[2, 3]]))
    assert torch.allclose(by_box, by_corner)


def test_several_prompts_share_one_image(predictor: CompactPredictor) -> None:
    boxes = torch.tensor([[10.0, 12.0, 60.0, 50.0], [5.0, 5.0, 90.0, 60.0]])
    both, _ = predictor.predict_all(None, None, boxes)
    second, _ = predictor.predict_all(None, None, boxes[1:])
    assert torch.allclose(both[1:], second, atol=1e-4)


def test_predict_speaks_as_sam_does(predictor: CompactPredictor) -> None:
    masks, quality, low = predictor.predict(box=np.array([20, 20, 150, 80]))
    assert masks.shape == (3, 100, 180) and masks.dtype == np.bool_
    assert quality.shape == (3,) and low.shape == (3, 32, 32)
    again, _, _ = predictor.predict(
        point_coords=np.array([[50, 50]]),
        point_labels=np.array([1]),
        mask_input=low[:1],
        multimask_output=False,
        return_logits=True,
    )
    assert again.shape == (1, 100, 180) and again.dtype == np.float32


def test_predicting_without_an_image_is_an_error(model: CompactSam) -> None:
    with pytest.raises(RuntimeError, match="set_image"):
        CompactPredictor(model).predict(box=np.array([0, 0, 5, 5]))


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((8, 8), np.uint8), {}, "uint8"),
        (np.zeros((8, 8, 3), np.float32), {}, "uint8"),
        (np.zeros((8, 8, 3), np.uint8), {"image_format": "HSV"}, "RGB or BGR"),
        (np.zeros((8, 8, 3), np.uint8), {"size": 100}, "multiple of 64"),
    ],
)
def test_bad_images_are_refused(
    model: CompactSam, image: np.ndarray, options: dict, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        CompactPredictor(model).set_image(image, **options)


def test_expected_iou_is_one_where_the_network_is_sure() -> None:
    logits = torch.full((1, 2, 64, 64), -20.0)
    logits[0, 0, :40, :40] = 20
    logits[0, 1, :40, :40] = 0.5
    sure, unsure = expected_iou(logits)[0].tolist()
    assert sure > 0.99 and 0.5 < unsure < 0.7


def test_weights_come_back_as_they_were(model: CompactSam, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    digest = save_compact(model, path)
    assert digest == sha256_of(path)
    back = load_compact(path)
    assert back.config == SMALL
    for name, value in model.named_parameters():
        assert torch.allclose(value, back.get_parameter(name), atol=2e-3, rtol=2e-3), name


def test_the_same_weights_have_the_same_hash(model: CompactSam, tmp_path: Path) -> None:
    hashes = {save_compact(model, tmp_path / f"{i}.safetensors") for i in range(8)}
    assert len(hashes) == 1


def test_a_card_that_does_not_fit_its_file_is_an_error(model: CompactSam, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    digest = save_compact(model, path)
    write_card(path, {"name": "test", "file": path.name, "sha256": digest})
    load_compact(path)
    assert json.loads((tmp_path / "model_card.json").read_text())["sha256"] == digest
    assert "# test" in (tmp_path / "model_card.md").read_text()
    with path.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))
    with pytest.raises(WeightsError, match="SHA-256"):
        load_compact(path)


def test_another_safetensors_file_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="no compact segmenter"):
        load_compact(tmp_path / "a.safetensors")


def test_a_file_that_lacks_weights_is_refused(model: CompactSam, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = tmp_path / "a.safetensors"
    save_compact(model, path)
    tensors = load_file(path)
    tensors.popitem()
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match="missing"):
        load_compact(path)


def crop_and_prompt() -> tuple[np.ndarray, CropPrompt]:
    image = np.random.default_rng(1).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    box = np.array([10, 20, 90, 70], np.float32)
    points = np.array([[30, 40], [100, 90]], np.float32)
    return image, CropPrompt(box, points, np.array([1, 0], np.int64), None)


def test_a_coarse_look_guides_the_fine_one(model: CompactSam) -> None:
    image, prompt = crop_and_prompt()
    asked: list[tuple[int, bool]] = []

    class Spy(CompactModel):
        def _ask(
            self, images: Sequence[np.ndarray], prompts: Sequence[CropPrompt]
        ) -> tuple[np.ndarray, np.ndarray]:
            asked.extend(
                (len(image), prompt.prior is not None)
                for image, prompt in zip(images, prompts, strict=True)
            )
            return super()._ask(images, prompts)

    Spy(model, coarse=64).answer(image, prompt)
    Spy(model, coarse=None).answer(image, prompt)
    assert asked == [(64, False), (128, True), (128, False)]


def test_a_mirrored_crop_gets_the_mirrored_answer(model: CompactSam) -> None:
    image, prompt = crop_and_prompt()
    assert prompt.box is not None
    swapped = CropPrompt(
        np.array([38, 20, 118, 70], np.float32),
        prompt.points * [-1, 1] + np.array([128, 0], np.float32),
        prompt.labels,
        None,
    )
    both = CompactModel(model, coarse=64, mirror=True)
    one, two = both.answer(image, prompt), both.answer(image[:, ::-1], swapped)
    assert np.allclose(one.glasses, two.glasses[:, ::-1], atol=1e-3)
    assert one.quality == pytest.approx(two.quality, abs=1e-4)


@pytest.mark.parametrize("mirror", [False, True])
def test_crops_in_one_pass_are_answered_as_each_alone(model: CompactSam, mirror: bool) -> None:
    image, prompt = crop_and_prompt()
    assert prompt.box is not None
    images = [image, image[::-1].copy(), image.transpose(1, 0, 2).copy()]
    prompts = [CropPrompt(prompt.box + n, prompt.points, prompt.labels, None) for n in range(3)]
    network = CompactModel(model, coarse=64, mirror=mirror)
    together = network.answer_all(images, prompts)
    alone = [network.answer(*one) for one in zip(images, prompts, strict=True)]
    for one, other in zip(together, alone, strict=True):
        assert one.lens is not None and other.lens is not None
        assert np.allclose(one.glasses, other.glasses, atol=1e-5)
        assert np.allclose(one.lens, other.lens, atol=1e-5)
        assert one.quality == pytest.approx(other.quality, abs=1e-5)
    assert not np.allclose(together[0].glasses, together[1].glasses, atol=1e-4)


@pytest.mark.parametrize(("batch", "passes"), [(1, []), (2, [2, 2, 1, 1]), (9, [4, 1, 1])])
def test_prompts_of_a_photo_share_passes_and_keep_their_order(
    model: CompactSam, batch: int, passes: list[int]
) -> None:
    """Six prompts in the photo: four boxes alike, a larger one, a box with a point."""
    counted: list[int] = []

    class Counting(CompactModel):
        def answer_all(
            self, images: Sequence[np.ndarray], prompts: Sequence[CropPrompt]
        ) -> list[Answer]:
            counted.append(len(images))
            return super().answer_all(images, prompts)

    rng = np.random.default_rng(2)
    photo = Photo("p.png", rng.integers(0, 256, (400, 600, 3), dtype=np.uint8))
    boxes = [(10, 20, 80, 60), (300, 200, 380, 260), (0, 0, 590, 390), (200, 100, 260, 160)]
    boxes += [(700, 0, 800, 90), (400, 300, 470, 360)]  # the first of these is beside the photo
    prompts = [Prompt(box=np.array(box, np.float32)) for box in boxes]
    point = np.array([[50, 40]], np.float32), np.array([1], np.int64)
    prompts.insert(1, Prompt(prompts[0].box, *point))
    small = Counting(model, smallest=64, largest=128, coarse=None)
    found = WindowedSegmenter(small, batch=batch).segment(photo, prompts)
    want = WindowedSegmenter(CompactModel(model, 64, 128, None)).segment(photo, prompts)
    assert counted == (passes or [1] * 6)
    assert (found.masks == want.masks).all()
    assert found.quality == pytest.approx(want.quality, abs=1e-6)
    assert found.quality[5] == 0 and len(np.unique(found.quality.round(5))) == len(prompts)


@pytest.mark.parametrize(
    ("box", "pointed", "refit", "second"),
    [
        pytest.param((20, 40, 84, 88), False, True, (20, 40, 104, 88), id="short of a tip"),
        pytest.param((20, 40, 101, 88), False, True, (20, 40, 101, 88), id="nearly right"),
        pytest.param((20, 40, 84, 88), True, True, (20, 40, 84, 88), id="points say more"),
        pytest.param((20, 40, 84, 88), False, False, (20, 40, 84, 88), id="not wanted"),
        pytest.param((90, 70, 128, 128), False, True, (90, 70, 128, 128), id="another thing"),
    ],
)
def test_the_second_look_takes_the_box_that_the_first_one_saw(
    model: CompactSam,
    box: tuple[int, ...],
    pointed: bool,
    refit: bool,
    second: tuple[int, ...],
) -> None:
    asked: list[np.ndarray | None] = []

    class SeesOneThing(CompactModel):
        def _ask(
            self, images: Sequence[np.ndarray], prompts: Sequence[CropPrompt]
        ) -> tuple[np.ndarray, np.ndarray]:
            asked.extend(prompt.box for prompt in prompts)
            side = len(images[0])
            logits = np.full((1, 4, side, side), -5, np.float32)
            x0, y0, x1, y1 = (v * side // 128 for v in (20, 40, 104, 88))
            logits[..., y0:y1, x0:x1] = 5
            return logits, np.ones((1, 4), np.float32)

    image, _ = crop_and_prompt()
    spots = np.full((int(pointed), 2), 60, np.float32)
    prompt = CropPrompt(np.array(box, np.float32), spots, np.ones(len(spots), np.int64), None)
    SeesOneThing(model, coarse=64, refit=refit).answer(image, prompt)
    assert len(asked) == 2 and asked[1] is not None
    assert asked[1].tolist() == list(second)
