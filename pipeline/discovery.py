"""Which photos a run meets, and what their results are called.

The order is that of the keys, so two runs over the same folder agree. Names are planned before
anything is written:

* each kind of picture has a folder of its own, in which a picture has the photo's relative path;
* in another format than the photo's, the suffix is replaced, as by ".png"; where another photo
  has that name already (``a.jpg`` beside ``a.png``), ".png" is added to the whole name instead:
  ``a.png.png``;
* names that still meet, or that differ in letter case alone and so are one file on some
  machines, get ``~2``, ``~3``, ... before the suffix; so does a folder that would have the name
  of an earlier run's file.

The first key in order has the plain name. A photo that has results already keeps its names.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath

from pipeline import images
from pipeline.errors import OutputError, UnreadableImage


@dataclass(frozen=True, slots=True)
class Source:
    """One photo on the disk; `key` is its POSIX path relative to the input root."""

    key: str
    path: Path


@dataclass(frozen=True, slots=True)
class Discovery:
    """What lies below an input.

    Attributes:
        root: what keys are relative to, absolute.
        sources: the photos, in the order of their keys.
        problems: key and reason of what could not be looked into.
    """

    root: Path
    sources: tuple[Source, ...]
    problems: tuple[tuple[str, str], ...] = ()


def check_places(source: Path, output: Path) -> None:
    """Refuse an output that a run would read from, or an input that it would write to.

    Raises:
        UnreadableImage: `source` does not exist.
        OutputError: one lies inside the other, or `output` is not a folder.
    """
    if not source.exists():
        raise UnreadableImage(f"{source} does not exist; give a photo or a folder of photos")
    here, there = source.resolve(), output.resolve()
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is not a folder; name a folder for the results")
    if here == there:
        raise OutputError(f"the output {output} is the input itself; name another folder")
    if there.is_relative_to(here):
        raise OutputError(f"the output {output} lies inside the input; name one outside {source}")
    if here.is_relative_to(there):
        raise OutputError(f"the input {source} lies inside the output; name another folder")


def find_photos(source: Path, output: Path) -> Discovery:
    """List the photos of a folder and everything below it, or the one photo given.

    A file that is named counts whatever it is called; in folders, the suffix decides. Hidden
    files and folders are left out, folders reached through several links are entered once.
    """
    if not source.is_dir():
        return Discovery(source.resolve().parent, (Source(source.name, source),))
    problems: list[tuple[str, str]] = []
    found = [
        Source(path.relative_to(source).as_posix(), path)
        for path in _walk(source, {output.resolve()}, problems)
    ]
    found.sort(key=lambda item: item.key)
    return Discovery(source.resolve(), tuple(found), tuple(sorted(problems)))


def _walk(root: Path, never: set[Path], problems: list[tuple[str, str]]) -> Iterator[Path]:
    seen = set(never)

    def note(error: OSError) -> None:
        where = Path(error.filename or root)
        problems.append((_key_below(where, root), f"cannot list the folder {where}: {error}"))

    for folder, inner, names in os.walk(root, followlinks=True, onerror=note):
        real = Path(folder).resolve()
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and images.is_picture(path):
                yield path


def _key_below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


Names = Mapping[str, str]
"""Where one photo's results go, by kind; POSIX, relative to OUTPUT."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where pictures of one kind go.

    Attributes:
        folder: POSIX, relative to OUTPUT.
        suffix: of those that do not keep the photo's.
        keeps: suffixes, in lower case, that a picture takes over from its photo.
    """

    folder: str
    suffix: str
    keeps: tuple[str, ...] = ()

    def candidates(self, key: str) -> Iterator[str]:
        """Yield names for the picture of a photo, the best first, without end."""
        path = PurePosixPath(self.folder, key)
        if path.suffix.lower() in self.keeps:
            return chain([str(path)], _numbered(path))
        whole = path.with_name(path.name + self.suffix)
        plain = path.with_name(path.stem + self.suffix)
        return chain([str(plain), str(whole)], _numbered(whole))


def plan_names(
    keys: Sequence[str], places: Mapping[str, Place], owned: Mapping[str, Names] | None = None
) -> dict[str, Names]:
    """Give every photo names of its own.

    Args:
        keys: of all photos of the run, in order.
        places: by kind of picture.
        owned: names that photos, of this run or an earlier one, have already; of any kinds.

    Returns:
        For each of `keys` a name of each kind of `places`; no two are equal, nor differ in letter
        case alone, nor is one a folder of the other, with `owned` included.
    """
    owned = owned or {}
    plan = {k: {p: n for p, n in owned.get(k, {}).items() if p in places} for k in keys}
    new = [(key, kind) for key in keys for kind in places if kind not in plan[key]]
    names = _Taken(name for own in owned.values() for name in own.values())
    for key, kind in new:  # folders first: they cannot give way as easily as files
        names.add_folders(next(places[kind].candidates(key)))
    for key, kind in new:
        plan[key][kind] = names.take(places[kind].candidates(key))
    return dict(plan)


def _numbered(path: PurePosixPath) -> Iterator[str]:
    return (str(path.with_name(f"{path.stem}~{n}{path.suffix}")) for n in count(2))


class _Taken:
    """File and folder names in use, as a file system sees them that ignores letter case."""

    def __init__(self, owned: Iterable[str]) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        for name in owned:
            self._files.add(_fold(name))
            self.add_folders(name)

    def add_folders(self, *names: str) -> None:
        """Keep files from taking the name of a folder that will be needed."""
        self._folders |= {_fold(str(p)) for name in names for p in PurePosixPath(name).parents}

    def take(self, candidates: Iterator[str]) -> str:
        """Return the first of the candidates that is free; it is taken from then on."""
        places = (self._beside_files(name) for name in candidates)
        free = next(n for n in places if not self._has(n))
        self._files.add(_fold(free))
        self.add_folders(free)
        return free

    def _beside_files(self, name: str) -> str:
        """Return `name` with `~2`, ... after each folder that is a file already."""
        folder = PurePosixPath()
        path = PurePosixPath(name)
        for part in path.parts[:-1]:
            tries = chain([part], (f"{part}~{n}" for n in count(2)))
            folder = next(p for p in map(folder.joinpath, tries) if not self._is_file(p))
        return str(folder / path.name)

    def _has(self, name: str) -> bool:
        return _fold(name) in self._files or _fold(name) in self._folders

    def _is_file(self, path: PurePosixPath) -> bool:
        return _fold(str(path)) in self._files


def _fold(name: str) -> str:
    """Return what file systems that ignore case and accent form may take `name` for."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
