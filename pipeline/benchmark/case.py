"""One measurement of `eyecut run`: so many photos of one size, on so many threads.

Each case runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from pipeline.errors import ConfigError, EyecutError
from pipeline.images import read_photo, write_image
from pipeline.types import Bytes

STAGES = ("read", "detect", "segment", "refine", "compose", "write")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds over warm runs."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Median, least and most of at least one value."""
        values = list(values)
        low, middle, high = min(values), statistics.median(values), max(values)
        return cls(round(middle, 4), round(low, 4), round(high, 4))


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured.

    Attributes:
        photo: the photo that is copied.
        megapixels: size it is brought to; 0 leaves it.
        threads: cores and threads.
        runs: photos that count; one more is done first, to warm up.
        config, overrides: as for ``eyecut run``.
        model: kind of the segmenter; that of `config` where it is empty.
        weights: its checkpoint, see `random`.
        random: the weights are random; the compact model answers in its place, see `Timed`.
        batch: pictures in one pass, of `measure_batch` alone.
    """

    photo: Path
    megapixels: float = 12.0
    threads: int = 2
    runs: int = 5
    config: str = "default"
    overrides: tuple[str, ...] = ()
    model: str = ""
    weights: str = "embedded"
    random: bool = False
    batch: int = 1

    @property
    def told(self) -> list[str]:
        """Everything that the configuration is told."""
        model = [f"segmenter.kind={self.model}", f"segmenter.weights={self.weights}"]
        return [f"run.threads={self.threads}", *(model if self.model else ()), *self.overrides]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case took.

    Attributes:
        width, height: of the photo, in pixels.
        model: kind of the segmenter.
        pairs: of glasses that were found in it.
        load: seconds until the networks are ready.
        seconds: of a photo, by stage and in "total".
        wall: seconds a photo with reading ahead, all photos together.
        peak_mb: most memory held (resident set).
    """

    case: Case
    width: int
    height: int
    model: str
    pairs: int
    load: float
    seconds: dict[str, Spread]
    wall: float
    peak_mb: float


def apart(work: Callable[[Case], R], case: Case) -> R:
    """Do `work` in a fresh process that has `case.threads` threads.

    Raises:
        EyecutError: what the work raised, or that its process died.
    """
    told = {"OMP_NUM_THREADS": str(case.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)  # read when torch is loaded, so they have to be there before
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(work, case).result()
    except EyecutError:
        raise
    except Exception as error:
        raise ConfigError(f"{case}: the measurement failed: {error}") from error
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def measure(case: Case) -> Outcome:
    """Run the case in this process, which has done nothing else."""
    bind(case.threads)
    started = time.perf_counter()
    from pipeline import batch, flow
    from pipeline.config import load_config

    config = load_config(case.config, case.told)
    stages = flow.build(config)
    load = round(time.perf_counter() - started, 3)
    if case.random:
        from pipeline.benchmark.models import Timed
        from pipeline.segmenter import build_segmenter

        sound = build_segmenter(load_config(case.config, case.overrides).segmenter)
        stages.segmenter = Timed(stages.segmenter, sound)
    rgb = enlarged(read_photo(case.photo).rgb, case.megapixels)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for index in range(case.runs + 1):
            write_image(work / "in" / f"{index:04}.jpg", rgb)
        height, width = rgb.shape[:2]
        del rgb
        summary = batch.run(work / "in", work / "out", config, stages)
    if summary.failed:
        raise ConfigError(f"{case.photo}: {summary.failed[0].error}")
    records = summary.records[1:]
    seconds = {s: Spread.of(r.seconds.get(s, 0.0) for r in records) for s in STAGES}
    seconds["total"] = Spread.of(sum(r.seconds.values()) for r in records)
    wall = round(summary.seconds / len(summary.records), 4)
    kind, pairs = config.segmenter.kind, len(records[0].boxes)
    return Outcome(case, width, height, kind, pairs, load, seconds, wall, peak_megabytes())


def timed(work: Callable[[], object], runs: int, pieces: int = 1) -> Spread:
    """Seconds a piece of `work`, done `runs` times after a first that does not count."""
    work()
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) / pieces)
    return Spread.of(taken)


def bind(threads: int) -> None:
    """Keep this process to `threads` cores, as a machine with so many would."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    cv2.setNumThreads(threads)


def enlarged(rgb: Bytes, megapixels: float) -> Bytes:
    """`rgb`, uint8 (H, W, 3), brought to so many megapixels; 0 leaves it."""
    if not megapixels:
        return rgb
    scale = (megapixels * 1e6 / (rgb.shape[0] * rgb.shape[1])) ** 0.5
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    return np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8)


def peak_megabytes() -> float:
    """The most memory this process ever held (resident set), in MB."""
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)
