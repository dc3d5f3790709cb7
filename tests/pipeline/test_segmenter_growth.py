"""Networks that get deeper without forgetting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import ConfigError
from pipeline.segmenter.compact import CompactSam
from pipeline.segmenter.encoder import CompactConfig
from pipeline.segmenter.growth import deepened
from pipeline.segmenter.train_config import load_train_config
from pipeline.segmenter.training_run import start
from pipeline.segmenter.weights_io import save_compact

SMALL = CompactConfig(8, (8, 16, 16), (1, 2, 1), 16, 1, 16, 1, 4, 1)
DEEP: dict[str, Any] = {"depths": (2, 2, 3), "context_depth": 3, "mix_depth": 2}


@pytest.fixture
def model() -> CompactSam:
    torch.manual_seed(0)
    model: CompactSam = CompactSam(SMALL).eval()
    for module in model.modules():  # as after training: no norm that hides its layer
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    return model


def answer(model: CompactSam) -> torch.Tensor:
    torch.manual_seed(1)
    image = model.preprocess(torch.rand(2, 3, 128, 128) * 255)
    corners = torch.tensor([[[10.0, 20.0], [100.0, 90.0]]]).expand(2, -1, -1)
    logits, _ = model.decode(model.encode(image), corners, torch.tensor([[2, 3]] * 2))
    return logits


@pytest.mark.parametrize("change", [DEEP, *({name: value} for name, value in DEEP.items())])
def test_a_deepened_network_answers_as_before(model: CompactSam, change: dict[str, Any]) -> None:
    deep = deepened(model, replace(SMALL, **change))
    assert deep.config == replace(SMALL, **change) and not deep.training
    more = sum(p.numel() for p in deep.parameters()) - sum(p.numel() for p in model.parameters())
    assert more > 0
    with torch.inference_mode():
        torch.testing.assert_close(answer(deep), answer(model), atol=1e-5, rtol=1e-4)


def test_every_layer_that_was_added_learns(model: CompactSam) -> None:
    deep = deepened(model, replace(SMALL, **DEEP)).train()
    known = dict(model.named_parameters())
    optimizer = torch.optim.SGD(deep.parameters(), lr=0.1)
    for _ in range(2):  # at the first step only what was zero moves
        optimizer.zero_grad()
        answer(deep).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    added = {name: p for name, p in deep.named_parameters() if name not in known}
    assert added
    assert not [name for name, p in added.items() if p.grad is None or not p.grad.any()]


def test_the_same_sizes_are_the_same_network(model: CompactSam) -> None:
    assert deepened(model, SMALL) is model


@pytest.mark.parametrize(
    "change", [{"stem": 16}, {"depths": (1, 1, 1)}, {"context_depth": 0}, {"embed_dim": 32}]
)
def test_other_changes_are_refused(model: CompactSam, change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="deeper network only"):
        deepened(model, replace(SMALL, **change))


def test_training_goes_on_in_a_deeper_network(model: CompactSam, tmp_path: Path) -> None:
    path = tmp_path / "given.safetensors"
    save_compact(model, path)
    config = load_train_config(None, ["network.context_depth=2", "threads=1"])
    run = start(config, 1.0, path)
    assert isinstance(run.model, CompactSam)
    assert run.model.config == replace(SMALL, context_depth=2)
    assert start(load_train_config(None, ["threads=1"]), 1.0, path).model.config == SMALL


def test_files_from_before_the_mixing_depth_have_two_such_blocks() -> None:
    told = SMALL.to_dict()
    del told["mix_depth"]
    assert CompactConfig.from_dict(told) == replace(SMALL, mix_depth=2)
