from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import batch, images
from pipeline.errors import DiskFull, OutputError, UnreadableImage
from pipeline.flow import FlowResult
from pipeline.types import Photo
from workbench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_folder_becomes_cut_outs_masks_manifest_and_report(bench: Bench) -> None:
    bench.photo("a/b.png")
    bench.photo("c.jpg")
    summary = bench.run()
    assert summary.counts["done"] == 2
    assert {"cutouts/a/b.png", "cutouts/c.png", "masks/a/b.png", "masks/c.png"} <= set(
        bench.files()
    )
    assert {"manifest.jsonl", "run.json", "report/index.html"} <= set(bench.files())
    mask = pixels(bench.output / "masks/a/b.png")
    canvas = pixels(bench.output / "cutouts/a/b.png")
    assert mask.dtype == np.uint8
    assert mask.shape == bench.toy.mask.shape
    assert canvas.shape == bench.toy.rgb.shape
    assert (canvas[mask == 0] == 255).all()
    assert (canvas[mask == 255] != 255).any()
    told = bench.records()["a/b.png"]
    assert (told.status, told.outputs["mask"]) == ("done", "masks/a/b.png")
    assert {"read", "detect", "segment", "refine", "compose", "write"} == set(told.seconds)


def test_run_json_says_what_the_results_came_from(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run("detector.size=960")
    told = json.loads((bench.output / "run.json").read_text())
    assert told["config"]["detector"]["size"] == 960
    assert set(told["weights_sha256"]) == {"detector", "edges", "segmenter"}
    assert {"eyecut", "python", "torch", "ultralytics"} <= set(told["versions"])
    assert told["finished"] >= told["started"]


def test_a_photo_without_glasses_is_an_answer_without_a_cut_out(bench: Bench) -> None:
    bench.photo("a.png")
    bench.flow.glasses = False
    summary = bench.run()
    assert summary.counts["no_glasses"] == 1
    assert summary.failed == ()
    assert not any(name.startswith(("cutouts/", "masks/")) for name in bench.files())
    assert bench.run().skipped == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("bad.jpg", b"not a picture"), ("bad.png", b""), ("bad.webp", b"RIFF\0\0\0\0WEBPVP8 ")],
)
def test_a_bad_photo_is_named_and_the_others_are_done(
    bench: Bench, name: str, content: bytes
) -> None:
    bench.photo("a.png")
    (bench.source / name).write_bytes(content)
    bench.photo("z.png")
    summary = bench.run()
    assert summary.counts["done"] == 2
    (failed,) = summary.failed
    assert failed.key == name
    assert name in (failed.error or "")
    assert bench.records()[name].status == "failed"


def test_truncated_huge_and_vanished_photos_are_named(bench: Bench) -> None:
    whole = bench.photo("cut.jpg").read_bytes()
    (bench.source / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (2000, 1000)).save(bench.source / "huge.png")
    (bench.source / "gone.png").symlink_to(bench.source / "nowhere.png")
    bench.photo("ok.png")
    summary = bench.run("run.max_megapixels=1")
    assert {record.key for record in summary.failed} == {"cut.jpg", "huge.png", "gone.png"}
    assert summary.counts["done"] == 1


def test_a_pipe_is_named_and_not_waited_for(bench: Bench) -> None:
    bench.photo("z.png")
    os.mkfifo(bench.source / "pipe.png")
    summary = bench.run()
    assert summary.counts["done"] == 1
    assert "pipe" in (summary.failed[0].error or "")


def test_a_fault_of_a_stage_fails_its_photo_alone(bench: Bench) -> None:
    class Fragile:
        def cut(self, photo: Photo) -> FlowResult:
            if photo.key == "b.png":
                raise ZeroDivisionError("float division by zero")
            return bench.flow.cut(photo)

    for key in ("a.png", "b.png", "c.png"):
        bench.photo(key)
    summary = bench.run(flow=Fragile())
    assert summary.counts["done"] == 2
    assert "ZeroDivisionError" in (summary.failed[0].error or "")


