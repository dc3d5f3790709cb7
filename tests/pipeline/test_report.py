from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest

from pipeline.report import shrink, write_page
from pipeline.types import Record

RUN = {"input": "/photos", "started": "2026-01-01T00:00:00+00:00", "finished": None}


def done(key: str, **told: object) -> Record:
    outputs = {
        "cutout": f"cutouts/{key}",
        "mask": f"masks/{key}.png",
        "before": f"report/before/{key}.jpg",
        "after": f"report/after/{key}.jpg",
    }
    box = ((1.0, 2.0, 3.0, 4.0),)
    return Record(key, "done", box, (0.91,), (0.82,), outputs=outputs, **told)  # type: ignore[arg-type]


def page(folder: Path, *records: Record) -> str:
    return write_page(folder, records, RUN).read_text(encoding="utf-8")


def test_every_photo_is_there_with_its_status_scores_and_reasons(tmp_path: Path) -> None:
    text = page(
        tmp_path,
        done("a.jpg"),
        done("b.jpg", flags=("review: the mask is empty",)),
        Record("c.jpg", "no_glasses", outputs={"before": "report/before/c.jpg"}),
        Record("d.jpg", "failed", error="d.jpg is empty (0 bytes)"),
    )
    for words in ("a.jpg", "0.91", "0.82", "the mask is empty", "no glasses", "0 bytes"):
        assert words in text
    classes = re.findall(r'<article class="(\w+)">', text)
    assert classes == ["done", "review", "no_glasses", "failed"]
    assert re.findall(r"> ([a-z ]+): (\d+)</label>", text) == [
        ("cut out", "1"),
        ("to review", "1"),
        ("no glasses", "1"),
        ("failed", "1"),
    ]


@pytest.mark.parametrize(
    "key", ["a b/ü#1?.jpg", "50%.jpg", "<b>&'\".jpg", os.fsdecode(b"caf\xe9.jpg")]
)
def test_links_are_relative_and_lead_to_the_files(tmp_path: Path, key: str) -> None:
    record = done(key)
    text = page(tmp_path, record)
    links = {unquote_to_bytes(link) for link in re.findall(r'(?:href|src)="([^"]*)"', text)}
    assert links == {b"../" + os.fsencode(name) for name in record.outputs.values()}


def test_names_cannot_inject_markup(tmp_path: Path) -> None:
    text = page(tmp_path, Record("<script>x", "failed", error="<img src=x>"))
    assert "<script>x" not in text
    assert "<img" not in text


def test_nothing_is_fetched_and_pictures_load_late(tmp_path: Path) -> None:
    text = page(tmp_path, *(done(f"{n}.jpg") for n in range(5)))
    assert not re.search(r"https?://|//cdn|@import|<link", text)
    assert text.count("<img ") == text.count('loading="lazy"') == 10


def test_a_page_of_five_thousand_photos_stays_small(tmp_path: Path) -> None:
    text = page(tmp_path, *(done(f"folder/photo_{n:05}.jpg") for n in range(5000)))
    assert text.count("<article") == 5000
    assert len(text) < 6_000_000


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [((400, 800), 320, (160, 320)), ((800, 400), 320, (320, 160)), ((3000, 2), 100, (100, 1))],
)
def test_shrink_keeps_the_shape(
    size: tuple[int, int], longest: int, expected: tuple[int, int]
) -> None:
    small = shrink(np.full((*size, 3), 77, np.uint8), longest)
    assert small.shape == (*expected, 3)
    assert (small == 77).all()


def test_shrink_leaves_small_pictures_alone() -> None:
    rgb = np.zeros((10, 20, 3), np.uint8)
    assert shrink(rgb, 20) is rgb


VERDICT = {
    "preset": "amazon",
    "passed": False,
    "reasons": ["the glasses take up 3 %"],
    "rules": [{"name": "fill", "passed": False, "measured": "3.0 %", "wanted": "85 %"}],
}


def test_the_verdict_stands_beside_each_photo_and_the_unfit_are_counted(tmp_path: Path) -> None:
    fit = VERDICT | {"passed": True, "preset": "ebay"}
    text = page(tmp_path, done("a.jpg", verdict=VERDICT), done("b.jpg", verdict=fit))
    assert "not fit for amazon, fills 3.0 %" in text
    assert ", fit for ebay" in text
    assert "1 not fit for the canvas" in text
    assert "not fit for the canvas" not in page(tmp_path, done("b.jpg", verdict=fit))


@pytest.mark.parametrize(
    ("kinds", "beside"),
    [
        (("cutout", "mask"), "cutouts"),
        (("transparent", "mask", "overlay"), "transparent"),
        (("mask",), "masks"),
        ((), "report/after"),
    ],
)
def test_the_finished_picture_is_whichever_there_is(
    tmp_path: Path, kinds: tuple[str, ...], beside: str
) -> None:
    folders = {"cutout": "cutouts", "transparent": "transparent", "mask": "masks"}
    outputs = {kind: f"{folders.get(kind, kind)}/a.png" for kind in kinds}
    thumbnails = {"before": "report/before/a.jpg", "after": "report/after/a.jpg"}
    text = page(tmp_path, Record("a.jpg", "done", outputs=outputs | thumbnails))
    (link,) = re.findall(r'<a href="\.\./([^"]*)/a\.\w+"><img src="[^"]*after', text)
    assert link == beside
    for kind in set(kinds) - {"cutout"}:
        assert f">{kind}</a>" in text
