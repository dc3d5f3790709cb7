"""Train the detector, resume a run, or export one.

python scripts/train_detector.py --data DATA --init yolo11n.yaml --run RUN --minutes 60
python scripts/train_detector.py --resume RUN --minutes 30
python scripts/train_detector.py --export-only RUN --install detector/weights
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from detector.config import load_training_config  # noqa: E402
from detector.errors import DetectorError, TrainingError  # noqa: E402


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DATA",
        help="dataset folders or YAMLs, thrown together; named twice, it counts twice",
    )
    parser.add_argument(
        "--init",
        default="yolo11n.yaml",
        help="yolo11n.yaml: from nothing; a .pt or .safetensors file: from its weights",
    )
    parser.add_argument("--config", default=ROOT / "configs" / "train_detector.yaml", type=Path)
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="override settings of the config"
    )
    parser.add_argument("--run", type=Path, help="new folder for checkpoints and the export")
    parser.add_argument("--minutes", type=float, help="end training after so long")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run")
    parser.add_argument("--export-only", type=Path, metavar="RUN", help="export a run as it stands")
    parser.add_argument(
        "--install", type=Path, metavar="DIR", help="also copy the export there, replacing weights"
    )
    return parser.parse_args(argv)


def _report(line: str) -> None:
    print(line, flush=True)


def _run(arguments: argparse.Namespace) -> Path:
    from detector import training

    if arguments.export_only:
        return training.export(arguments.export_only, _report)
    if arguments.resume:
        if arguments.set:
            raise TrainingError(
                "--set: a resumed run keeps its settings; start another with --init"
            )
        return training.resume(arguments.resume, arguments.minutes, _report)
    if not arguments.data or not arguments.run:
        raise TrainingError("--data and --run are needed to start a run (see --help)")
    config = load_training_config(arguments.config, arguments.set)
    return training.train(
        arguments.data, arguments.init, config, arguments.run, arguments.minutes, _report
    )


def main() -> int:
    """Exit status: 0 exported, 2 could not start or go on, 130 stopped by the keyboard."""
    arguments = parse()
    try:
        weights = _run(arguments)
        if arguments.install:
            from detector.training import install

            install(weights, arguments.install)
            _report(f"installed in {arguments.install}")
    except DetectorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; --resume goes on after the last finished epoch", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