def test_what_is_done_is_skipped_and_untouched(bench: Bench) -> None:
    bench.photo("a.png")
    bench.photo("b.png")
    bench.run()
    before = {n: c for n, c in bench.files().items() if n.startswith(("cutouts", "masks"))}
    stamps = {path: path.stat().st_mtime_ns for path in (bench.output / "cutouts").iterdir()}
    calls = bench.flow.calls
    summary = bench.run("run.prefetch=4")
    assert (summary.skipped, summary.records) == (2, ())
    assert bench.flow.calls == calls
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert before.items() <= bench.files().items()


def change(bench: Bench) -> None:
    bench.photo("a.png", shade=5)


def lose_mask(bench: Bench) -> None:
    (bench.output / "masks/a.png").unlink()


def lose_cutout(bench: Bench) -> None:
    (bench.output / "cutouts/a.png").unlink()


@pytest.mark.parametrize("event", [change, lose_mask, lose_cutout])
def test_what_changed_or_got_lost_is_done_again(
    bench: Bench, event: Callable[[Bench], None]
) -> None:
    bench.photo("a.png")
    bench.photo("b.png")
    bench.run()
    event(bench)
    summary = bench.run()
    assert [record.key for record in summary.records] == ["a.png"]
    assert {"cutouts/a.png", "masks/a.png"} <= set(bench.files())


def test_failed_photos_are_tried_again(bench: Bench) -> None:
    bench.photo("a.png").write_bytes(b"")
    assert bench.run().counts["failed"] == 1
    bench.photo("a.png")
    assert bench.run().counts["done"] == 1
    assert bench.records()["a.png"].status == "done"


def test_results_of_a_photo_that_became_bad_do_not_stay(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run()
    (bench.source / "a.png").write_bytes(b"")
    bench.run()
    assert not any(name.startswith(("cutouts/", "masks/")) for name in bench.files())


def test_results_stay_while_their_photo_cannot_be_read(bench: Bench) -> None:
    path = bench.photo("a.png")
    bench.run()
    before = bench.files()
    path.rename(bench.source / "away")
    path.symlink_to(bench.source / "nowhere")
    assert bench.run().counts["failed"] == 1
    assert before["masks/a.png"] == bench.files()["masks/a.png"]
    assert bench.records()["a.png"].outputs["mask"] == "masks/a.png"
    path.unlink()
    (bench.source / "away").rename(path)
    assert bench.run().counts["done"] == 1


def test_a_photo_that_cannot_be_read_does_not_touch_another_inputs(
    bench: Bench, tmp_path: Path
) -> None:
    bench.photo("a.png")
    bench.run()
    before = bench.files()
    second = tmp_path / "second"
    second.mkdir()
    (second / "a.png").symlink_to(second / "nowhere")
    assert bench.run(source=second).counts["failed"] == 1
    kept = ("masks/a.png", "cutouts/a.png", "manifest.jsonl")
    assert {name: bench.files()[name] for name in kept} == {name: before[name] for name in kept}


def test_a_write_that_fails_leaves_the_results_of_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.photo("a.png")
    bench.run()
    before = bench.files()

    def refuse(*_: object, **__: object) -> None:
        raise OutputError("cannot be written: Input/output error")

    monkeypatch.setattr(images, "write_image", refuse)
    assert bench.run(force=True).counts["failed"] == 1
    assert {n: c for n, c in before.items() if n.startswith("masks/")}.items() <= (
        bench.files().items()
    )


def test_a_full_disk_stops_the_run_and_the_next_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a.png", "b.png", "c.png"):
        bench.photo(key)
    bench.run(limit=1)

    def takes_no_pictures(temporary: Path, path: Path) -> None:
        if path.suffix == ".png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.replace(temporary, path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", takes_no_pictures)
        with pytest.raises(DiskFull, match=r"No space left.*run again"):
            bench.run()
    assert bench.flow.calls == 2  # the third photo was not cut out in vain
    assert bench.run().skipped == 1
    assert len(bench.records()) == 3


