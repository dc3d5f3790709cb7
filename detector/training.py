"""Training runs: start, resume, export. A run is a folder.

RUN/run.json          what the run was asked to do, versions, commit
RUN/progress.json     epochs and seconds behind it
RUN/weights/*.pt      last.pt after every epoch, best.pt by validation; ultralytics' format
RUN/export/           the weights as safetensors, with their model card
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from detector.card import CARD_NAME, git_commit, package_versions, write_card
from detector.checkpoint import (
    EMBEDDED,
    EMBEDDED_PATH,
    Checkpoint,
    class_map,
    read_checkpoint,
    sha256,
    write_safetensors,
)
from detector.config import TrainingConfig
from detector.dataset import Dataset, Example, read_dataset
from detector.errors import TrainingError
from detector.metrics import evaluate_examples
from detector.predict import YoloDetector
from detector.trainer import PROGRESS, Budget, EyewearTrainer, trainer_settings
from detector.types import CLASS_NAMES, EYEGLASSES

RUN = "run.json"
_QUOTED = ("AP50", "AP50-95", "recall")


def train(
    data: Sequence[Path | str],
    init: Path | str,
    config: TrainingConfig,
    run: Path,
    minutes: float | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Train a detector and export it.

    Args:
        data: datasets (folders or YAMLs) whose pictures are thrown together; one that is named
            several times counts as often, which gives a few photos weight beside many renders.
        init: "yolo11n.yaml" to start from nothing, or weights: `.pt`, `.safetensors`, "embedded".
        config: the settings.
        run: folder of the run; must not hold a run yet.
        minutes: end after so long, whatever `config.epochs` says. The figures come after that.
        report: gets a line of progress now and then.

    Returns:
        The exported `.safetensors`, its model card beside it.

    Raises:
        DetectorError: a dataset, the start or the configuration cannot be used.
    """
    if (run / RUN).exists():
        raise TrainingError(
            f"{run}: holds a run already; continue it with --resume, or name another"
        )
    start = read_checkpoint(init)
    budget = _budget(config, minutes)
    datasets = [read_dataset(source) for source in data]
    asked = {
        "data": [str(Path(source).resolve()) for source in data],
        "init": _origin(init),
        "architecture": start.architecture,
        "config": config.model_dump(),
        "commit": git_commit(Path(__file__).parent),
        "packages": package_versions(),
    }
    (run / "weights").mkdir(parents=True, exist_ok=True)
    (run / RUN).write_text(json.dumps(asked, indent=2) + "\n", encoding="utf-8")
    settings = trainer_settings(config, run.resolve(), start.architecture)
    return _train(run, settings, config, datasets, start, budget, report)


def resume(run: Path, minutes: float | None = None, report: Callable[[str], None] = print) -> Path:
    """Go on with a run that was stopped, killed or whose time was up; returns as `train` does.

    Raises:
        TrainingError: if `run` holds nothing to go on with.
    """
    asked, config, last = _asked(run)
    settings = trainer_settings(config, run.resolve(), asked["architecture"])
    settings["resume"] = str(last.resolve())
    progress = _progress(run)
    budget = _budget(config, minutes, progress["seconds"])
    if minutes is None and progress["epochs"] >= config.epochs:
        raise TrainingError(
            f"{run}: all {config.epochs} epochs are done; give it --minutes to go on"
        )
    datasets = [read_dataset(source) for source in asked["data"]]
    return _train(run, settings, config, datasets, None, budget, report)


def export(run: Path, report: Callable[[str], None] = print) -> Path:
    """Export the best weights of a run, running or not, with figures and card; returns the file.

    Raises:
        TrainingError: if the run has saved no weights yet.
    """
    asked, config, last = _asked(run)
    given = Counter(asked["data"])
    datasets = [read_dataset(source) for source in given]
    best = last.with_name("best.pt")
    checkpoint = read_checkpoint(best if best.is_file() else last)
    class_map(checkpoint.names, str(last))
    stem = Path(checkpoint.architecture).stem
    path = run / "export" / f"eyeglasses-{stem}.safetensors"
    path.with_name(CARD_NAME).unlink(missing_ok=True)  # of the weights before
    digest = write_safetensors(checkpoint, path)
    report(f"measuring {path.name} on {sum(len(d.val) for d in datasets)} validation pictures")
    progress = _progress(run)
    card = {
        "file": path.name,
        "sha256": digest,
        "architecture": checkpoint.architecture,
        "parameters": _parameters(checkpoint),
        "classes": list(CLASS_NAMES.values()),
        "imgsz": checkpoint.imgsz,
        "init": asked["init"],
        "seed": config.seed,
        "config": asked["config"],
        "epochs": progress["epochs"],
        "minutes": round(progress["seconds"] / 60, 1),
        "device": config.device,
        "commit": asked["commit"],
        "packages": asked["packages"],
        "data": [_data_card(d, times) for d, times in zip(datasets, given.values(), strict=True)],
        "figures": figures_of(path, config, datasets),
    }
    write_card(card, path.parent)
    for name, value in card["figures"].items():
        report(f"{name}: {value if value is None or isinstance(value, int) else f'{value:.3f}'}")
    report(f"exported {path} ({path.stat().st_size / 2**20:.1f} MiB, SHA-256 {digest})")
    return path


