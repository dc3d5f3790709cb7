"""Public checkpoints learn on labelled folders: small networks of the published layouts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pipeline.errors import ConfigError, WeightsError
from pipeline.segmenter import build_segmenter, training
from pipeline.segmenter.loader import Batch, CropDataset, collate
from pipeline.segmenter.losses import LossShares, segmentation_loss
from pipeline.segmenter.samples import list_scenes
from pipeline.segmenter.train_config import load_train_config
from pipeline.segmenter.tunable import TunableSam, load_tunable
from pipeline.types import Photo, Prompt
from scripts_under_test import script

ROOT = Path(__file__).resolve().parents[2]
SIDE = 128  # what the small networks see
TOLD = [
    f"sizes={{{SIDE}: 1}}", f"validate_size={SIDE}", "batch=1", "batch_min=1", "rate=1e-3",
    "warmup_steps=3", "log_every=1", "round=40", "precision=float32", "threads=1", "stacked=0",
    "empty=0",
]  # fmt: skip


@dataclass(frozen=True)
class Settings:
    kind: str
    weights: str
    device: str = "cpu"


@dataclass(frozen=True)
class Public:
    """A kind, and a checkpoint of its layout."""

    kind: str
    file: Path


def small_vit(checkpoint: None = None) -> torch.nn.Module:
    from segment_anything import modeling as parts

    grid = SIDE // 16
    return parts.Sam(
        parts.ImageEncoderViT(
            img_size=SIDE, embed_dim=32, depth=1, num_heads=2, out_chans=256, use_rel_pos=True,
            global_attn_indexes=(0,),
        ),
        parts.PromptEncoder(256, (grid, grid), (SIDE, SIDE), 16),
        parts.MaskDecoder(
            transformer_dim=256, transformer=parts.TwoWayTransformer(2, 256, 8, 2048)
        ),
    ).eval()  # fmt: skip


def vit_b(folder: Path, patch: pytest.MonkeyPatch) -> Public:
    from pipeline.segmenter import sam

    patch.setitem(sam.sam_model_registry, "vit_b", small_vit)
    patch.setitem(sam._WIDTHS, 32, "vit_b")
    torch.save(small_vit().state_dict(), folder / "sam_vit_b_01ec64.pth")
    return Public("vit_b", folder / "sam_vit_b_01ec64.pth")


def mobile_sam(folder: Path, patch: pytest.MonkeyPatch) -> Public:
    from pipeline.segmenter import ultralytics as adapter

    build = adapter.sam_builders._build_sam
    tiny = partial(build, [16, 16, 32, 320], [1, 1, 1, 1], [1, 1, 2, 10], None, mobile_sam=True)

    def small(checkpoint: None = None) -> torch.nn.Module:
        model = tiny()
        model.set_imgsz([SIDE, SIDE])
        return model

    patch.setattr(adapter.sam_builders, "build_mobile_sam", small)
    torch.save({"model": small().state_dict()}, folder / "mobile.pt")
    return Public("mobile_sam", folder / "mobile.pt")


LAYOUTS: list[Callable[[Path, pytest.MonkeyPatch], Public]] = [vit_b, mobile_sam]


@pytest.fixture(params=LAYOUTS, ids=lambda f: f.__name__)
def public(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Public:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    layout: Callable[[Path, pytest.MonkeyPatch], Public] = request.param
    return layout(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's labelled folder: one photo of dark glasses, a grey mask, no `labels`."""
    root = tmp_path_factory.mktemp("mine")
    image, mask = np.full((160, 200, 3), 230, np.uint8), np.zeros((160, 200, 3), np.uint8)
    for side in (-1, 1):
        cv2.ellipse(mask, (100 + side * 40, 80), (34, 24), 0, 0, 360, (255, 255, 255), -1)
    cv2.line(mask, (90, 80), (110, 80), (255, 255, 255), 4)
    image[mask[..., 0] > 0] = 40
    for folder, name, picture in (("images", "a.jpg", image), ("masks", "a_0.png", mask)):
        (root / folder).mkdir()
        cv2.imwrite(str(root / folder / name), picture)
    return root


def batch_of(data: Path, *seeds: int) -> Batch:
    crops = CropDataset(list_scenes(data), load_train_config(None, TOLD))
    return collate([crops[(seed, SIDE)] for seed in seeds])


