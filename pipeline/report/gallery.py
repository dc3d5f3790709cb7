"""The photos of a page as the data that its script shows."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.report.pictures import Region

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Field:
    """A number that photos have, by which they are sorted and filtered.

    Attributes:
        label: for people.
        group: heading under which it is offered.
        better: decides which end is the worst; None where neither is.
        signed: shown with its sign, good and bad in colours.
        descending: the first end to look at is the high one, where neither end is better.
    """

    label: str
    group: str
    better: Better | None = None
    signed: bool = False
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """An encoded picture of a card: ``photo``, ``truth`` or a prediction's name."""

    name: str
    data: bytes
    region: Region


@dataclass(frozen=True, slots=True)
class Card:
    """One photo.

    Attributes:
        status: shown beside the name, such as ``missed``; mostly empty.
        values: in the order of the page's fields, None where there is none.
        rank: where it comes if it lacks the value sorted by: -1 with the worst, 1 with the best,
            0 last.
    """

    name: str
    status: str
    values: Sequence[float | None]
    tags: Mapping[str, str]
    layers: Sequence[Layer]
    rank: Literal[-1, 0, 1] = 0


@dataclass(frozen=True, slots=True)
class View:
    """A way to look at a card: masks left, and right of a slider if `right` is given.

    One name shows that mask, two show the difference of truth and prediction, none the photo.
    """

    label: str
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    sides: tuple[str, str] = ("", "")


Rows = Sequence[tuple[str, Sequence[int]]]
"""Lines of a card's table: a label and the fields of its cells."""


def gallery(
    fields: Sequence[Field],
    cards: Sequence[Card],
    views: Sequence[View],
    *,
    heads: Sequence[str] = (),
    rows: Rows = (),
    more: Rows = (),
) -> dict[str, Any]:
    """Return what the template shows: ``data`` for the script and ``encoded`` pictures."""
    names = sorted({tag for card in cards for tag in card.tags})
    statuses = ["status"] if any(card.status for card in cards) else []
    data = {
        "fields": [
            {
                "label": field.label,
                "group": field.group,
                "better": field.better,
                "signed": field.signed,
                "descending": field.descending,
            }
            for field in fields
        ],
        "heads": list(heads),
        "rows": [[label, list(places)] for label, places in rows],
        "more": [[label, list(places)] for label, places in more],
        "views": [
            {"label": v.label, "left": v.left or None, "right": v.right or None, "sides": v.sides}
            for v in views
        ],
        "tags": [*statuses, *names],
        "photos": [_entry(card, bool(statuses), names) for card in cards],
    }
    pictures = [" ".join(b64encode(x.data).decode() for x in card.layers) for card in cards]
    return {"data": data, "encoded": pictures}


def picture_of(title: str, svg: str) -> dict[str, str | int]:
    """Return an SVG plot as an image for the template, apart from the page's ids and styles."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None, "matplotlib writes a viewBox"
    width, height = (round(float(points) * 4 / 3) for points in box.groups())
    source = "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
    return {"title": title, "source": source, "width": width, "height": height}


def finite(value: float | None) -> float | None:
    """Return `value` with six digits; None, as JSON wants it, for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _entry(card: Card, with_status: bool, names: Sequence[str]) -> dict[str, Any]:
    status = [card.status or None] if with_status else []
    return {
        "n": card.name,
        "s": card.status,
        "r": card.rank,
        "v": [finite(value) for value in card.values],
        "t": [*status, *(card.tags.get(name) for name in names)],
        "p": [[layer.name, layer.region] for layer in card.layers] or None,
    }
