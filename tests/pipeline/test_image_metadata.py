"""What a photo's file says is kept where it is true of the cut-out, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from pipeline.images import DEEP_SUFFIXES, WRITE_SUFFIXES, read_photo, write_image
from pipeline.images.metadata import photoshop_segment
from pipeline.types import Metadata

FORMS = [(s, np.uint8) for s in WRITE_SUFFIXES] + [(s, np.uint16) for s in DEEP_SUFFIXES]
RGB = np.full((24, 32, 3), 120, np.uint8)
ARTIST, COPYRIGHT = "Ännchen".encode(), "© 2026 Ännchen".encode()
EXIF = ExifTags.IFD.Exif
IPTC = b"\x1c\x02\x50\x00\x03Ann"  # record 2, data set 80: by-line
XMP = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'
 xmlns:tiff='http://ns.adobe.com/tiff/1.0/' xmlns:exif='http://ns.adobe.com/exif/1.0/'
 xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:crs='http://ns.adobe.com/camera-raw-settings/1.0/'
 xmlns:drone='http://www.dji.com/drone-dji/1.0/' xmlns:gps='urn:x:gps' gps:Device='Handheld' xmlns:geo='http://www.w3.org/2003/01/geo/wgs84_pos#'
 tiff:Orientation='6' tiff:Make='Maker' exif:GPSLatitude='52,31.2N' exif:ISOSpeedRatings='100'
 drone:GpsLongitude='+13.42' crs:Exposure2012='+1'>
<dc:creator><rdf:Seq><rdf:li>\xc3\x84nnchen</rdf:li></rdf:Seq></dc:creator>
<dc:title><rdf:Alt><rdf:li>Half-rim</rdf:li></rdf:Alt></dc:title><geo:lat>52.52</geo:lat>
<xmp:Thumbnails><rdf:Alt><rdf:li>AAAA</rdf:li></rdf:Alt></xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>"""


def exif() -> Image.Exif:
    told = Image.Exif()
    told[ExifTags.Base.Artist] = ARTIST
    told[ExifTags.Base.Copyright] = COPYRIGHT
    told[ExifTags.Base.Make] = b"Maker"
    told[ExifTags.Base.Orientation] = 6
    told[ExifTags.Base.XResolution] = 72.0
    told.get_ifd(EXIF).update(
        {
            ExifTags.Base.DateTimeOriginal: "2026:01:02 03:04:05",
            ExifTags.Base.ISOSpeedRatings: 100,
            ExifTags.Base.ExifImageWidth: 9999,
            ExifTags.Base.ColorSpace: 65535,
            ExifTags.Base.MakerNote: b"positions in the old file",
        }
    )
    told.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 12.0)})
    return told


def source(tmp_path: Path, kind: str = "JPEG", **options: Any) -> Path:
    path = tmp_path / f"photo.{kind.lower()}"
    told: dict[str, Any] = {"exif": exif()} | options
    Image.fromarray(RGB).save(path, kind, **told)
    return path


def told_by(path: Path) -> Metadata:
    found = read_photo(path, metadata=True).metadata
    assert found is not None
    return found


def opened(path: Path) -> Image.Image:
    image = Image.open(path)
    image.load()
    return image


def main_tags(image: Image.Image) -> dict[int, Any]:
    return {t: v.encode("latin-1") if isinstance(v, str) else v for t, v in image.getexif().items()}


@pytest.mark.parametrize(("suffix", "depth"), FORMS)
def test_what_is_true_of_the_cut_out_is_kept_in_every_format(
    tmp_path: Path, suffix: str, depth: type[np.uint8]
) -> None:
    extra = photoshop_segment(IPTC)
    told = told_by(source(tmp_path, xmp=XMP, extra=extra))
    assert told.remarks == ()
    path = tmp_path / f"out{suffix}"
    write_image(path, RGB.astype(depth), metadata=told, ppi=300)
    with opened(path) as image:
        tags = main_tags(image)
        assert tags[ExifTags.Base.Artist] == ARTIST
        assert tags[ExifTags.Base.Copyright] == COPYRIGHT
        assert tags.get(ExifTags.Base.Orientation, 1) == 1
        assert ExifTags.IFD.GPSInfo not in tags
        assert "Ännchen" in image.info["xmp"].decode()
        assert b"sRGB" in image.info["icc_profile"].replace(b"\0", b"")
        if not suffix.startswith(".tif"):
            inner = image.getexif().get_ifd(EXIF)
            assert inner[ExifTags.Base.ISOSpeedRatings] == 100
            assert inner[ExifTags.Base.ColorSpace] == 1
            assert not {ExifTags.Base.MakerNote, ExifTags.Base.ExifImageWidth} & set(inner)
    again = told_by(path)
    assert again.remarks == ()
    assert again.iptc == (IPTC if suffix in (".jpg", ".jpeg", ".tif", ".tiff") else b"")


