"""What a photo's file says of the photo, freed of what is not true of its cut-out.

Kept are author, copyright, description, keywords, camera, exposure and dates. Left out are

* orientation, sizes, resolution, compression and thumbnails, which tell of the photo's file;
* colour space and profile, as all results are sRGB;
* coordinates (GPS): catalogue pictures are published, and where the photographer stood is nobody's
  business there;
* maker notes, which hold positions in the old file, and raw developers' settings.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any
from xml.dom import XMLNS_NAMESPACE, minidom
from xml.parsers.expat import ExpatError

from PIL import ExifTags, Image

from pipeline.types import Metadata

XMP_TAG, IPTC_TAG = 700, 33723
_PHOTOSHOP_IPTC = 0x0404
_MOST = 65_000
"""Bytes of a block, as many as JPEG can hold."""

_MAIN = (
    *(270, 271, 272, 305, 306, 315, 316, 33432),  # what, make, model, software, date, who, ©
    *(18246, 18249),  # rating
    *range(40091, 40096),  # Windows' title, comment, author, keywords, subject
)
_NOT_EXIF = (
    *(0x9101, 0x9102, 0x9214, 0x927C),  # compression, subject area, maker note
    *(0xA001, 0xA002, 0xA003, 0xA004, 0xA005),  # colour space, sizes, sound, interoperability
    *(0xA20E, 0xA20F, 0xA210, 0xA214, 0xA500),  # pixels of the sensor, subject location, gamma
)
_SRGB = 1
_NOT_XMP: dict[str, Callable[[str], bool]] = {
    "http://ns.adobe.com/tiff/1.0/": lambda name: (
        name not in ("Make", "Model", "Software", "Artist", "Copyright", "ImageDescription")
    ),
    "http://ns.adobe.com/exif/1.0/": lambda name: (
        name.startswith(("GPS", "Pixel", "Subject", "FocalPlane"))
        or name in ("ColorSpace", "MakerNote", "NativeDigest", "CompressedBitsPerPixel")
    ),
    "http://ns.adobe.com/xap/1.0/": lambda name: name == "Thumbnails",
    "http://ns.adobe.com/xap/1.0/g/img/": lambda name: True,
    "http://ns.adobe.com/photoshop/1.0/": lambda name: name in ("ICCProfile", "ColorMode"),
    "http://ns.adobe.com/camera-raw-settings/1.0/": lambda name: True,
}
_PLACES = re.compile("gps|latitude|longitude|^(lat|long?|lng)$", re.IGNORECASE)
"""Names of coordinates; drones, phones and maps have namespaces of their own for them."""
# What Pillow's decoders raise on damaged files and blocks; each plugin has its own habits.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OverflowError,
    struct.error,
)


def metadata_of(image: Image.Image) -> Metadata:
    """Return what is kept of a loaded picture's metadata; damaged blocks are left out."""
    found: dict[str, bytes] = {}
    remarks = []
    for name, read in (("exif", _exif), ("xmp", _xmp), ("iptc", _iptc)):
        try:
            data = read(image)
        except (*DECODER_ERRORS, ExpatError, RecursionError):
            remarks.append(f"metadata: its {name.upper()} cannot be read and was left out")
            continue
        if len(data) > _MOST:
            remarks.append(f"metadata: its {name.upper()} is too large and was left out")
        else:
            found[name] = data
    return Metadata(**found, remarks=tuple(remarks))


def load_exif(data: bytes) -> Image.Exif:
    """Return EXIF whose text stays as it is when written: Pillow would make "?" of "é"."""
    exif = Image.Exif()
    exif.load(data)
    exif.get_ifd(ExifTags.IFD.Exif)
    for tag, value in list(exif.items()):
        if isinstance(value, str):
            exif[tag] = value.encode("latin-1", "replace")
    return exif


def exif_block(data: bytes, ppi: float | None) -> bytes:
    """Return the block with a resolution; empty where there is nothing to say."""
    if ppi is None:
        return data
    exif = load_exif(data) if data else Image.Exif()
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = float(ppi)
    exif[ExifTags.Base.ResolutionUnit] = 2
    return exif.tobytes()


def photoshop_segment(iptc: bytes) -> bytes:
    """Return the segment of a JPEG that holds `iptc`."""
    padded = iptc + b"\0" * (len(iptc) % 2)
    block = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHL", _PHOTOSHOP_IPTC, 0, len(iptc))
    return b"\xff\xed" + struct.pack(">H", 2 + len(block) + len(padded)) + block + padded


def _exif(image: Image.Image) -> bytes:
    before = image.getexif()
    kept = Image.Exif()
    for tag in _MAIN:
        value = before.get(tag)
        if value is not None:
            kept[tag] = value.encode("latin-1", "replace") if isinstance(value, str) else value
    inner = {
        tag: value
        for tag, value in before.get_ifd(ExifTags.IFD.Exif).items()
        if tag not in _NOT_EXIF
    }
    if not kept and not inner:
        return b""
    target = kept.get_ifd(ExifTags.IFD.Exif)
    target |= {**inner, ExifTags.Base.ColorSpace.value: _SRGB}
    return kept.tobytes()


def _xmp(image: Image.Image) -> bytes:
    data: Any = image.info.get("xmp", b"")
    data = data.encode() if isinstance(data, str) else bytes(data)
    data = data.rstrip(b"\0 \n")
    if not data:
        return b""
    if b"<!" in data.replace(b"<!--", b""):
        raise ValueError("XMP declares no types or entities")
    root: Any = minidom.parseString(data).documentElement
    _clean(root)
    return bytes(root.toxml().encode())


def _clean(element: Any) -> None:
    for index in reversed(range(element.attributes.length)):
        attribute = element.attributes.item(index)
        if _is_stale(attribute):
            element.removeAttributeNode(attribute)
    for child in list(element.childNodes):
        if child.nodeType != child.ELEMENT_NODE:
            continue
        if _is_stale(child):
            element.removeChild(child)
        else:
            _clean(child)


def _is_stale(node: Any) -> bool:
    if node.namespaceURI == XMLNS_NAMESPACE:  # a declaration, whatever its prefix
        return False
    stale = _NOT_XMP.get(node.namespaceURI)
    name = node.localName or ""
    return bool(_PLACES.search(name)) or (stale is not None and stale(name))


def _iptc(image: Image.Image) -> bytes:
    blocks: Any = image.info.get("photoshop")
    if isinstance(blocks, dict):
        return bytes(blocks.get(_PHOTOSHOP_IPTC, b""))
    value: Any = getattr(image, "tag_v2", {}).get(IPTC_TAG, b"")
    if not isinstance(value, bytes):  # Photoshop's TIFFs call them integers; Pillow keeps one
        raise ValueError("IPTC is not bytes")
    return value