def install(weights: Path, folder: Path) -> None:
    """Copy exported weights and their model card into `folder`, in place of what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    card = weights.with_name(CARD_NAME)
    for source in (weights, card, card.with_suffix(".md")):
        shutil.copyfile(source, folder / source.name)


def _origin(init: Path | str) -> str:
    """What a run starts from; a file's name alone would not tell which one."""
    path = EMBEDDED_PATH if init == EMBEDDED else Path(init)
    return f"{path.name}, SHA-256 {sha256(path)[:12]}" if path.is_file() else path.name


def _train(
    run: Path,
    settings: dict[str, Any],
    config: TrainingConfig,
    datasets: Sequence[Dataset],
    start: Checkpoint | None,
    budget: Budget,
    report: Callable[[str], None],
) -> Path:
    examples = _examples(datasets, config.val_pictures)
    counts = {part: len(chosen) for part, chosen in examples.items()}
    report(
        f"{counts['train']} pictures to train on, {counts['val']} to validate with during "
        f"training; {config.imgsz} px, batch {config.batch}, {config.device}; run folder {run}"
    )
    trainer = EyewearTrainer(settings, config, examples, start, budget, report)
    trainer.train()  # type: ignore[no-untyped-call]
    return export(run, report)


def _examples(datasets: Sequence[Dataset], val_pictures: int) -> dict[str, Sequence[Example]]:
    train = [example for dataset in datasets for example in dataset.train]
    val = [example for dataset in datasets for example in dataset.val]
    if not any((example.labels == EYEGLASSES).any() for example in train):
        raise TrainingError("no eyeglasses are labelled in the training pictures")
    step = -(-len(val) // val_pictures)
    return {"train": train, "val": val[::step]}


def _budget(config: TrainingConfig, minutes: float | None, spent: float = 0.0) -> Budget:
    if minutes is not None and minutes <= 0:
        raise TrainingError(f"--minutes {minutes:g}: expected more than 0")
    return Budget(config.epochs, None if minutes is None else minutes * 60, spent)


def _asked(run: Path) -> tuple[dict[str, Any], TrainingConfig, Path]:
    """run.json, its configuration and last.pt."""
    path, last = run / RUN, run / "weights" / "last.pt"
    if not path.is_file():
        raise TrainingError(f"{run}: no {RUN} here, so not the folder of a training run")
    if not last.is_file():
        raise TrainingError(f"{run}: no epoch was finished, so there is nothing to go on with")
    asked = json.loads(path.read_text(encoding="utf-8"))
    return asked, TrainingConfig.model_validate(asked["config"]), last


def _progress(run: Path) -> dict[str, Any]:
    path = run / PROGRESS
    if not path.is_file():
        return {"epochs": 0, "seconds": 0.0}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _parameters(checkpoint: Checkpoint) -> int:
    """Weights of the network, the running statistics of its normalisation left out."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(v.numel() for k, v in checkpoint.state.items() if not k.endswith(statistics))


def _data_card(dataset: Dataset, times: int) -> dict[str, Any]:
    """`times`: how often it was given, and so seen in each epoch."""
    return {
        "name": dataset.name,
        "times": times,
        "train": len(dataset.train),
        "val": len(dataset.val),
        "classes": [CLASS_NAMES[label] for label in dataset.labelled],
        "seeds": dataset.seeds,
        "fingerprint": dataset.fingerprint(),
        "credits": list(dataset.credits),
    }


def figures_of(
    weights: Path, config: TrainingConfig, datasets: Sequence[Dataset]
) -> dict[str, float | int | None]:
    """Figures on the validation pictures, at the training size, with one look."""
    figures: dict[str, float | int | None] = {}
    for dataset in datasets:
        prefix = f"{dataset.name}: " if len(datasets) > 1 else ""
        figures[f"{prefix}pictures"] = len(dataset.val)
        detector = YoloDetector(weights, config.device, config.imgsz, confidence=0.01)
        found = evaluate_examples(detector, dataset.val, dataset.labelled)
        named = {f"{n} {kind}": v for n in _QUOTED for kind, v in found[n].items()}
        named["empty scenes without a find"] = found["empty_silent"]
        figures.update({f"{prefix}{n}": value for n, value in named.items()})
    return figures
