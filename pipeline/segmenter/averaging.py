"""The mean of the weights of several networks that went on from the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from pipeline.errors import ValidationError
from pipeline.segmenter.compact import CompactSam
from pipeline.segmenter.loader import Batch, batches
from pipeline.segmenter.samples import Scene
from pipeline.segmenter.train_config import TrainConfig
from pipeline.segmenter.training import first_answer
from pipeline.segmenter.training_run import half_precision

Network = TypeVar("Network", bound=nn.Module)


def mean_of(networks: Sequence[Network]) -> Network:
    """Give the first network the mean of all weights and running statistics, and return it.

    The mean often holds where each alone has forgotten something (Wortsman et al., "Model soups",
    ICML 2022). Counters stay the first's.

    Raises:
        ValidationError: fewer than two, or networks of different layers.
    """
    if len(networks) < 2:
        raise ValidationError("a mean takes two weights files or more")
    states = [network.state_dict() for network in networks]
    first = states[0]
    layers = {tuple((name, value.shape) for name, value in state.items()) for state in states}
    if len(layers) > 1:
        raise ValidationError("the files hold networks of different sizes")
    mean = {
        name: sum(state[name] for state in states) / len(states)
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }
    networks[0].load_state_dict(mean)
    return networks[0]


def settle(model: CompactSam, scenes: Sequence[Scene], config: TrainConfig) -> None:
    """Take the running statistics anew from one `round` of training crops.

    Those of a mean are not the mean of the networks' own (Izmailov et al., "Averaging weights
    leads to wider optima and better generalization", UAI 2018).
    """
    asked = _Asked(model, half_precision(config, model.device))
    asked.train(model.training)  # `update_bn` leaves the mode as it was
    update_bn(batches(scenes, config, 0), asked)


class _Asked(nn.Module):
    """A segmenter that takes a whole batch, as `update_bn` gives it."""

    def __init__(self, model: CompactSam, autocast: bool) -> None:
        super().__init__()
        self.model, self.autocast = model, autocast

    def forward(self, batch: Batch) -> None:
        batch = batch.to(self.model.device)
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.autocast):
            embedding, features = self.model.encode(self.model.preprocess(batch.image))
            first_answer(self.model, batch, embedding, features)
