from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthetic import dataset
from synthetic.production import Order, Summary, plan_scene, produce

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_dataset.py"


def order(root: Path, count: int = 6, **others: object) -> Order:
    base = Order(root, range(count), size=96, workers=0, source="fake_scenes:FakeScenes")
    return replace(base, **others)  # type: ignore[arg-type]


def quiet(_: str) -> None:
    return None


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


# ---- plans ----------------------------------------------------------------------------------


def test_plan_keeps_the_shares_asked_for() -> None:
    plans = [plan_scene(seed, 768, 0.1, 0.15) for seed in range(3000)]
    assert np.mean([not p.glasses for p in plans]) == pytest.approx(0.1, abs=0.02)
    assert np.mean([p.pairs > 1 for p in plans]) == pytest.approx(0.15, abs=0.02)
    assert all((p.pairs > 0) == p.glasses for p in plans)


def test_plan_varies_the_shape_and_keeps_the_area() -> None:
    sizes = {plan_scene(seed, 768, 0.1, 0.15).size for seed in range(300)}
    assert {h > w for h, w in sizes} == {True, False}
    assert (768, 768) in sizes
    for height, width in sizes:
        assert height * width == pytest.approx(768**2, rel=0.03)
        assert height % 8 == width % 8 == 0


def test_plan_of_a_seed_does_not_change() -> None:
    assert plan_scene(5, 768, 0.1, 0.15) == plan_scene(5, 768, 0.1, 0.15)


@pytest.mark.parametrize(
    "wrong", [{"empty_share": -0.1}, {"empty_share": 0.7, "pairs_share": 0.5}, {"size": 4}]
)
def test_impossible_orders_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="share|size"):
        order(tmp_path, **wrong)


# ---- runs -----------------------------------------------------------------------------------


def test_run_makes_every_seed(tmp_path: Path) -> None:
    assert produce(order(tmp_path), quiet) == Summary(6, 0, (), 0)
    lines = dataset.read_lines(tmp_path)
    assert set(lines) == set(range(6))
    assert all(dataset.is_whole(tmp_path, line) for line in lines.values())
    assert (tmp_path / "coco.json").is_file()
    assert (tmp_path / "dataset.yaml").is_file()


def test_second_run_has_nothing_to_do_and_changes_nothing(tmp_path: Path) -> None:
    produce(order(tmp_path), quiet)
    before = contents(tmp_path)
    assert produce(order(tmp_path), quiet) == Summary(0, 6, (), 0)
    assert contents(tmp_path) == before


def test_longer_order_adds_to_the_folder(tmp_path: Path) -> None:
    produce(order(tmp_path, 4), quiet)
    assert produce(order(tmp_path, 7), quiet) == Summary(3, 4, (), 0)
    other = tmp_path.with_name("other")
    produce(order(other, 7), quiet)
    assert contents(tmp_path) == contents(other)


@pytest.mark.parametrize("lost", ["images", "labels", "masks"])
def test_scene_that_lost_a_file_is_made_again(tmp_path: Path, lost: str) -> None:
    produce(order(tmp_path), quiet)
    before = contents(tmp_path)
    victim = sorted((tmp_path / lost).iterdir())[2]
    victim.unlink()
    assert produce(order(tmp_path), quiet) == Summary(1, 5, (), 0)
    assert contents(tmp_path) == before


def test_killed_run_goes_on_and_leaves_no_scraps(tmp_path: Path) -> None:
    produce(order(tmp_path), quiet)
    before = contents(tmp_path)
    log = tmp_path / "scenes.jsonl"
    log.write_bytes(log.read_bytes()[:-40])
    (tmp_path / "coco.json").unlink()
    (tmp_path / "images" / ".000005.jpg.99.part").write_bytes(b"half")
    assert produce(order(tmp_path), quiet).made == 1
    assert contents(tmp_path) == before


def test_asking_for_cutouts_later_makes_them(tmp_path: Path) -> None:
    produce(order(tmp_path), quiet)
    empty = sum(not line["glasses"] for line in dataset.read_lines(tmp_path).values())
    assert produce(order(tmp_path, cutouts=True), quiet).made == 6 - empty
    assert len(list((tmp_path / "cutouts").iterdir())) == 6 - empty


def test_failing_seed_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    summary = produce(order(tmp_path, 15, source="fake_scenes:FailsAtThree"), said.append)
    assert summary == Summary(13, 0, (3, 13), 0)
    assert any("seed 13" in text and "no light in this scene" in text for text in said)
    assert 3 not in dataset.read_lines(tmp_path)
    assert produce(order(tmp_path, 15), quiet) == Summary(2, 13, (), 0)


@pytest.mark.parametrize("source", ["fake_scenes:NoDriver", "fake_scenes:Missing"])
def test_what_fails_for_every_seed_stops_the_run(tmp_path: Path, source: str) -> None:
    summary = produce(order(tmp_path, source=source), quiet)
    assert (summary.made, summary.failed, summary.left) == (0, (0,), 5)
    assert ("libegl1" in summary.fatal) == source.endswith("NoDriver")


def test_no_time_means_no_scene(tmp_path: Path) -> None:
    assert produce(order(tmp_path, minutes=0.0), quiet) == Summary(0, 0, (), 6)


def test_workers_make_the_same_files(tmp_path: Path) -> None:
    said: list[str] = []
    alone, several = tmp_path / "alone", tmp_path / "several"
    produce(order(alone, 8, cutouts=True, source="fake_scenes:FailsAtThree"), quiet)
    parallel = order(several, 8, cutouts=True, workers=2, source="fake_scenes:FailsAtThree")
    assert produce(parallel, said.append) == Summary(7, 0, (3,), 0)
    assert contents(several) == contents(alone)


def test_worker_that_dies_costs_its_seeds_only(tmp_path: Path) -> None:
    summary = produce(order(tmp_path, 9, workers=1, source="fake_scenes:DiesAtFour"), quiet)
    assert 4 in summary.failed
    assert summary.made >= 6
    assert summary.made + len(summary.failed) == 9


# ---- the command ----------------------------------------------------------------------------


def test_command_names_a_wrong_folder_and_ends_with_two(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "out", "--count", "1", "--hdri", tmp_path / "nowhere"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert "nowhere" in told.stderr
    assert not (tmp_path / "out").exists()


def is_running(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "process"
    code = (
        "from test_production import order, quiet; from pathlib import Path;"
        "from synthetic.production import produce;"
        f"produce(order(Path({str(tmp_path / 'data')!r}), 100_000, workers=1,"
        " source='fake_scenes:TellsItsProcess'), quiet)"
    )
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join(map(str, (here, here.parent, here.parents[1])))
    environment = {**os.environ, "TELL_PROCESS": str(told), "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as run:
        try:
            assert eventually(lambda: told.is_file() and told.read_text().endswith("\n"))
        finally:
            run.kill()
    worker = int(told.read_text())
    assert eventually(lambda: not is_running(worker), 20)
