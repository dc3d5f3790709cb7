"""Training of the edge network: samples, augmentation, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import ValidationError
from pipeline.refine.strips import OFFSETS, WIDTH
from pipeline.segmenter.edge_samples import (
    ALPHA,
    COLOURS,
    GUESS,
    OWN,
    PIECE,
    THIN,
    edge_samples,
)
from pipeline.segmenter.edge_training import EdgePlan, augmented, measure, tensors, train
from pipeline.segmenter.edges import EMBEDDED, EdgeNet, is_edges, load_edges, save_edges
from pipeline.segmenter.predictor import CompactModel
from pipeline.segmenter.weights_io import EMBEDDED as COMPACT
from pipeline.segmenter.weights_io import load_compact, read_card, write_card
from scripts_under_test import script as load_script
from synthetic.dataset import write_lines, write_scene
from synthetic.renderer import Renderer


def samples(count: int) -> np.ndarray:
    """Dark glasses on bright paper whose edge lies up to 6 pixels from the guessed one."""
    rng = np.random.default_rng(0)
    result = np.full((count, PIECE, WIDTH, 7), 255, np.uint8)
    shift = rng.uniform(-6, 6, (count, 1, 1))
    alpha = np.broadcast_to(np.clip(shift + 0.5 - OFFSETS, 0, 1), (count, PIECE, WIDTH))
    grey = 220 - 180 * alpha[..., None] + rng.normal(0, 3, (count, PIECE, WIDTH, 3))
    result[..., COLOURS] = np.clip(grey, 0, 255)
    result[..., GUESS] = 255 / (1 + np.exp(OFFSETS))
    result[..., ALPHA] = np.rint(255 * alpha)
    result[..., THIN] = 0
    return result


@pytest.mark.slow
def test_it_learns_where_an_edge_lies() -> None:
    data, lines = samples(300), []
    network, figures = train(data, EdgePlan(steps=120, batch=8, held=50), lines.append)
    assert figures["steps"] == 120
    assert figures["edge"] < 0.6 * figures["mask"]
    assert measure(network, data[:50])["edge"] < 0.6 * figures["mask"]


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValidationError, match="too few"):
        train(samples(10), EdgePlan(), print)


@pytest.mark.parametrize(("guess", "kept"), [(255, 1.0), (0, 0.0)])
def test_thin_parts_weigh_more_and_are_counted(guess: int, kept: float) -> None:
    data = samples(4)
    data[:, :, 4:6, THIN] = 255
    data[:, :, 4:6, GUESS] = guess
    weight = tensors(data)[2]
    assert weight[:, :, 4:6].min() > 3 * weight[:, :, 8:].max()
    assert measure(EdgeNet(), data)["thin_mask"] == kept


def test_augmentation_keeps_truth_and_ownership_with_their_pixels() -> None:
    data = samples(40)
    data[..., OWN] = 255 * (data[..., ALPHA] > 127)
    changed = augmented(data, np.random.default_rng(1))
    assert changed.shape == data.shape
    assert not np.array_equal(changed[..., COLOURS], data[..., COLOURS])
    assert np.array_equal(changed[..., OWN] > 0, changed[..., ALPHA] > 127)
    assert np.array_equal(changed[..., ALPHA], data[..., ALPHA])  # turned along the edge alone
    seen = augmented(data, np.random.default_rng(1))
    assert np.array_equal(seen, changed)


def made(folder: Path, seed: int) -> Path:
    """Random weights, and a card."""
    torch.manual_seed(seed)
    weights = folder / EMBEDDED.name
    digest = save_edges(EdgeNet(), weights)
    write_card(weights, {"name": "x", "file": weights.name, "sha256": digest, "seed": seed})
    return weights


@pytest.mark.slow
def test_weights_are_averaged_and_the_mean_is_measured(renderer: Renderer, tmp_path: Path) -> None:
    lines = [write_scene(tmp_path / "val", renderer.render(3, (480, 640), True, 1))]
    write_lines(tmp_path / "val", lines)
    one, two = (made(tmp_path / str(seed), seed) for seed in (1, 2))
    out, val = tmp_path / "mean", ["--val", str(tmp_path / "val")]
    average = load_script("average_weights").main
    assert average([str(out), str(one), str(two), *val]) == 0
    states = [load_edges(str(path)).network.state_dict() for path in (one, two)]
    mean = load_edges(str(out / one.name)).network.state_dict()
    for name, value in mean.items():
        torch.testing.assert_close(value, (states[0][name] + states[1][name]) / 2)
    card = read_card(out / one.name)
    assert card is not None and card["seed"] == 2
    assert card["figures"].keys() == {"edge", "mask", "thin", "thin_mask"}
    assert len(card["averaged"]) == 2


def test_averages_that_make_no_sense_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (made(tmp_path / str(seed), seed) for seed in (1, 2))
    average = load_script("average_weights").main
    for told, word in (
        ([tmp_path / "mean", one], "two"),
        ([two.parent, one, two], "overwritten"),
        ([tmp_path / "mean", one, two], "no dataset"),
    ):
        assert average([*map(str, told), "--val", str(tmp_path)]) == 2
        assert word in capsys.readouterr().err
    two.with_name("model_card.json").unlink()
    assert average([*map(str, (tmp_path / "mean", two, one, two)), "--val", str(tmp_path)]) == 2
    assert "card" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_edge_networks_are_told_from_other_files(tmp_path: Path) -> None:
    assert is_edges(made(tmp_path, 1))
    assert not is_edges(COMPACT)
    assert not is_edges(tmp_path / "missing.safetensors")


@pytest.mark.slow
def test_samples_come_from_rendered_scenes(renderer: Renderer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    lines = [write_scene(tmp_path, renderer.render(seed, (480, 640), True, 1)) for seed in (3, 8)]
    write_lines(tmp_path, lines)
    rng = np.random.default_rng(0)
    found = list(edge_samples([tmp_path], CompactModel(load_compact()), rng))
    assert found
    data = np.concatenate(found)
    assert data.shape[1:] == (PIECE, WIDTH, 7)
    inside, outside = data[:, :, :8, ALPHA].mean(), data[:, :, -8:, ALPHA].mean()
    assert inside > outside + 60
    figures = measure(EdgeNet(), data)
    assert figures["mask"] < 0.4
    assert 0.3 < figures["thin_mask"] < 1
    # Thin parts are parts of the glasses.
    assert data[..., ALPHA][data[..., THIN] > 250].min() > 100


def test_no_scenes_are_told(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "images").mkdir()
    with pytest.raises(ValidationError, match="no scenes"):
        list(edge_samples([tmp_path], CompactModel(load_compact()), np.random.default_rng(0)))
