"""Make all networks anew: render scenes, train detector, segmenter and edges, measure them.

    python scripts/retrain.py WORK --hdri ... --textures ... --models ...
    python scripts/retrain.py WORK --stages detector evaluate --minutes detector=9

Every stage is one of the other scripts; each goes on where it was stopped, so a time limit
loses nothing. WORK/best gets weights, model cards and figures: install them with the trainers'
own `--install` and `--embed`, once they measure better than what is shipped. On a machine with a
GPU everything uses it; on two cores think of days.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent
MINUTES = {"render": 6.0, "detector": 8.0, "segmenter": 9.0, "edges": 5.0}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="folder for data and runs; gigabytes")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--scenes", type=int, default=40000, help="rendered at most")
    parser.add_argument("--size", type=int, default=768, help="side of the scenes, pixels")
    parser.add_argument("--minutes", nargs="+", default=[], metavar="STAGE=MINUTES")
    parser.add_argument("--init", choices=("nothing", "embedded"), default="embedded")
    parser.add_argument("--worn", type=Path, help="dataset YAML of real photos for the detector")
    parser.add_argument("--device", default="cuda" if _has_gpu() else "cpu")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    for name in ("hdri", "textures", "models"):
        parser.add_argument(f"--{name}", type=Path, help="see make_dataset.py")
    options = parser.parse_args(argv)
    options.minutes = MINUTES | {
        k: float(v) for k, _, v in (m.partition("=") for m in options.minutes)
    }
    return options


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def render(options: argparse.Namespace) -> list[list[str]]:
    """Held-out scenes first, then as many to train on as the time allows."""
    assets = [
        word
        for name in ("hdri", "textures", "models")
        if getattr(options, name)
        for word in (f"--{name}", str(getattr(options, name)))
    ]
    shared = ["--size", str(options.size), "--workers", str(options.workers), *assets]
    parts = {
        "val": ["--split", "val", "--count", "200"],
        "test": ["--split", "test", "--count", "200", "--empty-share", "0"],
        "empty": ["--split", "test", "--count", "50", "--seed", "100000"]
        + ["--empty-share", "1", "--pairs-share", "0"],
        # With fewer scenes without glasses the detector takes any object that lies alone for some.
        "train": ["--count", str(options.scenes), "--empty-share", "0.3"]
        + ["--minutes", str(options.minutes["render"])],
    }
    script = str(SCRIPTS / "make_dataset.py")
    return [[script, str(options.work / part), *told, *shared] for part, told in parts.items()]


def detector(options: argparse.Namespace) -> list[list[str]]:
    """Start or go on."""
    run = options.work / "detector"
    command = [str(SCRIPTS / "train_detector.py"), "--minutes", str(options.minutes["detector"])]
    if (run / "run.json").exists():
        return [[*command, "--resume", str(run)]]
    data = [str(options.work / "train"), *([str(options.worn)] if options.worn else [])]
    init = "embedded" if options.init == "embedded" else "yolo11n.yaml"
    told = [f"device={options.device}", f"workers={options.workers}"]
    told += ["imgsz=640", "batch=64"] if options.device != "cpu" else []
    return [[*command, "--data", *data, "--init", init, "--run", str(run), "--set", *told]]


def segmenter(options: argparse.Namespace) -> list[list[str]]:
    """Start or go on; the minutes are those of the whole run."""
    run, data, val = (str(options.work / name) for name in ("segmenter", "train", "val"))
    told = [f"device={options.device}"]
    # A round starts its workers anew, which keeps a fast device waiting.
    on_gpu = ["batch=32", f"workers={options.workers}", "round=20000"]
    told += on_gpu if options.device != "cpu" else []
    command = [str(SCRIPTS / "train_segmenter.py"), "--data", data, "--val", val, "--out", run]
    command += ["--minutes", str(options.minutes["segmenter"]), "--set", *told]
    if (Path(run) / "checkpoint.pt").exists():
        return [[*command, "--resume"]]
    start = ROOT / "pipeline" / "segmenter" / "weights" / "compact.safetensors"
    return [[*command, *(["--init", str(start)] if options.init == "embedded" else [])]]


def edges(options: argparse.Namespace) -> list[list[str]]:
    """Along the outlines of the segmenter's masks; one short run, made once."""
    run = options.work / "edges"
    if (run / "edges.safetensors").exists():
        return []
    command = [str(SCRIPTS / "train_edges.py"), str(options.work / "train"), "--out", str(run)]
    command += ["--minutes", str(options.minutes["edges"])]
    command += ["--segmenter", str(options.work / "segmenter" / "compact.safetensors")]
    return [[*command, *(["--init", "embedded"] if options.init == "embedded" else [])]]


def evaluate(options: argparse.Namespace) -> list[list[str]]:
    """The networks of WORK/best on the held-out scenes."""
    best = options.work / "best"
    files = {"detector": "eyeglasses-yolo11n.safetensors", "segmenter": "compact.safetensors"}
    told = [f"{name}.weights={best / file}" for name, file in files.items()]
    told.append(f"refine.edges={best / 'edges.safetensors'}")
    command = [str(SCRIPTS / "evaluate_models.py"), "--set", *told]
    return [
        [*command, "--json", str(best / f"{part}.json"), "--", str(options.work / part)]
        for part in ("test", "empty")
    ]


STAGES: dict[str, Callable[[argparse.Namespace], list[list[str]]]] = {
    "render": render,
    "detector": detector,
    "segmenter": segmenter,
    "edges": edges,
    "evaluate": evaluate,
}


def collect(work: Path) -> None:
    """Copy what the runs exported so far into WORK/best."""
    best = work / "best"
    best.mkdir(parents=True, exist_ok=True)
    runs = {"segmenter": "compact.safetensors", "edges": "edges.safetensors"}
    files = [f"{run}/{name}" for run, file in runs.items() for name in (file, "model_card.*")]
    for pattern in ("detector/export/*", *files):
        for source in work.glob(pattern):
            run = source.relative_to(work).parts[0]
            name = f"{run}-{source.name}" if "card" in source.stem else source.name
            shutil.copyfile(source, best / name)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 all stages done, else that of the stage that failed."""
    options = parse(argv)
    options.work.mkdir(parents=True, exist_ok=True)
    for stage in (s for s in STAGES if s in options.stages):
        for command in STAGES[stage](options):
            print(f"{stage}: {' '.join(command)}", flush=True)
            status = subprocess.run([sys.executable, *command], check=False).returncode
            if status:
                return status
        collect(options.work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
