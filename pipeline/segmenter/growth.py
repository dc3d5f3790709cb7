"""Deeper networks that start as shallower ones: layers that do nothing yet are put in between.

As Net2DeeperNet (Chen et al., *Net2Net*, ICLR 2016): training goes on where it stood, with more to
learn with.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from pipeline.errors import ConfigError
from pipeline.segmenter.blocks import ContextBlock, Residual, WideMix
from pipeline.segmenter.compact import CompactSam
from pipeline.segmenter.encoder import CompactConfig


def deepened(model: CompactSam, config: CompactConfig) -> CompactSam:
    """A network of `config` that answers as `model` does.

    Raises:
        ConfigError: `config` differs by more than blocks that are added.
    """
    own = model.config
    if config == own:
        return model
    alike = replace(
        config, depths=own.depths, context_depth=own.context_depth, mix_depth=own.mix_depth
    )
    more = [
        *(a - b for a, b in zip(config.depths, own.depths, strict=True)),
        config.context_depth - own.context_depth,
        config.mix_depth - own.mix_depth,
    ]
    if alike != own or min(more) < 0:
        raise ConfigError(
            "network: weights can go on in a deeper network only (depths, context_depth, "
            f"mix_depth), not from {own.to_dict()} to {config.to_dict()}"
        )
    deep = CompactSam(config)
    inside = tuple(f"{name}." for name in _CHAINS)
    state = {k: v for k, v in model.state_dict().items() if not k.startswith(inside)}
    missing, unexpected = deep.load_state_dict(state, strict=False)
    assert not unexpected and all(name.startswith(inside) for name in missing)
    for name in _CHAINS:
        _lengthen(deep.get_submodule(name), model.get_submodule(name))
    deep.train(model.training)
    return deep


_CHAINS = (
    "image_encoder.stages.0",
    "image_encoder.stages.1",
    "image_encoder.stages.2",
    "image_encoder.context",
    "mask_decoder.output_upscaling.mix",
)
"""The parts that get longer; each holds one run of equal blocks."""


def _lengthen(deep: nn.Module, given: nn.Module) -> None:
    """Fill the longer chain: the blocks that there are first, then those that do nothing."""
    assert isinstance(deep, nn.Sequential) and isinstance(given, nn.Sequential)
    blocks = (Residual, WideMix, ContextBlock)
    last = max(i for i, part in enumerate(given) if isinstance(part, blocks))
    added = len(deep) - len(given)
    for i, part in enumerate(given):
        deep[i if i <= last else i + added].load_state_dict(part.state_dict())
    for i in range(last + 1, last + 1 + added):
        _silence(deep[i])


@torch.no_grad()
def _silence(block: nn.Module) -> None:
    """Make a block the identity, by weights that learn from the first step on."""
    quiet: list[nn.Module]
    if isinstance(block, ContextBlock):
        quiet = [block.position, block.project, block.mlp[-1]]
    else:
        assert isinstance(block, Residual | WideMix)
        last = block.body[-1]
        assert isinstance(last, nn.Sequential)
        quiet = [last[0]]
        nn.init.ones_(last[1].weight)  # type: ignore[arg-type]
    for layer in quiet:
        for values in layer.parameters():
            nn.init.zeros_(values)
