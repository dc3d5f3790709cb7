"""One output folder: whose it is, what it holds, how a photo's results get into it.

The folder belongs to one configuration, recorded in `run.json`; from then on `report/` and the
folders of pictures in it are eyecut's, and results of a photo that changed replace its older ones.
Two inputs may share a folder as long as no photo of the one stands where a photo of the other did.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from pipeline import images
from pipeline.canvas import Canvas
from pipeline.config import Config
from pipeline.discovery import Discovery, Names, plan_names
from pipeline.errors import OutputError
from pipeline.manifest import MANIFEST, RUN, Manifest, read_run, write_run
from pipeline.outputs import Kind, Outputs, fit
from pipeline.provenance import versions, weights_hashes
from pipeline.report import write_page
from pipeline.types import Matte, Metadata, Photo, Picture, Record
from pipeline.waiting import Waiting, WaitingRoom


class ResultFolder:
    """The output folder of one run, claimed on construction.

    Args:
        output: made if missing.
        config: of this run.
        found: the photos of this run.
        force: take the folder over, whatever it holds.

    Raises:
        OutputError: the folder holds something else, results of another configuration, or
            cannot be written; nothing in it has changed then.
    """

    def __init__(self, output: Path, config: Config, found: Discovery, force: bool) -> None:
        self.output = output
        self.config = config
        self.force = force
        self.told = _describe(config, found.root)
        self.hash: str = self.told["config_hash"]
        self.outputs = Outputs.of(config)
        before = _previous(output, force, self.outputs)
        inputs = {self.told["input"], *((before or {}).get("inputs") or ())}
        self.told["inputs"] = sorted(inputs)
        self._one_input = len(inputs) == 1
        self._refused: set[str] = set()
        self._sha256: dict[str, str] = {}  # of the photos that are being worked on
        self.manifest = self._claim(before)
        images.remove_partials(output)  # of a run that was killed
        self.waiting = WaitingRoom(output)
        keys = [source.key for source in found.sources]
        self._forget_stale(set(keys), found.root)
        self._names = self._plan(keys)
        self._planned = {name: key for key, own in self._names.items() for name in own.values()}

    def _claim(self, before: dict[str, Any] | None) -> Manifest:
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.output} cannot be made: {error.strerror}") from error
        manifest = Manifest(self.output, discard_damaged=self.force)
        try:
            changed = before is not None and before.get("config_hash") != self.hash
            if changed and manifest.records and not self.force:
                raise OutputError(
                    f"{self.output} holds results of another configuration, weights or version "
                    f"of eyecut (see {RUN}); name another folder, or replace them with --force"
                )
            write_run(self.output, self.told)
        except BaseException:
            manifest.abandon()
            raise
        return manifest

    def _forget_stale(self, keys: set[str], root: Path) -> None:
        """Drop what waits in vain, of another configuration or gone, and what it had written."""

        def gone(key: str) -> bool:  # a run of a single photo leaves the others where they wait
            return self._one_input and key not in keys and not os.path.exists(root / key)

        stale = {
            key: entry.record
            for key, entry in self.waiting.entries.items()
            if self.force or entry.record.config_hash != self.hash or gone(key)
        }
        kept = {
            name for record in self.manifest.records.values() for name in record.outputs.values()
        }
        self._remove({n for record in stale.values() for n in record.outputs.values()} - kept)
        self.waiting.drop(stale)

    def _plan(self, keys: list[str]) -> dict[str, Names]:
        ours = set(keys)
        owned = {
            key: record.outputs
            for key, record in self.manifest.records.items()
            if key not in ours or record.config_hash == self.hash
        }
        for key, entry in self.waiting.entries.items():
            owned[key] = {**owned.get(key, {}), **entry.record.outputs}
        return plan_names(keys, self.outputs.places, owned)

    def is_done(self, key: str, sha256: str) -> bool:
        """Say whether the photo with this key and content needs no more work."""
        record = self.manifest.records.get(key)
        if self.force or record is None or record.status not in ("done", "no_glasses"):
            return False
        return self._holds(record, sha256, self.outputs.kinds if record.status == "done" else ())

    def waits(self, key: str, sha256: str) -> Waiting | None:
        """What is known of a photo that is cut out and waits for the others of its product."""
        entry = self.waiting.entries.get(key)
        if entry is None:
            return None
        early = [kind for kind in self.outputs.kinds if kind in ("mask", "overlay")]
        return entry if self._holds(entry.record, sha256, early) else None

    def _holds(self, record: Record, sha256: str, kinds: Iterable[Kind]) -> bool:
        """Say whether a record is of this photo and run, and its pictures are all there."""
        return (
            record.input_sha256 == sha256
            and record.config_hash == self.hash
            and all(
                kind in record.outputs and (self.output / record.outputs[kind]).is_file()
                for kind in kinds
            )
        )

    def begin(self, key: str, sha256: str) -> None:
        """Say which picture is worked on; refuse to replace results of another input's photo.

        With one input, a picture that is not the one of last time has been changed since. With
        several, it may be another photo.

        Raises:
            OutputError: `key` has results of another picture, perhaps from another input.
        """
        self._sha256[key] = sha256
        waiting = self.waiting.entries.get(key)
        known = (self.manifest.records.get(key), waiting.record if waiting else None)
        foreign = any(r is not None and r.outputs and r.input_sha256 != sha256 for r in known)
        if foreign and not self._one_input and not self.force:
            self._refused.add(key)
            raise OutputError(
                f"{key}: {self.output} holds results of another picture of that name, and of more "
                "than one input; name another folder, or replace them with --force"
            )

    def deliver_photo(self, photo: Photo, matte: Matte | None) -> dict[str, str]:
        """Write what depends on no canvas; return the paths by kind, relative to the folder.

        Raises:
            OutputError: the disk refuses.
        """
        return self._write(photo.key, self.outputs.of_photo(photo, matte))

    def deliver_canvas(self, key: str, canvas: Canvas, metadata: Metadata | None) -> dict[str, str]:
        """Write what shows the finished picture of a photo, as `deliver_photo` does."""
        return self._write(key, self.outputs.of_canvas(canvas), metadata)

    def _write(
        self,
        key: str,
        pictures: Iterator[tuple[Kind, Picture]],
        metadata: Metadata | None = None,
    ) -> dict[str, str]:
        written: dict[str, str] = {}
        for kind, array in pictures:
            name, form = self._names[key][kind], self.outputs.form(kind)
            images.write_image(
                self.output / name,
                fit(array, PurePosixPath(name).suffix),
                quality=form.quality,
                ppi=form.ppi,
                metadata=metadata if form.tells else None,
                overwrite=True,
            )
            written[kind] = name
        return written

    def note(self, record: Record) -> None:
        """Enter `record` in the manifest; what an older one wrote and it does not is removed.

        What was written of the same picture stays where the picture fails now, be it that it
        cannot be reached. A photo whose results were refused by `begin` changes nothing, nor does
        one that cannot be read and may be another input's.
        """
        sha256 = self._sha256.pop(record.key, None)
        before = self.manifest.records.get(record.key)
        unknown = record.status == "failed" and sha256 is None
        theirs = unknown and not self._one_input and before is not None and before.outputs
        if record.key in self._refused or theirs:
            return
        if record.status == "failed" and before is not None:
            record = _keeping(record, before, sha256)
        self.manifest.append(record)
        if before is not None:
            old = set(before.outputs.values()) - set(record.outputs.values())
            self._remove(n for n in old if self._planned.get(n, record.key) == record.key)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            with suppress(OSError):
                (self.output / name).unlink()

    def finish(self) -> Path | None:
        """Write the report and the end of `run.json`; return the page, if one was asked for."""
        self.told["finished"] = _now()
        write_run(self.output, self.told)
        if not self.config.output.report:
            return None
        records = self.manifest.records
        return write_page(self.output, (records[key] for key in sorted(records)), self.told)

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.manifest.close()


def _previous(output: Path, force: bool, outputs: Outputs) -> dict[str, Any] | None:
    """Return what the last run said of itself; refuse a folder that is not eyecut's."""
    try:
        before = read_run(output)
    except OutputError:
        if force:
            return None
        raise
    if before is None and not force:
        folders = {PurePosixPath(place.folder).parts[0] for place in outputs.places.values()}
        own = sorted(folders | {MANIFEST})
        foreign = [name for name in own if _holds_something(output / name)]
        if foreign:
            raise OutputError(
                f"{output} holds {', '.join(foreign)} of another origin (no {RUN}); name another "
                "folder, or let files of the same name be replaced with --force"
            )
    return before


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _keeping(failed: Record, before: Record, sha256: str | None) -> Record:
    """Return the record of a failure with the results that are still those of its picture."""
    if sha256 not in (None, before.input_sha256):
        return failed
    return replace(
        failed,
        outputs=before.outputs,
        input_sha256=before.input_sha256,
        config_hash=before.config_hash,
    )


def _describe(config: Config, root: Path) -> dict[str, Any]:
    weights = weights_hashes(config)
    known = versions()
    return {
        "input": str(root),
        "started": _now(),
        "finished": None,
        "config": config.model_dump(mode="json"),
        "config_hash": config.fingerprint(weights, known["eyecut"]),
        "weights_sha256": weights,
        "versions": known,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
