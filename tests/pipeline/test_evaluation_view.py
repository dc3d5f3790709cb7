"""What the pages are handed: the worst photos' pictures, every photo's figures, nobody's twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import EyecutError
from pipeline.evaluation import MEASURES, Report, Row
from pipeline.evaluation.compare import compare
from pipeline.evaluation.judge import Judged
from pipeline.evaluation.truth import Prediction, TruthMasks, box_around
from pipeline.report import evaluation_view as view
from pipeline.report.evaluation_view import (
    WorstPictures,
    compared_pictures,
    comparison_page,
    evaluation_page,
    largest,
)
from pipeline.report.pictures import Pictures
from toys import draw_toy
from truth_sets import save, toy_set

TOY = draw_toy()[0]
TRUTH = TruthMasks(TOY.mask, box_around(TOY.mask))
PICTURES = Pictures(b"p", b"t", b"m", (0, 0, 1, 1))


def judged(name: str, iou: float | None) -> Judged:
    row = None if iou is None else Row(name, {"iou": iou}, True)
    return Judged(name, row, TRUTH, Prediction(TOY.mask), TOY.rgb)


# --- the worst photos --------------------------------------------------------------------------


@given(
    st.lists(st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)),
    st.integers(0, 6),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_worst_are_kept_and_no_more_in_any_order_of_arrival(
    monkeypatch: pytest.MonkeyPatch, ious: list[float | None], most: int
) -> None:
    monkeypatch.setattr(view, "make_pictures", lambda *told: PICTURES)
    worst = WorstPictures(most)
    for number, iou in enumerate(ious):
        worst(judged(str(number), iou))
        assert len(worst.pictures) <= most
    known = [(iou, number) for number, iou in enumerate(ious) if iou is not None]
    assert set(worst.pictures) == {str(number) for _, number in sorted(known)[:most]}


def test_a_photo_that_is_none_of_the_worst_costs_no_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[object] = []
    monkeypatch.setattr(view, "make_pictures", lambda *told: made.append(told) or PICTURES)
    worst = WorstPictures(2)
    for number, iou in enumerate([0.1, 0.2, 0.9, 0.3, 0.2, None]):
        worst(judged(str(number), iou))
    assert len(made) == 2


def test_pictures_show_the_photo_its_truth_and_the_prediction() -> None:
    worst = WorstPictures()
    worst(judged("a", 0.5))
    (made,) = worst.pictures.values()
    assert made.photo and made.truth == made.prediction
    worst(Judged("b", Row("b", {"iou": 0}, True), TRUTH, Prediction(~TOY.mask), None))
    made = worst.pictures["b"]
    assert not made.photo and made.truth != made.prediction


# --- two runs ----------------------------------------------------------------------------------


def runs(root: Path) -> tuple[Path, tuple[Path, Path]]:
    """In the photo `a` one run stays within the truth, the other takes a corner along."""
    truth = toy_set(root / "truth", {"a": [TOY], "b": [TOY], "c": [TOY]})
    corner = TOY.mask.copy()
    corner[:4, :4] = True
    for run, masks in (("one", {"a": TOY.mask}), ("two", {"a": corner, "b": TOY.mask})):
        for name, mask in masks.items():
            save(root / run / f"{name}.png", mask)
    return truth, (root / "one", root / "two")


def test_two_runs_are_shown_in_one_region_that_holds_both_masks(tmp_path: Path) -> None:
    made = compared_pictures(*runs(tmp_path), frozenset("ab"))
    assert set(made) == {"a", "b"}
    for first, second in made.values():
        assert first.region == second.region
        assert (first.photo, first.truth) == (second.photo, second.truth)
        assert first.prediction != second.prediction
    assert made["a"][0].region[:2] == (0, 0)
    assert made["b"][0].region[0] > 0
    assert made["b"][1].prediction == made["b"][1].truth != made["b"][0].prediction


def test_truth_without_photos_is_compared_by_its_masks(tmp_path: Path) -> None:
    _, places = runs(tmp_path)
    save(tmp_path / "bare/a/full.png", TOY.mask)
    ((first, second),) = compared_pictures(tmp_path / "bare", places, frozenset("a")).values()
    assert first.photo == second.photo == b""


def test_a_photo_that_went_bad_is_named(tmp_path: Path) -> None:
    truth, places = runs(tmp_path)
    (truth / "photos/b.png").write_bytes((truth / "photos/b.png").read_bytes()[:99])
    with pytest.raises(EyecutError, match=r"b\.png"):
        compared_pictures(truth, places, frozenset("b"))


def test_the_largest_changes_are_losses_and_gains() -> None:
    first = {name: {"iou": 0.5} for name in "abcd"}
    second = {name: {"iou": iou} for name, iou in zip("abcd", (0.5, 0.1, 0.8, 0.6), strict=True)}
    comparison = compare(first, second)
    assert largest(comparison, 2) == {"b", "c"}
    assert largest(comparison, 0) == frozenset()
    assert largest(comparison, 9) == set("abcd")


def test_the_page_of_two_runs_holds_every_photo_of_either() -> None:
    scores = {"a": {"iou": 0.5, "roughness": 1.0}, "b": {"iou": 1.0}}, {"a": {"iou": 0.75}, "c": {}}
    pictures = {"a": (PICTURES, PICTURES)}
    page = comparison_page(compare(*scores), scores, pictures, (Path("x/old"), Path("y/new")))
    assert [photo.name for photo in page.photos] == ["a", "b", "c"]
    assert page.photos[1].second == {} == page.photos[2].first
    assert page.photos[0].pictures_second is PICTURES
    assert page.photos[1].pictures_first is None
    assert (page.first, page.second) == ("old", "new")
    (figure,) = page.figures
    assert (figure.name, figure.difference, figure.wins, figure.losses) == ("iou", 0.25, 1, 0)


def test_two_places_of_one_name_are_told_apart() -> None:
    scores = {"a": {"iou": 0.5}}, {"a": {"iou": 0.75}}
    page = comparison_page(compare(*scores), scores, {}, (Path("x/masks"), Path("y/masks")))
    assert (page.first, page.second) == ("x/masks", "y/masks")


# --- one evaluation ----------------------------------------------------------------------------


def report(*ious: float) -> Report:
    rows = [
        Row(
            f"p{n}", {"iou": iou, "roughness": n}, bool(iou), {"frame": "round"}, {"blur": 1.0}, iou
        )
        for n, iou in enumerate(ious)
    ]
    return Report(tuple(rows), {"e": False}, ("odd",), {"AP50": 0.5, "recall_wide": None})


def test_the_page_has_every_photo_and_column() -> None:
    reports = {"one": report(0.0, 0.5, 1.0), "two": Report((Row("p0", {"iou": 1.0}, True),))}
    page = evaluation_page(reports, {"p1": PICTURES}, Path("sets/truth"), None)
    assert [photo.name for photo in page.photos] == ["p0", "p1", "p2"]
    assert [photo.pictures for photo in page.photos] == [None, PICTURES, None]
    assert page.photos[2].properties == {"blur": 1.0, "quality": 1.0}
    assert [photo.found for photo in page.photos] == [False, True, True]
    assert [[f.name for f in column.figures] for column in page.columns] == [
        ["iou", "roughness"],
        ["iou"],
    ]
    iou, rough = page.columns[0].figures
    assert (iou.mean, iou.worst, rough.worst) == (0.5, 0.0, 2)
    assert iou.low <= iou.mean <= iou.high
    assert page.unexpected == ("odd",)
    assert page.boxes == {"AP50": 0.5}
    assert page.truth == "truth"
    assert len(page.notes) == 3


def test_a_place_without_a_name_of_its_own_still_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = evaluation_page({"": report(1.0)}, {}, Path("."), Path(".."))
    assert (page.truth, page.prediction) == (tmp_path.name, tmp_path.parent.name)


def test_figures_come_in_their_order_whatever_the_order_of_the_scores() -> None:
    names = [measure.name for measure in MEASURES]
    rng = np.random.default_rng(1)
    rows = [Row(str(n), dict.fromkeys(rng.permutation(names).tolist(), 0.5), True) for n in "ab"]
    page = evaluation_page({"": Report(tuple(rows))}, {}, Path("t"), Path("p"))
    assert [figure.name for figure in page.columns[0].figures] == names
