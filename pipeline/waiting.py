"""Finished cut-outs that wait for the other photos of their product.

The photos of one product share scale and baseline, so none gets its canvas before the last is cut
out. Until then each waits on the disk, in a hidden folder of OUTPUT, exactly as it is; memory holds
only where the glasses are. What waits outlives a stopped or killed run.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.canvas import Extent
from pipeline.compose import window_of
from pipeline.errors import OutputError, ValidationError
from pipeline.images import write_bytes
from pipeline.types import Bytes, Floats, Matte, Metadata, Picture, Record

FOLDER = ".waiting"
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, ValidationError)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is known of a photo that waits, without its pixels.

    Attributes:
        record: as far as it is done; its outputs are written already.
        extent: where its glasses are.
    """

    record: Record
    extent: Extent


class WaitingRoom:
    """The photos that wait in one output folder.

    Attributes:
        entries: by the photos' keys.
    """

    def __init__(self, output: Path) -> None:
        self._folder = output / FOLDER
        self.entries: dict[str, Waiting] = {}
        for path in sorted(self._folder.glob("*.npz")):
            try:
                with np.load(path, allow_pickle=False) as file:
                    entry = _read_told(file["told"])
            except _DAMAGE:
                self._remove(path)
                continue
            self.entries[entry.record.key] = entry

    def put(
        self, record: Record, extent: Extent, matte: Matte, metadata: Metadata | None
    ) -> Waiting:
        """Let a photo wait.

        Raises:
            OutputError: the disk refuses.
        """
        rows, columns = window_of(matte.alpha)
        told = {
            "record": record.to_json(),
            "extent": extent.to_dict(),
            "size": matte.alpha.shape,
            "corner": (rows.start, columns.start),
        }
        metadata = metadata or Metadata()
        buffer = io.BytesIO()
        np.savez(
            buffer,
            told=_as_array(json.dumps(told).encode("ascii")),
            alpha=matte.alpha[rows, columns],
            foreground=matte.foreground[rows, columns],
            exif=_as_array(metadata.exif),
            xmp=_as_array(metadata.xmp),
            iptc=_as_array(metadata.iptc),
        )
        write_bytes(self._path(record.key), buffer.getbuffer(), overwrite=True)
        self.entries[record.key] = entry = Waiting(record, extent)
        return entry

    def load(self, key: str) -> tuple[Matte, Metadata]:
        """Return the matte of a photo that waits, and what its file told.

        Raises:
            OutputError: the file is gone or damaged.
        """
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as file:
                told: dict[str, Any] = json.loads(file["told"].tobytes())
                alpha: Floats = file["alpha"]
                foreground: Picture = file["foreground"]
                blocks = {name: file[name].tobytes() for name in ("exif", "xmp", "iptc")}
        except _DAMAGE as error:
            raise OutputError(f"{path} cannot be read: {error}; run again") from error
        height, width = told["size"]
        top, left = told["corner"]
        window = (
            slice(top, top + alpha.shape[0]),
            slice(left, left + alpha.shape[1]),
        )
        matte = Matte(
            np.zeros((height, width), np.float32),
            np.full((height, width, 3), np.iinfo(foreground.dtype).max, foreground.dtype),
        )
        matte.alpha[window] = alpha
        matte.foreground[window] = foreground
        return matte, Metadata(**blocks)

    def drop(self, keys: Iterable[str]) -> None:
        """Forget photos; the folder goes with the last."""
        for key in list(keys):
            if self.entries.pop(key, None) is not None:
                self._remove(self._path(key))

    def _path(self, key: str) -> Path:
        name = sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return self._folder / f"{name}.npz"

    def _remove(self, path: Path) -> None:
        with suppress(OSError):
            path.unlink()
            self._folder.rmdir()  # only where it is empty


def _as_array(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


def _read_told(data: Bytes) -> Waiting:
    told = json.loads(data.tobytes())
    return Waiting(Record.from_json(told["record"]), Extent.from_dict(told["extent"]))
