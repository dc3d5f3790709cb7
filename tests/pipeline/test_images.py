"""Pictures of every kind come in as upright 8-bit sRGB and go out whole or not at all."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from pipeline import images
from pipeline.errors import (
    ImageError,
    ImageTooLarge,
    OutputError,
    UnreadableImage,
    UnsupportedImage,
    ValidationError,
)
from pipeline.images import Limits, is_picture, read_mask, read_photo, read_raw, write_image
from pipeline.types import Metadata

RED, GREEN = (200, 40, 30), (20, 160, 60)


def picture() -> np.ndarray:
    """Red above green, wider than high, so that every turn shows."""
    rgb = np.empty((40, 64, 3), np.uint8)
    rgb[:20], rgb[20:] = RED, GREEN
    return rgb


def encoded(array: np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def read(tmp_path: Path, data: bytes, name: str = "x.img") -> np.ndarray:
    path = tmp_path / name
    path.write_bytes(data)
    return read_photo(path).rgb


def assert_like(rgb: np.ndarray, wanted: np.ndarray, within: int = 3) -> None:
    assert rgb.shape == wanted.shape
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - wanted).mean() <= within


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
    ],
)
def test_formats(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    assert_like(read(tmp_path, encoded(picture(), kind, **options)), picture())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_applied_once(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = picture()
    upright[:, :10] = 90  # asymmetric in both directions
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, 3),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = encoded(np.ascontiguousarray(undo(upright)), kind, exif=exif, **options)
    assert_like(read(tmp_path, data), upright)


def test_damaged_exif_counts_as_none(tmp_path: Path) -> None:
    data = encoded(picture(), "JPEG", exif=b"Exif\0\0II*\0garbage")
    assert_like(read(tmp_path, data), picture())


def grey16(scale: int = 257) -> np.ndarray:
    return np.arange(256, dtype=np.uint16).reshape(16, 16) * scale


def tiff(array: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def png16(array: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", array)[1].tobytes())


RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        pytest.param(png16(grey16()), RAMP, id="grey png"),
        pytest.param(tiff(grey16()), RAMP, id="grey tiff"),
        pytest.param(tiff(grey16(), byteorder=">"), RAMP, id="grey tiff, big endian"),
        pytest.param(tiff(grey16(), photometric="miniswhite"), 255 - RAMP, id="white is zero"),
        pytest.param(png16(np.dstack([grey16()] * 3)), RAMP, id="colour png"),
        pytest.param(tiff(np.dstack([grey16()] * 3), photometric="rgb"), RAMP, id="colour tiff"),
    ],
)
def test_16_bits_are_scaled_not_clipped(tmp_path: Path, data: bytes, wanted: np.ndarray) -> None:
    assert_like(read(tmp_path, data), np.dstack([wanted] * 3), within=0)


def test_grey_palette_and_bilevel(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    assert_like(read(tmp_path, encoded(grey, "PNG")), np.dstack([grey] * 3), within=0)
    buffer = io.BytesIO()
    Image.fromarray(picture()).quantize(8).save(buffer, "PNG")
    assert_like(read(tmp_path, buffer.getvalue()), picture(), within=0)
    buffer = io.BytesIO()
    Image.fromarray(grey > 100).save(buffer, "PNG")
    wanted = np.dstack([(grey > 100) * np.uint8(255)] * 3)
    assert_like(read(tmp_path, buffer.getvalue()), wanted, within=0)


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    alpha = np.full((40, 64, 1), 255, np.uint8)
    alpha[:, :32], alpha[:, 32:48] = 0, 128
    data = encoded(np.dstack([picture(), alpha]), "PNG")
    share = alpha / 255
    wanted = picture() * share + 255 * (1 - share)
    assert_like(read(tmp_path, data), wanted, within=1)


def test_a_transparent_palette_colour_is_white(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    image = Image.fromarray(picture()).quantize(4)
    first = int(np.asarray(image)[0, 0])
    image.save(buffer, "PNG", transparency=first)
    rgb = read(tmp_path, buffer.getvalue())
    assert (rgb[:20] == 255).all()
    assert_like(rgb[20:], picture()[20:])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_profile(tmp_path: Path, kind: str) -> None:
    image = Image.fromarray(picture()).convert("CMYK")
    buffer = io.BytesIO()
    image.save(buffer, kind)
    assert_like(read(tmp_path, buffer.getvalue()), picture())


def swapped_profile() -> bytes:
    """An RGB profile whose red and green primaries are exchanged, so that using it shows."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    for entry in range(132, 132 + 12 * count, 12):
        name = bytes(data[entry : entry + 4])
        if name in (b"rXYZ", b"gXYZ"):
            data[entry : entry + 4] = b"gXYZ" if name == b"rXYZ" else b"rXYZ"
    return bytes(data)


def test_the_profile_is_applied(tmp_path: Path) -> None:
    data = encoded(picture(), "PNG", icc_profile=swapped_profile())
    assert_like(read(tmp_path, data), picture()[..., [1, 0, 2]])