def encoder_of(model: object) -> dict[str, torch.Tensor]:
    assert isinstance(model, TunableSam)
    return {k: v.clone() for k, v in model.frozen.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_it_learns_one_scene_by_heart_and_its_encoder_stays(public: Public, data: Path) -> None:
    config = load_train_config(None, [*TOLD, "ema=0.5", "second_pass=0"])
    run = training.start(config, 10.0, public.file)
    assert run.kind == public.kind and public.file.name in run.origin
    before, batch = encoder_of(run.model), batch_of(data, 0, 1)
    steps = [training.take_step(run, batch, False) for _ in range(40)]
    assert np.mean([s["loss"] for s in steps[-3:]]) < 0.5 * steps[0]["loss"]
    assert steps[-1]["iou"] > 0.5
    assert same(before, encoder_of(run.model)) and same(before, encoder_of(run.average))
    assert isinstance(run.average, TunableSam) and isinstance(run.model, TunableSam)
    assert run.average.frozen is run.model.frozen, "shared, not copied"
    means, values = run.average.state_dict(), run.model.state_dict()
    moved = [k for k in means if not torch.equal(means[k], values[k])]
    assert any("mask_decoder" in k for k in moved) and any("prompt_encoder" in k for k in moved)


def test_only_what_learns_is_in_the_optimizer(public: Public) -> None:
    run = training.start(load_train_config(None, TOLD), 1.0, public.file)
    assert isinstance(run.model, TunableSam)
    given = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    parts = (run.model.sam.prompt_encoder, run.model.sam.mask_decoder)
    assert given == {id(p) for part in parts for p in part.parameters()}


def test_a_second_look_takes_the_first_as_a_prior(public: Public, data: Path) -> None:
    model = load_tunable(public.file).train()
    loss, iou = training.batch_loss(model, batch_of(data, 0, 1), LossShares(), True)
    assert torch.isfinite(loss) and iou.shape == (2, 1)
    loss.backward()
    assert model.sam.prompt_encoder.mask_downscaling[0].weight.grad.abs().sum() > 0
    assert not any(module.training for module in model.frozen.modules())
    assert all(p.grad is None for p in model.frozen.parameters())


def test_half_precision_learns_about_the_same(public: Public, data: Path) -> None:
    told, batch = load_train_config(None, [*TOLD, "second_pass=0"]), batch_of(data, 0, 1)
    losses = []
    for half in (False, True):
        run = training.start(told, 1.0, public.file)
        losses.append([training.take_step(run, batch, half)["loss"] for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


PROMPTS = {
    "box": Prompt(box=np.float32([20, 30, 100, 90])),
    "box and points": Prompt(
        box=np.float32([20, 30, 100, 90]),
        points=np.float32([[40, 50], [90, 40]]),
        point_labels=np.int64([1, 0]),
    ),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_it_answers_in_training_as_it_does_in_use(public: Public, name: str) -> None:
    """The adapter's own predictor is the reference for scaling, order and box embedding."""
    prompt = PROMPTS[name]
    rgb = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    model = load_tunable(public.file)
    assert prompt.box is not None
    coords, labels = prompt.box.reshape(2, 2), [2, 3]
    if prompt.points is not None and prompt.point_labels is not None:
        coords = np.concatenate([prompt.points, coords])
        labels = [*prompt.point_labels.tolist(), *labels]
    # Filled up, as in a batch with a longer prompt.
    coords, labels = np.concatenate([coords, np.zeros((2, 2), np.float32)]), [*labels, -1, -1]
    with torch.inference_mode():
        image = torch.from_numpy(rgb).permute(2, 0, 1)[None]
        made = model.encode(model.preprocess(image))
        logits, quality = model.decode(made, torch.from_numpy(coords)[None], torch.tensor([labels]))
    expected, expected_quality = in_use(public, rgb, prompt)
    assert logits.shape == (1, 1, SIDE, SIDE)
    assert np.abs(logits[0, 0].numpy() - expected).max() < 1e-3 * np.abs(expected).max()
    assert float(quality[0, 0]) == pytest.approx(expected_quality, abs=1e-4)


def in_use(public: Public, rgb: np.ndarray, prompt: Prompt) -> tuple[np.ndarray, float]:
    """What the adapter of this kind answers, logits at the crop's size."""
    from pipeline.segmenter.windowed import CropPrompt

    segmenter = build_segmenter(Settings(public.kind, str(public.file)))
    crop = segmenter.model  # type: ignore[attr-defined]
    if public.kind == "mobile_sam":
        crop.predictor.args.imgsz = SIDE
        crop.predictor.imgsz = [SIDE, SIDE]
    none = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
    points, labels = none
    if prompt.points is not None and prompt.point_labels is not None:
        points, labels = prompt.points, prompt.point_labels
    answer = crop.answer(rgb, CropPrompt(prompt.box, points, labels, None))
    logits = torch.from_numpy(answer.glasses)[None, None]
    large = torch.nn.functional.interpolate(logits, (SIDE, SIDE), mode="bilinear")
    return large[0, 0].numpy(), answer.quality


def test_one_point_is_answered_with_the_mask_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    public = vit_b(tmp_path, monkeypatch)
    rgb = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    model, point = load_tunable(public.file), np.float32([[40, 50]])
    with torch.inference_mode():
        image = torch.from_numpy(rgb).permute(2, 0, 1)[None]
        made = model.encode(model.preprocess(image))
        _, quality = model.decode(made, torch.from_numpy(point)[None], torch.tensor([[1]]))
    prompt = Prompt(points=point, point_labels=np.int64([1]))
    assert float(quality[0, 0]) == pytest.approx(in_use(public, rgb, prompt)[1], abs=1e-4)


def test_crops_of_any_size_and_priors_are_taken(public: Public) -> None:
    model = load_tunable(public.file)
    image = torch.zeros(2, 3, 192, 192, dtype=torch.uint8)
    prior = torch.zeros(2, 1, 48, 48)
    prior[:, :, 10:30, 10:30] = 8
    coords, labels = torch.tensor([[[9.0, 9.0], [90.0, 90.0]]] * 2), torch.tensor([[2, 3]] * 2)
    with torch.inference_mode():
        made = model.encode(model.preprocess(image))
        logits, quality = model.decode(made, coords, labels, prior, torch.tensor([True, False]))
    assert logits.shape == (2, 1, 192, 192) and quality.shape == (2, 1)
    assert not torch.allclose(logits[0], logits[1]), "the first alone had a prior"


def test_the_script_tunes_exports_and_resumes(
    public: Public, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out = script("train_segmenter"), tmp_path / "out"
    arguments = ["--data", str(data), "--val", str(data), "--out", str(out), "--set", *TOLD]
    arguments += ["--config", str(ROOT / "configs" / "train_sam.yaml")]
    assert train.main([*arguments, "--minutes", "0.01", "--init", str(public.file)]) == 0
    said = capsys.readouterr().out
    assert "frozen" in said and "crops/s" in said and "worst_decile" in said
    steps = torch.load(out / "checkpoint.pt", weights_only=True)["numbers"]["step"]
    assert train.main([*arguments, "--minutes", "0.03", "--resume"]) == 0
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["numbers"]["step"] > steps >= 1
    assert public.file.name in state["origin"]

    written = next(
        p for p in out.iterdir() if p.suffix in {".pt", ".pth"} and "check" not in p.name
    )
    assert written.stem == public.kind
    card = json.loads((out / "model_card.json").read_text())
    assert card["file"] == written.name and card["network"] == public.kind
    assert "frame" not in card["validation"] and "thin" in card["validation"]
    assert str(tmp_path) not in (out / "model_card.json").read_text()
    published = torch.load(public.file, weights_only=True)
    published = published.get("model", published)
    tuned = torch.load(written, weights_only=True)
    assert {k: v.shape for k, v in tuned.items()} == {k: v.shape for k, v in published.items()}
    changed = {k.split(".")[0] for k in tuned if not torch.equal(tuned[k], published[k])}
    assert changed == {"prompt_encoder", "mask_decoder"}
    photo = Photo("a.jpg", cv2.imread(str(data / "images" / "a.jpg"))[..., ::-1].copy())
    masks = build_segmenter(Settings(public.kind, str(written))).segment(
        photo, [Prompt(box=np.float32([20, 40, 180, 120]))]
    )
    assert masks.masks.shape == (1, 160, 200)


def test_a_resumed_run_is_where_the_first_was(public: Public, data: Path, tmp_path: Path) -> None:
    config = load_train_config(None, TOLD)
    run, batch = training.start(config, 10.0, public.file), batch_of(data, 0)
    training.take_step(run, batch, False)
    training.save_checkpoint(run, tmp_path / "checkpoint.pt")
    size = (tmp_path / "checkpoint.pt").stat().st_size
    apart = sum(v.nbytes for m in (run.model, run.average) for v in m.state_dict().values())
    state = run.optimizer.state_dict()["state"].values()
    kept = sum(v.nbytes for s in state for v in s.values())
    assert size - kept < apart - 0.9 * sum(v.nbytes for v in encoder_of(run.model).values())
    again = training.resume(config, 10.0, tmp_path / "checkpoint.pt")
    assert (again.step, again.kind) == (1, public.kind)
    assert isinstance(again.average, TunableSam) and isinstance(again.model, TunableSam)
    assert again.average.frozen is again.model.frozen
    for model, other in ((run.average, again.average), (run.model, again.model)):
        with torch.inference_mode():
            a, b = (m.eval().encode(m.preprocess(batch.image))[0] for m in (model, other))
        assert torch.equal(a, b)
        assert same(dict(model.state_dict()), dict(other.state_dict()))
    torch.manual_seed(3)
    first = training.take_step(run, batch, False)
    torch.manual_seed(3)
    assert training.take_step(again, batch, False) == pytest.approx(first)


def test_one_mask_is_asked_for_the_whole_alone() -> None:
    planes = torch.zeros(2, 3, 16, 16)
    planes[:, 0, :8] = 1
    quality, weight = torch.ones(2, 1), torch.ones(2, 1, 16, 16)
    for parts in (None, torch.tensor([True, False])):
        good, iou = segmentation_loss(
            planes[:, :1] * 40 - 20, quality, planes, weight, LossShares(), parts
        )
        bad, _ = segmentation_loss(
            20 - planes[:, :1] * 40, quality, planes, weight, LossShares(), parts
        )
        assert good.item() < 1e-3 < 0.3 < bad.item() and iou.tolist() == [[1], [1]]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"layer.weight": 3}, "no checkpoint of segment-anything or MobileSAM"),
        ({"image_encoder.pos_embed": 5, "mask_decoder.mask_tokens.weight": 2}, "no checkpoint"),
        ({"image_encoder.pos_embed": 768}, "no checkpoint"),
        ({"sam_mask_decoder.iou_token.weight": 3, "image_encoder.trunk.x": 2}, "SAM 2"),
        ({"tracker.x": 3}, "SAM 3"),
        ({"detector.x": 3}, "SAM 3"),
    ],
)
def test_other_checkpoints_are_refused_by_name(
    state: dict[str, int], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.pt"
    torch.save({k: torch.zeros(1, n) for k, n in state.items()}, path)
    with pytest.raises(WeightsError, match=rf"other\.pt.*{message}.*--init takes"):
        training.start(load_train_config(None, TOLD), 1.0, path)


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04broken"])
def test_damaged_files_are_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.pth.*--init takes"):
        training.start(load_train_config(None, TOLD), 1.0, path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.pth not found"):
        training.start(load_train_config(None, TOLD), 1.0, tmp_path / "nowhere.pth")


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"image_encoder.pos_embed": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth.*safely"):
        training.start(load_train_config(None, TOLD), 1.0, tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_sizes_of_a_network_are_refused_beside_one(public: Public, tmp_path: Path) -> None:
    told = load_train_config(None, [*TOLD, "network.stem=8"])
    with pytest.raises(ConfigError, match=rf"network: .*{public.file.name}.*leave network"):
        training.start(told, 1.0, public.file)
    run = training.start(load_train_config(None, TOLD), 1.0, public.file)
    training.save_checkpoint(run, tmp_path / "checkpoint.pt")
    with pytest.raises(ConfigError, match=r"network: .*checkpoint\.pt"):
        training.resume(told, 1.0, tmp_path / "checkpoint.pt")


@pytest.mark.parametrize(
    ("option", "out", "message"),
    [("--embed", "out", "--embed installs a compact model"), (None, "", "would be overwritten")],
)
def test_the_script_refuses_what_would_go_wrong_at_the_end(
    option: str | None,
    out: str,
    message: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = vit_b(tmp_path, monkeypatch).file.rename(tmp_path / "vit_b.pth")
    arguments = ["--data", str(data), "--out", str(tmp_path / out), "--init", str(file)]
    arguments += ["--set", *TOLD, *([option] if option else [])]
    assert script("train_segmenter").main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_rate_for_training_from_scratch_is_remarked_on(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = vit_b(tmp_path, monkeypatch).file
    arguments = ["--data", str(data), "--out", str(tmp_path / "out"), "--init", str(file)]
    assert script("train_segmenter").main([*arguments, "--minutes", "0.001", "--set", *TOLD]) == 0
    assert "configs/train_sam.yaml" in capsys.readouterr().out


def test_the_shipped_configuration_for_tuning_loads() -> None:
    config = load_train_config(ROOT / "configs" / "train_sam.yaml")
    assert set(config.sizes) == {config.validate_size} == {1024}
    assert config.rate <= script("train_segmenter").TUNING_RATE
    assert "network" not in config.model_fields_set
