"""Which pieces of a mask belong to the glasses, and which are specks, shadows or other things.

Thin temples break where a model is unsure, so a piece is not judged by its size alone. Pieces
outside the detector's box go. Within it a piece stays if it is a good share of the glasses (the
second lens of a rimless pair), lies right beside them, or is long and points at them, as the rest
of a temple does. Short breaks in such a line are closed where the photo shows the same colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bools, Box, Bytes, Floats

_OUTSIDE = 0.05  # of the diagonal: what the detector's box may be short of
_LARGE = 0.05  # of the main piece
_SPECK = 0.0005  # of the main piece: less is noise whatever its place
_BESIDE = 0.01  # of the diagonal
_LONG = 0.02  # of the diagonal
_SLENDER = 3.0  # length to width of a piece of temple
_REACH = 0.15  # of the diagonal: longest break in a temple
_AIM = 0.01  # of the diagonal: how far a piece may point past the glasses
_BRIDGE = 0.03  # of the diagonal: longest break that is closed
_NEIGHBOUR = 40.0  # largest RGB distance of colours along one temple


@dataclass(frozen=True, slots=True)
class _Piece:
    """One piece: its points (x, y), its ends, its length and width in pixels."""

    points: NDArray[np.float32]
    ends: NDArray[np.float32]
    length: float
    width: float

    @property
    def slender(self) -> bool:
        return self.length >= _SLENDER * self.width


def touched(area: Bools, seeds: Bools, connectivity: int = 8) -> Bools:
    """Return the pieces of `area` that hold any of `seeds`, which lie within it; both (H, W)."""
    count, labels = cv2.connectedComponents(area.view(np.uint8), connectivity=connectivity)
    kept = np.zeros(count, np.bool_)
    kept[labels[seeds]] = True
    kept[0] = False
    return np.asarray(kept[labels])


def drop_islands(mask: Bools, box: Box, rgb: Bytes) -> Bools:
    """Drop the pieces that are not of the glasses and close short breaks in temples.

    Args:
        mask: bool (H, W).
        box: x0, y0, x1, y1 in pixels of `mask`, the detector's box.
        rgb: uint8 (H, W, 3), sRGB.

    Returns:
        bool (H, W).
    """
    mask = np.ascontiguousarray(mask)
    count, found, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    diagonal = float(np.hypot(box[2] - box[0], box[3] - box[1]))
    labels: NDArray[np.int32] = np.asarray(found, np.int32)
    inside = _inside(labels, count, box, _OUTSIDE * diagonal)
    areas = stats[:, cv2.CC_STAT_AREA]
    inside[0] = 0
    main = int(np.argmax(inside))
    if not inside[main]:
        return mask
    candidates = [
        int(index)
        for index in np.argsort(-areas)
        if index not in (0, main)
        and areas[index] >= _SPECK * areas[main]
        and inside[index] >= 0.5 * areas[index]
    ]
    kept = np.asarray(labels == main)
    pieces = {i: _piece(labels, stats[i], i) for i in candidates}
    while chosen := _next(pieces, kept, float(areas[main]), diagonal):
        for index in chosen:
            piece = pieces.pop(index)
            _bridge(kept, piece, rgb, _BRIDGE * diagonal)
            kept[piece.points[:, 1].astype(int), piece.points[:, 0].astype(int)] = True
    return kept


def _inside(labels: NDArray[np.int32], count: int, box: Box, margin: float) -> NDArray[np.int64]:
    """Count each label's pixels within the box and its margin."""
    height, width = labels.shape
    x0, y0 = (max(0, int(v - margin)) for v in box[:2])
    x1, y1 = min(width, int(box[2] + margin) + 1), min(height, int(box[3] + margin) + 1)
    return np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=count)


