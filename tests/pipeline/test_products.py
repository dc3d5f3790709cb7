"""Photos of one product share scale and baseline, whatever stops the run in between."""

from __future__ import annotations

import gc
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector.types import Detections
from pipeline import batch
from pipeline.canvas import measure
from pipeline.discovery import Source
from pipeline.flow import FlowResult
from pipeline.images import read_raw
from pipeline.results import ResultFolder
from pipeline.types import Matte, Metadata, Photo, Record
from pipeline.waiting import WaitingRoom
from pipeline.work import products
from toys import draw_toy
from workbench import Bench

SMALL = "{name: small, size: [300, 280], fill: {target: 0.85}, max_upscaling: 8}"
ALONE = (f"canvas.preset={SMALL}", "output.report=false")
TOLD = (*ALONE, "canvas.group=([^/]*)_img_")
SIZES = {"P_img_1.png": 140, "P_img_2.png": 200, "P_img_3.png": 170}


@dataclass
class ShadeFlow:
    """Cuts out what is dark, which is the frames of toys; counts, and may fail or find nothing."""

    empty: set[str] = field(default_factory=set)
    broken: dict[str, BaseException] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    count: Callable[[], int] | None = None
    counts: list[int] = field(default_factory=list)

    def cut(self, photo: Photo) -> FlowResult:
        if photo.key in self.broken:
            raise self.broken[photo.key]
        self.seen.append(photo.key)
        if self.count is not None:
            self.counts.append(self.count())
        if photo.key in self.empty:
            return FlowResult(Detections.none(), None, None)
        alpha = (photo.rgb.mean(axis=2) < 60).astype(np.float32)
        found = Detections.of(np.array([[0, 0, 9, 9.0]]), np.array([0.9]), np.array([0]))
        return FlowResult(found, Matte(alpha, photo.rgb), None, extent=measure(alpha))


def mattes_in_memory() -> int:
    gc.collect()
    return sum(isinstance(thing, Matte) for thing in gc.get_objects())


