"""Training data, losses and the training script, on drawn glasses."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pipeline.errors import ConfigError, UnreadableImage, ValidationError, WeightsError
from pipeline.segmenter import training
from pipeline.segmenter.coarse import guided, refitted
from pipeline.segmenter.compact import CompactSam
from pipeline.segmenter.encoder import CompactConfig
from pipeline.segmenter.loader import CropDataset, collate, draw_batches
from pipeline.segmenter.losses import LossShares, dice_loss, segmentation_loss, true_iou
from pipeline.segmenter.mixing import Crop, paste
from pipeline.segmenter.predictor import CompactModel
from pipeline.segmenter.prompting import Truth, jitter_box, make_prompt
from pipeline.segmenter.samples import (
    Scene,
    list_scenes,
    make_sample,
    pixel_weights,
    read_scene,
)
from pipeline.segmenter.train_config import TrainConfig, load_train_config
from pipeline.segmenter.weights_io import load_compact, read_card, save_compact, write_card
from pipeline.segmenter.windowed import CropPrompt
from scripts_under_test import script as load_script

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    "network.stem=8", "network.widths=[8, 16, 16]", "network.depths=[1, 1, 1]",
    "network.context_width=16", "network.context_depth=1", "network.embed_dim=16",
    "network.transformer_depth=1", "network.mask_dim=4", "threads=1", "sizes={64: 1}", "batch=1",
    "validate_size=64", "warmup_steps=3", "log_every=1", "round=40", "precision=float32",
]  # fmt: skip


def draw_pair(frame: np.ndarray, lens: np.ndarray, x: int, y: int, w: int) -> None:
    """Two round lenses, a bridge, and temples one pixel wide."""
    for side in (-1, 1):
        centre = (x + side * w // 4, y)
        cv2.circle(lens, centre, w // 6, 255, -1)
        cv2.circle(frame, centre, w // 6, 255, 3)
        cv2.line(frame, (x + side * w // 2, y - w // 5), (x + side * w * 5 // 12, y), 255, 1)
    cv2.line(frame, (x - w // 12, y), (x + w // 12, y), 255, 2)
    lens[frame > 0] = 0


def write_scene(root: Path, stem: str, pairs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.full((160, 200, 3), rng.integers(120, 255, 3), np.uint8)
    lines = []
    for folder in ("images", "masks", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i in range(pairs):
        frame, lens = np.zeros((160, 200), np.uint8), np.zeros((160, 200), np.uint8)
        draw_pair(frame, lens, 100, 80 if pairs == 1 else 45 + 75 * i, 110)
        image[frame > 0] = rng.integers(0, 80, 3)
        image[lens > 0] = image[lens > 0] // 2 + 60
        cv2.imwrite(str(root / "masks" / f"{stem}_{i}.png"), np.dstack([frame * 0, lens, frame]))
        lines.append("0 0.5 0.5 0.4 0.2")
    cv2.imwrite(str(root / "images" / f"{stem}.jpg"), image)
    (root / "labels" / f"{stem}.txt").write_text("\n".join([*lines, "1 0.5 0.5 0.1 0.1"]))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    for k, pairs in enumerate((1, 2, 0, 1, 1, 2)):
        write_scene(root, f"{k:06d}", pairs, k)
    return root


def test_scenes_are_listed_with_their_instances(data: Path) -> None:
    assert [len(s.masks) for s in list_scenes(data)] == [1, 2, 0, 1, 1, 2]


def test_a_scene_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    write_scene(tmp_path, "000000", 2, 0)
    write_scene(tmp_path, "000001", 2, 1)
    write_scene(tmp_path, "000002", 1, 2)
    (tmp_path / "masks" / "000000_1.png").unlink()
    (tmp_path / "labels" / "000002.txt").unlink()
    assert [s.image.stem for s in list_scenes(tmp_path)] == ["000001"]


def test_a_folder_that_is_no_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="images"):
        list_scenes(tmp_path)


def test_red_is_frame_and_green_is_lens(data: Path) -> None:
    rgb, masks = read_scene(list_scenes(data)[0])
    assert rgb.shape == (160, 200, 3) and masks[0].shape == (160, 200, 2)
    assert masks[0][80, 72, 1] == 255 and masks[0][80, 72, 0] == 0
    assert masks[0][80, 100, 0] == 255


def test_a_damaged_mask_is_named(tmp_path: Path) -> None:
    write_scene(tmp_path, "000000", 1, 0)
    bad = tmp_path / "masks" / "000000_0.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(UnreadableImage, match="000000_0"):
        read_scene(list_scenes(tmp_path)[0])


def test_crops_get_as_much_shade_as_is_wanted(data: Path) -> None:
    scenes = list_scenes(data)
    greys = []
    for share in (0.0, 1.0):
        crops = CropDataset(scenes, TrainConfig(shade=share))
        greys.append(np.mean([crops[seed, 128].image.mean() for seed in range(30)]))
    assert greys[1] < 0.95 * greys[0]


@pytest.mark.parametrize("seed", range(25))
def test_samples_are_whole(data: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb, masks = read_scene(list_scenes(data)[1])
    other = read_scene(list_scenes(data)[0]) if seed % 4 == 0 else None
    chosen = None if seed % 5 == 0 else seed % 2
    s = make_sample(
        rng, rgb, masks, chosen, 128, other=other, pasted=seed % 8 == 0, shade=0.5 * (seed % 3)
    )
    assert s.image.shape == (128, 128, 3) and s.image.dtype == np.uint8
    assert s.target.shape == (3, 128, 128) and s.target.dtype == np.uint8
    assert s.weight.min() >= 1 and s.prior.shape == (32, 32)
    assert (s.target[0].astype(int) >= s.target[1:].max(axis=0)).all()
    assert len(s.coords) == len(s.labels) >= 1
    if chosen is None:
        assert not s.target.any()


def test_only_pictures_without_glasses_teach_to_answer_nothing(data: Path, tmp_path: Path) -> None:
    config = TrainConfig(empty=1.0)
    some = list_scenes(data)
    with_glasses = [scene for scene in some if scene.masks]
    for scenes, wanted in ((some, False), (with_glasses, True)):
        crops = CropDataset(scenes, config)
        found = {bool((crops[seed, 64].target[0] > 127).any()) for seed in range(12)}
        assert (found == {False}) is not wanted


def test_the_same_draw_gives_the_same_crop(data: Path) -> None:
    crops = CropDataset(list_scenes(data), TrainConfig())
    a, b, c = crops[(5, 128)], crops[(5, 128)], crops[(6, 128)]
    assert (a.image == b.image).all() and (a.coords == b.coords).all()
    assert not (a.image == c.image).all()


def test_the_target_stays_in_the_crop_and_is_seldom_cut(data: Path) -> None:
    rgb, masks = read_scene(list_scenes(data)[0])
    touching = 0
    for seed in range(60):
        target = make_sample(np.random.default_rng(seed), rgb, masks, 0, 128).target[0] > 127
        assert target.any()
        touching += bool(target[[0, -1]].any() or target[:, [0, -1]].any())
    assert touching < 20


def pair_at(x: int, y: int, colour: int) -> Crop:
    mask = np.zeros((2, 128, 128), np.uint8)
    draw_pair(mask[0], mask[1], x, y, 60)
    image = np.full((128, 128, 3), colour, np.uint8)
    return Crop(image, [mask.transpose(1, 2, 0)])


@pytest.mark.parametrize("seed", range(8))
def test_pasted_glasses_hide_what_is_below(seed: int) -> None:
    below, above = pair_at(60, 60, 50), pair_at(68, 64, 200)
    mixed = paste(np.random.default_rng(seed), below, above)
    under, over = (m.astype(int).sum(axis=2) for m in mixed.masks)
    assert (over == above.masks[0].astype(int).sum(axis=2)).all()
    assert 0 < under.sum() < below.masks[0].astype(int).sum()
    assert not under[over == 255].any(), "no pixel is of both"
    assert (mixed.image[above.masks[0][..., 0] == 255] == 200).all(), "frames hide"
    lens = mixed.image[above.masks[0][..., 1] == 255]
    assert (lens > 50).all(), "lenses are seen"
    assert (mixed.image[over == 0] == 50).all()


def test_what_is_pasted_never_hides_the_target(data: Path) -> None:
    scene = read_scene(list_scenes(data)[0])
    block = np.zeros((160, 200, 3), np.uint8), [np.full((160, 200, 2), (255, 0), np.uint8)]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sample = make_sample(rng, *scene, 0, 128, other=block, pasted=True)
        assert (sample.target[0] > 127).any()


def truths() -> tuple[Truth, Truth]:
    planes = np.zeros((4, 128, 128), np.uint8)
    draw_pair(planes[0], planes[1], 64, 30, 100)
    draw_pair(planes[2], planes[3], 64, 95, 100)
    return Truth(planes[0], planes[1]), Truth(planes[2], planes[3])


@pytest.mark.parametrize("seed", range(40))
def test_prompts_tell_the_truth(seed: int) -> None:
    target, other = truths()
    prompt = make_prompt(np.random.default_rng(seed), target, [other], 128)
    whole = prompt.truth.glasses > 127
    for (x, y), label in zip(prompt.coords.astype(int), prompt.labels, strict=True):
        if label == 1:
            assert whole[y, x]
        if label == 0:
            assert not whole[y, x]
    corners = prompt.coords[prompt.labels >= 2]
    assert len(corners) in (0, 2)
    if len(corners):
        assert (corners[0] < corners[1]).all()


def test_prompts_are_of_every_sort() -> None:
    target, other = truths()
    seen = set()
    for seed in range(300):
        p = make_prompt(np.random.default_rng(seed), target, [other], 128)
        less = p.truth.glasses.sum() < target.glasses.sum()
        seen.add((2 in p.labels, 1 in p.labels, 0 in p.labels, p.has_prior, less))
    for wanted in (
        (True, False, False, False, False),
        (True, True, True, False, False),
        (False, True, True, False, False),
        (True, False, False, True, False),
        (True, False, True, False, True),  # a lens taken away
    ):
        assert wanted in seen


def test_some_prompts_point_at_the_middle_of_every_lens() -> None:
    """As the flow does where a photo shows several pairs."""
    target, other = truths()
    middles = 0
    for seed in range(300):
        p = make_prompt(np.random.default_rng(seed), target, [other], 128)
        labels = sorted(p.labels.tolist())
        if labels == [0, 0, 1, 1, 2, 3]:
            on = p.coords[p.labels == 1]
            middles += bool(abs(on[0, 1] - on[1, 1]) < 1 and abs(on[0, 0] - on[1, 0]) > 20)
    assert middles > 10


def test_a_point_alone_is_often_on_a_temple() -> None:
    """Seldom enough frame is temple that chance would hardly ever point there."""
    planes = np.zeros((2, 128, 128), np.uint8)
    draw_pair(planes[0], planes[1], 64, 30, 100)
    planes[0, 40:44, 110:126] = 255
    target, alone, temple = Truth(planes[0], planes[1]), 0, 0
    for seed in range(800):
        p = make_prompt(np.random.default_rng(seed), target, [], 128)
        if p.labels.tolist() == [1]:
            alone += 1
            temple += bool(p.coords[0, 0] >= 110)
    assert alone > 20 and temple > 0.15 * alone


def test_jitter_stays_near_the_box() -> None:
    box = np.array([20, 30, 100, 80], np.float32)
    moved = [jitter_box(np.random.default_rng(i), box, 128) for i in range(50)]
    away = np.abs(np.array(moved) - box).max(axis=0)
    assert (away <= np.array([9.6, 6, 9.6, 6]) + 1e-4).all() and (away > 1).all()


def test_thin_parts_and_edges_weigh_most() -> None:
    target, _ = truths()
    planes = np.stack([target.glasses, target.frame, target.lens])
    weight = pixel_weights(planes)
    assert weight[30, 39] == 1  # within a lens
    assert weight[127, 5] == 1  # far away
    assert weight[30, 64] >= 3  # the bridge
    temple = (64 + 46, 30 - 10)
    assert weight[temple[1], temple[0]] == 6


def test_dice_and_iou_of_a_perfect_answer() -> None:
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:20, 4:28] = 1
    logits = target * 40 - 20
    ones = torch.ones_like(target)
    assert dice_loss(torch.sigmoid(logits), target, ones).item() < 1e-4
    assert dice_loss(torch.sigmoid(-logits), target, ones).item() > 0.8
    assert true_iou(logits, target).item() == 1
    assert true_iou(logits, target.roll(6, -2)).item() == pytest.approx(1 / 3)


def test_the_loss_teaches_each_mask_its_own_plane() -> None:
    planes = torch.zeros(1, 3, 16, 16)
    planes[:, 1, :4] = planes[:, 2, 4:8] = planes[:, 0, :8] = 1
    perfect = planes[:, [0, 0, 1, 2]] * 40 - 20
    weight = torch.ones(1, 1, 16, 16)
    good, iou = segmentation_loss(perfect, torch.ones(1, 4), planes, weight, LossShares())
    swapped = perfect[:, [0, 1, 3, 2]]
    bad, _ = segmentation_loss(swapped, torch.ones(1, 4), planes, weight, LossShares())
    assert good.item() < 1e-3 < 0.3 < bad.item()
    assert iou.tolist() == [[1, 1, 1, 1]]


def test_masks_of_unknown_parts_are_asked_nothing() -> None:
    logits = torch.zeros(2, 4, 16, 16, requires_grad=True)
    quality = torch.full((2, 4), 0.5, requires_grad=True)
    planes = torch.ones(2, 3, 16, 16)
    told = torch.tensor([True, False])
    loss, _ = segmentation_loss(
        logits, quality, planes, torch.ones(2, 1, 16, 16), LossShares(), told
    )
    loss.backward()
    assert logits.grad is not None
    assert quality.grad is not None
    asked = (logits.grad.abs().amax(dim=(2, 3)) > 0).tolist()
    assert asked == [[True] * 4, [True, True, False, False]]
    assert (quality.grad != 0).tolist() == asked


def test_a_grey_mask_does_not_tell_frame_from_lens() -> None:
    grey = np.zeros((32, 32), np.uint8)
    grey[8:20, 8:20] = 255
    whole = Truth(grey, grey)
    assert not whole.parts
    assert (whole.glasses == grey).all()
    assert Truth.empty(8).parts
    assert Truth(grey, np.zeros_like(grey)).parts
    for seed in range(60):
        prompt = make_prompt(np.random.default_rng(seed), whole, [], 32)
        assert (prompt.truth.glasses == grey).all(), "no lens of it can be taken away"


def test_a_correcting_point_lies_on_the_error() -> None:
    on = torch.zeros(2, 32, 32, dtype=torch.bool)
    truth = on.clone()
    truth[0, 10:20, 10:20] = True  # missed
    on[1, 5:9, 5:9] = True  # too much
    coords, labels = training.correct(on, truth, torch.zeros(2, 0, 2), torch.zeros(2, 0))
    assert labels[:, -1].tolist() == [1, 0]
    assert coords[0, -1].min() >= 10 and coords[0, -1].max() < 20
    assert coords[1, -1].min() >= 5 and coords[1, -1].max() < 9
    _, labels = training.correct(truth, truth, torch.zeros(2, 0, 2), torch.zeros(2, 0))
    assert labels[:, -1].tolist() == [-1, -1]


def test_batches_cost_about_the_same_whatever_their_size() -> None:
    config = TrainConfig(batch=8)
    plan = draw_batches(config, 0, 2000)
    pixels = np.array([len(draws) * draws[0][1] ** 2 for draws in plan])
    assert np.ptp(pixels) < 0.5 * pixels.mean()
    assert {draws[0][1] for draws in plan} == set(config.sizes)
    assert plan[3] == draw_batches(config, 3, 1)[0]


def test_prompts_of_different_length_make_one_batch(data: Path) -> None:
    crops = CropDataset(list_scenes(data), TrainConfig())
    batch = collate([crops[(i, 64)] for i in range(12)])
    assert batch.coords.shape[:2] == batch.labels.shape
    assert (batch.labels == -1).any() and batch.image.shape == (12, 3, 64, 64)


@pytest.mark.parametrize(
    ("override", "message"),
    [("rat=1", "rat"), ("rate=fast", "rate"), ("network.depth=1", "network.depth"), ("x", "key=v")],
)
def test_bad_settings_are_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_train_config(None, [override])


def test_the_shipped_configuration_loads() -> None:
    config = load_train_config(ROOT / "configs" / "train_segmenter.yaml")
    assert all(size % 64 == 0 for size in config.sizes)


def test_the_rate_follows_the_clock() -> None:
    config = TrainConfig(rate=1.0, warmup_steps=10, rate_end=0.1)
    assert training.rate_at(config, 0, 0.0) == pytest.approx(0.1)
    assert training.rate_at(config, 50, 0.0) == pytest.approx(1.0)
    assert training.rate_at(config, 50, 0.5) == pytest.approx(0.55)
    assert training.rate_at(config, 50, 1.0) == pytest.approx(0.1)


@pytest.fixture(scope="module")
def script() -> Iterator[object]:
    path = ROOT / "scripts" / "train_segmenter.py"
    spec = importlib.util.spec_from_file_location("train_segmenter", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module


@pytest.mark.parametrize("optimizer", ["AdamW", "Muon"])
def test_the_script_trains_exports_and_resumes(
    optimizer: str,
    script: object,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--data", str(data), "--val", str(data), "--out", str(tmp_path)]
    arguments += ["--set", *TINY, f"optimizer={optimizer}"]
    assert script.main([*arguments, "--minutes", "0.03"]) == 0  # type: ignore[attr-defined]
    first = capsys.readouterr().out
    assert "loss" in first and "crops/s" in first and "worst_decile" in first
    card = json.loads((tmp_path / "model_card.json").read_text())
    assert card["data"] == {data.name: 6} and card["seed"] == 0
    assert set(card["validation"]) >= {"iou", "worst_decile", "thin"}
    assert str(data.parent) not in (tmp_path / "model_card.json").read_text()
    assert load_compact(tmp_path / "compact.safetensors").config.stem == 8
    state = torch.load(tmp_path / training.CHECKPOINT, weights_only=True)
    steps = state["numbers"]["step"]
    assert steps >= 1
    again = [*arguments, "--minutes", "0.06", "--resume"]
    assert script.main(again) == 0  # type: ignore[attr-defined]
    numbers = torch.load(tmp_path / training.CHECKPOINT, weights_only=True)["numbers"]
    assert numbers["step"] > steps and numbers["elapsed"] > state["numbers"]["elapsed"]
    assert f"round at step {steps}" in capsys.readouterr().out


def test_nothing_to_train_on_ends_with_status_two(
    script: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--set", *TINY]
    assert script.main(arguments) == 2  # type: ignore[attr-defined]
    assert "no scene with masks" in capsys.readouterr().err


def test_resuming_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nothing to resume"):
        training.resume(TrainConfig(), 1, tmp_path / "checkpoint.pt")
    (tmp_path / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="not a checkpoint"):
        training.resume(TrainConfig(), 1, tmp_path / "checkpoint.pt")


def test_a_run_of_an_older_network_is_not_resumed(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    config = load_train_config(None, TINY)
    training.save_checkpoint(training.start(config, 1, None), file)
    state = torch.load(file, weights_only=True)
    state["model"] = {k: v for k, v in state["model"].items() if ".hints." not in k}
    torch.save(state, file)
    with pytest.raises(WeightsError, match=r"checkpoint\.pt does not fit .* with --init"):
        training.resume(config, 1, file)


def test_resuming_with_another_optimizer_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    config = load_train_config(None, TINY)
    training.save_checkpoint(training.start(config, 1, None), file)
    with pytest.raises(ConfigError, match=r"optimizer: .*checkpoint\.pt.* AdamW"):
        training.resume(config.model_copy(update={"optimizer": "Muon"}), 1, file)


@pytest.mark.slow
def test_it_learns_one_scene_by_heart(data: Path) -> None:
    config = load_train_config(None, [*TINY, "rate=4e-3", "empty=0", "stacked=0", "ema=0.9"])
    run = training.start(config, 10.0, None)
    crops = CropDataset(list_scenes(data)[:1], config)
    ious = []
    for step in range(60):
        batch = collate([crops[(step * 8 + i, 64)] for i in range(8)])
        ious.append(training.take_step(run, batch, False)["iou"])
    assert np.mean(ious[-8:]) > 2 * np.mean(ious[:8])
    assert np.mean(ious[-8:]) > 0.35


@pytest.mark.parametrize("guided_share", [0.0, 1.0])
@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_norms_keep_their_statistics_and_the_rest_learns(
    data: Path, frozen: bool, guided_share: float
) -> None:
    told = [*TINY, f"frozen_norms={frozen}", f"guided={guided_share}", "second_pass=0"]
    config = load_train_config(None, told)
    run = training.start(config, 10.0, None)
    norms = [m for m in run.model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    before = [(m.running_mean.clone(), m.weight.detach().clone()) for m in norms]
    batch = collate([CropDataset(list_scenes(data), config)[seed, 192] for seed in range(2)])
    training.take_step(run, batch, False)
    kept = [torch.equal(m.running_mean, mean) for m, (mean, _) in zip(norms, before, strict=True)]
    learned = [not torch.equal(m.weight, w) for m, (_, w) in zip(norms, before, strict=True)]
    assert all(kept) if frozen else not any(kept)
    assert sum(learned) > len(norms) / 2


def test_guided_crops_are_asked_of_as_the_model_is_used(data: Path) -> None:
    """The small view's answer is the previous mask, and the box is fitted to it."""
    torch.manual_seed(0)
    network = CompactSam(CompactConfig(**load_train_config(None, TINY).network.model_dump()))
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        torch.nn.init.normal_(norm.weight, 1.0, 0.3)
    torch.nn.init.constant_(network.mask_decoder.mask_bias, 2.0)  # it sees glasses all over
    network.train()
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    config = load_train_config(None, ["pasted=0", "stacked=0", "empty=0"])
    crops = CropDataset(list_scenes(data), config)
    batch = collate([crops[seed, 192] for seed in range(24)])
    seen = guided(network, batch)
    assert network.training
    assert all(torch.equal(buffers[name], value) for name, value in network.named_buffers())
    assert seen.has_prior.all()
    asked: list[CropPrompt] = []
    model = CompactModel(network.eval(), coarse=128)
    model._ask = lambda images, prompts: (asked.extend(prompts), ask(images, prompts))[1]
    ask = CompactModel(network, coarse=128)._ask
    compared = 0
    for i, labels in enumerate(batch.labels.tolist()):
        if batch.has_prior[i]:
            continue
        if sorted(v for v in labels if v >= 0) != [2, 3]:  # points say more than a box does
            torch.testing.assert_close(seen.coords[i], batch.coords[i])
            continue
        corners = batch.coords[i][batch.labels[i] >= 2].reshape(4).numpy()
        none = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
        image = batch.image[i].permute(1, 2, 0).numpy()
        model.answer(image, CropPrompt(corners, *none, None))
        prior = cv2.resize(asked[-1].prior, (48, 48), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(seen.prior[i, 0] / 255, prior, atol=0.06)
        moved = seen.coords[i][batch.labels[i] >= 2].reshape(4).numpy()
        np.testing.assert_allclose(moved, asked[-1].box, atol=4)
        compared += 1
    assert compared >= 5


def test_only_boxes_without_points_are_fitted_to_the_first_answer() -> None:
    on = np.zeros((2, 64, 64), bool)
    on[:, 20:40, 10:50] = True
    coords = torch.tensor([[[12.0, 22], [40, 38], [0, 0]], [[12.0, 22], [40, 38], [30, 30]]])
    moved = refitted(coords, torch.tensor([[2, 3, -1], [2, 3, 1]]), on)
    assert moved[0, :2].reshape(4).tolist() == [10, 20, 50, 40]
    assert torch.equal(moved[1], coords[1])


def test_unreadable_scenes_are_passed_over(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"x")
    scenes = [*list_scenes(data), Scene(bad, (bad,))]
    crops = CropDataset(scenes, TrainConfig(stacked=0, empty=0))
    for seed in range(20):
        assert crops[(seed, 64)].image.shape == (64, 64, 3)
    assert "bad.jpg" in capsys.readouterr().err


def made(folder: Path, seed: int, config: TrainConfig) -> Path:
    """Random weights of the tiny network, and a card."""
    torch.manual_seed(seed)
    weights = folder / "compact.safetensors"
    digest = save_compact(CompactSam(CompactConfig(**config.network.model_dump())), weights)
    card = {"name": "tiny", "file": weights.name, "sha256": digest, "steps": seed}
    write_card(weights, card)
    return weights


def test_weights_are_averaged_and_the_mean_is_measured(data: Path, tmp_path: Path) -> None:
    told = [*TINY, "validate_count=2"]
    config = load_train_config(ROOT / "configs" / "train_segmenter.yaml", told)
    one, two = (made(tmp_path / name, seed, config) for name, seed in (("one", 1), ("two", 2)))
    average = load_script("average_weights").main
    arguments = [str(one), str(two), "--val", str(data), "--set", *told]
    assert average([str(tmp_path / "mean"), *arguments]) == 0
    states = [load_compact(path).state_dict() for path in (one, two)]
    mean = load_compact(tmp_path / "mean" / one.name).state_dict()
    for name in ("mask_decoder.mask_bias", "image_encoder.stem.1.running_var"):
        wanted = (states[0][name] + states[1][name]) / 2
        assert torch.allclose(mean[name], wanted, atol=2e-3), name
    card = read_card(tmp_path / "mean" / one.name)
    assert card is not None and card["steps"] == 2 and card["validation"]["count"] == 2
    assert len(card["averaged"]) == 2


def test_averages_that_make_no_sense_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_train_config(ROOT / "configs" / "train_segmenter.yaml", TINY)
    one, two = (made(tmp_path / name, seed, config) for name, seed in (("one", 1), ("two", 2)))
    average, val = load_script("average_weights").main, ["--val", str(data)]
    assert average([str(tmp_path / "mean"), str(one), *val]) == 2
    assert average([str(two.parent), str(one), str(two), *val]) == 2
    assert "overwritten" in capsys.readouterr().err