def _piece(labels: NDArray[np.int32], stat: NDArray[Any], index: int) -> _Piece:
    x, y, w, h = (int(value) for value in stat[:4])
    ys, xs = np.nonzero(labels[y : y + h, x : x + w] == index)
    points = np.column_stack([xs + x, ys + y]).astype(np.float32)
    centre = points.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((points - centre).T) if len(points) > 1 else np.eye(2))
    along = (points - centre) @ axes[:, 1]
    ends = points[[int(along.argmin()), int(along.argmax())]]
    length = float(np.ptp(along)) + 1
    return _Piece(points, ends, length, len(points) / length)


def _next(pieces: dict[int, _Piece], kept: Bools, main: float, diagonal: float) -> list[int]:
    """Return the pieces that belong to what is kept so far."""
    if not pieces:
        return []
    away: Floats = np.asarray(
        cv2.distanceTransform((~kept).view(np.uint8), cv2.DIST_L2, 3), np.float32
    )
    return [i for i, piece in pieces.items() if _belongs(piece, away, main, diagonal)]


def _belongs(piece: _Piece, away: Floats, main: float, diagonal: float) -> bool:
    if len(piece.points) >= _LARGE * main:
        return True
    columns, rows = piece.points.astype(int).T
    if away[rows, columns].min() <= _BESIDE * diagonal:
        return True
    if not piece.slender or piece.length < _LONG * diagonal:
        return False
    return _points_at(piece, away, _REACH * diagonal, _AIM * diagonal)


def _points_at(piece: _Piece, away: Floats, reach: float, aim: float) -> bool:
    """Say whether the piece's own direction leads from either end to the glasses."""
    height, width = away.shape
    first, last = piece.ends
    direction = (last - first) / max(float(np.linalg.norm(last - first)), 1e-6)
    steps = np.arange(1, reach, 1, dtype=np.float32)[:, None]
    for start, way in ((first, -direction), (last, direction)):
        path = np.rint(start + steps * way).astype(int)
        path = path[((path >= 0) & (path < (width, height))).all(axis=1)]
        if len(path) and away[path[:, 1], path[:, 0]].min() <= aim:
            return True
    return False


def _bridge(kept: Bools, piece: _Piece, rgb: Bytes, longest: float) -> None:
    """Draw the missing bit of temple between `piece` and `kept`, in place, if the photo has it."""
    if not piece.slender:
        return
    away = cv2.distanceTransform((~kept).view(np.uint8), cv2.DIST_L2, 5)
    columns, rows = piece.points.astype(int).T
    gaps = away[rows, columns]
    gap = float(gaps.min())
    if not 1 < gap <= longest:
        return
    # The middle of the nearest end; a piece may be as near with its other end, far from here.
    nearest = piece.points[int(gaps.argmin())]
    beside = np.linalg.norm(piece.points - nearest, axis=1) <= piece.width + 1
    start = piece.points[(gaps <= gap + 1) & beside].mean(axis=0)
    # Of a wide end the middle may be farther away than its nearest pixel.
    goal = _nearest(kept, start, gap + 1, gap + 1 + float(np.linalg.norm(start - nearest)))
    strip = np.zeros(kept.shape, np.uint8)
    first, last = ((round(float(x)), round(float(y))) for x, y in (start, goal))
    cv2.line(strip, first, last, 1, max(1, round(piece.width)))
    fresh = strip.view(np.bool_) & ~kept
    colour = np.median(rgb[rows, columns], axis=0)
    if fresh.any() and np.linalg.norm(np.median(rgb[fresh], axis=0) - colour) <= _NEIGHBOUR:
        kept |= fresh


def _nearest(kept: Bools, start: Floats, reach: float, room: float) -> Floats:
    """Return the middle of what is kept within `reach` of `start`, x and y, or the nearest of it,
    which is no farther than `room`."""
    left, top = np.maximum(start - room - 1, 0).astype(int)
    right, bottom = (start + room + 2).astype(int)
    ys, xs = np.nonzero(kept[top:bottom, left:right])
    points = np.column_stack([xs + left, ys + top]).astype(np.float32)
    apart = np.linalg.norm(points - start, axis=1)
    return np.asarray(points[apart <= max(reach, float(apart.min()))].mean(axis=0), np.float32)
