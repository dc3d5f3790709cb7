from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from pipeline.config import Config, load_config, preset_folder, preset_names, resolve_device
from pipeline.errors import ConfigError
from pipeline.refine import RefineSettings


def test_default_yaml_holds_every_key_with_the_models_own_value() -> None:
    told = yaml.safe_load((preset_folder() / "default.yaml").read_text(encoding="utf-8"))
    own = Config().model_dump(mode="json")
    own["canvas"]["preset"] = own["canvas"]["preset"]["name"]
    assert told == own
    assert load_config() == Config()


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads(name: str) -> None:
    load_config(name)


def test_refine_section_has_the_keys_and_values_of_the_settings() -> None:
    defaults = RefineSettings()
    told = {f.name: getattr(defaults, f.name) for f in fields(defaults)}
    assert Config().refine.model_dump(exclude={"edges", "lens"}) == told


def test_a_file_needs_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("detector:\n  size: 960\noutput:\n")
    config = load_config(path, ["detector.select=best", "run.threads=2"])
    assert config.detector.size == 960
    assert config.detector.select == "best"
    assert config.run.threads == 2
    assert config.output == Config().output


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["detector.sze=640"], ["detector.sze", "did you mean size"]),
        (["colour=red"], ["colour", "known", "detector"]),
        (["detector.size=33"], ["detector.size", "multiple of 32", "33"]),
        (["detector.confidence=1.5"], ["detector.confidence", "1.5"]),
        (["detector.kind=rcnn"], ["detector.kind", "rcnn", "yolo"]),
        (["detector.size"], ["--set", "section.key=value"]),
        (["detector..size=3"], ["section.key=value"]),
        (["detector.size.x=3"], ["size holds a value"]),
        (["detector.size=[3"], ["not YAML"]),
        (["detector=3"], ["detector"]),
    ],
)
def test_a_bad_override_is_named(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("default", overrides)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [("detector: [", "not YAML"), ("- 1\n", "keys and values"), ("detektor: {}\n", "detector")],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=word) as caught:
        load_config(path)
    assert "bad.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "word"), [("nothere", "default"), ("nothere.yaml", "not found"), ("a/b", "not found")]
)
def test_a_missing_configuration_is_named(name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load_config(name)


@pytest.mark.parametrize(
    ("overrides", "same"),
    [
        (["run.prefetch=3"], True),
        (["detector.device=cpu", "segmenter.device=cuda:1"], True),
        (["detector.weights=/elsewhere/the-same.pt"], True),
        (["segmenter.batch=4"], True),
        (["detector.confidence=0.35"], False),
        (["output.quality=80"], False),
    ],
)
def test_fingerprint_changes_with_what_changes_results(overrides: list[str], same: bool) -> None:
    weights = {"detector": "aa", "segmenter": "bb"}
    before = Config().fingerprint(weights, "1")
    assert (load_config("default", overrides).fingerprint(weights, "1") == before) is same


def test_fingerprint_changes_with_weights_and_version() -> None:
    seen = {
        Config().fingerprint({"detector": "aa"}, "1"),
        Config().fingerprint({"detector": "bb"}, "1"),
        Config().fingerprint({"detector": "aa"}, "2"),
    }
    assert len(seen) == 3


def test_auto_device_is_the_cpu_where_no_gpu_may_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resolve_device("auto") == "cpu"
    assert resolve_device("cuda:3") == "cuda:3"
