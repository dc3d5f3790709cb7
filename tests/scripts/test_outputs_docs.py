from __future__ import annotations

import re
import shutil
from pathlib import Path

from pipeline.config import OutputConfig
from pipeline.outputs import FOLDERS, KINDS
from scripts_under_test import ROOT, script

PAGE = ROOT / "docs" / "outputs.md"


def test_the_table_measures_every_picture_and_format(tmp_path: Path) -> None:
    page = tmp_path / "outputs.md"
    shutil.copy(PAGE, page)
    assert (
        script("make_outputs_docs").main(
            ["--page", str(page), "--megapixels", "0.1", "--runs", "1"]
        )
        == 0
    )
    rows = re.findall(r"^\| (white|transparent|mask) \| (\w+).*\| (8|16) \| [\d.]+ \| [\d.]+ \|$",
                      page.read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    assert {kind for kind, _, _ in rows} == {"white", "transparent", "mask"}
    assert {form for _, form, _ in rows} == {"PNG", "JPEG", "WebP", "TIFF"}
    assert ("white", "TIFF", "16") in rows
    assert page.read_text(encoding="utf-8").count("|") == PAGE.read_text(encoding="utf-8").count(
        "|"
    )


def test_the_page_names_every_picture_and_key() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        assert f"| `{name}` | `{FOLDERS[kind]}/` |" in text
    for key in set(OutputConfig.model_fields) - {"report", "thumbnail"}:
        assert f"output.{key}" in text or f"`{key}`" in text
