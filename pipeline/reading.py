"""Reads the photos of a run, one ahead of the one that is worked on."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline import images
from pipeline.config import Config
from pipeline.discovery import Source
from pipeline.errors import UnreadableImage
from pipeline.results import ResultFolder
from pipeline.types import Photo
from pipeline.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Loaded:
    """One photo of a run.

    Attributes:
        sha256: of its file.
        photo: None where it needs no more work: it is done, or waits.
        waiting: where it is cut out and waits for the others of its product.
        seconds: that reading took.
    """

    sha256: str
    photo: Photo | None
    waiting: Waiting | None
    seconds: float


class Reader:
    """Reads photos as a configuration wants them, and only those that need work."""

    def __init__(self, folder: ResultFolder, config: Config) -> None:
        self._folder = folder
        self._prefetch = config.run.prefetch
        self._limits = images.Limits(
            pixels=round(config.run.max_megapixels * 1e6),
            bytes=round(config.run.max_megabytes * 1e6),
        )
        self._deep = config.output.depth == 16
        self._metadata = config.output.metadata == "keep"

    def ahead(
        self, sources: Sequence[Source], *, again: bool = False
    ) -> Iterator[tuple[Source, Future[Loaded]]]:
        """Yield the photos in order; a thread reads at most `run.prefetch` of them in advance.

        Decoding thereby overlaps with the networks, and the memory stays bounded. With `again`,
        photos that are done are read too.
        """
        queue: deque[tuple[Source, Future[Loaded]]] = deque()
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        try:
            for source in sources:
                queue.append((source, pool.submit(self._load, source, again)))
                if len(queue) > self._prefetch:
                    yield queue.popleft()
            while queue:
                yield queue.popleft()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def photo(self, source: Source) -> Photo:
        """Read one photo now."""
        return images.read_photo(
            source.path, source.key, self._limits, deep=self._deep, metadata=self._metadata
        )

    def _load(self, source: Source, again: bool) -> Loaded:
        started = time.perf_counter()
        sha256 = _sha256(source.path)
        photo = waiting = None
        if again or not self._folder.is_done(source.key, sha256):
            self._folder.begin(source.key, sha256)
            waiting = self._folder.waits(source.key, sha256)
            if waiting is None:
                photo = self.photo(source)
        return Loaded(sha256, photo, waiting, time.perf_counter() - started)


def _sha256(path: Path) -> str:
    try:
        with images.open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}") from error
