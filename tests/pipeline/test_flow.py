from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from pipeline import flow
from pipeline.config import Config, load_config
from pipeline.errors import ConfigError, WeightsError
from pipeline.flow import STAGES, Flow, unite
from pipeline.types import Masks, Photo, Prompt
from toys import FakeDetector, FakeSegmenter, Toy, draw_toy


def make(detector: FakeDetector, segmenter: FakeSegmenter | None = None, *told: str) -> Flow:
    config = load_config("default", ["detector.confidence=0.3", *told])
    return Flow(detector, segmenter or FakeSegmenter(), config)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_a_photo_becomes_a_white_picture_of_its_size(toy: Toy, fake_detector: FakeDetector) -> None:
    result = make(fake_detector).process(toy.photo())
    assert result.matte is not None
    assert result.canvas is not None
    assert result.canvas.white.shape == toy.rgb.shape
    assert (result.canvas.white[result.matte.alpha == 0] == 255).all()
    assert iou(result.matte.alpha > 0.5, toy.mask) > 0.9
    assert result.flags == ()
    assert tuple(result.seconds) == STAGES
    assert result.quality == pytest.approx((0.95,))


def test_the_detectors_boxes_are_the_prompts(
    toy: Toy, fake_detector: FakeDetector, fake_segmenter: FakeSegmenter
) -> None:
    make(fake_detector, fake_segmenter).process(toy.photo())
    assert [tuple(p.box) for p in fake_segmenter.prompts if p.box is not None] == [toy.box]


@pytest.mark.parametrize("off", [-6, 6])
def test_boxes_are_drawn_around_what_was_cut_out(toy: Toy, off: int) -> None:
    x0, y0, x1, y1 = toy.box
    short = FakeDetector([(x0, y0, x1 + off, y1 + off, 0.9, 0)])
    result = make(short, FakeSegmenter(masks=[toy.mask])).process(toy.photo())
    assert result.detections.boxes[0] == pytest.approx(toy.box, abs=1)
    assert result.detections.scores == pytest.approx([0.9])


def test_no_glasses_give_no_cut_out_and_wake_no_segmenter(toy: Toy) -> None:
    segmenter = FakeSegmenter()
    lens_alone = FakeDetector([(*toy.box, 0.99, 1)])
    result = make(lens_alone, segmenter).process(toy.photo())
    assert (result.matte, result.canvas, len(result.detections)) == (None, None, 0)
    assert segmenter.prompts == []


@pytest.mark.parametrize(("select", "pairs"), [("all", 2), ("best", 1)])
def test_select_says_how_many_pairs_are_cut_out(select: str, pairs: int) -> None:
    toys = draw_toy(height=240, pairs=2)
    detector = FakeDetector([(*toys[0].box, 0.8, 0), (*toys[1].box, 0.9, 0), (*toys[0].box, 1, 1)])
    result = make(detector, None, f"detector.select={select}").process(toys[0].photo())
    assert len(result.detections) == len(result.quality) == pairs
    assert result.matte is not None
    for toy, there in zip(toys, (pairs == 2, True), strict=True):
        share = float((result.matte.alpha[toy.mask] > 0.5).mean())
        assert (share > 0.9) if there else (share == 0)


@pytest.mark.parametrize(
    ("score", "quality", "box", "words"),
    [
        (0.9, 0.95, None, ""),
        (0.4, 0.95, None, "detector is unsure"),
        (0.9, 0.5, None, "segmenter is unsure"),
        (0.9, 0.95, (0, 0, 200, 20), "mask is empty"),
        (0.9, 0.95, "half", "edge of the photo"),
    ],
)
def test_doubts_are_flagged_with_the_reason(
    score: float, quality: float, box: object, words: str, toy: Toy
) -> None:
    rgb = toy.rgb
    if box == "half":  # the photo ends within the left lens
        rgb, box = np.ascontiguousarray(rgb[:, 60:]), (0, 20, 120, 100)
    detector = FakeDetector([(*(box or toy.box), score, 0)])  # type: ignore[misc]
    photo = type(toy)(rgb, toy.mask, toy.lens, toy.box).photo()
    flags = make(detector, FakeSegmenter(quality=quality)).process(photo).flags
    if words:
        assert len(flags) == 1
        assert flags[0].startswith("review: ")
        assert words in flags[0]
    else:
        assert flags == ()


def test_a_mask_that_hardly_fills_its_box_is_flagged(toy: Toy) -> None:
    wire = np.zeros(toy.mask.shape, bool)
    wire[60, 40:160] = True
    detector = FakeDetector([(*toy.box, 0.9, 0)])
    flags = make(detector, FakeSegmenter(masks=[wire])).process(toy.photo()).flags
    assert len(flags) == 1
    assert "of its box" in flags[0]


def test_with_several_pairs_a_flag_says_which(toy: Toy) -> None:
    # The same place twice: without merging, these are two pairs.
    detector = FakeDetector([(*toy.box, 0.9, 0), (*toy.box, 0.4, 0)])
    (flag,) = make(detector, None, "detector.merge=1.0").process(toy.photo()).flags
    assert flag.endswith("(pair 2)")


