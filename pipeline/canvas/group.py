"""Which photos show one product, so that all its angles share scale and baseline."""

from __future__ import annotations

import re


def group_of(key: str, pattern: str | None) -> str | None:
    """Return the name of the group that a photo belongs to; None where it stands alone.

    Args:
        key: POSIX path of the photo, as in `pipeline.types.Photo`.
        pattern: a regular expression, searched in `key`; its first group is the name where it has
            one, else all that it matches. ``"^(.*)_img_"`` takes what stands before ``_img_``.
    """
    found = re.search(pattern, key) if pattern is not None else None
    if found is None:
        return None
    name = found.group(1) if found.re.groups else found.group()
    return name or None
