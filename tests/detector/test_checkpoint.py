from __future__ import annotations

import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

import detector.checkpoint as checkpoint_module
from detector.checkpoint import Checkpoint, build, read_checkpoint, write_safetensors
from detector.errors import WeightsError

NAMES = {0: "eyeglasses", 1: "lens"}


@pytest.fixture(scope="module")
def trained() -> Checkpoint:
    start = read_checkpoint("yolo11n.yaml")
    torch.manual_seed(0)
    state = build(start).state_dict()
    return Checkpoint(start.architecture, start.layers, NAMES, 320, state)


def ultralytics_pt(path: Path, checkpoint: Checkpoint, **extra: object) -> Path:
    """A `.pt` in ultralytics' layout: the pickled half-precision model in a dict."""
    content = {
        "epoch": 3,
        "best_fitness": 0.5,
        "model": None,
        "ema": build(checkpoint).half(),
        "optimizer": None,
        "train_args": {"imgsz": 320, "data": "x.yaml"},
        "version": "8.4.190",
        **extra,
    }
    torch.save(content, path)
    return path


class Malice:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("owned.txt", "w")


def test_safetensors_round_trip_keeps_layers_and_tensors(
    trained: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    digest = write_safetensors(trained, path)
    assert path.stat().st_size < 16_000_000
    assert digest == checkpoint_module.sha256(path)
    back = read_checkpoint(path)
    assert (back.architecture, back.names, back.imgsz) == ("yolo11n.yaml", NAMES, 320)
    assert back.layers == json.loads(json.dumps(trained.layers))
    for key, value in build(back).state_dict().items():
        torch.testing.assert_close(value, trained.state[key], rtol=1e-3, atol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_the_same_weights_make_the_same_file(trained: Checkpoint, tmp_path: Path) -> None:
    digests = {write_safetensors(trained, tmp_path / f"{i}.safetensors") for i in range(4)}
    assert len(digests) == 1


def test_values_beyond_float16_stay_finite(trained: Checkpoint, tmp_path: Path) -> None:
    key = next(k for k in trained.state if k.endswith("running_var"))
    state = {**trained.state, key: torch.full_like(trained.state[key], 1e6)}
    path = tmp_path / "w.safetensors"
    write_safetensors(Checkpoint("yolo11n.yaml", trained.layers, NAMES, 64, state), path)
    assert torch.isfinite(read_checkpoint(path).state[key]).all()


def test_pt_of_ultralytics_is_read(trained: Checkpoint, tmp_path: Path) -> None:
    back = read_checkpoint(ultralytics_pt(tmp_path / "best.pt", trained))
    assert (back.architecture, back.names, back.imgsz) == ("yolo11n.yaml", NAMES, 320)
    for key, value in build(back).state_dict().items():
        torch.testing.assert_close(value, trained.state[key], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("place", ["top", "ema", "args"])
def test_pt_that_would_run_code_is_refused_and_does_not(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pt"
    if place == "top":
        torch.save(Malice(), path)
    elif place == "ema":
        torch.save({"ema": Malice(), "model": None}, path)
    else:
        ultralytics_pt(path, trained, train_args={"imgsz": Malice()})
    with pytest.raises(WeightsError, match=r"evil\.pt.*run code.*refused"):
        read_checkpoint(path)
    assert not (tmp_path / "owned.txt").exists()


def test_layers_are_never_evaluated_as_code(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layers = {**trained.layers, "activation": "open('owned.txt', 'w') and nn.SiLU()"}
    with pytest.raises(WeightsError, match="evil"):
        build(Checkpoint("yolo11n.yaml", layers, NAMES), "evil")
    assert not (tmp_path / "owned.txt").exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_plain_pickle_and_garbage_are_refused(tmp_path: Path) -> None:
    for name, content in {
        "pickle.pt": pickle.dumps({"model": 1}),
        "garbage.pt": b"not a checkpoint",
        "empty.pt": b"",
        "garbage.safetensors": b"\x00" * 100,
        "empty.safetensors": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=name):
            read_checkpoint(tmp_path / name)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("nowhere.pt", r"nowhere\.pt: no such weights file; nothing is downloaded"),
        ("yolo11n.pt", r"yolo11n\.pt: no such weights file.*yolo11n\.yaml"),
        ("nowhere.safetensors", "no such weights file"),
        ("no-such-architecture.yaml", r"no-such-architecture\.yaml"),
    ],
)
def test_missing_weights_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(weights)


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"end in \.pt or \.safetensors"):
        read_checkpoint(tmp_path / "w.onnx")


def test_safetensors_of_others_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(WeightsError, match=r"foreign.*not exported by"):
        read_checkpoint(tmp_path / "foreign.safetensors")


def test_tensors_that_do_not_fit_are_refused(trained: Checkpoint) -> None:
    short = dict(list(trained.state.items())[:-1])
    with pytest.raises(WeightsError, match="mine: its tensors do not fit"):
        build(Checkpoint("yolo11n.yaml", trained.layers, NAMES, 64, short), "mine")


@pytest.fixture
def embedded(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SimpleNamespace:
    weights = tmp_path / "embedded.safetensors"
    digest = write_safetensors(trained, weights)
    card = tmp_path / "model_card.json"
    card.write_text(json.dumps({"sha256": digest}))
    monkeypatch.setattr(checkpoint_module, "EMBEDDED_PATH", weights)
    return SimpleNamespace(weights=weights, card=card)


def test_embedded_weights_are_read_when_their_hash_fits(embedded: SimpleNamespace) -> None:
    assert read_checkpoint("embedded").imgsz == 320


def test_altered_embedded_weights_are_refused(embedded: SimpleNamespace) -> None:
    content = bytearray(embedded.weights.read_bytes())
    content[-1] ^= 1
    embedded.weights.write_bytes(content)
    with pytest.raises(WeightsError, match=r"SHA-256.*reinstall"):
        read_checkpoint("embedded")


@pytest.mark.parametrize(
    ("named", "digest", "refused"),
    [("own.safetensors", "0" * 64, True), ("other.safetensors", "0" * 64, False)],
)
def test_own_weights_must_be_those_of_a_card_that_names_them(
    trained: Checkpoint, tmp_path: Path, named: str, digest: str, refused: bool
) -> None:
    weights = tmp_path / "own.safetensors"
    actual = write_safetensors(trained, weights)
    card = tmp_path / "model_card.json"
    card.write_text(json.dumps({"file": named, "sha256": actual}))
    assert read_checkpoint(weights).imgsz == 320
    card.write_text(json.dumps({"file": named, "sha256": digest}))
    if refused:
        with pytest.raises(WeightsError, match=r"own\.safetensors: .*SHA-256.*export the weights"):
            read_checkpoint(weights)
    else:
        assert read_checkpoint(weights).imgsz == 320


def test_a_card_that_is_not_json_is_named(trained: Checkpoint, tmp_path: Path) -> None:
    write_safetensors(trained, tmp_path / "own.safetensors")
    (tmp_path / "model_card.json").write_text("{")
    with pytest.raises(WeightsError, match=r"model_card\.json: not a model card.*export"):
        read_checkpoint(tmp_path / "own.safetensors")


def test_an_embedded_card_that_is_not_json_is_named(embedded: SimpleNamespace) -> None:
    embedded.card.write_text("{")
    with pytest.raises(WeightsError, match=r"model_card\.json: not a model card.*reinstall"):
        read_checkpoint("embedded")


@pytest.mark.parametrize("missing", ["weights", "card"])
def test_missing_embedded_weights_are_named(embedded: SimpleNamespace, missing: str) -> None:
    getattr(embedded, missing).unlink()
    with pytest.raises(WeightsError, match=r"embedded weights.*missing; reinstall"):
        read_checkpoint("embedded")
