"""Fixtures that several packages share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

from toys import FakeDetector, FakeSegmenter, Toy, draw_toy

if TYPE_CHECKING:
    from synthetic.renderer import Renderer

REQUIRE_GL = "EYECUT_REQUIRE_GL"
# How long an example takes says how busy the machine is, not whether it passes.
hypothesis.settings.register_profile("eyecut", deadline=None)
hypothesis.settings.load_profile("eyecut")


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    """The renderer with nothing but itself; without a GL driver tests of it are skipped.

    With EYECUT_REQUIRE_GL=1 they fail instead, so that CI cannot pass by not rendering.
    """
    # Two copies of LLVM: torch's compiler crashes where a software GL driver was loaded before.
    import torch  # noqa: F401

    from synthetic.errors import RendererUnavailable
    from synthetic.renderer import Renderer

    try:
        return Renderer()
    except RendererUnavailable as reason:
        if os.environ.get(REQUIRE_GL) == "1":
            pytest.fail(f"{REQUIRE_GL}=1, but {reason}", pytrace=False)
        pytest.skip(str(reason))


@pytest.fixture
def toy() -> Toy:
    """One pair of glasses, 120 x 200 pixels."""
    return draw_toy()[0]


@pytest.fixture
def fake_detector(toy: Toy) -> FakeDetector:
    """Finds the toy's glasses, surely."""
    return FakeDetector([(*toy.box, 0.9, 0)])


@pytest.fixture
def fake_segmenter() -> FakeSegmenter:
    """Cuts out what is dark in the box."""
    return FakeSegmenter()
