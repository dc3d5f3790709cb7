"""A small network that finds the true edge in the band around a mask's outline.

A U-net (Ronneberger et al., MICCAI 2015) over the strips that `pipeline.refine.strips` unrolls. It
sees the colours, what the segmenter thought, and how each pixel's colour lies between the colours
of the two sides; it answers with alpha. As edges lie alike in all strips, some eighty
thousand weights do.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.errors import WeightsError
from pipeline.refine.strips import OFFSETS, WIDTH
from pipeline.segmenter.weights_io import check_file, sha256_of
from pipeline.types import Bytes, Floats

EMBEDDED = Path(__file__).parents[1] / "refine" / "weights" / "edges.safetensors"
FEATURES = 7
WIDTHS = (16, 24, 32, 48)
"""Channels at each level; a level has half the rows and columns of the one before."""
STEP = 2 ** (len(WIDTHS) - 1)
_ALONG = 17  # rows over which the colours of the two sides are averaged
_ALIKE = 0.05**2  # squared distance of colours too alike to tell the sides by
_LEAST = 1e-3
_TRACE = 0.05  # alpha that means none
_SHARE = 0.25  # alpha that means what it says
_BLOCK = 4096  # rows that go through the network at once; bounds the memory
_CONTEXT = 32  # rows beside them that matter


class EdgeNet(nn.Module):
    """Features (B, FEATURES, L, WIDTH) to logits of alpha (B, L, WIDTH); L a multiple of `STEP`."""

    def __init__(self) -> None:
        super().__init__()
        before = (FEATURES, *WIDTHS)
        self.down = nn.ModuleList(_two(a, b) for a, b in zip(before, WIDTHS, strict=False))
        self.merge = nn.ModuleList(
            nn.Conv2d(b, a, 1) for a, b in zip(WIDTHS, WIDTHS[1:], strict=False)
        )
        self.up = nn.ModuleList(nn.Conv2d(a, a, 3, padding=1) for a in WIDTHS[:-1])
        self.head = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for level in reversed(range(len(self.up))):
            x = F.interpolate(self.merge[level](x), scale_factor=2.0) + kept[level]
            x = F.relu(self.up[level](x))
        return self.head(x)[:, 0]  # type: ignore[no-any-return]


class NetworkEdges:
    """`pipeline.refine.edges.EdgeFinder` out of an `EdgeNet`."""

    def __init__(self, network: EdgeNet, device: str = "cpu") -> None:
        moved = network.eval().to(device)
        self.network = moved.to(memory_format=torch.channels_last)  # saves two fifths of the time
        self.device = device

    @torch.inference_mode()
    def alpha(self, colours: Bytes, guess: Bytes) -> Floats:
        """Return alpha, float32 (L, WIDTH), of strips uint8 (L, WIDTH, 3) and (L, WIDTH)."""
        result = np.zeros(guess.shape, np.float32)
        for start in range(0, len(guess), _BLOCK):
            first, last = max(0, start - _CONTEXT), min(len(guess), start + _BLOCK + _CONTEXT)
            x = features(colours[first:last], guess[first:last])
            x = np.pad(x, ((0, -len(x) % STEP), (0, 0), (0, 0)), mode="edge")
            planes = torch.from_numpy(x)[None].permute(0, 3, 1, 2).to(self.device)
            part = decided(torch.sigmoid(self.network(planes)))[0].cpu().numpy()[: last - first]
            kept = part[start - first : start - first + _BLOCK]
            result[start : start + len(kept)] = kept
        return result


def decided(alpha: Tensor) -> Tensor:
    """Let nearly none be none and nearly all be all: a sigmoid never says either, and white that
    is not quite white lies as a veil around the glasses. Shares in between stay."""
    return 1 - _without_traces(1 - _without_traces(alpha))


def _without_traces(share: Tensor) -> Tensor:
    return torch.minimum(share, F.relu(share - _TRACE) * (_SHARE / (_SHARE - _TRACE)))


def features(colours: Bytes, guess: Bytes) -> Floats:
    """Return what the network sees of a strip: float32 (L, WIDTH, FEATURES), around [-1, 1].

    Colour, the segmenter's guess, the distance from the outline, where the colour lies between
    the mean colours of the two sides (0 background, 1 glasses), and how far these are apart.
    """
    rgb = colours.astype(np.float32) / np.float32(255)
    share = guess.astype(np.float32) / np.float32(255)
    fore, back = _side(rgb, share**2), _side(rgb, (1 - share) ** 2)
    contrast = (fore - back)[:, None]
    apart = (contrast**2).sum(axis=-1)
    place = ((rgb - back[:, None]) * contrast).sum(axis=-1) / (apart + np.float32(_ALIKE))
    planes = np.empty((*guess.shape, FEATURES), np.float32)
    planes[..., :3] = rgb - 0.5
    planes[..., 3] = 2 * share - 1
    planes[..., 4] = OFFSETS / (WIDTH / 2)
    planes[..., 5] = np.clip(place, -1, 2) - 0.5
    planes[..., 6] = np.sqrt(apart)
    return planes


def load_edges(weights: str = "embedded", device: str = "cpu") -> NetworkEdges:
    """Load the network: "embedded", or the path of a safetensors file.

    Raises:
        WeightsError: the file is missing, damaged, of another network, or not what its card says.
    """
    path = EMBEDDED if weights == "embedded" else Path(weights)
    check_file(path, "refine.edges", required=path == EMBEDDED)
    network = EdgeNet()
    try:
        network.load_state_dict(load_file(path))
    except Exception as error:  # safetensors and torch raise several kinds
        raise WeightsError(
            f"{path}: no weights of the edge network ({error}); name a file that"
            " scripts/train_edges.py wrote, or set refine.edges to null"
        ) from error
    return NetworkEdges(network, device)


def is_edges(path: Path) -> bool:
    """Whether a file holds an edge network, by the names in it."""
    try:
        with safe_open(path, framework="pt") as file:
            return set(file.keys()) == set(EdgeNet().state_dict())
    except (OSError, SafetensorError):  # whoever reads it says so
        return False


def save_edges(network: EdgeNet, path: Path) -> str:
    """Write the weights and return the file's SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, part)
    part.replace(path)
    return sha256_of(path)


def _two(before: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
    )


def _side(rgb: Floats, weight: Floats) -> Floats:
    """Return the mean colour by `weight` around each row, float32 (L, 3)."""
    sums = np.column_stack([(rgb * weight[..., None]).sum(axis=1), weight.sum(axis=1)])
    sums = cv2.blur(sums, (1, _ALONG), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums[:, :3] / np.maximum(sums[:, 3:], _LEAST), np.float32)
