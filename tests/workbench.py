"""A folder of toy photos, an output folder, and runs from the one to the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline import batch
from pipeline.batch import Summary
from pipeline.config import load_config
from pipeline.types import Record
from toys import FakeFlow, draw_toy


class Bench:
    """Photos in `source`, results in `output`; photos are of `toy` unless drawn otherwise."""

    def __init__(self, root: Path) -> None:
        self.source, self.output = root / "in", root / "out"
        self.toy = draw_toy()[0]
        self.flow = FakeFlow(self.toy)

    def photo(self, key: str, shade: int = 0) -> Path:
        path = self.source / key
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self.toy.rgb + np.uint8(shade)).save(path)
        return path

    def run(self, *told: str, source: Path | None = None, **options: Any) -> Summary:
        config = load_config("default", told)
        flow = options.pop("flow", None) or self.flow
        return batch.run(source or self.source, self.output, config, flow, **options)

    def records(self) -> dict[str, Record]:
        lines = (self.output / "manifest.jsonl").read_text().splitlines()
        records = [Record.from_json(line) for line in lines]
        assert len({record.key for record in records}) == len(records)
        return {record.key: record for record in records}

    def files(self) -> dict[str, bytes]:
        kept = (path for path in self.output.rglob("*") if path.is_file())
        return {path.relative_to(self.output).as_posix(): path.read_bytes() for path in kept}
