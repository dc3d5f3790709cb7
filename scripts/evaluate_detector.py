"""Measure a detector on a labelled dataset: AP50, AP50-95, recall, silence on empty scenes.

python scripts/evaluate_detector.py --data DATA [--weights FILE] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from detector.errors import DetectorError  # noqa: E402


def main() -> int:
    """Exit status: 0 measured, 2 weights or data cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="dataset folder or YAML")
    parser.add_argument("--weights", default="embedded")
    parser.add_argument("--size", type=int, help="pixels; by default as in training")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--part", default="all", choices=["all", "train", "val"])
    parser.add_argument("--confidence", type=float, default=0.25, help="working threshold")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    arguments = parser.parse_args()
    from detector.metrics import evaluate_detector
    from detector.predict import YoloDetector

    try:
        detector = YoloDetector(
            arguments.weights, arguments.device, arguments.size, confidence=0.01
        )
        figures = evaluate_detector(
            detector, arguments.data, confidence=arguments.confidence, part=arguments.part
        )
    except DetectorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
