"""Specks go; the far part of a broken temple stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.refine.islands import drop_islands

SIZE = (300, 700)
BOX = (40.0, 60.0, 660.0, 240.0)
PAPER, DARK = (230, 230, 230), (30, 25, 40)


def front() -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    cv2.rectangle(mask, (50, 70), (250, 230), 1, -1)
    return mask.astype(bool)


def line(start: tuple[int, int], end: tuple[int, int], width: int = 5) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    cv2.line(mask, start, end, 1, width)
    return mask.astype(bool)


def photo(glasses: np.ndarray) -> np.ndarray:
    rgb = np.full((*SIZE, 3), PAPER, np.uint8)
    rgb[glasses] = DARK
    return rgb


@pytest.mark.parametrize("width", [1, 3, 6])
@pytest.mark.parametrize("gap", [5, 20, 80])
def test_the_rest_of_a_broken_temple_stays(gap: int, width: int) -> None:
    temple = line((251 + gap, 100), (640, 130), width)
    rgb = photo(front() | line((251, 98), (640, 130), width))
    kept = drop_islands(front() | temple, BOX, rgb)
    assert (kept | ~(front() | temple)).all()


def test_a_temple_in_many_pieces_stays() -> None:
    pieces = front()
    for start in range(265, 640, 60):
        pieces |= line((start, 100), (start + 40, 100))
    kept = drop_islands(pieces, BOX, photo(pieces))
    assert (kept | ~pieces).all()


def test_a_short_break_is_closed_where_the_photo_has_the_temple() -> None:
    whole = front() | line((251, 100), (640, 100))
    broken = whole.copy()
    broken[:, 300:312] = False
    closed = drop_islands(broken, BOX, photo(whole))
    missing = whole & ~broken
    assert np.count_nonzero(closed & missing) >= 0.8 * np.count_nonzero(missing)
    near = cv2.dilate(whole.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert not (closed & ~near).any()


def test_a_short_break_stays_where_the_photo_shows_background() -> None:
    whole = front() | line((251, 100), (640, 100))
    broken = whole.copy()
    broken[:, 300:312] = False
    assert np.array_equal(drop_islands(broken, BOX, photo(broken)), broken)


@pytest.mark.parametrize(
    "speck",
    [
        line((500, 150), (500, 150), 5),
        line((500, 150), (503, 160), 12),
        line((400, 130), (400, 200), 5),  # a line, pointing past the glasses
        line((360, 20), (640, 20), 10),  # outside the box
    ],
)
def test_what_is_not_of_the_glasses_goes(speck: np.ndarray) -> None:
    assert np.array_equal(drop_islands(front() | speck, BOX, photo(front())), front())


def test_the_second_lens_of_a_rimless_pair_stays() -> None:
    pair = front()
    pair[70:230, 400:600] = True
    assert np.array_equal(drop_islands(pair, BOX, photo(pair)), pair)


def test_other_glasses_outside_the_box_go_even_if_larger() -> None:
    other = front()
    other[:, 300:] = True
    other[:, 251:300] = False
    kept = drop_islands(other, (40.0, 60.0, 260.0, 240.0), photo(other))
    assert np.array_equal(kept, front())


@pytest.mark.parametrize("mask", [np.zeros(SIZE, bool), front()])
def test_one_piece_or_none_is_left_alone(mask: np.ndarray) -> None:
    assert np.array_equal(drop_islands(mask, BOX, photo(mask)), mask)


def test_a_piece_as_near_with_both_its_ends_is_bridged_without_fault() -> None:
    mask = np.zeros((200, 400), bool)
    mask[20:180, 20:60] = mask[20:180, 340:380] = True
    mask[20:60, 20:380] = True
    mask[150:153, 66:334] = True  # a temple between two legs, five pixels short of each
    rgb = np.where(mask[..., None], 20, 220).astype(np.uint8).repeat(3, axis=2)
    rgb[150:153, 60:340] = 20
    kept = drop_islands(mask, (20, 20, 380, 180), rgb)
    assert kept[151, 200]
    assert kept[151, 62] or kept[151, 337]


def test_a_piece_whose_wide_end_lies_between_two_prongs_is_no_fault() -> None:
    """The middle of the end is farther from the glasses than its corners."""
    mask = np.zeros((200, 400), bool)
    mask[20:180, 20:100] = True
    mask[78:80, 100:201] = mask[110:112, 100:201] = True
    mask[80:110, 204:330] = True
    rgb = np.where(mask[..., None], 20, 220).astype(np.uint8).repeat(3, axis=2)
    assert drop_islands(mask, (20, 20, 380, 180), rgb)[95, 300]
