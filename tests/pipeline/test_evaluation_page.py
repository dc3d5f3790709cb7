from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from browser import Browser, find_chromium
from pipeline.errors import OutputError, ValidationError
from pipeline.evaluation.statistics import Group
from pipeline.report.compare_page import ComparedPhoto, ComparePage, Difference, write_compare_page
from pipeline.report.evaluation_page import (
    Breakdown,
    Column,
    EvaluationPage,
    Figure,
    Photo,
    write_evaluation_page,
)
from pipeline.report.pictures import PHOTO_BYTES, Pictures, make_pictures, region_around
from toys import draw_toy

REQUIRE_CHROMIUM = "EYECUT_REQUIRE_CHROMIUM"
HOSTILE = (
    "</script><script>window.hacked=1</script>.jpg",
    "<!--<script>.jpg",
    "\"'><img src=x onerror=window.hacked=1>.jpg",
    "{{ 7 * 7 }} & ü 眼鏡 👓.jpg",
)


def decoded(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


@cache
def halves() -> Pictures:
    """Truth: the left two thirds of a block; prediction: its right two thirds."""
    truth, prediction = np.zeros((2, 100, 160), bool)
    truth[20:80, 20:100] = True
    prediction[20:80, 60:140] = True
    rgb = np.full((100, 160, 3), 128, np.uint8)
    return make_pictures(rgb, truth, prediction, region=(0, 0, 160, 100))


def a_photo(name: str, iou: float, **told: Any) -> Photo:
    photo = Photo(name, True, {"iou": iou, "mae": 1 - iou}, {}, {}, halves())
    return replace(photo, **told)


def a_page(*photos: Photo, **told: Any) -> EvaluationPage:
    figures = (
        Figure("iou", "IoU", "higher", 0.912, 0.901, 0.923, 0.5),
        Figure("mae", "Alpha MAE", "lower", 0.031, 0.021, 0.041, 0.5),
    )
    columns = (Column("detector's boxes", figures), Column("truth's boxes", figures[:1]))
    return replace(EvaluationPage("Test", "the truth", "a run", columns, photos), **told)


def some_photos() -> tuple[Photo, ...]:
    return (
        a_photo("b.jpg", 0.95, tags={"frame": "metal"}, properties={"blur": 3.0}),
        a_photo("a.jpg", 0.85, tags={"frame": "acetate"}, properties={"blur": 9.0}),
        a_photo("c.jpg", 0.99, tags={"frame": "metal", "paper": "yes"}),
        a_photo("lost.jpg", 0, found=False, scores={}, properties={"blur": 1.0}),
    )


def written(folder: Path, page: EvaluationPage) -> Path:
    path = folder / "page.html"
    write_evaluation_page(path, page)
    return path


def data_of(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


# ---- pictures


def test_pictures_show_the_masks_with_a_margin_and_keep_their_shape() -> None:
    toy = draw_toy(1200, 2000)[0]
    pictures = make_pictures(toy.rgb, toy.mask, np.zeros_like(toy.mask))
    x0, y0, x1, y1 = pictures.region
    inner = toy.box
    assert 0 <= x0 < inner[0] and 0 <= y0 < inner[1] and x1 > inner[2] and y1 > inner[3]
    photo, truth, prediction = map(decoded, (pictures.photo, pictures.truth, pictures.prediction))
    truth, prediction = truth[..., 0], prediction[..., 0]
    assert photo.shape[:2] == truth.shape == prediction.shape
    assert max(photo.shape) == 480
    assert photo.shape[0] / photo.shape[1] == pytest.approx((y1 - y0) / (x1 - x0), abs=0.01)
    area = toy.mask[y0:y1, x0:x1].astype(np.uint8) * 255
    whole = cv2.resize(area, truth.shape[::-1], interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(truth - whole).max() <= 255 / 15 / 2 + 1
    assert not prediction.any()


@pytest.mark.parametrize("seed", range(3))
def test_pictures_of_a_busy_photo_stay_small(seed: int) -> None:
    toy = draw_toy(900, 1500)[0]
    grain = np.random.default_rng(seed).integers(-40, 41, toy.rgb.shape)
    rgb = np.clip(cv2.GaussianBlur(toy.rgb + grain.astype(np.float32), (0, 0), 1.5), 0, 255)
    pictures = make_pictures(rgb.astype(np.uint8), toy.mask, toy.mask)
    assert len(pictures.photo) <= PHOTO_BYTES
    assert len(pictures.truth) + len(pictures.prediction) <= PHOTO_BYTES


def test_pictures_without_a_photo_or_without_any_mask() -> None:
    nothing = np.zeros((30, 40), bool)
    pictures = make_pictures(None, nothing, nothing)
    assert pictures.photo == b""
    assert pictures.region == (0, 0, 40, 30)
    assert decoded(pictures.truth).shape[:2] == (30, 40)


def test_a_region_never_leaves_the_picture() -> None:
    full = np.ones((30, 40), bool)
    assert region_around(full, ~full) == (0, 0, 40, 30)


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="differ in size"):
        make_pictures(None, np.zeros((3, 4), bool), np.zeros((4, 3), bool))


# ---- the file


def test_every_photo_is_in_the_page_with_its_scores_tags_and_pictures(tmp_path: Path) -> None:
    path = written(tmp_path, a_page(*some_photos()))
    data, text = data_of(path), path.read_text(encoding="utf-8")
    assert [photo["n"] for photo in data["photos"]] == ["a.jpg", "b.jpg", "c.jpg", "lost.jpg"]
    labels = [field["label"] for field in data["fields"]]
    assert labels == ["IoU", "Alpha MAE", "blur"]
    assert data["photos"][0]["v"] == [0.85, 0.15, 9.0]
    assert data["photos"][3]["v"] == [None, None, 1.0]
    assert data["tags"] == ["status", "frame", "paper"]
    assert len(re.findall(r'<script type="text/plain" id="p\d+">', text)) == 4
    for words in ("0.912", "0.901 to 0.923", "worst 0.500", "truth&#39;s boxes"):
        assert words in text


def test_breakdowns_boxes_notes_and_the_unexpected_are_told(tmp_path: Path) -> None:
    breakdown = Breakdown("frame", "iou", (Group("rimless", 7, 0.8123, 0.7, 0.9),))
    told = {"unexpected": ("extra.png",), "notes": ("Mind <this>.",), "boxes": {"AP50": 0.977}}
    page = a_page(*some_photos(), breakdowns=(breakdown,), **told)
    text = written(tmp_path, page).read_text(encoding="utf-8")
    for words in ("rimless", "0.812", "extra.png", "Mind &lt;this&gt;.", "AP50", "0.977"):
        assert words in text
    assert text.count('src="data:image/svg+xml;base64,') == 2


def test_the_page_refers_to_nothing_outside_itself(tmp_path: Path) -> None:
    text = written(tmp_path, a_page(*some_photos())).read_text(encoding="utf-8")
    assert not re.search(r"http|@import|<link|url\(|fetch\(|XMLHttp|<iframe", text)
    assert all(src.startswith("data:") for src in re.findall(r'src="([^"]*)"', text))
    assert not re.findall(r"<a |<script src", text)


def test_numbers_that_are_none_do_not_break_the_page(tmp_path: Path) -> None:
    nan = float("nan")
    photos = (a_photo("a.jpg", nan, properties={"blur": float("inf")}),)
    figure = Figure("iou", "IoU", "higher", nan, nan, nan, nan)
    path = written(tmp_path, a_page(*photos, columns=(Column("one", (figure,)),)))
    assert data_of(path)["photos"][0]["v"] == [None, None, None]
    assert "nan" not in path.read_text(encoding="utf-8").split("<script")[0]


@pytest.mark.parametrize("photos", [(), (a_photo("a.jpg", 0.9, pictures=None),)])
def test_a_page_of_nothing_and_of_no_pictures_is_written(
    tmp_path: Path, photos: tuple[Photo, ...]
) -> None:
    assert len(data_of(written(tmp_path, a_page(*photos)))["photos"]) == len(photos)


def test_a_page_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = written(tmp_path, a_page())
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"page\.html"):
        write_evaluation_page(path, a_page(title="Other"))
    assert path.read_bytes() == before
    write_evaluation_page(path, a_page(title="Other"), overwrite=True)
    assert "<title>Other</title>" in path.read_text(encoding="utf-8")


def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for path in pages:
        write_evaluation_page(path, a_page(*some_photos()))
    assert pages[0].read_bytes() == pages[1].read_bytes()


# ---- in Chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests; with EYECUT_REQUIRE_CHROMIUM=1 its absence is a failure."""
    program = find_chromium()
    if program is None:
        if os.environ.get(REQUIRE_CHROMIUM) == "1":
            pytest.fail(f"{REQUIRE_CHROMIUM}=1, but no Chromium is found", pytrace=False)
        pytest.skip("no Chromium is found")
    running = Browser(program, tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture
def wide(browser: Browser) -> Browser:
    browser.resize(1280, 900)
    return browser


NAMES = "[...document.querySelectorAll('#photos h3')].map((node) => node.textContent)"
IMAGES = "document.querySelectorAll('#photos img').length"


def choose(browser: Browser, **values: object) -> list[str]:
    """Set controls by their ids, let the page follow, and return the names that it shows."""
    for name, value in values.items():
        browser.run(
            f"{{ const node = document.getElementById('{name}'); node.value = '{value}';"
            "node.dispatchEvent(new Event('input', {bubbles: true})) }"
        )
    pause = 150 if "text" in values else 20  # typing is waited for
    browser.run(f"new Promise((done) => setTimeout(done, {pause}))")
    return browser.run(NAMES)  # type: ignore[no-any-return]


COLOURS = {
    "mask": (0, 158, 115),
    "extra": (213, 94, 0),
    "missing": (0, 114, 178),
    "faded": (255, 255, 255),
}


def look(browser: Browser, *xs: int, y: int = 50) -> list[str]:
    """Name the colours that the first card's overlay has at some places."""
    context = "document.querySelector('#photos canvas').getContext('2d')"
    names = []
    for x in xs:
        *rgb, alpha = browser.run(f"[...{context}.getImageData({x}, {y}, 1, 1).data]")
        near = [n for n, colour in COLOURS.items() if np.abs(np.subtract(rgb, colour)).max() <= 4]
        names.append(near[0] if near else "nothing" if alpha == 0 else f"{rgb}")
    return names


def test_photos_are_sorted_by_any_figure_property_or_name(tmp_path: Path, wide: Browser) -> None:
    wide.open(written(tmp_path, a_page(*some_photos())))
    assert wide.run(NAMES) == ["lost.jpg", "a.jpg", "b.jpg", "c.jpg"]  # what was missed is worst
    assert choose(wide, order="last") == ["c.jpg", "b.jpg", "a.jpg", "lost.jpg"]
    # of the error the high end is the worst
    assert choose(wide, sort=1, order="first") == ["lost.jpg", "a.jpg", "b.jpg", "c.jpg"]
    # a photo without the property comes last either way
    assert choose(wide, sort=2) == ["lost.jpg", "b.jpg", "a.jpg", "c.jpg"]
    assert choose(wide, order="last") == ["a.jpg", "b.jpg", "lost.jpg", "c.jpg"]
    assert choose(wide, sort="name", order="first") == ["a.jpg", "b.jpg", "c.jpg", "lost.jpg"]
    assert wide.complaints() == []


def test_photos_are_filtered_by_score_text_and_tag(tmp_path: Path, wide: Browser) -> None:
    wide.open(written(tmp_path, a_page(*some_photos())))
    assert choose(wide, below=0.9) == ["lost.jpg", "a.jpg"]
    assert choose(wide, least=0.8) == ["a.jpg"]
    assert choose(wide, below="", least="") == ["lost.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert choose(wide, text="C.jp") == ["c.jpg"]
    assert choose(wide, text="metal") == ["b.jpg", "c.jpg"]
    wide.run("document.getElementById('reset').click()")
    assert len(choose(wide)) == 4
    wide.run("[...document.querySelectorAll('.tags button')].at(-1).click()")
    assert choose(wide) == ["c.jpg"]
    assert wide.run("document.getElementById('count').textContent") == "1 of 4 photos"
    assert choose(wide, text="nothing like it") == []
    wide.run("document.getElementById('reset').click()")
    choose(wide)
    wide.run("document.querySelector('[data-below=\"0.95\"]').click()")
    assert choose(wide) == ["lost.jpg", "a.jpg"]


def test_the_slider_moves_by_keyboard_between_truth_and_prediction(
    tmp_path: Path, wide: Browser
) -> None:
    wide.open(written(tmp_path, a_page(a_photo("a.jpg", 0.9))))
    wide.run("document.querySelector('#photos').scrollIntoView()")
    wide.wait("document.querySelector('#photos canvas')?.width === 160")
    places = (40, 120)  # truth alone, prediction alone
    assert look(wide, *places) == ["mask", "mask"]  # left of the middle is truth
    slider = "document.querySelector('#photos input[type=range]')"
    wide.run(f"{slider}.focus()")
    wide.press("Home")
    assert look(wide, *places) == ["faded", "mask"]
    wide.press("End")
    assert look(wide, *places) == ["mask", "faded"]
    wide.press("ArrowLeft")
    assert wide.run(f"[{slider}.value, document.querySelector('.line').style.left]") == [
        "99.5",
        "99.5%",
    ]
    assert "a.jpg" in wide.run(f"{slider}.getAttribute('aria-label')")


def test_the_difference_shows_too_much_and_missing_in_their_colours(
    tmp_path: Path, wide: Browser
) -> None:
    wide.open(written(tmp_path, a_page(a_photo("a.jpg", 0.9))))
    wide.run("document.querySelector('#photos').scrollIntoView()")
    wide.wait("document.querySelector('#photos canvas')?.width === 160")
    picked = "document.querySelectorAll('#photos .views input')"
    looks = {}
    for place, name in enumerate(("Slide", "Photo", "Truth", "Prediction", "Difference")):
        wide.run(f"{picked}[{place}].click()")
        looks[name] = look(wide, 40, 80, 120)
        assert wide.run("document.querySelector('#photos input[type=range]').hidden") == (
            name != "Slide"
        )
    assert looks == {
        "Slide": ["mask", "mask", "mask"],
        "Photo": ["nothing", "nothing", "nothing"],
        "Truth": ["mask", "mask", "faded"],
        "Prediction": ["faded", "mask", "mask"],
        "Difference": ["missing", "mask", "extra"],
    }


def test_names_and_tags_cannot_inject_anything(tmp_path: Path, wide: Browser) -> None:
    photos = (a_photo(n, 0.9, tags={n: n}, properties={n: 1.0}) for n in HOSTILE)
    breakdown = Breakdown(HOSTILE[0], "iou", tuple(Group(n, 1, 0.5, 0.4, 0.6) for n in HOSTILE))
    told = {"title": HOSTILE[0], "notes": HOSTILE, "unexpected": HOSTILE}
    wide.open(written(tmp_path, a_page(*photos, breakdowns=(breakdown,), **told)))
    assert sorted(wide.run(NAMES)) == sorted(HOSTILE)
    wide.run("document.querySelector('#photos').scrollIntoView()")
    wide.wait(f"{IMAGES} === {len(HOSTILE)}")
    assert wide.run("window.hacked") is None
    assert wide.run("document.title") == HOSTILE[0]
    assert wide.complaints() == []


def test_a_thousand_photos_open_quickly_and_only_those_in_sight_are_images(
    tmp_path: Path, wide: Browser
) -> None:
    toy = draw_toy(450, 700)[0]
    grain = np.random.default_rng(0).integers(0, 24, toy.rgb.shape)
    rgb = np.clip(toy.rgb + grain, 0, 255).astype(np.uint8)
    pictures = make_pictures(rgb, toy.mask, np.roll(toy.mask, 3, 1))
    photos = (a_photo(f"photo {n:04}.jpg", n / 1000, pictures=pictures) for n in range(1000))
    path = written(tmp_path, a_page(*photos))
    assert path.stat().st_size < 1000 * (len(pictures.photo) + 2 * PHOTO_BYTES)
    assert wide.open(path) < 10
    assert wide.run("document.getElementById('count').textContent") == "1000 of 1000 photos"
    assert wide.run(IMAGES) <= 30
    assert len(choose(wide, order="last")) < 200  # further cards are made as one scrolls
    assert choose(wide, order="first", below=0.2)[:2] == ["photo 0000.jpg", "photo 0001.jpg"]
    most, deadline = 0, time.monotonic() + 60
    while wide.run("document.querySelector('#photos').childElementCount") < 200:
        wide.run("scrollTo(0, document.documentElement.scrollHeight)")
        wide.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        most = max(most, wide.run(IMAGES))
        assert time.monotonic() < deadline
    wide.run("scrollTo(0, document.documentElement.scrollHeight)")
    assert wide.run(NAMES) == [f"photo {n:04}.jpg" for n in range(200)]
    wide.wait("document.querySelector('#photos article:last-child img')")
    wide.wait("!document.querySelector('#photos article:first-child img')")
    assert max(most, wide.run(IMAGES)) <= 60
    wide.run("document.querySelector('#photos').scrollIntoView()")
    wide.wait("document.querySelector('#photos article:first-child img')")
    wide.wait("!document.querySelector('#photos article:last-child img')")
    assert wide.complaints() == []


def test_the_page_fits_a_phone(tmp_path: Path, browser: Browser) -> None:
    browser.resize(375, 800, 2)
    long = "a name that is much longer than any phone is wide_" * 3 + ".jpg"
    photos = (*some_photos(), a_photo(long, 0.9, tags={"a long tag": "and its long value " * 5}))
    browser.open(written(tmp_path, a_page(*photos)))
    browser.run("document.querySelector('#photos').scrollIntoView()")
    browser.wait(f"{IMAGES} > 0")
    assert browser.run("document.documentElement.scrollWidth") == 375
    small = "getComputedStyle(document.querySelector('.views span')).fontSize"
    assert float(browser.run(small).removesuffix("px")) >= 12


def test_a_comparison_shows_the_largest_changes_first(tmp_path: Path, wide: Browser) -> None:
    figures = (
        Difference("iou", "IoU", "higher", 0.9, 0.92, 0.02, 0.01, 0.03, 2, 1),
        Difference("mae", "Alpha MAE", "lower", 0.1, 0.12, 0.02, 0.01, 0.03, 1, 2),
        Difference("thin", "Thin parts", "higher", 0.5, 0.51, 0.01, -0.02, 0.04, 1, 1),
    )
    scores = {"same": (0.9, 0.9), "up": (0.8, 0.95), "down": (0.9, 0.4), "bit": (0.9, 0.91)}
    photos = [
        ComparedPhoto(name, {"iou": a}, {"iou": b}, halves(), halves())
        for name, (a, b) in scores.items()
    ]
    photos.append(ComparedPhoto("gone", {"iou": 0.9}, {}, halves(), None))
    photos.append(ComparedPhoto("new", {}, {"iou": 0.9}, None, halves()))
    photos.append(ComparedPhoto("never", {}, {}, None, None))
    path = tmp_path / "compare.html"
    write_compare_page(path, ComparePage("A against B", "A", "B", figures, tuple(photos)))
    wide.open(path)
    assert wide.run(NAMES) == ["gone", "new", "down", "up", "bit", "same", "never"]
    assert choose(wide, sort=1) == ["gone", "down", "same", "bit", "up", "new", "never"]
    verdicts = "[...document.querySelectorAll('.summary b')].map((node) => node.className)"
    assert wide.run(verdicts) == ["better", "worse", ""]
    choose(wide, text="down")
    cells = wide.run("[...document.querySelectorAll('#photos td')].map((n) => n.textContent)")
    assert cells == ["0.900", "0.400", "−0.500"]
    wide.run("document.querySelector('#photos').scrollIntoView()")
    wide.wait("document.querySelector('#photos canvas')?.width === 160")
    wide.run("document.querySelectorAll('#photos .views input')[1].click()")
    assert look(wide, 40, 120) == ["missing", "extra"]
    assert wide.run(IMAGES) == 1  # both runs show the same photo
    assert wide.complaints() == []


def test_predictions_of_different_regions_are_laid_over_each_other(
    tmp_path: Path, wide: Browser
) -> None:
    truth, first, second = np.zeros((3, 100, 160), bool)
    truth[40:60, 60:100] = first[40:60, 60:100] = True
    second[40:60, 20:100] = True
    rgb = np.full((100, 160, 3), 128, np.uint8)
    one = make_pictures(rgb, truth, first, region=(50, 30, 110, 70))
    two = make_pictures(rgb, truth, second, region=(10, 30, 110, 70))
    difference = Difference("iou", "IoU", "higher", 1, 0.5, -0.5, -0.6, -0.4, 0, 1)
    photo = ComparedPhoto("a.jpg", {"iou": 1.0}, {"iou": 0.5}, one, two)
    path = tmp_path / "compare.html"
    write_compare_page(path, ComparePage("A against B", "A", "B", (difference,), (photo,)))
    wide.open(path)
    wide.run("document.querySelector('#photos').scrollIntoView()")
    wide.wait("document.querySelector('#photos canvas')?.width === 100")
    wide.run("document.querySelectorAll('#photos .views input')[1].click()")
    slider = "document.querySelector('#photos input[type=range]')"
    wide.run(f"{slider}.focus()")
    wide.press("End")
    assert look(wide, 30, 70, y=20) == ["faded", "mask"]  # the first has nothing at 30
    wide.press("Home")
    assert look(wide, 30, 70, y=20) == ["extra", "mask"]
