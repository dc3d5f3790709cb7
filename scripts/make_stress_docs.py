"""Put what `eyecut stress` wrote into the docs: its plots, its tables and where curves fall off.

    eyecut stress DATA OUTPUT
    python scripts/make_stress_docs.py "samples=OUTPUT" ["NAME=OUTPUT" ...]

The plots are copied to docs/stress/, all tables go to docs/stress.md, the first set's plots and
falls to the README too, between their markers.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

from markers import replace_between, table_row  # noqa: E402

from pipeline.stress.result import CURVES  # noqa: E402

BEGIN = "<!-- stress: written by scripts/make_stress_docs.py -->"
END = "<!-- end of stress -->"
IN_A_ROW = 3


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", metavar="NAME=OUTPUT")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the documents")
    return parser.parse_args(argv)


def copy_plots(output: Path, folder: Path) -> list[str]:
    """Replace the plots in `folder` by those of `output`; return their names in its order."""
    told = json.loads((output / "stress.json").read_text(encoding="utf-8"))
    names = [f"{change['name']}.svg" for change in told["changes"]]
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name in names:
        shutil.copyfile(output / name, folder / name)
    return names


def grid(names: Sequence[str], folder: str) -> Iterator[str]:
    """The plots as a Markdown table without a head."""
    cells = [f"![{name.removesuffix('.svg').replace('_', ' ')}]({folder}/{name})" for name in names]
    cells += [""] * (-len(cells) % IN_A_ROW)
    rows = [cells[i : i + IN_A_ROW] for i in range(0, len(cells), IN_A_ROW)]
    yield table_row([""] * IN_A_ROW)
    yield table_row(["---"] * IN_A_ROW)
    yield from map(table_row, rows)
    yield ""


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    page, readme = options.root / "docs" / "stress.md", options.root / "README.md"
    sections: list[str] = []
    short = ""
    for one in options.sets:
        name, equals, place = one.partition("=")
        output = Path(place)
        if not equals or not (output / "stress.json").is_file():
            raise SystemExit(f"make_stress_docs: {one!r}: expected NAME=OUTPUT of eyecut stress")
        slug = re.sub(r"\W+", "_", name)
        names = copy_plots(output, page.parent / "stress" / slug)
        text = (output / "stress.md").read_text(encoding="utf-8")
        sections += [f"### {name}", "", *grid(names, f"stress/{slug}"), text]
        if not short:
            falls, _, _ = text.partition(CURVES)
            short = "\n".join([f"{name}: {falls}", "", *grid(names, f"docs/stress/{slug}")])
    changed = {
        page: replace_between(page, BEGIN, END, "\n".join(sections)),
        readme: replace_between(readme, BEGIN, END, short),
    }
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