def test_xmp_loses_orientation_place_thumbnail_and_raw_settings(tmp_path: Path) -> None:
    text = told_by(source(tmp_path, xmp=XMP)).xmp.decode()
    for kept in ("Ännchen", 'tiff:Make="Maker"', "ISOSpeedRatings", "Half-rim", "Handheld"):
        assert kept in text
    for gone in ("Orientation", "GPS", "13.42", "52.52", "Thumbnails", "AAAA", "Exposure2012"):
        assert gone not in text


def test_xmp_of_endless_depth_is_left_out_and_said(tmp_path: Path) -> None:
    deep = b"<a>" * 3000 + b"</a>" * 3000
    told = told_by(source(tmp_path, xmp=deep))
    assert told.xmp == b""
    assert "XMP cannot be read" in told.remarks[0]


def test_nothing_is_told_unasked(tmp_path: Path) -> None:
    assert read_photo(source(tmp_path, xmp=XMP)).metadata is None
    write_image(tmp_path / "out.jpg", RGB)
    with opened(tmp_path / "out.jpg") as image:
        assert not image.getexif()
        assert not {"xmp", "photoshop", "exif"} & set(image.info)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_metadata_is_read_from_every_format(tmp_path: Path, kind: str) -> None:
    told = told_by(source(tmp_path, kind))
    write_image(tmp_path / "out.png", RGB, metadata=told)
    with opened(tmp_path / "out.png") as image:
        assert main_tags(image)[ExifTags.Base.Artist] == ARTIST
    assert (told.xmp, told.iptc) == (b"", b"")


def test_a_photo_that_tells_nothing_has_nothing_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.fromarray(RGB).save(path)
    assert told_by(path) == Metadata()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"xmp": b"<x:xmpmeta"}, "XMP cannot be read"),
        ({"xmp": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}, "XMP cannot be read"),
        ({"xmp": XMP.replace(b"AAAA", b"").replace(b"Seq>", b"Bag>", 1)}, "XMP cannot be read"),
    ],
)
def test_damage_is_left_out_and_said(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    told = told_by(source(tmp_path, **options))
    assert told.xmp == b""
    assert told.exif
    (remark,) = told.remarks
    assert words in remark


def test_what_no_jpeg_could_hold_is_left_out_and_said(tmp_path: Path) -> None:
    large = XMP.replace(b"Maker", b"M" * 70_000)
    path = tmp_path / "photo.tif"
    tags = [(700, 1, len(large), large, True)]
    tifffile.imwrite(path, RGB, photometric="rgb", extratags=tags)
    told = told_by(path)
    assert told.xmp == b""
    assert "too large" in told.remarks[0]


@pytest.mark.filterwarnings("ignore:Metadata Warning")
def test_iptc_that_photoshop_calls_integers_is_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    values = np.frombuffer(IPTC, "<u4").tolist()
    tags = [(33723, 4, len(values), values, True)]
    tifffile.imwrite(path, RGB, photometric="rgb", extratags=tags)
    told = told_by(path)
    assert told.iptc == b""
    assert told.remarks == ("metadata: its IPTC cannot be read and was left out",)


@pytest.mark.parametrize(("suffix", "depth"), FORMS)
def test_the_resolution_is_stated(tmp_path: Path, suffix: str, depth: type[np.uint8]) -> None:
    path = tmp_path / f"out{suffix}"
    write_image(path, RGB.astype(depth), ppi=300)
    with opened(path) as image:
        if suffix == ".webp":
            assert float(image.getexif()[ExifTags.Base.XResolution]) == 300
        else:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    write_image(path, RGB.astype(depth), overwrite=True)
    with opened(path) as image:
        assert "dpi" not in image.info or image.info["dpi"] == (1, 1)


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    told = told_by(source(tmp_path, xmp=XMP))
    for suffix in WRITE_SUFFIXES:
        files = [tmp_path / f"{n}{suffix}" for n in "ab"]
        for path in files:
            write_image(path, RGB, metadata=told, ppi=300)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_segment_is_what_pillow_reads_back() -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "JPEG", extra=photoshop_segment(IPTC))
    with Image.open(buffer) as image:
        assert image.info["photoshop"][0x0404] == IPTC
