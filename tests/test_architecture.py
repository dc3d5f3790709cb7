"""Keeps the rules of the layout: who may import whom, and what must stay light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("detector", "pipeline", "synthetic")
# torch and everything that brings it along, or is as slow to load
HEAVY = ("torch", "torchvision", "ultralytics", "segment_anything", "albumentations", "timm")
# pipeline's rooms from the ground up: each may import those before it, and itself
LAYERS = (
    {"errors", "types"},
    {"compose", "canvas", "fitting", "opinion", "pointing"},
    {"colour", "config", "images", "tree"},
    {"segmenter", "refine"},
    {"flow", "provenance", "discovery"},
    {"manifest", "evaluation", "report", "waiting"},
    {"outputs"},
    {"results", "stress"},
    {"reading", "work"},
    {"batch"},
    {"benchmark"},
    {"cli"},
)
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "segment_anything": "segment-anything",
    "yaml": "pyyaml",
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """Yield the absolute names that `path` imports; without `lazy`, those on import alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if lazy or not (inside_function or for_types):
            todo += ast.iter_child_nodes(node)


def room(module: str) -> str | None:
    """Return the room of `pipeline` that a dotted name belongs to."""
    parts = module.split(".")
    return parts[1] if parts[0] == "pipeline" and len(parts) > 1 else None


def level(name: str) -> int:
    return next((n for n, names in enumerate(LAYERS) if name in names), -1)


@pytest.mark.parametrize("package", ["detector", "synthetic"])
def test_detector_and_synthetic_never_import_pipeline(package: str) -> None:
    assert modules(package)
    for path in modules(package):
        assert not [m for m in imports(path) if m.split(".")[0] == "pipeline"], path


def test_nothing_imports_scripts() -> None:
    for path in (p for package in PACKAGES for p in modules(package)):
        assert not [m for m in imports(path) if m.split(".")[0] == "scripts"], path


def test_every_room_of_pipeline_has_its_level() -> None:
    rooms = {room(name_of(path)) for path in modules("pipeline")} - {None}
    assert not {name for name in rooms if name and level(name) < 0}


def test_imports_of_pipeline_run_one_way() -> None:
    for path in modules("pipeline"):
        own = room(name_of(path))
        if own is None:
            continue
        for module in imports(path, lazy=own != "cli"):
            other = room(module)
            if other in (None, own) or level(other or "") < 0:
                continue
            assert level(other or "") <= level(own), f"{path.name} imports {module}"


@pytest.mark.parametrize("name", ["types", "refine", "compose", "canvas", "evaluation/metrics"])
def test_pure_rooms_import_no_torch_and_touch_no_path(name: str) -> None:
    place = ROOT / "pipeline" / name
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    for path in paths:
        for module in imports(path):
            assert module.split(".")[0] not in (*HEAVY, "os", "shutil", "io"), path
            assert not module.startswith("pathlib.Path"), path
        assert not re.search(r"\bopen\(|\bPath\(", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    "statement",
    [
        "import pipeline",
        "import detector",
        "import synthetic",
        "import pipeline.types, pipeline.config, pipeline.refine, pipeline.canvas",
        "import pipeline.batch, pipeline.flow, pipeline.report",
        "import pipeline.evaluation",
        "import pipeline.segmenter",
        "import pipeline.stress.sweep, pipeline.stress.result",
        "from pipeline.cli import app; app(['--help'], standalone_mode=False)",
        "from pipeline.cli import app; app(['run', '--help'], standalone_mode=False)",
        "from pipeline.cli import app; app(['evaluate', '--help'], standalone_mode=False)",
        "from pipeline.cli import app; app(['compare', '--help'], standalone_mode=False)",
        "from pipeline.cli import app; app(['stress', '--help'], standalone_mode=False)",
    ],
)
def test_importing_and_help_load_nothing_heavy(statement: str) -> None:
    code = (
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{statement}\n"
        f"loaded = {HEAVY!r}\n"
        "sys.exit(' '.join(name for name in loaded if name in sys.modules) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_is_no_python_in_datasets() -> None:
    assert (ROOT / "datasets").is_dir()
    assert not list((ROOT / "datasets").rglob("*.py"))


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_listed_for_installation() -> None:
    listed = set(project()["tool"]["setuptools"]["packages"])  # type: ignore[index]
    on_disk = {name_of(path) for p in PACKAGES for path in (ROOT / p).rglob("__init__.py")}
    assert on_disk <= listed
    folders = {name.replace("pipeline.configs", "configs").replace(".", "/") for name in listed}
    assert not {folder for folder in folders if not (ROOT / folder).is_dir()}


def test_every_library_that_is_imported_is_declared() -> None:
    told = project()["project"]
    extras = told["optional-dependencies"].values()  # type: ignore[index]
    declared = [*told["dependencies"], *(line for lines in extras for line in lines)]  # type: ignore[index]
    names = {re.split(r"[<>=!\[ ]", line)[0].lower() for line in declared}
    beside = {path.stem for path in modules("scripts")}
    own = {*PACKAGES, *beside, *sys.stdlib_module_names, "__future__", ""}
    for path in (p for package in (*PACKAGES, "scripts") for p in modules(package)):
        for module in imports(path):
            top = module.split(".")[0]
            if top in own:
                continue
            assert DISTRIBUTIONS.get(top, top) in names, f"{path}: {top} is not declared"
