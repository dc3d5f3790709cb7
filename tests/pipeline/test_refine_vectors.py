"""Products and lengths of colours."""

from __future__ import annotations

import numpy as np

from pipeline.refine.vectors import dot, length


def test_products_are_those_of_each_pixel() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.normal(0, 100, (7, 5, 3)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(dot(one, other), (one * other).sum(axis=2), rtol=1e-4, atol=0.1)
    np.testing.assert_allclose(length(one), np.linalg.norm(one, axis=2), rtol=1e-5)
    assert dot(one, other).dtype == length(one).dtype == np.float32
