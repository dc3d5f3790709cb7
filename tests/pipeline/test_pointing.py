"""Prompts for pairs among others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.types import EYEGLASSES, LENS, Detections
from pipeline.config import load_config
from pipeline.flow import Flow
from pipeline.pointing import point_at
from pipeline.types import Photo
from toys import FakeDetector, FakeSegmenter

LEFT, RIGHT, CROSSING = (0, 0, 100, 40), (120, 0, 220, 40), (60, 0, 160, 40)


def boxes(label: int, *rows: tuple[float, ...]) -> Detections:
    count = len(rows)
    return Detections.of(
        np.array(rows, np.float32).reshape(-1, 4), np.ones(count), np.full(count, label)
    )


def told(*pairs: tuple[float, ...], lenses: tuple[tuple[float, ...], ...]) -> list[dict]:
    """For each pair the label of each point."""
    found = []
    for prompt in point_at(boxes(EYEGLASSES, *pairs), boxes(LENS, *lenses)):
        points = [] if prompt.points is None else prompt.points.tolist()
        labels = [] if prompt.point_labels is None else prompt.point_labels.tolist()
        found.append({tuple(p): label for p, label in zip(points, labels, strict=True)})
    return found


@pytest.mark.parametrize(
    ("pairs", "lenses", "wanted"),
    [
        ((LEFT,), ((5, 5, 35, 35),), [{}]),  # alone: its box says it all
        ((LEFT, RIGHT), (), [{}, {}]),
        (
            (LEFT, RIGHT),
            ((5, 5, 35, 35), (130, 5, 160, 35)),
            [{(20, 20): 1, (145, 20): 0}, {(20, 20): 0, (145, 20): 1}],
        ),
        ((LEFT, CROSSING), ((65, 5, 95, 35),), [{}, {}]),  # in both boxes: whose is it?
        ((LEFT, CROSSING), ((5, 5, 35, 35),), [{(20, 20): 1}, {(20, 20): 0}]),
        ((LEFT, RIGHT), ((80, 5, 130, 35),), [{}, {}]),  # in none
        ((LEFT, RIGHT), ((-4, 5, 36, 35),), [{(16, 20): 1}, {(16, 20): 0}]),  # sticks out a little
    ],
)
def test_lenses_tell_pairs_apart(
    pairs: tuple[tuple[float, ...], ...], lenses: tuple[tuple[float, ...], ...], wanted: list[dict]
) -> None:
    assert told(*pairs, lenses=lenses) == wanted


edges = st.tuples(*(st.floats(0, 80),) * 2, *(st.floats(1, 80),) * 2).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)


@given(st.lists(edges, max_size=4), st.lists(edges, max_size=6))
def test_every_point_belongs_to_one_pair_at_most(
    pairs: list[tuple[float, ...]], lenses: list[tuple[float, ...]]
) -> None:
    prompts = point_at(boxes(EYEGLASSES, *pairs), boxes(LENS, *lenses))
    assert len(prompts) == len(pairs)
    labels = [p.point_labels for p in prompts if p.point_labels is not None]
    if labels:
        assert (np.sum(labels, axis=0) == 1).all()


@pytest.mark.parametrize(
    ("settings", "pointed"),
    [((), True), (("segmenter.lens_points=false",), False), (("segmenter.kind=vit_b",), False)],
)
def test_the_compact_network_alone_is_told_of_lenses(
    settings: tuple[str, ...], pointed: bool
) -> None:
    rows = [(*box, 0.9, EYEGLASSES) for box in (LEFT, RIGHT)] + [(5, 5, 35, 35, 0.9, LENS)]
    segmenter = FakeSegmenter()
    flow = Flow(FakeDetector(rows), segmenter, load_config("default", settings))
    photo = Photo("two.png", np.zeros((60, 240, 3), np.uint8))
    seen = flow.find(photo)
    assert (len(seen.pairs), len(seen.lenses)) == (2, 1)
    flow.mark(photo, seen.pairs, seen.lenses)
    assert all((prompt.points is not None) == pointed for prompt in segmenter.prompts)
