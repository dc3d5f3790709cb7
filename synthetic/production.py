"""Rendering many scenes: which seed gets what, worker processes, resuming.

Seeds of the three parts never meet: training from 0, validation from 10,000,000, test from
20,000,000 (`synthetic.dataset.SPLIT_SEEDS`).
"""

from __future__ import annotations

import importlib
import os
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Protocol

import cv2
import numpy as np

from synthetic import dataset
from synthetic.assets import Assets
from synthetic.coco import build_coco
from synthetic.dataset import Line
from synthetic.errors import AssetError, RendererUnavailable
from synthetic.sample import Sample

# Width over height, and how often.
_SHAPES = ((1.0, 0.36), (3 / 2, 0.24), (4 / 3, 0.2), (3 / 4, 0.12), (2 / 3, 0.05), (16 / 9, 0.03))


class SceneSource(Protocol):
    """What renders scenes: `synthetic.renderer.Renderer`, or a stand-in."""

    def render(
        self,
        seed: int,
        size: tuple[int, int] = ...,
        glasses: bool | None = ...,
        pairs: int | None = ...,
        cutout: bool = ...,
    ) -> Sample:
        """The scene of a seed at size (H, W); `cutout` False may leave the cut-out blank."""
        ...


@dataclass(frozen=True)
class Order:
    """What to render and where to.

    root: folder to write. seeds: which scenes. size: side in pixels of a square picture; others
    have the same area. empty_share, pairs_share: share of scenes without glasses, and with two
    or three pairs. cutouts: write ROOT/cutouts too. workers: processes; 0 renders in this one.
    minutes: start no scene after so long. source: "module:factory" of a SceneSource, called with
    the assets.
    """

    root: Path
    seeds: range
    size: int = 768
    assets: Assets = field(default_factory=Assets)
    empty_share: float = 0.1
    pairs_share: float = 0.15
    cutouts: bool = False
    workers: int = 1
    minutes: float | None = None
    source: str = "synthetic.renderer:Renderer"

    def __post_init__(self) -> None:
        if not 0 <= self.empty_share <= 1 or not 0 <= self.pairs_share <= 1 - self.empty_share:
            raise ValueError("empty_share and pairs_share are shares and add up to 1 at most")
        if self.size < 32:
            raise ValueError(f"size is {self.size}, expected at least 32")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one seed is to show: picture size (H, W), whether glasses, how many pairs."""

    seed: int
    size: tuple[int, int]
    glasses: bool
    pairs: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed: its line, or the error; `fatal` where every seed would fail so."""

    seed: int
    line: Line | None = None
    error: str = ""
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run ended: scenes made and skipped, seeds that failed, what stopped it for good."""

    made: int
    skipped: int
    failed: tuple[int, ...]
    left: int
    fatal: str = ""


def plan_scene(seed: int, size: int, empty_share: float, pairs_share: float) -> Plan:
    """Shape and contents of a seed's picture; depends on nothing but the arguments."""
    rng = np.random.default_rng([seed, 0x5CE9E])
    ratio = float(rng.choice([r for r, _ in _SHAPES], p=[share for _, share in _SHAPES]))
    height, width = (8 * max(2, round(size * k / 8)) for k in (ratio**-0.5, ratio**0.5))
    chance = float(rng.random())
    glasses = chance >= empty_share
    several = glasses and chance < empty_share + pairs_share
    pairs = (3 if rng.random() < 0.25 else 2) if several else int(glasses)
    return Plan(seed, (height, width), glasses, pairs)


def produce(order: Order, report: Callable[[str], None] = print) -> Summary:
    """Render what is missing of an order, then write coco.json.

    A scene counts as made when it is in scenes.jsonl and all its files are there, so a run that
    was killed goes on where it was. One seed's failure is reported and the run goes on.
    """
    root = order.root
    dataset.remove_parts(root)
    dataset.write_description(root, order.assets)
    lines = {
        seed: line
        for seed, line in dataset.read_lines(root).items()
        if dataset.is_whole(root, line, order.cutouts and seed in order.seeds)
    }
    dataset.write_lines(root, lines.values())
    todo = [seed for seed in order.seeds if seed not in lines]
    skipped, failed, fatal = len(order.seeds) - len(todo), [], ""
    made: set[int] = set()
    clock = _Clock(len(todo), report)
    with (root / "scenes.jsonl").open("a", encoding="utf-8") as log:
        for outcome in _outcomes(order, todo):
            if outcome.line is not None:
                log.write(dataset.line_text(outcome.line))
                log.flush()
                made.add(outcome.seed)
                clock.tick(len(made))
            else:
                failed.append(outcome.seed)
                report(f"seed {outcome.seed} failed: {outcome.error}")
            if outcome.fatal:
                fatal = outcome.error
                break
    dataset.write_lines(root, dataset.read_lines(root).values())
    build_coco(root, anew=made)
    left = len(todo) - len(made) - len(failed)
    return Summary(len(made), skipped, tuple(sorted(failed)), left, fatal)


