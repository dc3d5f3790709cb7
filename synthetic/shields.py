"""The front of safety goggles: one wide lens in a soft body that closes towards the face.

Coordinates as in `synthetic.glasses`. Everything here is modelled flat and bent backwards last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic.fronts import wrap

Points = npt.NDArray[np.float64]
_COUNT = 160
_WALL = 2.4


@dataclass(frozen=True, slots=True)
class Shield:
    """Measures of the front in mm.

    half_width, half_height, exponent: of the lens, a superellipse. notch, notch_width: how far the
    nose cut-out reaches up, and its half-width. cheek: how far the outer lower corners are pulled
    up, as a share. brow: dip in the middle of the upper edge. bulge: of the lens towards the front.
    rim_width: of the body round the lens. depth, flare: of the body from the lens to the face, and
    how much it widens on the way. lip: width of the edge that lies on the face. wrap_radius,
    face_radius: how the front and the edge towards the face are bent.
    """

    half_width: float
    half_height: float
    exponent: float
    notch: float
    notch_width: float
    cheek: float
    brow: float
    bulge: float
    rim_width: float
    depth: float
    flare: float
    lip: float
    wrap_radius: float
    face_radius: float

    def outline(self, grow: float) -> Points:
        """The lens outline made larger by `grow` mm, counter-clockwise from +x, float (P, 2).

        The same row of any two outlines lies at about the same place, nose cut-out included.
        """
        return self._at(self._angles(), grow)

    def _angles(self) -> Points:
        dense = np.linspace(0, 2 * np.pi, 8 * _COUNT, endpoint=False)
        step = np.linalg.norm(np.diff(self._at(dense, 0.0), axis=0), axis=1)
        length = np.concatenate([[0], np.cumsum(step)])
        # The curve is closed: the last step leads back to the first point.
        even = np.linspace(0, length[-1] * (1 + 1 / len(step)), _COUNT, endpoint=False)
        return np.asarray(np.interp(even, length, dense))

    def _at(self, angle: Points, grow: float) -> Points:
        cos, sin, n = np.cos(angle), np.sin(angle), self.exponent
        radius = (np.abs(cos) ** n + np.abs(sin) ** n) ** (-1 / n)
        across, up = radius * cos, radius * sin
        x = (self.half_width + grow) * across
        low = np.clip(-up, 0, 1)
        # Outwards means into the cut-out there: it keeps its height and gets narrower.
        narrow = max(self.notch_width - 0.5 * grow, 6.0)
        nose = self.notch * np.exp(-((x / narrow) ** 2)) * low
        y = (self.half_height + grow) * up * (1 - self.cheek * across**2 * low) + nose
        return np.column_stack([x, y - self.brow * np.exp(-((x / 18) ** 2)) * (up > 0)])

    def skirt(self, share: float) -> Points:
        """The body's outside between lens (0) and face (1), bent, float (P, 3)."""
        ring = self._ring(self.rim_width + self.flare * share, self.depth * share)
        return np.asarray(ring - np.outer(ring[:, 0] ** 2 / (2 * self.wrap_radius), [0, 0, 1]))

    def _ring(self, grow: float, depth: float) -> Points:
        """An outline `depth` mm behind the lens, where the face's bend counts the more."""
        flat = self.outline(grow)
        tighter = 1 / (2 * self.face_radius) - 1 / (2 * self.wrap_radius)
        back = depth + np.clip(depth / self.depth, 0, None) * tighter * flat[:, 0] ** 2
        return np.column_stack([flat, -back])

    def body(self) -> m.Mesh:
        """Rim, walls and the lip on the face: one closed ring of a section."""
        rim, end = self.rim_width, self.rim_width + self.flare
        section = np.array(
            [
                [-1.2, 0.8], [-0.8, -1.2], [rim * 0.3, -2.4], [rim * 0.8, -2.2], [rim, -0.6],
                [rim, 2.0], [rim + self.flare * 0.15, self.depth * 0.15 + 2],
                [end, self.depth * 0.85], [end, self.depth], [end - 1.2, self.depth + 1.4],
                [end - self.lip, self.depth], [end - self.lip, self.depth - 2],
                [end - _WALL - 1, self.depth - 2.2], [rim - _WALL, 3.6], [-0.8, 2.6],
            ]
        )  # fmt: skip
        # From the inside out, against the way above, or the normals would point inwards.
        smooth = _rounded(section)[::-1]
        rings = np.stack([self._ring(grow, depth) for grow, depth in smooth])
        surface = m.grid(rings.transpose(1, 0, 2), closed_rows=True, closed_columns=True)
        return wrap(self.wrap_radius, surface)

    def bezel(self) -> m.Mesh:
        """A band on the rim, in front of it."""
        path = np.pad(self.outline(self.rim_width * 0.5), ((0, 0), (0, 1)), constant_values=2.0)
        band = m.sweep(path, self.rim_width * 0.36, 1.1, [0, 0, 1], exponent=3.5, closed=True)
        return wrap(self.wrap_radius, band)

    def lens(self, start: float, end: float) -> m.Mesh:
        """The lens surface from x = start to end; uv runs over these bounds, v downwards."""
        edge = self.outline(-0.2)
        turn = np.linspace(-np.pi / 2, np.pi / 2, 48)
        x = (start + end) / 2 + (end - start) / 2 * np.sin(turn)
        top, bottom = (_height(edge, x, upper) for upper in (True, False))
        up = np.linspace(0, 1, 12)[:, None]
        y = bottom + (top - bottom) * up
        z = self.bulge * (1 - (y / self.half_height) ** 2)
        surface = m.grid(np.stack([np.broadcast_to(x, y.shape), y, z], -1))
        facing = np.where(surface.normals[:, 2:] < 0, -1.0, 1.0)
        low, high = bottom.min(), top.max()
        across = (surface.positions[:, 0] - start) / (end - start)
        uvs = np.column_stack([across, (high - surface.positions[:, 1]) / (high - low)])
        triangles = surface.triangles[:, ::-1]
        flat = m.mesh(surface.positions, surface.normals * facing, uvs, triangles)
        return wrap(self.wrap_radius, flat)

    def half_span(self) -> float:
        """Largest x at which the lens has a height."""
        return float(self.outline(-0.2)[:, 0].max())

    def bar(self, half_width: float) -> m.Mesh:
        """What parts two lenses: from the upper rim down to the nose."""
        edge = self.outline(0.0)
        top, bottom = (float(_height(edge, np.zeros(1), up)[0]) for up in (True, False))
        path = np.column_stack([np.zeros(12), np.linspace(top + 1, bottom - 1, 12), np.zeros(12)])
        path[:, 2] = self.bulge * (1 - (path[:, 1] / self.half_height) ** 2)
        body = m.sweep(path, half_width, 2.0, [0, 0, 1], exponent=3.0, rounded_ends=False)
        return wrap(self.wrap_radius, body)

    def slots(self, places: Points) -> list[m.Mesh]:
        """Vents in the body's wall: bars from front to back.

        places: shares of the way round the outline, 0 at +x, a quarter above, (N,).
        """
        wall = np.stack([self.skirt(share) for share in np.linspace(0.32, 0.74, 5)])
        rows = np.rint(np.asarray(places) * _COUNT).astype(int) % _COUNT
        # Any direction that is not along the bar will do: its section is round.
        return [m.sweep(wall[:, row], 0.85, 0.85, [0.6, 0.8, 0], columns=8) for row in rows]

    def caps(self, places: Points, radius: float) -> list[m.Mesh]:
        """Round covers over vents, at places as in `slots`."""
        wall = self.skirt(0.5)
        rows = np.rint(np.asarray(places) * _COUNT).astype(int) % _COUNT
        made = []
        for row in rows:
            along = wall[(row + 1) % _COUNT] - wall[row - 1]
            turn = float(np.arctan2(along[1], along[0]))
            button = m.ellipsoid((radius, 2.6, radius * 0.9))
            made.append(button.transformed(m.translation(wall[row]) @ m.rotation([0, 0, 1], turn)))
        return made


def _rounded(section: Points) -> Points:
    """A closed section with its corners cut once (Chaikin, 1974)."""
    following = np.roll(section, -1, 0)
    cut = np.stack([0.75 * section + 0.25 * following, 0.25 * section + 0.75 * following], axis=1)
    return np.asarray(cut.reshape(-1, 2))


def _height(edge: Points, x: Points, upper: bool) -> Points:
    """Height of the upper or lower half of a counter-clockwise outline at x."""
    half = (
        edge[: len(edge) // 2 + 1] if upper else np.concatenate([edge[len(edge) // 2 :], edge[:1]])
    )
    order = np.argsort(half[:, 0])
    return np.asarray(np.interp(x, half[order, 0], half[order, 1]))
