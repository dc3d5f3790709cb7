"""The mean of the weights of several networks that went on from the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from torch import nn

from pipeline.errors import ValidationError

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
