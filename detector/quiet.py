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

import cv2
import numpy as np

# torch first: ultralytics sets OMP_NUM_THREADS=1, which torch reads when it is loaded.
import torch

from detector.errors import WeightsError

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
        torch.set_printoptions(profile="default")


def _import_quietly() -> None:
    """Import ultralytics with its settings in a folder that goes away with the process."""
    settings = tempfile.mkdtemp(prefix="eyecut-ultralytics-")
    atexit.register(shutil.rmtree, settings, ignore_errors=True)
    os.environ.update(_ENVIRONMENT)
    with _process_state_kept():
        os.environ["YOLO_CONFIG_DIR"] = settings
        import ultralytics.nn.tasks  # noqa: F401


def _refuse_download(*args: object, **_: object) -> None:
    what = next((str(a) for a in args), "a file")
    raise WeightsError(
        f"{what}: not found here, and nothing is downloaded; give the path of a file"
    )


def _silence() -> None:
    """Switch off, also in an ultralytics that was imported before us, what the variables do not."""
    import ultralytics.nn.tasks as tasks
    import ultralytics.utils as utils
    from ultralytics.utils import callbacks, checks, downloads

    off: dict[str, object] = {"sync": False, "api_key": "", **dict.fromkeys(_INTEGRATIONS, False)}
    dict.update(utils.SETTINGS, off)  # the dict's own update: SettingsManager.update writes a file
    utils.ONLINE = checks.ONLINE = False
    tasks.SAFE_LOAD = True
    callbacks.add_integration_callbacks = lambda _instance: None
    checks.check_font = lambda *_args, **_kwargs: None
    checks.check_amp = lambda model: next(model.parameters()).device.type == "cuda"
    downloads.safe_download = _refuse_download
    downloads.is_url = lambda *_args, **_kwargs: False
    utils.LOGGER.setLevel("ERROR")


_import_quietly()
_silence()
