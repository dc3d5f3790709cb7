"""Which photos a run meets, and what their results are called.

The order is that of the keys, so two runs over the same folder agree. Names are planned before
anything is written:

* the cut-out keeps the photo's relative path;
* the mask, and a cut-out in another format than the photo's, have the suffix replaced by
  ".png"; where another photo has that name already (``a.jpg`` beside ``a.png``), ".png" is added
  to the whole name instead: ``a.png.png``;
* names that still meet, or that differ in letter case alone and so are one file on some
  machines, get ``~2``, ``~3``, ... before the suffix.

The first key in order has the plain name. A photo that has results already keeps its names.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Names:
    """Where one photo's results go, POSIX, relative to OUTPUT."""

    cutout: str
    mask: str


def plan_names(
    keys: Sequence[str], owned: Mapping[str, Names] | None = None, *, as_png: bool = False
) -> dict[str, Names]:
    """Give every photo names of its own.

    Args:
        keys: of all photos of the run, in order.
        as_png: cut-outs are PNG whatever the photo is; else only where the photo's own format
            cannot be written.
        owned: names that photos, of this run or an earlier one, have already.

    Returns:
        Names for each of `keys`; no two are equal, nor differ in letter case alone, nor is one
        a folder of the other, with `owned` included.
    """
    owned = owned or {}
    plan = {key: owned[key] for key in keys if key in owned}
    new = [key for key in keys if key not in owned]
    taken = {_fold(name) for names in owned.values() for name in (names.cutout, names.mask)}
    folders = {
        _fold(str(parent))
        for names in (*owned.values(), *(_plain(key, as_png) for key in new))
        for name in (names.cutout, names.mask)
        for parent in PurePosixPath(name).parents
    }
    for key in new:
        cutout = _first_free(_cutout_names(key, as_png), taken, folders)
        mask = _first_free(_mask_names(key), taken, folders)
        taken |= {_fold(cutout), _fold(mask)}
        plan[key] = Names(cutout, mask)
    return {key: plan[key] for key in keys}


def _plain(key: str, as_png: bool) -> Names:
    return Names(next(_cutout_names(key, as_png)), next(_mask_names(key)))


def _cutout_names(key: str, as_png: bool) -> Iterator[str]:
    path = PurePosixPath("cutouts", key)
    if as_png or path.suffix.lower() not in images.WRITE_SUFFIXES:
        return _png_names(path)
    return chain([str(path)], _numbered(path))


def _mask_names(key: str) -> Iterator[str]:
    return _png_names(PurePosixPath("masks", key))


def _png_names(path: PurePosixPath) -> Iterator[str]:
    whole = path.with_name(path.name + ".png")
    return chain([str(path.with_name(path.stem + ".png")), str(whole)], _numbered(whole))


def _numbered(path: PurePosixPath) -> Iterator[str]:
    return (str(path.with_name(f"{path.stem}~{n}{path.suffix}")) for n in count(2))


def _first_free(names: Iterator[str], taken: Collection[str], folders: Collection[str]) -> str:
    return next(n for n in names if _fold(n) not in taken and _fold(n) not in folders)


def _fold(name: str) -> str:
    """Return what file systems that ignore case and accent form may take `name` for."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
