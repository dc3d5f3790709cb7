"""ultralytics without network, telemetry or files in the home folder.

Import this before ultralytics; every module of `detector` that uses ultralytics does. Left alone,
ultralytics asks a name server whether it is online, writes its settings to the home folder, sends
usage events, looks for a font and for weights on its servers, installs missing packages, loads
checkpoints with full pickle, and sets the process to one OpenMP and one OpenCV thread.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import cv2
import numpy as np

# torch first: ultralytics sets OMP_NUM_THREADS=1, which torch reads when it is loaded.
import torch

from detector.errors import DetectorError, WeightsError

# Read from the source of ultralytics 8.4 (utils/__init__.py): the variables that exist there.
_ENVIRONMENT = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
    "NO_ALBUMENTATIONS_UPDATE": "1",
}
_INTEGRATIONS = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")


@contextmanager
def _process_state_kept() -> Iterator[None]:
    """Undo what importing ultralytics does to the rest of the process."""
    omp, cv2_threads = os.environ.get("OMP_NUM_THREADS"), cv2.getNumThreads()
    numpy_print = np.get_printoptions()
    config = os.environ.get("YOLO_CONFIG_DIR")
    try:
        yield
    finally:
        for key, value in (("OMP_NUM_THREADS", omp), ("YOLO_CONFIG_DIR", config)):
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        cv2.setNumThreads(cv2_threads)
        np.set_printoptions(**numpy_print)
        torch.set_printoptions(profile="default")  # type: ignore[no-untyped-call]


def _import_quietly() -> None:
    """Import ultralytics with its settings in a folder that goes away with the process."""
    settings = tempfile.mkdtemp(prefix="eyecut-ultralytics-")
    atexit.register(shutil.rmtree, settings, ignore_errors=True)
    os.environ.update(_ENVIRONMENT)
    with _process_state_kept():
        os.environ["YOLO_CONFIG_DIR"] = settings
        import_module("ultralytics.nn.tasks")


def _refuse_download(*args: object, **_: object) -> None:
    what = next((str(a) for a in args), "a file")
    raise WeightsError(
        f"{what}: not found here, and nothing is downloaded; give the path of a file"
    )


# What the variables do not switch off, or come too late for if ultralytics was imported before us.
_REPLACED: dict[str, dict[str, object]] = {
    "nn.tasks": {"SAFE_LOAD": True},
    "utils": {"ONLINE": False},
    "utils.callbacks": {"add_integration_callbacks": lambda _instance: None},
    "utils.checks": {
        "ONLINE": False,
        "check_font": lambda *_args, **_kwargs: None,
        # In place of a trial with weights from its servers.
        "check_amp": lambda model: next(model.parameters()).device.type == "cuda",
    },
    "utils.downloads": {
        "safe_download": _refuse_download,
        "get_github_assets": _refuse_download,
        "is_url": lambda *_args, **_kwargs: False,
    },
}


def _silence() -> None:
    for name, replaced in _REPLACED.items():
        module = import_module(f"ultralytics.{name}")
        missing = replaced.keys() - vars(module).keys()
        if missing:
            raise DetectorError(
                f"ultralytics: {name} has no {sorted(missing)} to switch off; "
                "install the version that pyproject.toml names"
            )
        vars(module).update(replaced)
    utils = import_module("ultralytics.utils")
    # The dict's own update: SettingsManager's writes a file.
    off: dict[str, object] = {"sync": False, "api_key": "", **dict.fromkeys(_INTEGRATIONS, False)}
    dict.update(utils.SETTINGS, off)
    utils.LOGGER.setLevel("ERROR")


_import_quietly()
_silence()
