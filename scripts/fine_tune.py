"""From labelled photos of one's own to weights that know them, with the gain measured.

    python scripts/fine_tune.py TRUTH WORK [--minutes 30] [--with SCENES ...]

TRUTH is labelled photos in any format that `eyecut evaluate` reads (docs/truth_formats.md), fifty
or so. A part of them is kept for measuring, chosen by name. WORK then holds

    labels/train, labels/test     what is trained on and what is measured on
    detector/, segmenter/         the runs; their weights are in config.yaml
    before.json, after.json       `eyecut evaluate` on labels/test
    config.yaml                   eyecut run PHOTOS OUTPUT --config WORK/config.yaml

Run it again to go on where it was stopped. What it does and how to read it: docs/fine_tuning.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent
sys.path[:0] = [str(SCRIPTS)]

from markers import replace_between, table_row  # noqa: E402

BEGIN = "<!-- gain: written by scripts/fine_tune.py -->"
END = "<!-- end of gain -->"
DETECTOR_SHARE = 0.4  # of the minutes; masks take longer to learn than boxes
FIGURES = ("iou", "boundary", "thin", "gaps", "tight")
BOXES = ("recall", "AP50-95")
# Few photos: a low rate, or the networks forget what they knew; hardly any warming up.
DETECTOR = ("lr0=0.0004", "warmup_steps=20", "val_period=1000", "augmentation.mosaic=0.3")
SEGMENTER = (
    "rate=0.0003",
    "warmup_steps=20",
    "ema=0.99",
    "round=200",
    "stacked=0.05",
    "pasted=0.05",
)


@dataclass(frozen=True)
class Step:
    """A command, and the file that says it is done."""

    command: list[str]
    done: Path


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path, metavar="TRUTH")
    parser.add_argument("work", type=Path, metavar="WORK")
    parser.add_argument("--minutes", type=float, default=30.0, help="of training, both networks")
    parser.add_argument("--test", type=float, default=0.3, help="share kept for measuring")
    parser.add_argument("--group", metavar="REGEX", help="photos of one product stay together")
    parser.add_argument(
        "--with", dest="others", type=Path, nargs="+", default=[], metavar="SCENES",
        help="rendered scenes to train on as well, against forgetting",
    )  # fmt: skip
    parser.add_argument("--repeat", type=int, default=8, help="how often photos count beside them")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--doc", type=Path, help="put the gain between its two markers")
    options = parser.parse_args(argv)
    for name in ("truth", "work"):  # the steps run in the project's folder
        setattr(options, name, getattr(options, name).resolve())
    options.others = [path.resolve() for path in options.others]
    return options


def steps(options: argparse.Namespace) -> list[Step]:
    """The commands in their order."""
    work = options.work
    train, test = work / "labels" / "train", work / "labels" / "test"
    config, weights = work / "config.yaml", weights_of(work)
    mine = [str(train)] * (options.repeat if options.others else 1)
    data = [*mine, *map(str, options.others)]
    prepare = [str(SCRIPTS / "prepare_labels.py"), str(options.truth), str(work / "labels")]
    prepare += ["--test", str(options.test)]
    prepare += ["--group", options.group] if options.group else []
    detector, segmenter = work / "detector", work / "segmenter"
    boxes = [str(SCRIPTS / "train_detector.py"), "--minutes"]
    boxes += [str(options.minutes * DETECTOR_SHARE)]
    if (detector / "run.json").exists():
        boxes += ["--resume", str(detector)]
    else:
        boxes += ["--data", *data, "--init", "embedded", "--run", str(detector)]
        boxes += ["--set", f"device={options.device}", *DETECTOR]
    masks = [str(SCRIPTS / "train_segmenter.py"), "--data", *data, "--out", str(segmenter)]
    masks += ["--minutes", str(options.minutes * (1 - DETECTOR_SHARE))]
    masks += ["--set", f"device={options.device}", *SEGMENTER]
    again = (segmenter / "checkpoint.pt").exists()
    masks += ["--resume"] if again else ["--init", "embedded"]
    return [
        Step(prepare, test / "dataset.yaml"),
        Step(measuring(test, work / "before.json"), work / "before.json"),
        Step(boxes, weights["detector"]),
        Step(masks, work / "after.json"),  # weights are there before the run is over
        Step(measuring(test, work / "after.json", str(config)), work / "after.json"),
    ]


def weights_of(work: Path) -> dict[str, Path]:
    """Where the runs leave their weights."""
    return {
        "detector": work / "detector" / "export" / "eyeglasses-yolo11n.safetensors",
        "segmenter": work / "segmenter" / "compact.safetensors",
    }


def measuring(test: Path, figures: Path, config: str = "default") -> list[str]:
    """`eyecut evaluate` of a configuration, with the truth's boxes beside the detector's."""
    start = "from pipeline.cli import main; main()"
    told = ["evaluate", str(test), "--config", config, "--json", str(figures)]
    return ["-c", start, *told]


def write_config(work: Path) -> None:
    """The configuration of the new weights, for `--config`."""
    told = {name: {"weights": str(path.resolve())} for name, path in weights_of(work).items()}
    (work / "config.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")


def gain(work: Path) -> str:
    """Markdown: the figures before and after, mean and worst, on the photos kept for measuring."""
    rows = []
    for when in ("before", "after"):
        told = json.loads((work / f"{when}.json").read_text(encoding="utf-8"))
        cells = [f"{told['mean'][n]:.3f} ({told['worst'][n]:.3f})" for n in FIGURES]
        boxes = [f"{told['boxes'][n]:.3f}" for n in BOXES]
        rows.append(table_row([when, len(told["photos"]), *cells, *boxes]))
    names = ["", "photos", *FIGURES, *(f"{name} of boxes" for name in BOXES)]
    head = [table_row(names), table_row(["---"] * len(names))]
    return "\n".join([*head, *rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, else that of the step that failed."""
    options = parse(argv)
    options.work.mkdir(parents=True, exist_ok=True)
    write_config(options.work)
    for step in steps(options):
        if step.done.exists():
            continue
        print(f"$ python {' '.join(step.command)}", flush=True)
        status = subprocess.run([sys.executable, *step.command], cwd=ROOT, check=False).returncode
        if status:
            return status
    text = gain(options.work)
    print(f"\n{text}\n\nuse them: eyecut run PHOTOS OUTPUT --config {options.work}/config.yaml")
    if options.doc:
        new = replace_between(options.doc, BEGIN, END, text)
        options.doc.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
