"""Takes the photos of a run through everything; the one place that catches a photo's error.

A photo that stands alone is cut out, put on its canvas and delivered. Photos that show one product
(`canvas.group`) share scale and baseline: each is cut out and waits on the disk, see
`pipeline.waiting`; once all of them are known, all get their canvas. Where a photo of a product is
new, the others get theirs anew, and the new one last: until it stands in the manifest, the next run
sees that the product is not finished.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from pipeline.canvas import Extent, group_of
from pipeline.config import Config
from pipeline.discovery import Discovery, Source
from pipeline.errors import DiskFull, EyecutError
from pipeline.flow import FlowResult, add_seconds, fault_flags, lay_out
from pipeline.reading import Loaded, Reader
from pipeline.results import ResultFolder
from pipeline.types import Box, Bytes, Matte, Metadata, Photo, Record

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Cutter(Protocol):
    """What a run needs of a flow."""

    def cut(self, photo: Photo) -> FlowResult:
        """Cut one photo out; the canvas is not its business."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a run did.

    Attributes:
        record: of a photo that is over; None for one that waits for others.
        new: false for a photo that had been done before.
        worked: whether a photo was cut out or shows no glasses, which is what a limit counts;
            if failures did too, those that come first would use up every run's.
    """

    record: Record | None
    new: bool = True
    worked: bool = True


def products(
    sources: Sequence[Source], pattern: str | None
) -> Iterator[tuple[bool, tuple[Source, ...]]]:
    """Yield what is worked on together, in the order of the first photos of each.

    Args:
        sources: all photos.
        pattern: see `pipeline.canvas.group_of`; None lets each photo stand alone.

    Yields:
        (True, the photos of a product, two or more), or (False, photos that stand alone).
    """
    groups: dict[str, list[Source]] = {}
    names = [group_of(source.key, pattern) for source in sources]
    for source, name in zip(sources, names, strict=True):
        if name is not None:
            groups.setdefault(name, []).append(source)
    alone: list[Source] = []
    for source, name in zip(sources, names, strict=True):
        members = groups.get(name, []) if name is not None else []
        if len(members) < 2:
            alone.append(source)
        elif members[0] is source:
            if alone:
                yield False, tuple(alone)
            alone = []
            yield True, tuple(members)
    if alone:
        yield False, tuple(alone)


class Work:
    """The photos of one run on their way into its folder."""

    def __init__(self, folder: ResultFolder, flow: Cutter, config: Config) -> None:
        self._folder, self._flow, self._config = folder, flow, config
        self._reader = Reader(folder, config)

    def steps(self, found: Discovery) -> Iterator[Step]:
        """Do everything, and tell of each step; what is not asked for is not done."""
        for key, reason in found.problems:  # folders: named to the user, not in the manifest
            yield Step(Record(key, "failed", error=reason), worked=False)
        canvas = self._config.canvas
        pattern = None if canvas.preset.is_source else canvas.group
        for together, sources in products(found.sources, pattern):
            yield from (self._product if together else self._singly)(sources)

    def _singly(self, sources: Sequence[Source]) -> Iterator[Step]:
        for source, loading in self._reader.ahead(sources):
            record = _guarded(source.key, partial(self._one, source, loading))
            read = loading.exception() is None
            del loading  # it holds the photo, and the next one is about to be read
            step = self._done_before(source) if record is None else self._noted(record)
            if read:  # else what waits may be of another picture
                self._folder.waiting.drop([source.key])
            yield step

    def _one(self, source: Source, loading: Future[Loaded]) -> Record | None:
        """Take one photo through everything; None if it had been done before."""
        loaded = loading.result()
        if loaded.waiting is not None:  # for photos that are gone
            return self._after_waiting(source, ())
        if loaded.photo is None:
            return None
        record, result = self._cut(loaded, loaded.photo)
        if result.matte is None or result.extent is None:
            return record
        told, rgb = loaded.photo.metadata, loaded.photo.rgb
        return self._finish(record, result.matte, result.extent, told, rgb, ())

    def _product(self, sources: Sequence[Source]) -> Iterator[Step]:
        new: list[Source] = []
        done: list[Source] = []
        held = yield from self._apart(sources, new, done, None)
        again = [source for source in done if self._has_canvas(source)] if new else []
        old: list[Source] = []
        if again:
            held = yield from self._apart(again, old, None, held)
        entries = self._folder.waiting.entries
        group = [entries[source.key].extent for source in (*old, *new)]
        for source in (*old, *new):
            record = _guarded(source.key, partial(self._after_waiting, source, group))
            yield replace(self._noted(record), worked=False)
        self._folder.waiting.drop(source.key for source in (*done, *old, *new))
        if held is not None:
            yield held
        yield from (self._done_before(source) for source in done if source not in again)

    def _apart(
        self,
        sources: Sequence[Source],
        waits: list[Source],
        done: list[Source] | None,
        held: Step | None,
    ) -> Generator[Step, None, Step | None]:
        """Cut photos of a product out, each for itself.

        What counts for a limit is told when the next photo begins, and of the last it is returned:
        no limit comes between the last photo and the canvases.

        Args:
            sources: the photos.
            waits: gets those that wait from now on.
            done: gets those that had been done before; None does them again.
            held: a step to tell first.
        """
        for source, loading in self._reader.ahead(sources, again=done is None):
            if held is not None:
                yield held
            held = None
            told = _guarded(source.key, partial(self._set_waiting, loading))
            del loading
            if isinstance(told, Record):
                yield replace(self._noted(told), worked=False)
            elif told is None and done is not None:
                done.append(source)
                continue
            else:
                waits.append(source)
            failed = isinstance(told, Record) and told.status == "failed"
            if told is not False and not failed:  # False: it had been waiting already
                held = Step(None)
        return held

    def _set_waiting(self, loading: Future[Loaded]) -> Record | bool | None:
        """Cut a photo out and let it wait.

        Returns:
            True, or False where it waited already; None where it had been done before; its record
            where it has no glasses.
        """
        loaded = loading.result()
        if loaded.waiting is not None:
            return False
        if loaded.photo is None:
            return None
        record, result = self._cut(loaded, loaded.photo)
        if result.matte is None or result.extent is None:
            return record
        metadata = loaded.photo.metadata
        self._folder.waiting.put(record, result.extent, result.matte, metadata)
        return True

    def _cut(self, loaded: Loaded, photo: Photo) -> tuple[Record, FlowResult]:
        """Cut a photo out, and write what depends on no canvas."""
        result = self._flow.cut(photo)
        started = time.perf_counter()
        outputs = self._folder.deliver_photo(photo, result.matte)
        writing = time.perf_counter() - started
        record = _record(photo, loaded.sha256, self._folder.hash, result)
        seconds = {"read": loaded.seconds, **result.seconds, "write": writing}
        return replace(record, outputs=outputs, seconds=_rounded(seconds)), result

    def _after_waiting(self, source: Source, group: Sequence[Extent]) -> Record:
        """Put a photo that waited on its canvas."""
        entry = self._folder.waiting.entries[source.key]
        matte, metadata = self._folder.waiting.load(source.key)
        natural = self._config.canvas.shadow == "natural"
        rgb = self._reader.photo(source).rgb if natural else None
        return self._finish(entry.record, matte, entry.extent, metadata, rgb, group)

    def _finish(
        self,
        record: Record,
        matte: Matte,
        extent: Extent,
        metadata: Metadata | None,
        rgb: Bytes | None,
        group: Sequence[Extent],
    ) -> Record:
        """Put a photo that is cut out on its canvas, and write the rest of its pictures."""
        started = time.perf_counter()
        canvas, verdict = lay_out(matte, extent, self._config, rgb, group)
        composed = time.perf_counter()
        outputs = self._folder.deliver_canvas(record.key, canvas, metadata)
        more = {"compose": composed - started, "write": time.perf_counter() - composed}
        return replace(
            record,
            flags=(*record.flags, *fault_flags(verdict, record.flags)),
            outputs={**record.outputs, **outputs},
            seconds=_rounded(add_seconds(record.seconds, more)),
            verdict=verdict.to_dict(),
        )

    def _has_canvas(self, source: Source) -> bool:
        return self._folder.manifest.records[source.key].status == "done"

    def _done_before(self, source: Source) -> Step:
        return Step(self._folder.manifest.records[source.key], new=False, worked=False)

    def _noted(self, record: Record) -> Step:
        self._folder.note(record)
        return Step(record, worked=record.status != "failed")


def _guarded(key: str, work: Callable[[], _T]) -> _T | Record:
    """Do `work`; whatever goes wrong becomes a record, as the other photos are still to be done.

    Raises:
        DiskFull: those could not be written either.
    """
    try:
        return work()
    except DiskFull:
        raise
    except EyecutError as error:
        return Record(key, "failed", error=str(error))
    except Exception as error:
        _log.exception("%s", key)
        reason = f"{type(error).__name__}: {error} (a fault in eyecut; please report it)"
        return Record(key, "failed", error=reason)


def _record(photo: Photo, sha256: str, config_hash: str, result: FlowResult) -> Record:
    boxes: tuple[Box, ...] = tuple(
        (float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in result.detections.boxes
    )
    remarks = photo.metadata.remarks if photo.metadata is not None else ()
    return Record(
        key=photo.key,
        status="no_glasses" if result.matte is None else "done",
        boxes=boxes,
        scores=tuple(float(score) for score in result.detections.scores),
        quality=result.quality,
        flags=(*result.flags, *remarks) if result.matte is not None else result.flags,
        input_sha256=sha256,
        config_hash=config_hash,
    )


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {stage: round(value, 3) for stage, value in seconds.items()}