def test_pieces_of_one_pair_are_cut_out_once(toy: Toy, fake_segmenter: FakeSegmenter) -> None:
    x0, y0, x1, y1 = toy.box
    front = (x0, y0, (x0 + x1) / 2, y1)
    detector = FakeDetector([(*front, 0.9, 0), (*toy.box, 0.5, 0)])
    make(detector, fake_segmenter).process(toy.photo())
    assert [tuple(p.box) for p in fake_segmenter.prompts if p.box is not None] == [toy.box]


@pytest.mark.parametrize(
    ("opinion", "score", "quality", "found"),
    [
        ("[1, 4, -3]", 0.4, 0.5, False),  # the chances are 0.20, 0.77, 0.55 and 0.20
        ("[1, 4, -3]", 0.9, 0.5, True),
        ("[1, 4, -3]", 0.4, 0.9, True),
        ("[1, 4, -3]", 0.7, 0.1, False),
        ("[1, 0, 0]", 0.4, 1.0, False),
        ("null", 0.4, 1.0, False),
        ("null", 0.6, 0.0, True),
    ],
)
def test_the_segmenter_is_a_second_opinion(
    toy: Toy, opinion: str, score: float, quality: float, found: bool
) -> None:
    detector = FakeDetector([(*toy.box, score, 0)])
    told = "detector.confidence=0.5", f"segmenter.opinion={opinion}"
    result = make(detector, FakeSegmenter(quality=quality), *told).process(toy.photo())
    assert (result.matte is not None) is found
    assert len(result.detections) == int(found)


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ((0.9, 0.6), (0.9, 0.6)),
        ((0.9, 0.4), (0.9,)),
        ((0.4, 0.35), (0.4, 0.35)),
        ((0.4, 0.1), (0.4,)),
    ],
)
def test_weak_finds_count_where_nothing_is_surer(
    scores: tuple[float, float], found: tuple[float, ...]
) -> None:
    toys = draw_toy(pairs=2)
    detector = FakeDetector([(*t.box, s, 0) for t, s in zip(toys, scores, strict=True)])
    told = "detector.confidence=0.5", "segmenter.opinion=[1, 4, -3]"
    result = make(detector, FakeSegmenter(quality=0.95), *told).cut(toys[0].photo())
    assert result.detections.scores == pytest.approx(found)


def test_a_weak_lens_tells_no_pairs_apart(toy: Toy) -> None:
    rows = [(*toy.box, 0.9, 0), (*toy.box, 0.6, 1), (*toy.box, 0.4, 1)]
    found = make(FakeDetector(rows), None, "detector.confidence=0.5").find(toy.photo())
    assert found.lenses.scores == pytest.approx([0.6])


def test_where_pairs_overlap_the_denser_one_gives_the_colour() -> None:
    first = np.array([[0.2, 0.8]], np.float32), np.full((1, 2, 3), 10, np.uint8)
    second = np.array([[0.6, 0.4]], np.float32), np.full((1, 2, 3), 200, np.uint8)
    unite(first, second)
    assert np.allclose(first[0], [[0.6, 0.8]])
    assert first[1][..., 0].tolist() == [[200, 10]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "error", "word"),
    [
        ("detector.weights=/gone/yolo.pt", WeightsError, "/gone/yolo.pt"),
        ("detector.device=tpu9", ConfigError, "tpu9"),
    ],
)
def test_networks_that_cannot_load_are_named(
    override: str, error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        flow.build(load_config("default", [override]))


def test_every_kind_of_the_configuration_has_an_adapter() -> None:
    kinds = Config.model_fields["detector"].annotation.model_fields["kind"].annotation  # type: ignore[union-attr]
    assert set(kinds.__args__) == set(flow.DETECTORS)


def see_through(toy: Toy) -> Photo:
    """The toy with lenses that show the background, which is what is around the glasses."""
    rgb = toy.rgb.copy()
    around = ~cv2.dilate(toy.mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)
    rgb[toy.lens] = np.median(rgb[around], axis=0)
    return Photo("toy.png", rgb)


@pytest.mark.parametrize(("mode", "white"), [("keep", False), ("clear", True), ("auto", True)])
def test_lenses_are_cleared_where_it_is_asked_for(
    mode: str, white: bool, toy: Toy, fake_detector: FakeDetector
) -> None:
    photo = see_through(toy)
    result = make(fake_detector, ShowsLenses(toy), f"refine.lens={mode}").process(photo)
    assert result.matte is not None
    inside = cv2.erode(toy.lens.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.bool_)
    shown = result.matte.foreground[inside]
    assert (shown.min() > 235) if white else (shown == photo.rgb[inside]).all()
    assert result.flags == ()


def test_lenses_that_the_segmenter_does_not_show_are_flagged(
    toy: Toy, fake_detector: FakeDetector
) -> None:
    flags = make(fake_detector, None, "refine.lens=auto").process(see_through(toy)).flags
    assert flags == ("review: the lenses are kept: the segmenter shows none",)


class ShowsLenses(FakeSegmenter):
    """Answers with the toy's own lenses."""

    def __init__(self, toy: Toy) -> None:
        super().__init__()
        self.toy = toy

    def segment(self, photo: Photo, prompts: Sequence[Prompt]) -> Masks:
        found = super().segment(photo, prompts)
        masks = np.repeat(self.toy.mask[None], len(prompts), 0)
        return Masks(masks, found.quality, np.repeat(self.toy.lens[None], len(prompts), 0))
