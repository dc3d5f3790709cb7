"""Runs the flow over changed photos and scores what comes out, photo by photo.

Only one photo is in memory at a time. A photo that cannot be processed is named and left out of
the curves, so that every strength of a curve speaks of the same photos, but for those whose glasses
it took out of the picture.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detector.types import overlap
from pipeline.errors import EvaluationError, EyecutError, OutputError
from pipeline.evaluation.truth import Truth, TruthMasks
from pipeline.flow import Flow
from pipeline.images import read_photo
from pipeline.stress.changes import Case, Change
from pipeline.stress.points import UNCHANGED, Point, Points
from pipeline.types import Bools, Floats, Photo

FOUND = 0.5
"""IoU of boxes from which a pair counts as found."""

_log = logging.getLogger(__name__)
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has measured.

    Attributes:
        points: of the photos that went through, in the order of the photos.
        failures: why each other photo did not, by name.
    """

    points: tuple[Point, ...]
    failures: Mapping[str, str]

    @property
    def photos(self) -> int:
        """How many photos the points speak of."""
        return len({point.photo for point in self.points})


def sweep(
    truths: Sequence[Truth],
    flow: Flow,
    changes: Sequence[Change],
    points: Points,
    *,
    fingerprint: str,
    longest_side: int = 1600,
    limit: int | None = None,
    watch: Watch | None = None,
) -> Swept:
    """Measure every photo under every change and strength; what `points` knows is not done again.

    Args:
        truths: photos with labels; those without glasses are left out.
        points: kept ones; new ones are added as they are measured.
        fingerprint: of configuration and weights; points of another are not used.
        longest_side: larger photos are shrunk to this many pixels first; 0 keeps them.
        limit: no more photos than this.
        watch: called with a photo's name, and the numbers of points done and in all.

    Raises:
        EvaluationError: no photo with glasses could be processed; names one and its reason.
        OutputError: a point cannot be kept.
    """
    plan = _plan(changes)
    done: list[Point] = []
    failures: dict[str, str] = {}
    taken, most = 0, len(truths) if limit is None else limit
    for index, truth in enumerate(truths):
        if taken == most:
            break
        total = min(most, taken + len(truths) - index) * len(plan)
        try:
            case = read_case(truth, longest_side)
            if case is None:
                continue
            measured = []
            told = _fingerprint(case, fingerprint)
            for point in _measure(truth.name, case, flow, plan, points, told):
                measured.append(point)
                if watch is not None:
                    watch(truth.name, taken * len(plan) + len(measured), total)
            done += measured
        except OutputError:
            raise
        except Exception as error:  # whatever it is, the other photos are still to be done
            failures[truth.name] = _reason(truth.name, error)
        taken += 1
    if not done:
        why = "".join(f"; {name}: {reason}" for name, reason in [*failures.items()][:1])
        raise EvaluationError(f"no photo with glasses could be processed{why}")
    return Swept(tuple(done), failures)


def read_case(truth: Truth, longest_side: int) -> Case | None:
    """Read a photo and its truth, shrunk to `longest_side`; None where there are no glasses.

    Raises:
        EvaluationError: the data set has no photo for it, or one of another size.
        ImageError: the photo cannot be read.
    """
    masks = truth.read()
    if not masks.glasses.any() or not len(masks.boxes):
        return None
    if truth.photo is None:
        raise EvaluationError(f"{truth.name}: the data set has no photo for this truth")
    photo = read_photo(truth.photo)
    if photo.size != masks.glasses.shape:
        raise EvaluationError(
            f"{truth.photo} is {photo.width} x {photo.height}, "
            f"its truth {masks.glasses.shape[1]} x {masks.glasses.shape[0]}"
        )
    case = Case(Photo(_key(truth), photo.rgb), masks)
    factor = longest_side / max(photo.size) if longest_side else 1.0
    if factor >= 1:
        return case
    from pipeline.stress.transforms import resized

    return resized(case, factor)


def score(flow: Flow, case: Case) -> tuple[int, dict[str, float]]:
    """Return how many pairs were found, and the IoU of the mask by column.

    The columns are those of `pipeline.evaluation.columns.answers`: with the detector's boxes, as
    ``eyecut run`` has them, and with the truth's; finished, and as the segmenter gave them.
    """
    from pipeline.evaluation.columns import answers

    given = answers(flow, case.photo, case.truth.boxes)
    iou = {name: _iou(case.truth.glasses, one.mask) for name, one in given.items()}
    boxes = given["detector"].boxes
    return 0 if boxes is None else count_found(case.truth.boxes, boxes), iou


def count_found(truth: Floats, boxes: Floats) -> int:
    """Count the boxes of `truth` (N, 4) that one of `boxes` (M, 4) each covers with IoU >= 0.5.

    A box stands for one pair alone; of the possible assignments the one with most pairs counts.
    """
    from scipy.optimize import linear_sum_assignment

    if not len(truth) or not len(boxes):
        return 0
    good = np.array([overlap(one, boxes) >= FOUND for one in truth])
    return int(good[linear_sum_assignment(good, maximize=True)].sum())


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, EyecutError):
        return str(error)
    _log.error("%s", name, exc_info=error)
    return f"{type(error).__name__}: {error} (a fault in eyecut; please report it)"


def _plan(changes: Iterable[Change]) -> list[tuple[Change | None, float]]:
    """List what is measured of each photo: first as it is, for all the neutral strengths."""
    strong = [(c, float(s)) for c in changes for s in c.strengths if s != c.neutral]
    return [(None, 0.0), *strong]


def _measure(
    name: str,
    case: Case,
    flow: Flow,
    plan: Sequence[tuple[Change | None, float]],
    points: Points,
    fingerprint: str,
) -> Iterator[Point]:
    for change, strength in plan:
        key = (name, change.name if change else UNCHANGED, strength, fingerprint)
        if key not in points.known:
            changed = change.apply(case, strength) if change else case
            pairs = len(changed.truth.boxes)
            found, iou = score(flow, changed) if pairs else (0, {})
            points.add(Point(*key, pairs, found, iou))
        yield points.known[key]


def _fingerprint(case: Case, told: str) -> str:
    truth: TruthMasks = case.truth
    digest = hashlib.sha256(told.encode())
    for array in (case.photo.rgb, truth.glasses, truth.boxes):
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _key(truth: Truth) -> str:
    """Return the photo's key; chance in the changes is drawn from it, wherever the data lie."""
    return truth.name.replace("\\", "/").lstrip("/") or "photo"


def _iou(truth: Bools, mask: Bools) -> float:
    either = int(np.count_nonzero(truth | mask))
    return int(np.count_nonzero(truth & mask)) / either if either else 1.0
