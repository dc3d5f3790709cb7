from __future__ import annotations

import shutil
from pathlib import Path

from canvas_scenes import draw_glasses
from pipeline.canvas import check, measure, place, render
from pipeline.config import canvas_names, load_canvas
from scripts_under_test import ROOT, script

PAGE = ROOT / "docs" / "canvas.md"


def test_the_table_of_presets_is_that_of_their_files(tmp_path: Path) -> None:
    page = tmp_path / "canvas.md"
    shutil.copy(PAGE, page)
    assert script("make_canvas_docs").main(["--page", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_the_table_has_a_row_for_each_preset() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line]
    for name in canvas_names():
        assert sum(row.startswith(f"| `{name}` |") for row in rows) == 1


def test_the_canvas_of_ones_own_in_the_page_is_one(tmp_path: Path) -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("```yaml\n")
    path = tmp_path / "mine.yaml"
    path.write_text(rest.partition("```")[0])
    preset = load_canvas(path)
    assert preset.name == "mine"
    assert preset.baseline == 0.7


def test_the_page_names_every_rule_of_the_verdict() -> None:
    matte, lenses = draw_glasses(900, 700)
    extent = measure(matte.alpha, lenses)
    text = PAGE.read_text(encoding="utf-8").partition("## Verdict")[2]
    for name in canvas_names():
        preset = load_canvas(name)
        placement = place(extent, preset)
        for rule in check(render(matte, placement), extent, placement, preset).rules:
            assert f"`{rule.name}`" in text
