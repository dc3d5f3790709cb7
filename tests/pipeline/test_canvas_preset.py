from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipeline.canvas import CanvasPreset, Fill, group_of
from pipeline.config import Config, canvas_names, load_canvas, load_config, preset_folder
from pipeline.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def test_every_marketplace_of_the_project_has_its_canvas() -> None:
    wanted = {"source", "amazon", "google_merchant", "zalando", "ebay", "shopify"}
    assert set(canvas_names()) == wanted


@pytest.mark.parametrize("name", canvas_names())
def test_a_canvas_has_the_name_of_its_file(name: str) -> None:
    assert load_canvas(name).name == name


def test_marketplaces_rules_are_in_their_canvases() -> None:
    amazon = load_canvas("amazon")
    assert amazon.least_side >= 1600
    assert amazon.fill is not None and amazon.fill.least >= 0.85
    sizes = {name: load_canvas(name).size for name in canvas_names()}
    assert sizes["google_merchant"] == (1500, 1500)
    assert sizes["zalando"] == (1801, 2600)
    assert max(sizes["ebay"] or ()) == 1600
    assert sizes["shopify"] == (2048, 2048)
    for name in set(canvas_names()) - {"source"}:
        assert load_canvas(name).profile == "srgb"


def test_the_source_canvas_is_the_default_one() -> None:
    assert load_canvas("source") == CanvasPreset() == load_config().canvas.preset


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"size": [100, 100]}, "fill"),
        ({"fill": {}}, "size or aspect"),
        ({"name": "a", "size": [100, 100], "aspect": 1.0, "fill": {}}, "exclude"),
        ({"name": "a", "size": [8, 100], "fill": {}}, "16"),
        ({"name": "a", "size": [100, 100], "least_side": 200, "fill": {}}, "longer side"),
        ({"least_side": 3, "most_side": 2}, "least_side"),
        ({"name": "a", "size": [100, 100], "fill": {"target": 0.9}, "margin": 0.1}, "margins"),
        ({"name": "a", "size": [100, 100], "fill": {}, "baseline": 0.99}, "baseline"),
        ({"name": "a", "size": [100, 100], "fill": {"target": 0.5, "least": 0.6}}, "least <="),
        ({"name": "a", "size": [100, 100], "fill": {"target": 0.99}}, "0.98"),
        ({"name": "source", "size": [100, 100], "fill": {}}, "name other than source"),
        ({"max_upscaling": 0.5}, "max_upscaling"),
        ({"format": "gif"}, "format"),
        ({"sise": [3, 4]}, "did you mean size"),
        ({"name": "a", "size": [100, 100], "fill": {"taget": 0.5}}, "did you mean target"),
    ],
)
def test_a_canvas_that_cannot_be_is_refused(
    tmp_path: Path, told: dict[str, object], word: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(told))
    with pytest.raises(ConfigError, match=re.escape(word)) as caught:
        load_canvas(path)
    assert "mine.yaml" in str(caught.value)


def test_a_configuration_takes_a_name_a_file_or_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "square.yaml"
    path.write_text("size: [800, 800]\nfill: {target: 0.7}\n")
    by_name = load_config("default", ["canvas.preset=ebay"]).canvas.preset
    by_file = load_config("default", [f"canvas.preset={path}"]).canvas.preset
    by_keys = load_config(
        "default", ["canvas.preset={name: square, size: [800, 800], fill: {target: 0.7}}"]
    ).canvas.preset
    assert by_name == load_canvas("ebay")
    assert by_file == by_keys
    assert by_file == CanvasPreset(name="square", size=(800, 800), fill=Fill(target=0.7))


def test_single_keys_of_a_canvas_can_be_set() -> None:
    told = ["canvas.preset=ebay", "canvas.preset.quality=80", "canvas.preset.fill.target=0.7"]
    canvas = load_config("default", told).canvas.preset
    assert canvas.fill is not None and canvas.fill.target == 0.7
    assert canvas.quality == 80
    assert canvas.size == load_canvas("ebay").size
    assert load_config("default", ["canvas.preset.straighten=true"]).canvas.preset.straighten


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("canvas.preset=amazn", ["amazn", "amazon", "shopify"]),
        ("canvas.preset=nothere.yaml", ["canvas", "nothere.yaml", "not found"]),
        ("canvas.preset={sise: 3}", ["canvas.preset.sise", "size"]),
        ("canvas.group='('", ["canvas.group", "regular expression"]),
        ("canvas.shadow=hard", ["canvas.shadow", "natural"]),
    ],
)
def test_a_bad_canvas_section_is_named(override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("default", [override])
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_fingerprint_changes_with_what_a_canvas_file_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    seen = set()
    for target in (0.7, 0.8):
        path.write_text(f"size: [800, 800]\nfill: {{target: {target}}}\n")
        config = load_config("default", [f"canvas.preset={path}"])
        seen.add(config.fingerprint({}, "1"))
    assert len(seen | {Config().fingerprint({}, "1")}) == 3


@pytest.mark.parametrize(
    ("key", "pattern", "name"),
    [
        ("a/RB123_img_01.jpg", r"^(.*)_img_", "a/RB123"),
        ("a/RB123_img_02.jpg", r"([^/]+)_img_", "RB123"),
        ("a/RB123/front.jpg", r"^[^/]+/[^/]+", "a/RB123"),
        ("b/other.jpg", r"^(.*)_img_", None),
        ("_img_1.jpg", r"^(.*)_img_", None),
        ("a.jpg", None, None),
    ],
)
def test_photos_of_one_product_have_one_name(
    key: str, pattern: str | None, name: str | None
) -> None:
    assert group_of(key, pattern) == name


def test_every_canvas_says_which_rule_is_whose() -> None:
    for name in set(canvas_names()) - {"source"}:
        text = (preset_folder() / "canvas" / f"{name}.yaml").read_text(encoding="utf-8")
        assert "Theirs:" in text and "our choice" in text
