"""From a matte to the finished picture: where the glasses go, how they get there, whether it is
right. Pure functions of arrays and settings.
"""

from pipeline.canvas.extent import Extent, Lens, measure
from pipeline.canvas.group import group_of
from pipeline.canvas.place import Placement, place
from pipeline.canvas.preset import CanvasPreset, Fill
from pipeline.canvas.render import Canvas, render
from pipeline.canvas.shadow import ShadowKind
from pipeline.canvas.verdict import Rule, Verdict, check

__all__ = [
    "Canvas",
    "CanvasPreset",
    "Extent",
    "Fill",
    "Lens",
    "Placement",
    "Rule",
    "ShadowKind",
    "Verdict",
    "check",
    "group_of",
    "measure",
    "place",
    "render",
]
