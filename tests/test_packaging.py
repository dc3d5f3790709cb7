"""The wheel holds what the checkout holds: presets, templates, weights, shaders, the command."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("detector", "pipeline", "synthetic")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    told = ["wheel", str(source), "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--no-input", *told], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.mark.slow
def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in name.parts and path.suffix != ".pt":
                assert name.as_posix() in inside
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert f"pipeline/configs/{path.relative_to(ROOT / 'configs').as_posix()}" in inside


@pytest.mark.slow
def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


@pytest.mark.slow
def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    text = {Path(n).name: n for n in wheel.namelist() if ".dist-info/" in n}
    assert "eyecut = pipeline.cli:main" in wheel.read(text["entry_points.txt"]).decode()
    assert "License-Expression: AGPL-3.0-or-later" in wheel.read(text["METADATA"]).decode()
    assert b"AFFERO" in wheel.read(text["LICENSE"])


def test_the_command_names_a_function() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, function = told["project"]["scripts"]["eyecut"].partition(":")
    assert module == "pipeline.cli"
    assert f"def {function}()" in (ROOT / "pipeline" / "cli" / "__init__.py").read_text(
        encoding="utf-8"
    )