def test_another_configuration_is_refused_until_forced(bench: Bench) -> None:
    bench.photo("a.jpg")
    bench.run()
    before = bench.files()
    with pytest.raises(OutputError, match=r"another configuration.*--force"):
        bench.run("output.format=keep")
    assert bench.files() == before
    assert bench.run("output.format=keep", force=True).counts["done"] == 1
    assert "cutouts/a.jpg" in bench.files()
    assert "cutouts/a.png" not in bench.files()
    assert bench.run("output.format=keep").skipped == 1


def test_a_forced_change_that_was_stopped_goes_on_without_force(bench: Bench) -> None:
    bench.photo("a.png")
    bench.photo("b.png")
    bench.run()
    assert bench.run("output.quality=80", force=True, limit=1).left == 1
    summary = bench.run("output.quality=80")
    assert [record.key for record in summary.records] == ["b.png"]
    assert summary.skipped == 1


def test_force_does_everything_again(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run()
    assert bench.run(force=True).counts["done"] == 1


def test_a_manifest_that_names_files_elsewhere_is_refused(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run()
    victim = bench.output.parent / "victim.png"
    victim.write_text("mine")
    manifest = bench.output / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("masks/a.png", "../victim.png"))
    with pytest.raises(OutputError, match=r"line 1.*not below OUTPUT"):
        bench.run()
    bench.run(force=True)
    assert victim.read_text() == "mine"


def test_another_programs_run_json_makes_no_folder_ours(bench: Bench) -> None:
    bench.photo("a.png")
    mine = {"run.json": b'{"project": "other"}', "cutouts/a.png": b"mine"}
    for name, content in mine.items():
        path = bench.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with pytest.raises(OutputError, match=r"not eyecut's.*--force"):
        bench.run()
    assert bench.files() == mine


@pytest.mark.parametrize("name", ["cutouts/a.png", "manifest.jsonl", "report/x.html"])
def test_files_of_another_origin_are_never_overwritten_unasked(bench: Bench, name: str) -> None:
    bench.photo("a.png")
    path = bench.output / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"another origin.*--force"):
        bench.run()
    assert bench.files() == {name: b"mine"}


def test_other_files_in_the_output_folder_do_not_matter(bench: Bench) -> None:
    bench.photo("a.png")
    bench.output.mkdir()
    (bench.output / "notes.txt").write_text("mine")
    bench.run()
    assert bench.files()["notes.txt"] == b"mine"


def test_another_input_adds_but_does_not_replace(bench: Bench, tmp_path: Path) -> None:
    bench.photo("a.png")
    bench.run()
    mask = bench.files()["masks/a.png"]
    second = tmp_path / "second"
    shutil.copytree(bench.source, second)
    assert bench.run(source=second).skipped == 1  # the same photo
    Image.fromarray(255 - bench.toy.rgb).save(second / "a.png")
    shutil.copy(bench.source / "a.png", second / "a.jpg.png")
    shutil.copy(bench.source / "a.png", second / "b.png")
    summary = bench.run(source=second)
    assert [(r.key, r.status) for r in summary.records] == [
        ("a.jpg.png", "done"),
        ("a.png", "failed"),
        ("b.png", "done"),
    ]
    assert "another picture" in (summary.failed[0].error or "")
    assert bench.files()["masks/a.png"] == mask


