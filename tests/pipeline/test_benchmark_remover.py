"""Background removers' ONNX files run for real, whatever they want their picture to be like."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.benchmark.case import Case
from pipeline.benchmark.remover import DEVIATION, MEAN, SIDE, Remover
from pipeline.benchmark.rivals import onnx as measure_onnx
from pipeline.errors import ConfigError, WeightsError
from pipeline.images import write_image
from toys import draw_toy

TOY = draw_toy()[0]


@pytest.fixture
def onnx() -> Any:
    pytest.importorskip("onnxruntime", reason="needs the dev extra: pip install '.[dev]'")
    return pytest.importorskip("onnx", reason="needs the dev extra: pip install '.[dev]'")


def write_net(
    onnx: Any,
    path: Path,
    shape: list[object],
    kind: str = "FLOAT",
    *,
    logits: bool = False,
    inputs: int = 1,
    fails: bool = False,
) -> Path:
    """A small U of convolutions that keeps what is dark: two steps down, two steps up, the fine
    features joined to the coarse ones, a map of the input's size first and a coarse one after it.

    It expects a picture normalised as most do; wrongly normalised it answers wrongly.
    """
    node, numpy = onnx.helper.make_node, onnx.numpy_helper
    rng = np.random.default_rng(0)
    dark = -np.ones((1, 3, 3, 3)) / 27
    weights = {
        "down1": np.concatenate([dark, rng.normal(0, 0.1, (3, 3, 3, 3))]),
        "down2": rng.normal(0, 0.1, (4, 4, 3, 3)),
        "last": np.array([8, 0, 0, 0, 0.01, 0, 0, 0]).reshape(1, 8, 1, 1),
        "twice": np.array([1, 1, 2, 2]),
    }
    nodes = [node("Cast", ["picture"], ["wide"], to=1)]
    last_channel = shape[-1] == 3
    nodes += [node("Transpose", ["wide"], ["first"], perm=[0, 3, 1, 2])] if last_channel else []
    top = "first" if last_channel else "wide"
    if kind == "UINT8":  # such files normalise themselves
        weights["scale"] = np.array(DEVIATION).reshape(1, 3, 1, 1) * 255
        weights["shift"] = np.array(MEAN).reshape(1, 3, 1, 1) * 255
        nodes += [
            node("Sub", [top, "shift"], ["centred"]),
            node("Div", ["centred", "scale"], ["n"]),
        ]
        top = "n"
    steps = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    up = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    nodes += [
        node("Conv", [top, "down1"], ["fine"], **steps),
        node("Conv", ["fine", "down2"], ["coarse"], **steps),
        node("Relu", ["coarse"], ["bent"]),
        node("Resize", ["bent", "", "twice"], ["risen"], **up),
        node("Concat", ["fine", "risen"], ["joined"], axis=1),
        node("Conv", ["joined", "last"], ["flat"]),
        node("Resize", ["flat", "", "twice"], ["full"], **up),
        node("Identity" if logits else "Sigmoid", ["full"], ["map"]),
        node("ReduceMean", ["map"], ["told"], axes=[1, 2, 3]) if fails else
        node("Identity", ["flat"], ["told"]),
    ]  # fmt: skip
    types = onnx.TensorProto
    told = [("picture", shape), ("other", [1])][:inputs]
    given = [onnx.helper.make_tensor_value_info(n, getattr(types, kind), s) for n, s in told]
    answers = [("told", None), ("map", None)] if fails else [("map", None), ("told", None)]
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        given,
        [onnx.helper.make_tensor_value_info(n, types.FLOAT, s) for n, s in answers],
        [numpy.from_array(a.astype(np.float32), n) for n, a in weights.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("shape", "kind", "size"),
    [
        ([1, 3, 64, 96], "FLOAT", (64, 96)),
        (["n", 3, "h", "w"], "FLOAT", (SIDE, SIDE)),
        ([1, 3, None, None], "FLOAT", (SIDE, SIDE)),
        ([1, 64, 96, 3], "FLOAT", (64, 96)),
        ([1, 3, 64, 96], "FLOAT16", (64, 96)),
        ([1, 64, 96, 3], "UINT8", (64, 96)),
        ([1, 3, 64, 96], "UINT8", (64, 96)),
    ],
)
@pytest.mark.parametrize("logits", [False, True])
def test_dark_glasses_are_kept_whatever_the_file_wants(
    onnx: Any, tmp_path: Path, shape: list[object], kind: str, size: tuple[int, int], logits: bool
) -> None:
    remover = Remover(write_net(onnx, tmp_path / "n.onnx", shape, kind, logits=logits), threads=1)
    assert remover.size == size
    alpha = remover.remove(TOY.rgb)
    assert alpha.shape == TOY.rgb.shape[:2] and alpha.dtype == np.float32
    assert alpha.min() >= 0 and alpha.max() <= 1
    dark = TOY.rgb.mean(axis=2) < 100
    assert alpha[dark].mean() > 0.6 > 0.3 > alpha[TOY.rgb.mean(axis=2) > 160].mean()


def test_a_file_is_timed_on_the_photo(onnx: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("pipeline.benchmark.rivals.bind", lambda threads: None)
    write_image(tmp_path / "photo.png", TOY.rgb)
    path = write_net(onnx, tmp_path / "remover.onnx", [1, 3, 64, 96])
    rival = measure_onnx(path, Case(tmp_path / "photo.png", megapixels=0.1, threads=1, runs=3))
    assert rival.name == "remover.onnx"
    assert 0 < rival.seconds.low <= rival.seconds.median < 5 and rival.peak_mb > 10


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"shape": [1, 4, 8, 8]}, "three channels"),
        ({"shape": [1, 3, 8, 8], "kind": "INT64"}, "takes one picture"),
        ({"shape": [1, 3, 8, 8], "inputs": 2}, "takes one picture"),
        ({"shape": [1, 3, 8, 8], "fails": True}, "not with one map"),
    ],
)
def test_what_is_no_background_remover_is_told(
    onnx: Any, tmp_path: Path, told: dict[str, Any], words: str
) -> None:
    path = write_net(onnx, tmp_path / "odd.onnx", **told)
    with pytest.raises(WeightsError, match=rf"odd\.onnx.*{words}"):
        Remover(path, threads=1).remove(TOY.rgb)


def test_what_is_no_model_is_told(onnx: Any, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    for name in ("text.onnx", "gone.onnx"):
        with pytest.raises(WeightsError, match=name):
            Remover(tmp_path / name, threads=1)


def test_without_onnxruntime_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="pip install onnxruntime"):
        Remover(Path("other.onnx"), threads=1)