def test_an_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_like(read(tmp_path, encoded(picture(), "PNG", icc_profile=profile)), picture(), within=0)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200])
@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_an_unusable_profile_counts_as_none(tmp_path: Path, profile: bytes, mode: str) -> None:
    image = Image.fromarray(picture()).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", icc_profile=profile)
    assert_like(read(tmp_path, buffer.getvalue()), np.asarray(image.convert("RGB")))


def test_lab(tmp_path: Path) -> None:
    lab = ImageCms.profileToProfile(
        Image.fromarray(picture()),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert lab is not None
    buffer = io.BytesIO()
    lab.save(buffer, "TIFF")
    assert_like(read(tmp_path, buffer.getvalue()), picture())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello, this is not a picture", "not a JPEG, PNG, WebP, TIFF or BMP"),
        (b"\xff\xd8\xff" + b"\0" * 100, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "damaged"),
        (b"II*\0" + b"\xff" * 100, "damaged"),
        (b"BM" + b"\0" * 100, "damaged"),
        (b"RIFF\x10\0\0\0WEBP" + b"\0" * 50, "damaged"),
        (encoded(picture(), "PNG")[:-60], "damaged, truncated or"),
        (tiff(np.zeros((3, 8, 8), np.uint16), photometric="rgb", planarconfig="separate"),
         "separate planes"),
        (tiff(np.zeros((8, 8), np.float32)), "32 bits"),
    ],
)  # fmt: skip
def test_bad_files_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(data)
    with pytest.raises(UnreadableImage, match=words) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)


def test_a_truncated_jpeg_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    path = tmp_path / "cut.jpg"
    path.write_bytes(encoded(noise, "JPEG")[:20_000])
    with pytest.raises(UnreadableImage, match="truncated"):
        read_photo(path)


@pytest.mark.parametrize("read", [read_photo, read_raw, images.open_picture])
def test_pipes_are_refused_and_not_waited_for(tmp_path: Path, read: Any) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImage, match=r"pipe\.png is a pipe"):
        read(tmp_path / "pipe.png")


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="folder"):
        read_photo(tmp_path)
    with pytest.raises(UnreadableImage, match="does not exist"):
        read_photo(tmp_path / "none.jpg")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(picture(), "PNG"))
    path.chmod(0)
    with pytest.raises(UnreadableImage, match="permissions"):
        read_photo(path)


def test_permission_errors_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.png"
    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableImage, match="permissions"):
        read_photo(path)


def test_limits(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded(picture(), "PNG"))
    assert read_photo(path, limits=Limits(pixels=40 * 64)).size == (40, 64)
    with pytest.raises(ImageTooLarge, match="64 x 40"):
        read_photo(path, limits=Limits(pixels=40 * 64 - 1))
    with pytest.raises(ImageTooLarge, match="bytes"):
        read_photo(path, limits=Limits(bytes=10))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_a_decompression_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    header = struct.pack(">2I5B", 60_000, 60_000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    with pytest.raises(ImageTooLarge):
        read_photo(path)


@settings(max_examples=60)
@given(data=st.data())
def test_damage_never_escapes_as_another_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP"]))
    raw = bytearray(encoded(picture(), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "x"
    path.write_bytes(bytes(raw[: data.draw(st.integers(1, len(raw)))]))
    try:
        photo = read_photo(path, limits=Limits(pixels=1_000_000))
    except ImageError:
        return
    assert photo.rgb.dtype == np.uint8


def test_the_photo_is_read_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        read(tmp_path, encoded(picture(), "PNG"))[0] = 0


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("a.JPG", True), ("a.jpeg", True), ("a.bmp", True), ("a.gif", False), ("jpg", False)],
)
def test_pictures_are_known_by_suffix(name: str, wanted: bool) -> None:
    assert is_picture(name) is wanted


@pytest.mark.parametrize("suffix", images.WRITE_SUFFIXES)
def test_what_is_written_reads_back_with_an_srgb_profile(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"x{suffix}"
    write_image(path, picture(), quality=100)
    assert_like(read_photo(path).rgb, picture())
    with Image.open(path) as image:
        assert b"sRGB" in image.info["icc_profile"].replace(b"\0", b"")
    first = path.read_bytes()
    write_image(path, picture(), quality=100, overwrite=True)
    assert path.read_bytes() == first


def test_alpha_and_grey_are_kept(tmp_path: Path) -> None:
    rgba = np.dstack([picture(), picture()[..., :1]])
    write_image(tmp_path / "a.png", rgba)
    assert np.array_equal(read_raw(tmp_path / "a.png"), rgba)
    write_image(tmp_path / "g.png", picture()[..., 0])
    assert np.array_equal(read_raw(tmp_path / "g.png"), picture()[..., 0])


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        write_image(path, picture())
    assert path.read_bytes() == b"mine"
    write_image(path, picture(), overwrite=True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    sync = os.fsync

    def appear(descriptor: int) -> None:
        path.write_bytes(b"theirs")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", appear)
    with pytest.raises(OutputError, match="exists"):
        write_image(path, picture())
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "x.png"
    if overwrite:
        path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_image(path, picture(), overwrite=overwrite)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([b"old"] if overwrite else [])


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_a_file_is_refused(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "file").write_bytes(b"theirs")
    with pytest.raises(OutputError, match=r"x\.png cannot be written"):
        write_image(tmp_path / "file" / "x.png", picture(), overwrite=overwrite)
    assert (tmp_path / "file").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("name", "array", "error"),
    [
        ("x.gif", picture(), UnsupportedImage),
        ("x", picture(), UnsupportedImage),
        ("x.jpg", np.zeros((4, 4, 4), np.uint8), UnsupportedImage),
        ("x.png", np.zeros((4, 4, 2), np.uint8), ValidationError),
        ("x.png", np.zeros((4, 4), np.float32), ValidationError),
        ("x.webp", np.zeros((1, 17_000, 3), np.uint8), OutputError),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, name: str, array: np.ndarray, error: type[Exception]
) -> None:
    with pytest.raises(error, match=name):
        write_image(tmp_path / name, array)
    assert list(tmp_path.iterdir()) == []


def test_masks_are_read_as_the_yardstick_reads_them(tmp_path: Path) -> None:
    matte = np.arange(256, dtype=np.uint8).reshape(16, 16)
    write_image(tmp_path / "m.png", matte)
    assert np.array_equal(read_mask(tmp_path / "m.png"), matte > 127)
    rgba = np.dstack([255 - matte, matte, matte, matte])
    write_image(tmp_path / "a.png", rgba)
    assert np.array_equal(read_mask(tmp_path / "a.png"), matte > 127)
    (tmp_path / "16.png").write_bytes(png16(grey16()))
    assert np.array_equal(read_mask(tmp_path / "16.png"), grey16() > 32767)
    (tmp_path / "no.png").write_bytes(b"no")
    with pytest.raises(UnreadableImage, match=r"no\.png"):
        read_mask(tmp_path / "no.png")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3), (16, 16, 4)])
