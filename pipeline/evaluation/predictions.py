"""Predicted masks on the disk: a folder of them, or the OUTPUT folder of ``eyecut run``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.errors import EvaluationError, OutputError
from pipeline.evaluation.readers.photos import FOLDERS, files_below, name_below
from pipeline.evaluation.readers.values import read_values
from pipeline.evaluation.truth import Prediction
from pipeline.manifest import MANIFEST, read_records
from pipeline.types import Floats, Record

_MASKS = "masks"
_PHOTO = "image"
_ANSWERED = ("done", "no_glasses")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one photo's prediction before its mask is read.

    Attributes:
        mask: the file; None where the answer was that there are no glasses.
        record: what the run said, if it was one of eyecut's.
    """

    mask: Path | None
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions for the photos of a data set.

    Attributes:
        answers: by the photo's name; None where there is no prediction (the photo was missed).
        unexpected: predictions for photos that have no truth, sorted.
    """

    answers: Mapping[str, Answer | None]
    unexpected: tuple[str, ...] = ()

    def read(self, name: str, size: tuple[int, int]) -> Prediction | None:
        """Read the prediction for `name`, which must be one of `answers`.

        Args:
            name: of the photo.
            size: (height, width) of its truth.

        Returns:
            the prediction, with an empty mask where the answer was "no glasses"; None where
            there is none.

        Raises:
            EvaluationError: the mask is damaged, or not of `size`; the message names it.
        """
        answer = self.answers[name]
        if answer is None:
            return None
        mask, alpha = np.zeros(size, np.bool_), None
        if answer.mask is not None:
            mask, alpha = read_values(answer.mask)
        if mask.shape != size:
            raise EvaluationError(
                f"{answer.mask} is {mask.shape[1]} x {mask.shape[0]}, "
                f"its truth {size[1]} x {size[0]}; predict on the same photo, unscaled"
            )
        if answer.record is None:
            return Prediction(mask, alpha)
        if alpha is None:  # a run delivers mattes, also where they are hard or empty
            alpha = mask.astype(np.float32)
        return Prediction(mask, alpha, *_told(answer.record))


def find_predictions(root: Path, names: Sequence[str]) -> Predictions:
    """Find the predicted mask for each of `names`; no mask is read yet.

    In a folder of masks, or one that has them under ``masks/``, the mask for ``a/b`` is
    ``a/b.png``, or else ``a/b/image.png`` or ``images/a/b.png``, as photos are called in data
    sets. In the OUTPUT of ``eyecut run`` the manifest says which mask is whose; photos that
    failed count as missed.

    Raises:
        EvaluationError: no such folder, a name has two predictions, the manifest is damaged, or
            a mask that it lists is gone.
    """
    if not root.is_dir():
        raise EvaluationError(f"{root}: no such folder of predicted masks")
    if (root / MANIFEST).is_file():
        return _assign(_recorded(root), names, root)
    folder = root / _MASKS if (root / _MASKS).is_dir() else root
    found = ((name_below(path, folder), Answer(path)) for path in files_below(folder, (".png",)))
    return _assign(found, names, folder)


def _recorded(root: Path) -> list[tuple[str, Answer | None]]:
    """What a run's manifest says: photos by their keys without suffix."""
    try:
        records = read_records(root)
    except OutputError as error:
        raise EvaluationError(str(error)) from error
    return [
        (PurePosixPath(key).with_suffix("").as_posix(), _answer(root, record))
        for key, record in sorted(records.items())
    ]


def _answer(root: Path, record: Record) -> Answer | None:
    if record.status not in _ANSWERED:
        return None
    if record.status == "no_glasses":
        return Answer(None, record)
    if "mask" not in record.outputs:
        raise EvaluationError(
            f"{root / MANIFEST}: the run delivered no mask of {record.key}; evaluating needs one: "
            "run eyecut again with mask among output.pictures"
        )
    mask = root / record.outputs["mask"]
    if not mask.is_file():
        raise EvaluationError(
            f"{root / MANIFEST}: the mask of {record.key} is not at {mask}; run eyecut again"
        )
    return Answer(mask, record)


def _assign(
    found: Iterable[tuple[str, Answer | None]], names: Sequence[str], root: Path
) -> Predictions:
    """Give each name its answer: that of its own name first, then of one that stands for it."""
    answers: dict[str, Answer | None] = dict.fromkeys(names)
    taken: set[str] = set()
    left: list[tuple[str, str, Answer | None]] = []
    for stem, answer in found:
        if stem in answers:
            _take(answers, taken, stem, stem, answer, root)
        else:
            left.append((stem, _stands_for(stem), answer))
    own = frozenset(taken)
    unexpected = []
    for stem, name, answer in left:
        if name not in answers:
            unexpected.append(stem)
        elif name not in own:
            _take(answers, taken, name, stem, answer, root)
    return Predictions(answers, tuple(sorted(unexpected)))


def _take(
    answers: dict[str, Answer | None],
    taken: set[str],
    name: str,
    stem: str,
    answer: Answer | None,
    root: Path,
) -> None:
    if name in taken:
        raise EvaluationError(f"{root} has two predictions for {name}, one is {stem}; remove one")
    taken.add(name)
    answers[name] = answer


def _stands_for(stem: str) -> str:
    """The name that a photo's path stands for: ``images/a`` and ``a/image`` for ``a``."""
    parts = stem.split("/")
    if len(parts) > 1 and parts[0] in FOLDERS:
        parts = parts[1:]
    if len(parts) > 1 and parts[-1] == _PHOTO:
        parts = parts[:-1]
    return "/".join(parts)


def _told(record: Record) -> tuple[Floats, Floats, Floats | None]:
    """Boxes (N, 4), scores (N,) and, where there is one for each box, quality (N,)."""
    boxes = np.array(record.boxes, np.float32).reshape(-1, 4)
    scores = np.array(record.scores, np.float32)
    known = len(record.quality) == len(boxes)
    return boxes, scores, np.array(record.quality, np.float32) if known else None