def test_names_of_earlier_runs_are_kept_when_photos_come_in_between(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run()
    mask = bench.files()["masks/a.png"]
    bench.photo("a.jpg", shade=9)
    bench.run()
    assert bench.files()["masks/a.png"] == mask
    assert bench.records()["a.jpg"].outputs["mask"] == "masks/a.jpg.png"


def test_photos_that_fail_do_not_use_up_the_limit(bench: Bench) -> None:
    for key in ("a.png", "b.png"):
        bench.photo(key).write_bytes(b"")
    bench.photo("c.png")
    summary = bench.run(limit=1)
    assert (summary.counts["done"], summary.counts["failed"]) == (1, 2)


def test_limit_stops_and_the_next_run_goes_on(bench: Bench) -> None:
    for key in ("a.png", "b.png", "c.png"):
        bench.photo(key)
    first = bench.run(limit=2)
    assert ([r.key for r in first.records], first.left) == (["a.png", "b.png"], 1)
    second = bench.run(limit=2)
    assert ([r.key for r in second.records], second.skipped) == (["c.png"], 2)


def test_ctrl_c_ends_cleanly_and_the_next_run_goes_on(bench: Bench) -> None:
    class Interrupted:
        def cut(self, photo: Photo) -> FlowResult:
            if photo.key == "b.png":
                raise KeyboardInterrupt
            return bench.flow.cut(photo)

    for key in ("a.png", "b.png", "c.png"):
        bench.photo(key)
    summary = bench.run(flow=Interrupted())
    assert (summary.interrupted, summary.left) == (True, 2)
    assert "report/index.html" in bench.files()
    after = bench.run()
    assert [r.key for r in after.records] == ["b.png", "c.png"]


def test_one_file_is_an_input_too(bench: Bench) -> None:
    path = bench.photo("deep/a.png")
    bench.photo("deep/b.png")
    bench.run(source=path)
    assert set(bench.records()) == {"a.png"}


def test_an_empty_folder_is_nothing_to_do(bench: Bench) -> None:
    bench.source.mkdir()
    assert bench.run().records == ()
    assert bench.records() == {}


def test_unfit_places_leave_no_trace(bench: Bench) -> None:
    with pytest.raises(UnreadableImage, match="in"):
        bench.run()
    assert not bench.output.exists()


def test_a_name_that_is_not_utf_8_is_done(bench: Bench) -> None:
    bench.photo("a.png")
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (bench.source / "a.png").rename(bench.source / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert bench.run().counts["done"] == 1
    assert (bench.output / "masks" / name).is_file()
    assert bench.run().skipped == 1


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_reading_ahead_is_bounded_and_keeps_the_order(
    bench: Bench, prefetch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = images.read_photo

    def counted(path: Path, key: str, limits: object, **told: bool) -> Photo:
        read.append(key)
        return real(path, key, limits, **told)  # type: ignore[arg-type]

    ahead: list[int] = []

    class Slow:
        def __init__(self) -> None:
            self.done: list[str] = []

        def cut(self, photo: Photo) -> FlowResult:
            self.done.append(photo.key)
            time.sleep(0.02)
            ahead.append(len(read) - len(self.done))
            return bench.flow.cut(photo)

    monkeypatch.setattr(images, "read_photo", counted)
    keys = [f"{n}.png" for n in range(6)]
    for key in keys:
        bench.photo(key)
    slow = Slow()
    bench.run(f"run.prefetch={prefetch}", flow=slow)
    assert slow.done == keys
    assert max(ahead) <= prefetch
    assert (max(ahead) > 0) is (prefetch > 0)


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from toys import FakeFlow, draw_toy
from pipeline import batch
from pipeline.config import load_config
batch.run(Path({source!r}), Path({output!r}), load_config(), FakeFlow(draw_toy()[0]))
"""


@pytest.mark.parametrize("photos_before", [1, 4])
def test_a_kill_loses_at_most_the_photo_in_flight(bench: Bench, photos_before: int) -> None:
    for n in range(40):
        bench.photo(f"{n:02}.png")
    root = Path(batch.__file__).parents[1]
    code = KILLED.format(
        root=str(root),
        tests=str(root / "tests"),
        source=str(bench.source),
        output=str(bench.output),
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        manifest = bench.output / "manifest.jsonl"
        deadline = time.monotonic() + 60
        while not manifest.exists() or manifest.read_bytes().count(b"\n") < photos_before:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    noted = manifest.read_bytes().count(b"\n")
    for path in (bench.output / "cutouts").iterdir():
        if not path.name.startswith("."):
            pixels(path)  # whole, or Pillow raises
    summary = bench.run()
    assert summary.skipped == noted >= photos_before
    assert summary.skipped + summary.counts["done"] == 40
    assert len(bench.records()) == 40