class Studio(Bench):
    """Photos of products: toys of several sizes, all in photos of one size."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.shades = ShadeFlow()

    def shoot(self, key: str, size: int) -> None:
        rgb = np.full((240, 320, 3), 190, np.uint8)
        toy = draw_toy(size * 3 // 5, size)[0].rgb
        rgb[30 : 30 + len(toy), 40 : 40 + size] = toy
        path = self.source / key
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).save(path)

    def do(self, *told: str, **options: Any) -> batch.Summary:
        return self.run(*TOLD, *told, flow=self.shades, **options)

    def results(self) -> dict[str, object]:
        """Everything that must not depend on how often a run was stopped."""
        kept = {n: c for n, c in self.files().items() if n.split("/")[0] in ("cutouts", "masks")}
        records = {
            key: (r.status, r.outputs, r.flags, r.verdict) for key, r in self.records().items()
        }
        return {**kept, **records}

    def fresh(self, *told: str) -> dict[str, object]:
        """The results of a run from nothing, never stopped."""
        other = Studio(self.source.parent / "fresh")
        shutil.rmtree(other.output, ignore_errors=True)
        other.source = self.source
        other.shades.empty = self.shades.empty
        other.do(*told)
        return other.results()

    def waits(self) -> list[str]:
        return [name for name in self.files() if name.startswith(".waiting/")]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    studio = Studio(tmp_path)
    for key, size in SIZES.items():
        studio.shoot(key, size)
    studio.shoot("Q_img_1.png", 120)
    studio.shoot("alone.png", 120)
    return studio


def box(studio: Studio, key: str) -> tuple[int, int, int, int]:
    """Where the glasses stand on their canvas."""
    white = read_raw(studio.output / "cutouts" / key)
    ys, xs = np.nonzero((white < 128).all(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_angles_of_one_product_share_scale_and_baseline(studio: Studio) -> None:
    assert studio.do().counts["done"] == 5
    boxes = {key: box(studio, key) for key in SIZES}
    widths = {key: x1 - x0 for key, (x0, _, x1, _) in boxes.items()}
    sources = {
        key: np.ptp(np.nonzero(read_raw(studio.source / key).mean(axis=2) < 60)[1]) + 1
        for key in SIZES
    }
    scales = [widths[key] / sources[key] for key in SIZES]
    assert np.ptp(scales) <= 0.02
    assert np.ptp([y1 for _, _, _, y1 in boxes.values()]) <= 1
    alone = {key: box(studio, key) for key in ("Q_img_1.png", "alone.png")}
    assert alone["Q_img_1.png"] == alone["alone.png"]
    assert studio.waits() == []
    assert not (studio.output / ".waiting").exists()
    assert studio.do().skipped == 5


def test_photos_that_stand_alone_are_as_without_groups(studio: Studio, tmp_path: Path) -> None:
    studio.do()
    other = Studio(tmp_path / "other")
    other.source = studio.source
    other.run(*ALONE, flow=other.shades)
    for name in ("cutouts/Q_img_1.png", "cutouts/alone.png", "masks/P_img_1.png"):
        assert studio.files()[name] == other.files()[name]
    assert studio.files()["cutouts/P_img_1.png"] != other.files()["cutouts/P_img_1.png"]


def test_a_photo_whose_matte_is_empty_waits_and_is_flagged_and_moves_nobody(
    studio: Studio,
) -> None:
    studio.do()
    before = studio.files()["cutouts/P_img_1.png"]
    Image.new("RGB", (320, 240), "white").save(studio.source / "P_img_4.png")
    assert studio.do().counts["done"] == 4
    assert studio.files()["cutouts/P_img_1.png"] == before
    assert "review: there are no glasses on the canvas" in studio.records()["P_img_4.png"].flags
    assert (read_raw(studio.output / "cutouts/P_img_4.png") == 255).all()


def test_the_source_canvas_needs_no_waiting(studio: Studio) -> None:
    group = "canvas.group=([^/]*)_img_"
    studio.run(group, flow=studio.shades, limit=1)
    assert studio.waits() == []
    assert set(studio.records()) == {"P_img_1.png"}


def test_photos_that_fail_or_show_nothing_hold_nobody_up(studio: Studio) -> None:
    studio.shades.empty = {"P_img_1.png"}
    studio.shades.broken = {"P_img_2.png": ValueError("broken")}
    summary = studio.do()
    assert {r.key: r.status for r in summary.records} == {
        "P_img_1.png": "no_glasses",
        "P_img_2.png": "failed",
        "P_img_3.png": "done",
        "Q_img_1.png": "done",
        "alone.png": "done",
    }
    stamp = (studio.output / "cutouts/P_img_3.png").stat().st_mtime_ns
    again = studio.do()  # it fails again, and the others are left alone
    assert [r.key for r in again.records] == ["P_img_2.png"]
    assert again.skipped == 4
    assert (studio.output / "cutouts/P_img_3.png").stat().st_mtime_ns == stamp
    studio.shades.broken = {}
    studio.do()
    assert studio.results() == studio.fresh()


def test_what_is_over_before_a_stop_is_told(studio: Studio) -> None:
    studio.shades.empty = {"P_img_1.png"}
    studio.shades.broken = {"P_img_2.png": KeyboardInterrupt()}
    summary = studio.do()
    assert [r.key for r in summary.records] == list(studio.records()) == ["P_img_1.png"]
    assert summary.left == 4


@pytest.mark.parametrize("limit", [1, 2])
def test_a_photo_that_fails_each_time_uses_up_no_limit(studio: Studio, limit: int) -> None:
    studio.shades.broken = {"P_img_3.png": ValueError("broken")}
    for _ in range(5):
        studio.do(limit=limit)
    assert {key: r.status for key, r in studio.records().items()} == {
        "P_img_1.png": "done",
        "P_img_2.png": "done",
        "P_img_3.png": "failed",
        "Q_img_1.png": "done",
        "alone.png": "done",
    }


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_limit_leaves_a_product_for_the_next_run_and_nothing_is_cut_out_twice(
    studio: Studio, limit: int
) -> None:
    counts = []
    for _ in range(10):
        summary = studio.do(limit=limit)
        counts.append(len(summary.records))
        assert set(studio.records()) >= {r.key for r in summary.records}
        if not summary.left:
            break
    assert sum(counts) == 5
    assert counts[0] == (3 if limit == 3 else 0)  # all of P or nothing
    assert sorted(studio.shades.seen) == sorted([*SIZES, "Q_img_1.png", "alone.png"])
    assert studio.results() == studio.fresh()
    assert studio.waits() == []


def test_what_waits_is_not_yet_a_result(studio: Studio) -> None:
    summary = studio.do(limit=2)
    assert (summary.records, summary.left) == ((), 5)
    assert studio.records() == {}
    assert len(studio.waits()) == 2
    assert not any(name.startswith("cutouts/") for name in studio.files())


def test_ctrl_c_within_a_product(studio: Studio) -> None:
    studio.shades.broken = {"P_img_3.png": KeyboardInterrupt()}
    assert studio.do().interrupted
    assert studio.records() == {}
    studio.shades.broken = {}
    assert studio.do().counts["done"] == 5
    assert sorted(studio.shades.seen) == sorted([*SIZES, "Q_img_1.png", "alone.png"])
    assert studio.results() == studio.fresh()


def arrive_larger(studio: Studio) -> None:
    studio.shoot("P_img_0.png", 260)


def arrive_smaller(studio: Studio) -> None:
    studio.shoot("P_img_9.png", 100)


def change(studio: Studio) -> None:
    studio.shoot("P_img_2.png", 230)


def lose(studio: Studio) -> None:
    (studio.output / "cutouts/P_img_3.png").unlink()


@pytest.mark.parametrize("event", [arrive_larger, arrive_smaller, change, lose])
def test_a_product_that_changed_is_done_anew(
    studio: Studio, event: Callable[[Studio], None]
) -> None:
    studio.do()
    event(studio)
    summary = studio.do()
    assert {r.key.split("_")[0] for r in summary.records} == {"P"}
    assert summary.skipped == 2
    assert studio.results() == studio.fresh()


def test_a_new_photo_without_glasses_changes_nothing(studio: Studio) -> None:
    studio.do()
    before = studio.results()
    studio.shades.empty = {"P_img_0.png"}
    arrive_larger(studio)
    summary = studio.do()
    assert [r.key for r in summary.records] == ["P_img_0.png"]
    assert before.items() <= studio.results().items()


@pytest.mark.parametrize("stop_at", [1, 2, 3])
@pytest.mark.parametrize("event", [arrive_larger, change])
def test_a_stop_between_two_canvases_of_a_product_is_made_good(
    studio: Studio,
    monkeypatch: pytest.MonkeyPatch,
    stop_at: int,
    event: Callable[[Studio], None],
) -> None:
    studio.do()
    event(studio)
    deliver = ResultFolder.deliver_canvas
    calls = []

    def stop(self: ResultFolder, *told: Any) -> dict[str, str]:
        calls.append(told[0])
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return deliver(self, *told)

    with monkeypatch.context() as patch:
        patch.setattr(ResultFolder, "deliver_canvas", stop)
        assert studio.do().interrupted
    assert not studio.do().left
    assert studio.results() == studio.fresh()
    assert studio.waits() == []


def test_what_waits_outlives_a_run_of_a_single_photo(studio: Studio) -> None:
    studio.do(limit=2)
    waits = studio.waits()
    assert studio.do(source=studio.source / "alone.png").counts["done"] == 1
    assert studio.waits() == waits


def test_what_waits_is_not_replaced_by_another_inputs_photo(studio: Studio, tmp_path: Path) -> None:
    studio.do(limit=2)
    before = studio.files()
    second = tmp_path / "second"
    second.mkdir()
    shutil.copy(studio.source / "Q_img_1.png", second / "P_img_1.png")
    assert "another picture" in (studio.do(source=second).failed[0].error or "")
    (second / "P_img_1.png").write_bytes(b"")
    assert studio.do(source=second).counts["failed"] == 1
    names = ["masks/P_img_1.png", *(name for name in before if name.startswith(".waiting/"))]
    assert [studio.files()[name] for name in names] == [before[name] for name in names]
    assert studio.do().counts["done"] == 5
    assert sorted(studio.shades.seen) == sorted([*SIZES, "Q_img_1.png", "alone.png"])


@pytest.mark.parametrize("gone", [(), ("P_img_2.png", "P_img_3.png")])
def test_a_kill_after_the_last_canvas_leaves_nothing_waiting(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...]
) -> None:
    studio.do(limit=2)
    for key in gone:
        (studio.source / key).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(WaitingRoom, "drop", lambda *_: None)  # it never came to this
        studio.do()
    assert studio.waits() != []
    studio.do()
    assert studio.waits() == []


def spoil(studio: Studio) -> None:
    for name in studio.waits():
        (studio.output / name).write_bytes(b"PK\x03\x04 half a file")


def lose_mask(studio: Studio) -> None:
    (studio.output / "masks/P_img_1.png").unlink()


def change_waiting(studio: Studio) -> None:
    studio.shoot("P_img_1.png", 222)


@pytest.mark.parametrize("event", [spoil, lose_mask, change_waiting])
def test_what_waits_and_is_no_longer_true_is_cut_out_again(
    studio: Studio, event: Callable[[Studio], None]
) -> None:
    studio.do(limit=1)
    event(studio)
    assert studio.do().counts["done"] == 5
    assert studio.shades.seen.count("P_img_1.png") == 2
    assert studio.results() == studio.fresh()


def test_what_waits_for_photos_that_are_gone_gets_its_canvas(studio: Studio) -> None:
    studio.do(limit=1)
    for key in ("P_img_2.png", "P_img_3.png"):
        (studio.source / key).unlink()
    assert studio.do().counts["done"] == 3
    assert studio.results() == studio.fresh()
    assert studio.waits() == []


def test_what_waits_and_is_gone_is_forgotten_with_its_mask(studio: Studio) -> None:
    studio.do(limit=1)
    (studio.source / "P_img_1.png").unlink()
    studio.do()
    assert "masks/P_img_1.png" not in studio.files()
    assert studio.waits() == []


def test_another_configuration_does_not_take_over_what_waits(studio: Studio) -> None:
    studio.do(limit=1)
    studio.do("output.pictures=[white]", force=True)
    assert not any(name.startswith(("masks/", ".waiting/")) for name in studio.files())
    assert studio.shades.seen.count("P_img_1.png") == 2


def test_names_of_what_waits_are_taken(studio: Studio) -> None:
    studio.do(limit=1)
    studio.shoot("P_img_1.jpg", 140)  # comes first, and would have that name
    studio.do()
    assert studio.records()["P_img_1.png"].outputs["mask"] == "masks/P_img_1.png"
    assert studio.records()["P_img_1.jpg"].outputs["mask"] == "masks/P_img_1.jpg.png"


@pytest.mark.parametrize("shadow", ["natural", "soft"])
def test_shadows_are_those_of_photos_that_stand_alone(
    studio: Studio, tmp_path: Path, shadow: str
) -> None:
    for key in SIZES:
        studio.shoot(key, 200)
    told = f"canvas.shadow={shadow}"
    studio.do(told)
    other = Studio(tmp_path / "other")
    other.source = studio.source
    other.run(*ALONE, told, flow=other.shades)
    name = "cutouts/P_img_2.png"
    assert studio.files()[name] == other.files()[name]


def test_memory_does_not_grow_with_the_product(studio: Studio) -> None:
    for n in range(4, 12):
        studio.shoot(f"P_img_{n}.png", 150)
    before = mattes_in_memory()
    studio.shades.count = mattes_in_memory
    studio.do()
    assert len(studio.shades.counts) == 13
    assert max(studio.shades.counts) - before <= 1
    assert mattes_in_memory() - before <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_waits_comes_back_exactly(tmp_path: Path, dtype: type[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    alpha = np.zeros((40, 60), np.float32)
    alpha[7:30, 11:50] = rng.random((23, 39), np.float32)
    colour = rng.integers(0, np.iinfo(dtype).max, (40, 60, 3)).astype(dtype)
    record = Record("ä/\udce9.jpg", "done", flags=("x",), outputs={"mask": "masks/a.png"})
    metadata = Metadata(b"Exif\0\0", "<ä/>".encode(), b"\x1c")
    WaitingRoom(tmp_path).put(record, measure(alpha), Matte(alpha, colour), metadata)
    room = WaitingRoom(tmp_path)
    assert room.entries[record.key].record == record
    assert room.entries[record.key].extent == measure(alpha)
    matte, told = room.load(record.key)
    assert np.array_equal(matte.alpha, alpha)
    assert matte.foreground.dtype == dtype
    assert np.array_equal(matte.foreground[alpha > 0], colour[alpha > 0])
    assert told == metadata
    room.drop([record.key])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        (None, [(False, "a_1 a_2 b_1 c")]),
        ("^(.)_", [(True, "a_1 a_2"), (False, "b_1 c")]),
        ("_(.)", [(True, "a_1 b_1"), (False, "a_2 c")]),
        ("^[ac]", [(True, "a_1 a_2"), (False, "b_1 c")]),
        (".", [(True, "a_1 a_2"), (False, "b_1 c")]),
        ("^()", [(False, "a_1 a_2 b_1 c")]),
    ],
)
def test_products_are_found_by_the_pattern(
    pattern: str | None, wanted: list[tuple[bool, str]]
) -> None:
    sources = [Source(key, Path(key)) for key in ("a_1", "a_2", "b_1", "c")]
    found = products(sources, pattern)
    assert [(together, " ".join(s.key for s in part)) for together, part in found] == wanted


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}, {here!r}]
from test_products import Studio
studio = Studio(Path({folder!r}))
studio.do()
"""


@pytest.mark.parametrize("after", [1, 5])
def test_a_kill_within_a_product_loses_the_photo_in_flight_alone(
    studio: Studio, after: int
) -> None:
    for n in range(4, 16):
        studio.shoot(f"P_img_{n}.png", 150 + n)
    root = Path(batch.__file__).parents[1]
    code = KILLED.format(
        root=str(root),
        tests=str(root / "tests"),
        here=str(Path(__file__).parent),
        folder=str(studio.source.parent),
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while len(list((studio.output / ".waiting").glob("*.npz"))) < after:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    assert studio.do().counts["done"] == len(list(studio.source.iterdir()))
    assert sum(key in SIZES for key in studio.shades.seen) <= 4
    assert studio.results() == studio.fresh()
    assert studio.waits() == []
