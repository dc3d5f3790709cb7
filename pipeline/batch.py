"""Whole folders through the flow; the one place that catches a photo's error.

A run can be stopped at any moment, even killed: started again with the same input, output and
configuration it goes on where it was. What is done stays done while the photo's SHA-256, the
configuration's hash (weights and version included) and the result files are still the same.
Photos that failed are tried again.

The output folder belongs to one configuration. A run with another one is refused unless `force`
is given, which does every photo again and replaces what earlier runs wrote.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline import images
from pipeline.config import Config
from pipeline.discovery import Discovery, Source, check_places, find_photos
from pipeline.errors import EyecutError, UnreadableImage
from pipeline.flow import FlowResult
from pipeline.results import ResultFolder
from pipeline.types import Box, Photo, Record

_log = logging.getLogger(__name__)


class Process(Protocol):
    """What a run needs of a flow."""

    def process(self, photo: Photo) -> FlowResult:
        """Cut one photo out."""
        ...


class Watcher(Protocol):
    """Told of every photo as it ends."""

    def __call__(self, record: Record, *, skipped: bool, number: int, total: int) -> None:
        """`number` of `total` photos are over; `skipped` ones had been done before."""
        ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did.

    Attributes:
        records: of the photos worked on this time, in order; failures included.
        skipped: photos that had been done before.
        left: photos that a limit or an interruption left for the next run.
        interrupted: stopped by Ctrl-C.
        seconds: wall clock.
        report: the page, where one was asked for.
    """

    records: tuple[Record, ...]
    skipped: int = 0
    left: int = 0
    interrupted: bool = False
    seconds: float = 0.0
    report: Path | None = None

    @property
    def counts(self) -> Counter[str]:
        """Photos by status; "review" counts flagged ones, which are "done" too."""
        counts = Counter[str](record.status for record in self.records)
        counts["review"] = sum(
            any(flag.startswith("review") for flag in record.flags) for record in self.records
        )
        return counts

    @property
    def failed(self) -> tuple[Record, ...]:
        """The photos that failed, each with its reason."""
        return tuple(record for record in self.records if record.status == "failed")


def run(
    source: Path,
    output: Path,
    config: Config,
    flow: Process,
    *,
    force: bool = False,
    limit: int | None = None,
    watch: Watcher | None = None,
) -> Summary:
    """Cut out every photo of `source` into `output`.

    Args:
        source: a photo, or a folder that is searched recursively.
        output: a folder outside `source`; made if missing.
        config: the one that `flow` was built from.
        flow: see `pipeline.flow.build`.
        force: do photos again that are done, and replace results of another configuration.
        limit: most photos to work on this time; those done before do not count.
        watch: told of every photo as it ends.

    Returns:
        What happened. Errors of single photos are in it and do not stop the run.

    Raises:
        UnreadableImage: `source` does not exist.
        OutputError: `output` is unfit, or holds something that this run would overwrite.
    """
    started = time.monotonic()
    check_places(source, output)
    found = find_photos(source, output)
    total = len(found.sources) + len(found.problems)
    records: list[Record] = []
    skipped = 0
    interrupted = False
    with ResultFolder(output, config, found, force) as folder:
        try:
            for record, new in _work(found, folder, flow, config):
                if new:
                    records.append(record)
                else:
                    skipped += 1
                if watch:
                    number = len(records) + skipped
                    watch(record, skipped=not new, number=number, total=total)
                if limit is not None and len(records) >= limit:
                    break
        except KeyboardInterrupt:
            interrupted = True
        page = folder.finish()
    left = total - len(records) - skipped
    seconds = time.monotonic() - started
    return Summary(tuple(records), skipped, left, interrupted, seconds, page)


def _work(
    found: Discovery, folder: ResultFolder, flow: Process, config: Config
) -> Iterator[tuple[Record, bool]]:
    """Yield a record for each photo, with False for those that had been done before."""
    for key, reason in found.problems:  # folders: named to the user, but nothing for the manifest
        yield Record(key, "failed", error=reason), True
    for source, loading in _read_ahead(found.sources, folder, config):
        record = _one(source, loading, folder, flow)
        del loading  # it holds the photo, and the next one is about to be read
        if record:
            folder.note(record)
            yield record, True
        else:
            yield folder.manifest.records[source.key], False


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A photo that was read, or was found to be done; then `photo` is None."""

    sha256: str
    photo: Photo | None
    seconds: float


def _read_ahead(
    sources: tuple[Source, ...], folder: ResultFolder, config: Config
) -> Iterator[tuple[Source, Future[_Loaded]]]:
    """Yield the photos in order; a thread reads at most `run.prefetch` of them in advance.

    Decoding thereby overlaps with the networks, and the memory stays bounded.
    """
    told = config.run
    limits = images.Limits(
        pixels=round(told.max_megapixels * 1e6), bytes=round(told.max_megabytes * 1e6)
    )
    queue: deque[tuple[Source, Future[_Loaded]]] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
    try:
        for source in sources:
            queue.append((source, pool.submit(_load, source, folder, limits)))
            if len(queue) > told.prefetch:
                yield queue.popleft()
        while queue:
            yield queue.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _load(source: Source, folder: ResultFolder, limits: images.Limits) -> _Loaded:
    started = time.perf_counter()
    sha256 = _sha256(source.path)
    photo = None
    if not folder.is_done(source.key, sha256):
        folder.check_owner(source.key, sha256)
        photo = images.read_photo(source.path, source.key, limits)
    return _Loaded(sha256, photo, time.perf_counter() - started)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}") from error


def _one(
    source: Source, loading: Future[_Loaded], folder: ResultFolder, flow: Process
) -> Record | None:
    """Take one photo through everything; None if it had been done before."""
    try:
        loaded = loading.result()
        if loaded.photo is None:
            return None
        result = flow.process(loaded.photo)
        started = time.perf_counter()
        outputs = folder.deliver(loaded.photo, result)
        writing = time.perf_counter() - started
        seconds = {"read": loaded.seconds, **result.seconds, "write": writing}
        return _record(source.key, loaded.sha256, folder.hash, result, outputs, seconds)
    except EyecutError as error:
        return Record(source.key, "failed", error=str(error))
    except Exception as error:  # whatever it is, the other photos are still to be done
        _log.exception("%s", source.key)
        reason = f"{type(error).__name__}: {error} (a fault in eyecut; please report it)"
        return Record(source.key, "failed", error=reason)


def _record(
    key: str,
    sha256: str,
    config_hash: str,
    result: FlowResult,
    outputs: dict[str, str],
    seconds: dict[str, float],
) -> Record:
    boxes: tuple[Box, ...] = tuple(
        (float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in result.detections.boxes
    )
    return Record(
        key=key,
        status="no_glasses" if result.matte is None else "done",
        boxes=boxes,
        scores=tuple(float(score) for score in result.detections.scores),
        quality=result.quality,
        flags=result.flags,
        outputs=outputs,
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        input_sha256=sha256,
        config_hash=config_hash,
    )
