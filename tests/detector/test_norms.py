"""Frozen batch normalisation: the same answers and gradients by another way."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from detector.norms import freeze_norms, frozen_norm


def layers(groups: int) -> nn.Sequential:
    """A convolution and a normalisation that has seen something."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(8)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias)
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    return nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1, groups=groups, bias=False), norm)


@pytest.mark.parametrize("groups", [1, 8])
def test_worked_into_the_weights_a_norm_answers_and_learns_the_same(groups: int) -> None:
    plain, worked = layers(groups), layers(groups)
    for model in (plain, worked):
        freeze_norms(model.train())
    conv, norm = worked
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    ours, theirs = (torch.randn(2, 8, 9, 9, generator=torch.manual_seed(1)) for _ in range(2))
    one = frozen_norm(conv, norm, ours.requires_grad_())
    other = plain(theirs.requires_grad_())
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    one.square().sum().backward()
    other.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)
    for mine, its in zip(worked.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, its.grad, rtol=1e-4, atol=1e-3)


def test_frozen_norms_see_no_batch_until_trained_again() -> None:
    model = layers(1)
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    before = norm.running_mean.clone()
    freeze_norms(model.train())
    model(torch.randn(2, 8, 9, 9))
    assert norm.running_mean.equal(before)
    model.train()
    model(torch.randn(2, 8, 9, 9))
    assert not norm.running_mean.equal(before)