def test_16_bits_are_written_and_read_exactly(
    tmp_path: Path, suffix: str, shape: tuple[int, ...]
) -> None:
    array = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    path = tmp_path / f"x{suffix}"
    write_image(path, array)
    assert np.array_equal(read_raw(path), array)
    if len(shape) == 3:
        with Image.open(path) as image:
            image.load()
            assert b"sRGB" in image.info["icc_profile"].replace(b"\0", b"")


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_formats_of_8_bits_refuse_16(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UnsupportedImage, match=r"8 bits.*\.png"):
        write_image(tmp_path / f"x{suffix}", np.zeros((4, 4, 3), np.uint16))


def deep16() -> np.ndarray:
    """Asymmetric, with bits below the eighth everywhere."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 65536, (12, 20, 3), np.uint16)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bits_are_kept_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "x.png"
    write_image(path, deep16(), metadata=Metadata(exif=exif.tobytes()))
    photo = read_photo(path, deep=True)
    assert photo.deep is not None
    assert np.array_equal(photo.deep >> 8, photo.rgb)
    assert (photo.deep & 255).any()
    assert np.array_equal(np.sort(photo.deep, axis=None), np.sort(deep16(), axis=None))
    assert read_photo(path).deep is None


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        pytest.param(png16(deep16()), deep16()[..., ::-1], id="colour png"),
        pytest.param(tiff(deep16(), photometric="rgb"), deep16(), id="colour tiff"),
        pytest.param(tiff(deep16(), photometric="rgb", byteorder=">"), deep16(), id="big endian"),
        pytest.param(png16(grey16()), np.dstack([grey16()] * 3), id="grey png"),
        pytest.param(encoded(picture(), "PNG"), None, id="8 bits"),
        pytest.param(encoded(picture(), "JPEG"), None, id="jpeg"),
        pytest.param(tiff(grey16(), photometric="miniswhite"), None, id="read otherwise"),
        pytest.param(
            tiff(deep16(), photometric="rgb", iccprofile=swapped_profile()), None, id="profile"
        ),
    ],
)
def test_16_bits_count_where_they_are_the_same_picture(
    tmp_path: Path, data: bytes, wanted: np.ndarray | None
) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    deep = read_photo(path, deep=True).deep
    if wanted is None:
        assert deep is None
    else:
        assert deep is not None
        assert np.array_equal(deep, wanted)


def test_16_bits_with_alpha_lie_on_white(tmp_path: Path) -> None:
    alpha = np.full((12, 20, 1), 65535, np.uint16)
    alpha[:, :5], alpha[:, 5:10] = 0, 32768
    path = tmp_path / "x.png"
    write_image(path, np.dstack([deep16(), alpha]))
    deep = read_photo(path, deep=True).deep
    assert deep is not None
    assert (deep[:, :5] == 65535).all()
    assert np.array_equal(deep[:, 10:], deep16()[:, 10:])
    share = alpha / 65535
    assert np.abs(deep - (65535 - (65535 - deep16().astype(float)) * share)).max() <= 1


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = [tmp_path / "a" / "b" / f".{'0f' * 8}.tmp", tmp_path / f".{'9' * 16}.tmp"]
    kept = [tmp_path / "a" / name for name in (".hidden.tmp", f"{'0f' * 8}.tmp", "x.png")]
    for path in (*left, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    images.remove_partials(tmp_path)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)
