"""The only place that reads or writes pictures.

Whatever comes in (JPEG, PNG, WebP, TIFF or BMP; grey, palette, CMYK, Lab, 16 bit, with alpha, a
colour profile or an orientation tag) leaves `read_photo` as upright 8-bit sRGB. Whatever goes out
appears whole or not at all.

Pillow's decoders are called directly and not through ``Image.open``: other libraries replace that
function, one by a version that installs packages when a file is not a picture.
"""

from pipeline.images.encode import ALPHA_SUFFIXES, DEEP_SUFFIXES, WRITE_SUFFIXES
from pipeline.images.read import (
    READ_SUFFIXES,
    Limits,
    is_picture,
    open_file,
    open_picture,
    read_mask,
    read_photo,
    read_raw,
    upright_size,
)
from pipeline.images.write import cannot_write, remove_partials, write_bytes, write_image

__all__ = [
    "ALPHA_SUFFIXES",
    "DEEP_SUFFIXES",
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "Limits",
    "cannot_write",
    "is_picture",
    "open_file",
    "open_picture",
    "read_mask",
    "read_photo",
    "read_raw",
    "remove_partials",
    "upright_size",
    "write_bytes",
    "write_image",
]
