"""What a run leaves behind for the next: `manifest.jsonl` and `run.json`.

The manifest grows by one whole line a photo, flushed to the disk, so that a kill at any moment
loses the photo in flight and nothing else; half a last line is dropped when it is opened
again. The last line of a key counts. `close` writes it anew, one line a photo, in order.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pipeline.errors import OutputError, ValidationError
from pipeline.images import cannot_write, write_bytes
from pipeline.types import Record

if sys.platform != "win32":  # there two runs into one folder are not noticed
    import fcntl

MANIFEST = "manifest.jsonl"
RUN = "run.json"


class Manifest:
    """The records of one output folder, open for appending and locked against a second run.

    Raises:
        OutputError: a line is damaged, another run has the folder, or the disk refuses.
    """

    def __init__(self, output: Path, *, discard_damaged: bool = False) -> None:
        self.path = output / MANIFEST
        try:
            self._file: IO[bytes] = self.path.open("a+b")
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error}") from error
        try:
            self._lock()
            self.records = self._load(discard_damaged)
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"another run is writing to {self.path.parent}; wait for it or name another folder"
            ) from error
        except OSError:
            pass  # a file system without locks

    def _load(self, discard_damaged: bool) -> dict[str, Record]:
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        self._file.truncate(whole)
        return _decode(data[:whole], self.path, discard_damaged)

    def append(self, record: Record) -> None:
        """Add `record`; once this returns, a kill or a crash does not lose it.

        Raises:
            OutputError: the disk refuses.
        """
        try:
            self._file.write(_encode(record))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self.records[record.key] = record

    def close(self) -> None:
        """Write the manifest anew, one line for each photo in the order of the keys."""
        try:
            lines = (_encode(self.records[key]) for key in sorted(self.records))
            write_bytes(self.path, b"".join(lines), overwrite=True)
        finally:
            with suppress(OSError):  # of a line that a full disk did not take; that was told
                self._file.close()

    def abandon(self) -> None:
        """Close the file as it is; of one that is still empty, leave nothing behind."""
        self._file.close()
        if not self.records:
            self.path.unlink(missing_ok=True)


def _encode(record: Record) -> bytes:
    return record.to_json().encode("utf-8", "surrogateescape") + b"\n"


def _decode(data: bytes, path: Path, discard_damaged: bool) -> dict[str, Record]:
    records: dict[str, Record] = {}
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            record = Record.from_json(line.decode("utf-8", "surrogateescape"))
        except ValidationError as error:
            if discard_damaged:
                continue
            raise OutputError(
                f"{path}, line {number}: {error}; mend it, or start afresh with --force"
            ) from error
        records[record.key] = record
    return records


def read_records(output: Path) -> dict[str, Record]:
    """Return the records of an output folder by key, without touching it.

    Raises:
        OutputError: there is no manifest, or a line of it is damaged.
    """
    path = output / MANIFEST
    try:
        return _decode(path.read_bytes(), path, discard_damaged=False)
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror}; run eyecut first") from error


def read_run(output: Path) -> dict[str, Any] | None:
    """Return what the last run wrote to run.json, or None where there was none.

    Raises:
        OutputError: the file is there and cannot be understood.
    """
    path = output / RUN
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read: {error}; use --force to replace it") from error
    if not isinstance(told, dict) or "config_hash" not in told:
        raise OutputError(f"{path} is not eyecut's; name another folder, or use --force")
    return told


def write_run(output: Path, told: dict[str, Any]) -> None:
    """Write run.json, whole or not at all."""
    text = json.dumps(told, indent=2, ensure_ascii=True)
    write_bytes(output / RUN, text.encode() + b"\n", overwrite=True)
