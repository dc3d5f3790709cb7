"""Figures of boxes agree with cases worked out by hand and with COCO's own evaluation."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.errors import ValidationError
from pipeline.evaluation.boxes import BOX_MEASURES, box_figures

SIZE = (100, 200)
Boxes = np.ndarray
Found = tuple[np.ndarray, np.ndarray]


def boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(*rows: tuple[float, float, float, float, float]) -> Found:
    array = np.array(rows, np.float32).reshape(-1, 5)
    return array[:, :4], array[:, 4]


WIDE, MIDDLE, NARROW = (10, 10, 190, 60), (10, 10, 90, 60), (10, 10, 50, 30)


def test_figures_carry_the_names_of_the_registry() -> None:
    assert list(box_figures([], [], [])) == [m.name for m in BOX_MEASURES]


def test_a_small_case_worked_out_by_hand() -> None:
    """Three photos of one pair: a hit, a false find with more confidence, a hit with less."""
    truths = [boxes(WIDE)] * 3
    answers = [found((*WIDE, 0.9)), found((0, 90, 9, 99, 0.8)), found((*WIDE, 0.7))]
    got = box_figures(truths, answers, [SIZE] * 3)
    # precision 1 up to a recall of 1/3 (34 of COCO's 101 points), 2/3 up to 2/3 (33), then none
    assert got["AP50"] == pytest.approx((34 + 33 * 2 / 3) / 101, abs=1e-6)
    assert got["AP50-95"] == pytest.approx(got["AP50"], abs=1e-6)
    assert got["recall"] == got["recall_wide"] == pytest.approx(2 / 3)
    assert got["recall_narrow"] is got["recall_middle"] is None


def test_strict_overlap_counts_for_the_strict_figure_only() -> None:
    near = (10, 10, 190, 60 - 12.25)  # overlaps by 0.755: six of the ten thresholds
    got = box_figures([boxes(WIDE)], [found((*near, 0.5))], [SIZE])
    assert got["AP50"] == pytest.approx(1)
    assert got["AP50-95"] == pytest.approx(0.6)


def test_recall_is_told_apart_by_width_at_any_confidence() -> None:
    truths = [boxes(WIDE), boxes(MIDDLE), boxes(NARROW, (100, 10, 140, 30))]
    answers = [found(), found((*MIDDLE, 0.01)), found((*NARROW, 0.0), (*NARROW, 0.9))]
    got = box_figures(truths, answers, [SIZE] * 3)
    assert (got["recall_wide"], got["recall_middle"], got["recall_narrow"]) == (0, 1, 0.5)
    assert got["recall"] == 0.5


def test_nothing_to_find_gives_no_figures() -> None:
    assert set(box_figures([boxes()], [found((*WIDE, 0.9))], [SIZE]).values()) == {None}


@pytest.mark.parametrize(
    ("truths", "answers", "words"),
    [
        ([boxes()], [], "1 truths, 0 predictions"),
        ([boxes()], [(boxes(WIDE), np.zeros(2, np.float32))], "photo 0"),
        ([boxes()], [found((5, 5, 1, 1, 0.5))], "photo 0.*x0 < x1"),
        ([boxes()], [found((1, 1, 5, 5, 1.5))], r"photo 0.*\[0, 1\]"),
    ],
)
def test_what_are_no_boxes_is_refused(
    truths: list[Boxes], answers: list[Found], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        box_figures(truths, answers, [SIZE])


def direct(truths: list[Boxes], answers: list[Found]) -> tuple[float, float]:
    """AP50 and AP50-95 as COCOeval sums them up itself."""

    def rows(photos: list[Boxes], scores: list[np.ndarray] | None) -> list[dict[str, object]]:
        found = []
        for photo, array in enumerate(photos):
            for n, (x0, y0, x1, y1) in enumerate(array.tolist()):
                box = [x0, y0, x1 - x0, y1 - y0]
                row = {"image_id": photo, "category_id": 1, "bbox": box, "iscrowd": 0}
                row |= {"id": len(found) + 1, "area": box[2] * box[3]}
                found.append(row | ({} if scores is None else {"score": float(scores[photo][n])}))
        return found

    images = [{"id": n, "height": SIZE[0], "width": SIZE[1]} for n in range(len(truths))]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "categories": [{"id": 1}], "annotations": None}
        truth.dataset["annotations"] = rows(truths, None)
        truth.createIndex()
        results = rows([b for b, _ in answers], [s for _, s in answers])
        run = COCOeval(truth, truth.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[1]), float(run.stats[0])


Sets = tuple[list[Boxes], list[Found]]


@st.composite
def sets(draw: st.DrawFn) -> Sets:
    """Photos with boxes near the truth, shuffled, false, twice, of one pixel, or none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def some(count: int) -> Boxes:
        low = rng.uniform(0, 1, (count, 2)) * (160, 60)
        size = rng.choice([1, 20, 60, 150], (count, 2)) * rng.uniform(0.8, 1.2, (count, 2))
        return np.hstack([low, np.minimum(low + size, SIZE[::-1])]).astype(np.float32)

    truths, answers = [], []
    for count in draw(st.lists(st.integers(0, 4), min_size=1, max_size=8)):
        truth = some(count)
        high = np.array([*SIZE[::-1], *SIZE[::-1]], np.float32)
        moved = np.clip(truth + rng.normal(0, 3, truth.shape).astype(np.float32), 0, high)
        whole = np.array([[0, 0, *SIZE[::-1]]], np.float32)
        answer = np.vstack([moved, truth[:1], whole, some(2)])[: rng.integers(count + 5)]
        answer = answer[(answer[:, 2:] - answer[:, :2] > 0.5).all(axis=1)]
        truths.append(truth)
        answers.append((answer, rng.permutation(len(answer)).astype(np.float32) / 16))
    return truths, answers


