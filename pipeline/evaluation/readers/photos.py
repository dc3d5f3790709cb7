"""The photos of a data set: what they are called, where they lie, how large they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipeline.errors import EvaluationError, ImageError
from pipeline.images import READ_SUFFIXES, open_picture, upright_size

if TYPE_CHECKING:
    from PIL import ImageFile

FOLDERS = ("images", "photos")


def open_header(path: Path) -> ImageFile.ImageFile:
    """`open_picture`, whose errors become this room's.

    Raises:
        EvaluationError: missing, damaged, or not a picture.
    """
    try:
        return open_picture(path)
    except ImageError as error:
        raise EvaluationError(str(error)) from error


def photo_size(path: Path) -> tuple[int, int]:
    """(height, width) of a photo, upright.

    Raises:
        EvaluationError: as `open_header`.
    """
    try:
        return upright_size(path)
    except ImageError as error:
        raise EvaluationError(str(error)) from error


def check_size(source: Path, size: tuple[int, int], photo: Path | None) -> None:
    """Refuse labels that are not of their photo's size; `size` is (height, width).

    Raises:
        EvaluationError: names both files and both sizes.
    """
    if photo is None:
        return
    real = photo_size(photo)
    if real != size:
        raise EvaluationError(
            f"{source} is {size[1]} x {size[0]}, but its photo {photo} is "
            f"{real[1]} x {real[0]} (upright); label the photo as it is, upright and unscaled"
        )


def name_below(path: Path, folder: Path) -> str:
    """The name of a file below `folder`: its POSIX path without suffix."""
    return path.relative_to(folder).with_suffix("").as_posix()


def without_folder(name: str) -> str:
    """`name` without a leading ``images/`` or ``photos/``."""
    first, slash, rest = name.partition("/")
    return rest if slash and first in FOLDERS else name


def relative_name(path: str, source: Path) -> PurePosixPath:
    """Check a photo's path as an annotation file gives it; backslashes are Windows's slashes.

    Raises:
        EvaluationError: it is empty, absolute, or leads out of the data set.
    """
    found = PurePosixPath(path.replace("\\", "/"))
    if not found.name or found.is_absolute() or ".." in found.parts or found.drive:
        raise EvaluationError(
            f"{source}: photo {path!r} must be given relative to the data set's folder"
        )
    return found


def by_name(found: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """The files by name, in order of name.

    Raises:
        EvaluationError: two files have one name.
    """
    named: dict[str, Path] = {}
    for name, path in sorted(found):
        if name in named:
            raise EvaluationError(f"{named[name]} and {path} are both {name}; rename one of them")
        named[name] = path
    return named


def files_below(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """The files in `folder` and below it with one of `suffixes`, in order.

    What is hidden is left out: macOS, for one, puts a ``._a.png`` beside an ``a.png``.
    """
    for path in sorted(folder.rglob("*")):
        shown = not any(part.startswith(".") for part in path.relative_to(folder).parts)
        if shown and path.suffix.lower() in suffixes and path.is_file():
            yield path


def pictures_below(folder: Path) -> dict[str, Path]:
    """The pictures in `folder` and below it by name.

    Raises:
        EvaluationError: two pictures differ in nothing but the suffix.
    """
    return by_name((name_below(p, folder), p) for p in files_below(folder, READ_SUFFIXES))


def photo_folder(root: Path) -> Path | None:
    """The folder of `root` that holds the photos, if it has one."""
    return next((root / name for name in FOLDERS if (root / name).is_dir()), None)


def first_file(candidates: Iterable[Path]) -> Path | None:
    """The first of `candidates` that is a file."""
    return next((path for path in candidates if path.is_file()), None)


def check_all_or_none(photos: Mapping[str, Path | None], source: Path) -> None:
    """Accept annotations without any photo, but not with some of them missing.

    Raises:
        EvaluationError: names the first photo that is missing.
    """
    missing = [name for name, path in photos.items() if path is None]
    if missing and len(missing) < len(photos):
        raise EvaluationError(
            f"{source}: {len(missing)} of {len(photos)} photos are missing, the first is "
            f"{missing[0]}; put it back, or remove its annotation"
        )
