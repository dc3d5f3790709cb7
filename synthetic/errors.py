"""What can go wrong while scenes are rendered.

SyntheticError
+-- RendererUnavailable   no OpenGL driver that renders without a screen
+-- AssetError            a named folder of environment maps, textures or models is unusable
"""

from __future__ import annotations


class SyntheticError(Exception):
    """Root of everything that this package raises on purpose."""


class RendererUnavailable(SyntheticError):  # noqa: N818 - a state, not a mistake
    """No OpenGL context could be made; the message says which packages to install."""

    def __init__(self, reason: str = "") -> None:
        detail = f" ({reason})" if reason else ""
        super().__init__(
            f"no OpenGL driver that renders without a screen{detail}; on Debian or Ubuntu: "
            "apt-get install libegl1 libgl1-mesa-dri"
        )


class AssetError(SyntheticError):
    """A folder or file of assets is missing, empty or unreadable; the message names it."""