class _Clock:
    """Says now and then how far it is."""

    def __init__(self, total: int, report: Callable[[str], None]) -> None:
        self.total, self.report = total, report
        self.start = self.last = time.monotonic()

    def tick(self, made: int) -> None:
        now = time.monotonic()
        if now - self.last < 15 and made < self.total:
            return
        self.last = now
        pace = made / max(now - self.start, 1e-6)
        left = (self.total - made) / max(pace, 1e-6) / 60
        self.report(f"{made}/{self.total} scenes, {pace:.2f} a second, {left:.0f} min left")


def _outcomes(order: Order, todo: list[int]) -> Iterator[Outcome]:
    end = time.monotonic() + 60 * order.minutes if order.minutes is not None else float("inf")
    if order.workers > 0:
        yield from _by_workers(order, todo, end)
        return
    source: SceneSource | None = None
    for seed in todo:
        if time.monotonic() >= end:
            return
        try:
            source = source or _open_source(order)
        except Exception as error:  # noqa: BLE001 - told to the caller, who stops
            yield Outcome(seed, error=_told(error), fatal=True)
            return
        yield _made(order, source, seed)


def _by_workers(order: Order, todo: list[int], end: float) -> Iterator[Outcome]:
    """Keep all workers busy; a pool whose worker died is replaced and the run goes on."""
    waiting = iter(todo)
    running: dict[Future[Outcome], int] = {}
    pool = _pool(order)
    deaths = 0
    try:
        while True:
            while len(running) < 2 * order.workers and time.monotonic() < end:
                seed = next(waiting, None)
                if seed is None:
                    break
                running[pool.submit(_work, seed)] = seed
            if not running:
                return
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            broken = False
            for future in ready:
                seed = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken = True
                    yield Outcome(seed, error="its worker process died; run again to retry")
            if broken:
                deaths += 1
                for future, seed in running.items():
                    yield Outcome(seed, error="lost with a worker process; run again to retry")
                    del future
                running.clear()
                pool.shutdown(wait=False, cancel_futures=True)
                if deaths > 20:
                    return
                pool = _pool(order)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(order: Order) -> ProcessPoolExecutor:
    # Spawned, not forked: a GL context does not survive a fork.
    return ProcessPoolExecutor(order.workers, get_context("spawn"), _prepare, (order,))


_ORDER: Order | None = None
_SOURCE: SceneSource | None = None


def _prepare(order: Order) -> None:
    """First thing in a worker, before a GL driver is loaded."""
    global _ORDER
    Thread(target=_end_with_parent, daemon=True).start()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share = max(1, (cores or 1) // order.workers)
    # The software renderer starts a thread a core unless told; 0 renders in the calling thread.
    os.environ["LP_NUM_THREADS"] = str(share if share > 1 else 0)
    cv2.setNumThreads(share)
    _ORDER = order


def _end_with_parent() -> None:
    """A run that is killed cannot stop its workers, which would wait for work for ever."""
    parent = parent_process()
    assert parent is not None, "workers are spawned"
    parent.join()
    os._exit(1)


def _work(seed: int) -> Outcome:
    global _SOURCE
    assert _ORDER is not None, "_prepare runs first"
    if _SOURCE is None:
        try:
            _SOURCE = _open_source(_ORDER)
        except Exception as error:  # noqa: BLE001 - told to the caller, who stops
            return Outcome(seed, error=_told(error), fatal=True)
    return _made(_ORDER, _SOURCE, seed)


def _open_source(order: Order) -> SceneSource:
    module, _, name = order.source.partition(":")
    source: SceneSource = getattr(importlib.import_module(module), name)(order.assets)
    return source


def _made(order: Order, source: SceneSource, seed: int) -> Outcome:
    plan = plan_scene(seed, order.size, order.empty_share, order.pairs_share)
    try:
        sample = source.render(seed, plan.size, plan.glasses, plan.pairs, order.cutouts)
        return Outcome(seed, dataset.write_scene(order.root, sample, order.cutouts))
    except (RendererUnavailable, AssetError) as error:
        return Outcome(seed, error=_told(error), fatal=True)
    except Exception as error:  # noqa: BLE001 - one seed must not end the run
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        return Outcome(seed, error=f"{_told(error)} at {place}")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
