"""Muon's steps: what they look like, and that a run that stopped goes on as if it had not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from detector.muon import Muon, grouped

RATE = 0.01


def small() -> nn.Sequential:
    """A dense filter, a depthwise one, a norm and a layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.Conv2d(8, 8, 3, groups=8, bias=False),
        nn.BatchNorm2d(8),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


def muon(model: nn.Module, decay: float = 0.0) -> Muon:
    params = list(model.parameters())
    plain = {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0}
    return Muon([*grouped((p for p in params if p.ndim > 1), decay), plain], lr=RATE)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed)
    optimizer.zero_grad()
    model(torch.randn(4, 3, 5, 5)).square().sum().backward()
    optimizer.step()


def test_dense_weights_are_matrices_and_the_others_are_not() -> None:
    model = small()
    first, rest = grouped((p for p in model.parameters() if p.ndim > 1), 0.1)
    assert [tuple(p.shape) for p in first["params"]] == [(8, 3, 3, 3), (4, 8)]
    assert [tuple(p.shape) for p in rest["params"]] == [(8, 1, 3, 3)]
    assert first["muon"] and not rest["muon"]
    assert first["weight_decay"] == rest["weight_decay"] == 0.1


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 32), (8, 4, 3, 3), (40, 2, 2, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_matrix_moves_as_far_in_every_direction_and_as_adamw_would(
    shape: tuple[int, ...], layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    weight = torch.zeros(shape)
    if weight.ndim == 4:
        weight = weight.to(memory_format=layout)
    p = nn.Parameter(weight)
    # Directions that the gradient speaks of thirty times louder than of others.
    p.grad = (torch.randn(shape).flatten(1).T * torch.logspace(-1.5, 0, shape[0])).T.reshape(shape)
    Muon([{"params": [p], "muon": True}], lr=RATE, weight_decay=0).step()
    moved = p.detach().flatten(1)
    strengths = torch.linalg.svdvals(moved)
    assert strengths[-1] > strengths[0] / 4
    assert 0.1 * RATE < moved.square().mean().sqrt() < 0.4 * RATE
    assert (moved * p.grad.flatten(1)).sum() < 0, "downhill"


def test_what_is_no_matrix_takes_adamws_steps() -> None:
    ours, theirs = small(), small()
    optimizer = muon(ours)
    reference = torch.optim.AdamW(theirs.parameters(), lr=RATE, weight_decay=0)
    step(ours, optimizer, 1)
    step(theirs, reference, 1)
    for index, same in ((0, False), (1, True), (2, True), (4, False)):
        equal = torch.allclose(ours[index].weight, theirs[index].weight)
        assert equal == same, f"layer {index}"


def test_matrices_decay() -> None:
    model = small()
    before = model[0].weight.detach().clone()
    optimizer = muon(model, decay=0.5)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    torch.testing.assert_close(model[0].weight.detach(), before * (1 - 0.5 * RATE))


def test_a_run_goes_on_from_its_state_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole, parted = small(), small()
    first, second = muon(whole), muon(parted)
    for seed in (1, 2):
        step(whole, first, seed)
        step(parted, second, seed)
    file = tmp_path / "state.pt"
    torch.save(second.state_dict(), file)
    resumed = muon(parted)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    step(whole, first, 3)
    step(parted, resumed, 3)
    for one, other in zip(whole.parameters(), parted.parameters(), strict=True):
        torch.testing.assert_close(one, other)
