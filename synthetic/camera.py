"""The pinhole camera of a scene: position, lens, framing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SENSOR_WIDTH = 36.0
"""Width of a full-frame sensor in mm, to which focal lengths refer."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Matrices are float64 (4, 4), column vectors; distance: to the subject, mm."""

    eye: npt.NDArray[np.float64]
    forward: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]
    distance: float
    size: tuple[int, int]

    def project(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Points (N, 3) in pixels (N, 2), x right and y down."""
        clip = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        ndc = clip[:, :2] / clip[:, 3:]
        height, width = self.size
        return np.asarray((ndc * [0.5, -0.5] + 0.5) * [width, height])

    def share_in_view(self, points: npt.NDArray[np.float64]) -> float:
        """Which share of points (N, 3) lies in front of the camera and within the picture."""
        clip = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        ahead = clip[:, 3] > 0
        within = (np.abs(clip[:, :2]) <= clip[:, 3:]).all(axis=1)
        return float((ahead & within).mean())


def look_at(
    eye: npt.NDArray[np.float64], target: npt.NDArray[np.float64], roll: float
) -> npt.NDArray[np.float64]:
    """World to camera, the camera looking along its -z."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    up = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.999 else np.array([0.0, 0.0, -1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    right, up = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
    view = np.eye(4)
    view[:3, :3] = np.stack([right, up, -forward])
    view[:3, 3] = -view[:3, :3] @ eye
    return view


def perspective(
    focal: float, size: tuple[int, int], shift: tuple[float, float], near: float, far: float
) -> npt.NDArray[np.float64]:
    """Projection for a focal length in mm; `shift` moves the picture, in NDC."""
    height, width = size
    scale = 2 * focal / SENSOR_WIDTH
    long_side = max(size)
    matrix = np.zeros((4, 4))
    matrix[0, 0] = scale * long_side / width
    matrix[1, 1] = scale * long_side / height
    matrix[0, 2], matrix[1, 2] = -shift[0], -shift[1]
    matrix[2, 2] = -(far + near) / (far - near)
    matrix[2, 3] = -2 * far * near / (far - near)
    matrix[3, 2] = -1.0
    return matrix


def aim(
    rng: np.random.Generator,
    subject: npt.NDArray[np.float64],
    azimuth: float,
    elevation: float,
    size: tuple[int, int],
    *,
    tight: bool,
) -> Camera:
    """A camera that frames `subject`, float (N, 3) in mm.

    The subject fills 10 % to 95 % of the picture's width (and never more than 95 % of its
    height, but for the few that are cut by the frame), anywhere in the picture.
    """
    focal = float(np.exp(rng.uniform(np.log(24), np.log(135))))
    fill = float(rng.choice([rng.uniform(0.1, 0.4), rng.uniform(0.35, 0.95)], p=[0.18, 0.82]))
    fill = fill if tight else float(rng.uniform(0.4, 1.0))
    roll = float(rng.choice([rng.normal(0, 0.04), rng.uniform(-np.pi, np.pi)], p=[0.85, 0.15]))
    centre = (subject.min(0) + subject.max(0)) / 2
    direction = np.array(
        [
            np.sin(azimuth) * np.cos(elevation),
            np.sin(elevation),
            np.cos(azimuth) * np.cos(elevation),
        ]
    )
    reach = float(np.linalg.norm(subject - centre, axis=1).max())
    distance = reach * 2 * focal / SENSOR_WIDTH / fill
    shift = (0.0, 0.0)
    for _ in range(4):
        distance = max(distance, reach * 1.15 + 15)
        camera = _camera(centre, direction, distance, focal, size, shift, roll)
        pixels = camera.project(subject)
        span = (pixels.max(0) - pixels.min(0)) / [size[1], size[0]]
        distance *= float(np.clip(max(span[0] / fill, span[1] / 0.95), 0.2, 5))
    camera = _camera(centre, direction, max(distance, reach * 1.15 + 15), focal, size, shift, roll)
    low, high = camera.project(subject).min(0), camera.project(subject).max(0)
    return _camera(
        centre, direction, camera.distance, focal, size, _shift(rng, low, high, size), roll
    )


def _shift(
    rng: np.random.Generator,
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    size: tuple[int, int],
) -> tuple[float, float]:
    """A shift in NDC that puts the subject's box somewhere in the picture, mostly central."""
    extent = np.array([size[1], size[0]], np.float64)
    room = np.maximum(extent - (high - low), 0)
    spot = room * np.clip(rng.normal(0.5, 0.2, 2), 0.02, 0.98)
    move = (spot - low) / extent * 2
    if rng.random() < 0.04:
        move += rng.uniform(-0.35, 0.35, 2)
    return float(move[0]), float(-move[1])


def _camera(
    centre: npt.NDArray[np.float64],
    direction: npt.NDArray[np.float64],
    distance: float,
    focal: float,
    size: tuple[int, int],
    shift: tuple[float, float],
    roll: float,
) -> Camera:
    eye = centre + direction * distance
    eye[1] = max(eye[1], 4.0)
    view = look_at(eye, centre, roll)
    near = max(distance * 0.05, 5.0)
    matrix = perspective(focal, size, shift, near, 12000.0 + distance) @ view
    forward = (centre - eye) / np.linalg.norm(centre - eye)
    return Camera(eye, forward, matrix, distance, size)
