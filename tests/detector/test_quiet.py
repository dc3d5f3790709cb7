"""ultralytics under our hand: no network, nothing in the home folder, no process-wide changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SPY = """
import json, socket, sys
tries = []
def refuse(*args, **kwargs):
    tries.append(repr(args[:2]))
    raise OSError("no network in this test")
socket.getaddrinfo = refuse
socket.socket.connect = refuse
socket.socket.sendto = refuse
"""


def run(code: str, home: Path, **environment: str) -> dict:
    """Run `code`, which prints a JSON object last, with an empty home folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "YOLO_", "OMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", SPY + code],
        cwd=ROOT,
        env={**kept, "HOME": str(home), "TMPDIR": str(home.parent), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary" / "home"
    folder.mkdir(parents=True)
    return folder


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.slow
def test_a_training_run_touches_its_folder_only(
    home: Path, tmp_path: Path, toy_dataset: Path
) -> None:
    before = everything_in(toy_dataset)
    arguments = ["train_detector.py", "--data", str(toy_dataset), "--run", str(tmp_path / "run")]
    arguments += ["--set", "imgsz=32", "epochs=1", "workers=0", "val_period=1"]
    code = f"""
import runpy
sys.argv = {arguments!r}
try:
    runpy.run_path("scripts/train_detector.py", run_name="__main__")
except SystemExit as end:
    print(json.dumps({{"code": end.code, "tries": tries}}))
"""
    assert run(code, home, OMP_NUM_THREADS="1") == {"code": 0, "tries": []}
    assert everything_in(home.parent) == {"home"}
    assert everything_in(toy_dataset) == before
    assert (tmp_path / "run" / "export" / "eyeglasses-yolo11n.safetensors").is_file()


@pytest.mark.slow
def test_predicting_writes_nothing_and_leaves_the_process_as_it_was(home: Path) -> None:
    code = """
import os, cv2, numpy as np, torch
threads = [torch.get_num_threads(), cv2.getNumThreads()]
printing = np.get_printoptions()
from detector.checkpoint import build, read_checkpoint
import ultralytics.utils as utils
build(read_checkpoint("yolo11n.yaml"))
print(json.dumps({
    "tries": tries,
    "same threads": threads == [torch.get_num_threads(), cv2.getNumThreads()],
    "same printing": printing == np.get_printoptions(),
    "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    "sync": utils.SETTINGS["sync"],
    "online": utils.ONLINE,
}))
"""
    assert run(code, home) == {
        "tries": [],
        "same threads": True,
        "same printing": True,
        "OMP_NUM_THREADS": None,
        "sync": False,
        "online": False,
    }
    assert everything_in(home.parent) == {"home"}


@pytest.mark.slow
def test_an_ultralytics_imported_earlier_is_silenced_too(home: Path) -> None:
    code = """
import os
os.environ["YOLO_OFFLINE"] = "1"  # so that the import itself asks nobody
import ultralytics
from ultralytics.utils import SETTINGS, callbacks, checks, downloads
from detector import quiet
from detector.errors import WeightsError
class Trainer:
    callbacks = {}
callbacks.add_integration_callbacks(Trainer())
checks.check_font("Arial.ttf")
try:
    downloads.attempt_download_asset("yolo11n.pt")
except WeightsError as error:
    refused = "nothing is downloaded" in str(error)
print(json.dumps({"tries": tries, "callbacks": Trainer.callbacks, "refused": refused,
                  "sync": SETTINGS["sync"]}))
"""
    assert run(code, home) == {"tries": [], "callbacks": {}, "refused": True, "sync": False}


def test_importing_the_package_loads_neither_torch_nor_ultralytics() -> None:
    code = "import sys, detector; print([m for m in ('torch', 'ultralytics') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
