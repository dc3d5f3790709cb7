"""Any subset of pictures, in any format and depth, on any canvas."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from pipeline.canvas import measure
from pipeline.compose import in_bits, over_white, overlay, to_cutout
from pipeline.config import Config, load_config
from pipeline.errors import ConfigError, EvaluationError
from pipeline.evaluation.predictions import find_predictions
from pipeline.flow import Flow, lay_out
from pipeline.images import read_photo, read_raw, write_image
from pipeline.outputs import Outputs
from pipeline.types import Matte
from toys import FakeDetector, FakeSegmenter, draw_toy
from workbench import Bench

FOLDERS = {"white": "cutouts", "transparent": "transparent", "mask": "masks", "overlay": "overlays"}


MARKET = "canvas.preset={name: own, size: [90, 90], fill: {}, format: jpeg, quality: 91, ppi: 300}"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def pictures_of(bench: Bench) -> set[str]:
    return {name for name in bench.files() if name.split("/")[0] in FOLDERS.values()}


@pytest.mark.parametrize(
    "chosen",
    [
        ("white",),
        ("mask",),
        ("overlay",),
        ("transparent", "mask"),
        ("white", "transparent", "mask", "overlay"),
    ],
)
def test_exactly_the_chosen_pictures_are_there_and_make_a_photo_done(
    bench: Bench, chosen: tuple[str, ...]
) -> None:
    bench.photo("a/b.png")
    told = f"output.pictures=[{','.join(chosen)}]"
    assert bench.run(told).counts["done"] == 1
    suffix = dict.fromkeys(FOLDERS, ".png") | {"overlay": ".jpg"}
    wanted = {f"{FOLDERS[name]}/a/b{suffix[name]}" for name in chosen}
    assert pictures_of(bench) == wanted
    assert bench.run(told).skipped == 1
    for name in wanted:
        (bench.output / name).unlink()
        assert bench.run(told).skipped == 0
        assert pictures_of(bench) == wanted


def test_other_pictures_are_another_configuration(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run("output.pictures=[white, mask]")
    assert bench.run("output.pictures=[mask, white]").skipped == 1
    bench.run("output.pictures=[transparent]", force=True)
    assert pictures_of(bench) == {"transparent/a.png"}


@pytest.mark.parametrize(
    ("form", "depth", "cutouts", "transparent"),
    [
        ("png", 8, [".png", ".png"], [".png", ".png"]),
        ("png", 16, [".png", ".png"], [".png", ".png"]),
        ("jpeg", 8, [".jpg", ".jpg"], [".png", ".png"]),
        ("webp", 8, [".webp", ".webp"], [".webp", ".webp"]),
        ("tiff", 8, [".tif", ".tif"], [".tif", ".tif"]),
        ("tiff", 16, [".tif", ".tif"], [".tif", ".tif"]),
        ("keep", 8, [".jpg", ".tif"], [".png", ".tif"]),
        ("keep", 16, [".jpg", ".tif"], [".png", ".tif"]),
    ],
)
def test_format_and_depth(
    bench: Bench, form: str, depth: int, cutouts: list[str], transparent: list[str]
) -> None:
    bench.photo("a.jpg")
    bench.photo("b.tif")
    told = ("output.pictures=[white, transparent, mask]", f"output.depth={depth}")
    bench.run(f"output.format={form}", "output.quality=100", *told)
    names = [f"cutouts/{n}{s}" for n, s in zip("ab", cutouts, strict=True)]
    clear = [f"transparent/{n}{s}" for n, s in zip("ab", transparent, strict=True)]
    assert pictures_of(bench) == {*names, *clear, "masks/a.png", "masks/b.png"}
    for name in (*names, *clear, "masks/a.png"):
        array = read_raw(bench.output / name)
        deep = depth == 16 and not name.endswith((".jpg", ".webp"))
        assert array.dtype == (np.uint16 if deep else np.uint8), name
        full = np.iinfo(array.dtype).max
        far = np.s_[:4, :4]
        if name.startswith("cutouts"):
            assert (array[far] == full).all()
        elif name.startswith("transparent"):
            assert (array[far][..., 3] == 0).all()
            assert np.array_equal(array[..., 3] > full // 2, bench.toy.mask)
        else:
            assert np.array_equal(array > full // 2, bench.toy.mask)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (["output.depth=16", "output.format=jpeg"], "16 needs output.format png"),
        (["output.depth=16", "canvas.preset=zalando"], r"16 needs .*zalando"),
        (["output.depth=12"], r"output\.depth"),
        (["output.pictures=[]"], "at least one of white"),
        (["output.pictures=[white, shadow]"], r"output\.pictures"),
        (["output.format=gif"], r"output\.format"),
    ],
)
def test_what_cannot_be_is_refused_before_a_photo_is_touched(told: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config("default", told)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ([], ("png", 95, None)),
        ([MARKET], ("jpeg", 91, 300)),
        ([MARKET, "output.format=webp", "output.quality=80"], ("webp", 80, 300)),
        ([MARKET, "output.ppi=72"], ("jpeg", 91, 72)),
        (["output.ppi=72.5"], ("png", 95, 72.5)),
    ],
)
def test_the_canvas_decides_where_output_is_silent(
    told: list[str], wanted: tuple[str, int, float | None]
) -> None:
    config = load_config("default", told)
    form = Outputs.of(config).finished
    assert (config.picture_format, form.quality, form.ppi) == wanted


def test_the_source_canvas_is_the_photos_own_to_the_bit(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run()
    wanted = over_white(bench.toy.rgb, bench.toy.mask.astype(np.float32))
    assert np.array_equal(read_raw(bench.output / "cutouts/a.png"), wanted)


@pytest.mark.parametrize("preset", ["amazon", "google_merchant", "zalando"])
def test_masks_keep_the_size_of_the_photo_whatever_the_canvas(bench: Bench, preset: str) -> None:
    bench.photo("a.png")
    bench.run(f"canvas.preset={preset}", "output.pictures=[white, transparent, mask, overlay]")
    size = bench.toy.mask.shape
    assert read_raw(bench.output / "masks/a.png").shape == size
    assert read_raw(bench.output / "overlays/a.jpg").shape[:2] == size
    white = read_raw(bench.output / "cutouts/a.jpg")
    assert white.shape[:2] == read_raw(bench.output / "transparent/a.png").shape[:2] != size
    assert max(white.shape) >= 1500
    with Image.open(bench.output / "cutouts/a.jpg") as image:
        assert image.info["dpi"] == (300, 300)


def test_a_picture_that_is_not_fit_for_its_canvas_is_flagged_with_the_reason(bench: Bench) -> None:
    bench.photo("a.png")  # 200 pixels wide: more enlargement than the preset allows
    summary = bench.run("canvas.preset=shopify")
    record = bench.records()["a.png"]
    assert record.verdict is not None
    assert record.verdict["passed"] is False
    assert record.verdict["preset"] == "shopify"
    assert any("too few pixels" in reason for reason in record.verdict["reasons"])
    assert {f"review: {reason}" for reason in record.verdict["reasons"]} <= set(record.flags)
    assert (summary.counts["done"], summary.counts["review"], summary.counts["unfit"]) == (1, 1, 1)
    page = bench.files()["report/index.html"].decode()
    assert "1 not fit for the canvas" in page
    assert "not fit for shopify" in page


def test_a_fit_picture_says_so(bench: Bench) -> None:
    bench.photo("a.png")
    summary = bench.run()
    record = bench.records()["a.png"]
    assert record.verdict is not None
    assert record.verdict["passed"] is True
    assert record.flags == ()
    assert (summary.counts["unfit"], summary.counts["review"]) == (0, 0)
    assert "fit for source" in bench.files()["report/index.html"].decode()


@pytest.mark.parametrize("told", ["keep", "strip"])
def test_metadata_is_kept_by_choice(bench: Bench, told: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ann"
    exif[ExifTags.Base.Orientation] = 3
    path = bench.photo("a.jpg")
    turned = np.ascontiguousarray(bench.toy.rgb[::-1, ::-1])
    Image.fromarray(turned).save(path, exif=exif, quality=95)
    bench.run(
        f"output.metadata={told}",
        "output.format=jpeg",
        "output.pictures=[white, transparent, mask, overlay]",
    )
    kept = {}
    for name in pictures_of(bench):
        with Image.open(bench.output / name) as image:
            tags = image.getexif()
            kept[name.split("/")[0]] = tags.get(ExifTags.Base.Artist)
            assert ExifTags.Base.Orientation not in tags
    wanted = "Ann" if told == "keep" else None
    assert kept == {"cutouts": wanted, "transparent": wanted, "masks": None, "overlays": None}


def test_damaged_metadata_is_said_and_does_not_fail_the_photo(bench: Bench) -> None:
    path = bench.photo("a.jpg")
    Image.fromarray(bench.toy.rgb).save(path, xmp=b"<x")
    summary = bench.run("output.metadata=keep")
    assert bench.records()["a.jpg"].flags == ("metadata: its XMP cannot be read and was left out",)
    assert (summary.counts["done"], summary.counts["review"]) == (1, 0)


def test_16_bits_of_the_photo_reach_the_picture(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    toy = bench.toy
    deep = (toy.rgb.astype(int) * 256 + rng.integers(0, 256, toy.rgb.shape)).astype(np.uint16)
    bench.source.mkdir()
    write_image(bench.source / "a.png", deep)
    config = load_config("default", ["output.depth=16"])
    flow = Flow(FakeDetector([(*toy.box, 0.9, 0)]), FakeSegmenter(masks=[toy.mask]), config)
    bench.run("output.depth=16", flow=flow)
    white = read_raw(bench.output / "cutouts/a.png")
    inner = cv2.erode(toy.mask.astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    outer = cv2.dilate(toy.mask.astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    assert inner.sum() > 1000
    assert np.array_equal(white[inner], deep[inner])
    assert (white[~outer] == 65535).all()


@pytest.mark.parametrize("told", [(), ("canvas.preset={name: s, size: [90, 90], fill: {}}",)])
def test_16_bits_are_finer_steps_of_the_same_picture_on_every_canvas(
    bench: Bench, told: tuple[str, ...]
) -> None:
    config = load_config("default", [*told, "output.depth=16"])
    toy = bench.toy
    alpha = cv2.GaussianBlur(toy.mask.astype(np.float32), (0, 0), 1.0)
    matte = Matte(alpha, toy.rgb)
    extent = measure(alpha)
    rough, _ = lay_out(matte, extent, load_config("default", told))
    fine, verdict = lay_out(matte, extent, config)
    assert verdict.passed
    assert fine.white.dtype == np.uint16
    assert np.abs(fine.white / 257 - rough.white).max() <= 0.51
    assert (fine.white % 257).any()
    deep = Matte(alpha, in_bits(toy.rgb, 16))
    again, _ = lay_out(deep, extent, config)
    assert np.abs(again.white.astype(int) - fine.white).max() <= 1
    clear = to_cutout(again.matte, 16).rgba.astype(float) / 65535
    over = clear[..., :3] * clear[..., 3:] + 1 - clear[..., 3:]
    assert np.abs(over * 65535 - again.white).max() <= 2


def test_8_bits_of_the_photo_are_said_in_16(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run("output.depth=16")
    white = read_raw(bench.output / "cutouts/a.png")
    rgb = read_photo(bench.source / "a.png").rgb
    assert np.array_equal(white[bench.toy.mask], rgb[bench.toy.mask] * np.uint16(257))


def test_without_masks_evaluating_says_what_it_needs(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run("output.pictures=[white]")
    with pytest.raises(EvaluationError, match=r"no mask of a\.png.*output\.pictures"):
        find_predictions(bench.output, ["a"])


def test_masks_of_16_bits_are_evaluated_as_those_of_8(bench: Bench) -> None:
    bench.photo("a.png")
    bench.run("output.depth=16")
    read = find_predictions(bench.output, ["a"]).read("a", bench.toy.mask.shape)
    assert read is not None
    assert np.array_equal(read.mask, bench.toy.mask)


def test_files_of_chosen_folders_alone_are_anothers(bench: Bench) -> None:
    bench.photo("a.png")
    (bench.output / "overlays").mkdir(parents=True)
    (bench.output / "overlays/mine.png").write_text("mine")
    assert bench.run().counts["done"] == 1


def test_names_meet_in_no_folder(bench: Bench) -> None:
    for key in ("a.jpg", "a.png", "A.png", "a.webp"):
        bench.photo(key)
    told = ("output.pictures=[white, transparent, mask, overlay]", "output.format=keep")
    assert bench.run(*told).counts["done"] == 4
    names = [n for r in bench.records().values() for n in r.outputs.values()]
    assert len({name.casefold() for name in names}) == len(names) == 4 * 6


def test_default_pictures_are_the_contract() -> None:
    assert Outputs.of(Config()).kinds == ("cutout", "mask")


def test_the_overlay_marks_the_outline_and_leaves_the_rest(bench: Bench) -> None:
    toy = draw_toy(600, 1000)[0]
    marked = overlay(toy.rgb, toy.mask.astype(np.float32))
    changed = (marked != toy.rgb).any(axis=2)
    around = cv2.dilate(toy.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert not changed[~around].any()
    assert (marked[around & ~toy.mask] == (255, 0, 160)).all(axis=1).any()
    assert np.array_equal(overlay(toy.rgb, np.zeros(toy.mask.shape, np.float32)), toy.rgb)