def overlap(a: Boxes, b: Boxes) -> float:
    (ax, ay, aX, aY), (bx, by, bX, bY) = a.tolist(), b.tolist()
    both = max(min(aX, bX) - max(ax, bx), 0) * max(min(aY, bY) - max(ay, by), 0)
    return float(both / ((aX - ax) * (aY - ay) + (bX - bx) * (bY - by) - both))


def within(box: Boxes, low: float, high: float) -> bool:
    return bool(low <= (float(box[2]) - float(box[0])) / SIZE[1] < high)


def plain_recall(photos: Sets, low: float, high: float) -> float | None:
    """Share of the true boxes of `low` to `high` of the width that a box takes."""
    hits = []
    for truth, (boxes, scores) in zip(*photos, strict=True):
        free = list(range(len(truth)))
        for at in np.argsort(-scores, kind="stable"):
            fit = [(overlap(boxes[at], truth[i]), i) for i in free]
            best = max([one for one in fit if one[0] >= 0.5], default=None)
            if best is not None:
                free.remove(best[1])
        hits += [i not in free for i, box in enumerate(truth) if within(box, low, high)]
    return sum(hits) / len(hits) if hits else None


def plain_precision(photos: Sets, least: float, low: float, high: float) -> float | None:
    """Average precision at IoU `least` of boxes of `low` to `high` of the width.

    COCO's rules written out: the surest box first, each takes the free true box that it overlaps
    most, one of the width in question before any other; what took another one, or took none and
    has another width, does not count.
    """
    count, rows = 0, []
    for truth, (boxes, scores) in zip(*photos, strict=True):
        free = list(range(len(truth)))
        count += sum(within(box, low, high) for box in truth)
        for at in np.argsort(-scores, kind="stable"):
            fit = [(within(truth[i], low, high), overlap(boxes[at], truth[i]), i) for i in free]
            best = max([one for one in fit if one[1] >= least], default=None)
            if best is not None:
                free.remove(best[2])
            if within(boxes[at], low, high) if best is None else best[0]:
                rows.append((float(scores[at]), best is not None))
    if not count:
        return None
    right = np.cumsum([hit for _, hit in sorted(rows, key=lambda row: -row[0])])
    precision = [n / k for k, n in enumerate(right, 1)]
    points = np.linspace(0, 1, 101)
    reached = [[p for p, n in zip(precision, right, strict=True) if n / count >= r] for r in points]
    return float(np.mean([max(one, default=0.0) for one in reached]))


@given(sets())
@example(([boxes()], [found((*WIDE, 0.9))]))
@example(([boxes(WIDE)], [found()]))
@example(([boxes(WIDE, WIDE)], [found((*WIDE, 0.5), (*WIDE, 0.4), (*WIDE, 0.3))]))
@example(([boxes((0, 0, 200, 100))], [found((0, 0, 200, 100, 1.0))]))
@settings(max_examples=60)
def test_every_figure_follows_coco_s_rules(photos: Sets) -> None:
    got = box_figures(*photos, [SIZE] * len(photos[0]))
    widths = {"": (0, 9), "_narrow": (0, 0.25), "_middle": (0.25, 0.65), "_wide": (0.65, 9)}
    for name, width in widths.items():
        at = [plain_precision(photos, t, *width) for t in np.linspace(0.5, 0.95, 10)]
        want = {
            "AP50": at[0],
            "AP50-95": None if at[0] is None else float(np.mean([v or 0 for v in at])),
            "recall": plain_recall(photos, *width),
        }
        for figure, value in want.items():
            assert got[figure + name] == (None if value is None else pytest.approx(value, abs=1e-6))


@given(sets())
@settings(max_examples=40)
def test_average_precision_is_that_of_coco(photos: Sets) -> None:
    got = box_figures(*photos, [SIZE] * len(photos[0]))
    if not any(map(len, photos[0])):
        assert got["AP50"] is None
    elif any(len(answer) for answer, _ in photos[1]):  # pycocotools reads no empty results
        assert (got["AP50"], got["AP50-95"]) == pytest.approx(direct(*photos), abs=1e-6)
