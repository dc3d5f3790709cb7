from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import batch, images
from pipeline.config import load_config
from pipeline.evaluation.finish_scenes import ExactScene
from pipeline.evaluation.truth import TruthMasks, box_around
from pipeline.types import Photo
from scripts_under_test import ROOT, script
from toys import FakeFlow, draw_toy


def test_the_picture_shows_photo_and_cut_out_side_by_side(tmp_path: Path) -> None:
    toy = draw_toy()[0]
    (tmp_path / "in").mkdir()
    Image.fromarray(toy.rgb).save(tmp_path / "in/a.png")
    batch.run(tmp_path / "in", tmp_path / "out", load_config(), FakeFlow(toy))
    told = ["--run", str(tmp_path / "out"), "--out", str(tmp_path / "p.png"), "--width", "200"]
    assert script("make_readme_picture").main(told) == 0
    with Image.open(tmp_path / "p.png") as image:
        picture = np.asarray(image)
    assert picture.shape == (120, 200 + 12 + 200, 3)
    assert np.array_equal(picture[:, :200], toy.rgb)
    assert (picture[:, 212:][~toy.mask] == 255).all()


def test_the_picture_wants_a_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make demo"):
        script("make_readme_picture").main(["--run", str(tmp_path)])


def test_figures_replace_what_stands_between_the_markers(tmp_path: Path) -> None:
    module = script("make_readme_figures")
    figures = tmp_path / "figures"
    figures.mkdir()
    mean = {"iou": 0.95, "thin": 0.9}
    told = {"photos": {"a": {}, "b": {}}, "mean": mean, "worst": {"iou": 0.8, "thin": 0.7}}
    told["notes"] = ["thin: mind this"]
    (figures / "turntable.json").write_text(json.dumps(told))
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{module.BEGIN}\nold\n{module.END}\nafter\n")
    paths = ["--figures", str(figures), "--venv", str(tmp_path), "--readme", str(readme)]
    module.main([*paths, "--write"])
    text = readme.read_text()
    assert "| turntable | 2 | 0.950 (0.800) | 0.900 (0.700) |" in text
    assert "- turntable: thin: mind this" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_figures_of_the_models_leave_out_what_was_not_measured(tmp_path: Path) -> None:
    found = {"pictures": 3, "AP50": {"eyeglasses": 0.5}, "AP50-95": {"eyeglasses": 0.25}}
    told = {
        "detector": {**found, "empty_silent": None},
        "segmenter": {"iou": 0.75},
        "together": {"iou": 0.625, "silent": None},
    }
    (tmp_path / "rendered.json").write_text(json.dumps(told))
    lines = list(script("make_readme_figures").models(tmp_path))
    assert "| rendered | 3 | 0.500 | 0.250 |  | 0.750 | 0.625 |  |  |  |" in lines


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("make_readme_figures", "README.md"),
        ("make_stress_docs", "README.md"),
        ("make_stress_docs", "docs/stress.md"),
    ],
)
def test_the_documents_have_their_markers(name: str, document: str) -> None:
    module = script(name)
    text = script("markers").replace_between(ROOT / document, module.BEGIN, module.END, "anew")
    assert f"{module.BEGIN}\n\nanew\n\n{module.END}" in text


def test_a_document_without_its_markers_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("begin, but no finish")
    with pytest.raises(SystemExit, match=r"a\.md"):
        script("markers").replace_between(tmp_path / "a.md", "begin", "end", "new")


def test_stress_curves_go_into_the_documents(tmp_path: Path) -> None:
    module = script("make_stress_docs")
    output, docs = tmp_path / "out", tmp_path / "docs"
    output.mkdir()
    docs.mkdir()
    for path in (tmp_path / "README.md", docs / "stress.md"):
        path.write_text(f"before {module.BEGIN} old {module.END} after")
    told = {"changes": [{"name": "exposure"}, {"name": "white_balance"}]}
    (output / "stress.json").write_text(json.dumps(told))
    (output / "stress.md").write_text(
        f"2 photos; falls\n\n{module.CURVES}\n\n| exposure (stops) | IoU |\n"
    )
    for change in told["changes"]:
        (output / f"{change['name']}.svg").write_text("<svg/>")
    (docs / "stress" / "my_set").mkdir(parents=True)
    (docs / "stress" / "my_set" / "gone.svg").write_text("<svg/>")
    assert module.main([f"my set={output}", "--root", str(tmp_path)]) == 0
    page, readme = (docs / "stress.md").read_text(), (tmp_path / "README.md").read_text()
    assert "old" not in page + readme and page.endswith("after")
    assert "(stress/my_set/white_balance.svg)" in page and "exposure (stops)" in page
    assert "(docs/stress/my_set/exposure.svg)" in readme and "exposure (stops)" not in readme
    found = sorted(p.name for p in (docs / "stress" / "my_set").iterdir())
    assert found == ["exposure.svg", "white_balance.svg"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("begun", [False, True])
def test_retraining_asks_the_other_scripts_for_what_they_offer(
    tmp_path: Path, device: str, begun: bool
) -> None:
    retrain = script("retrain")
    if begun:
        for path in ("detector/run.json", "segmenter/checkpoint.pt"):
            (tmp_path / path).parent.mkdir()
            (tmp_path / path).touch()
    options = retrain.parse([str(tmp_path), "--device", device, "--minutes", "detector=1.5"])
    assert options.minutes["detector"] == 1.5
    for plan in retrain.STAGES.values():
        for path, *arguments in plan(options):
            script(Path(path).stem).parse(arguments)  # exits where it does not understand


def test_what_retraining_made_is_collected_again_and_again(tmp_path: Path) -> None:
    made = ("segmenter/compact.safetensors", "edges/edges.safetensors", "edges/model_card.json")
    for name in made:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    for _ in range(2):
        script("retrain").collect(tmp_path)
    found = {path.name: path.read_text() for path in (tmp_path / "best").iterdir()}
    names = ("compact.safetensors", "edges.safetensors", "edges-model_card.json")
    assert found == dict(zip(names, made, strict=True))


def test_masks_are_boxed_and_compared() -> None:
    evaluate = script("evaluate_models")
    one, other = np.zeros((2, 20, 30), bool)
    one[5:10, 10:20] = True
    other[5:10, 15:25] = True
    assert box_around(one).tolist() == [[10, 5, 20, 10]]
    assert evaluate.iou(one, other) == pytest.approx(1 / 3)
    assert evaluate.iou(one & other & False, one & False) == 1
    agreement = np.array([[0.9, 0.2, 0.0], [0.7, 0.6, 0.0], [0.0, 0.0, 0.0]])
    assert evaluate.own_is_best(agreement) == [True, False, True]
    assert evaluate.summary([0.5, 1.0])["iou"] == 0.75
    assert evaluate.share([]) is None


def test_figures_of_photos_go_into_the_data_card_worst_first(tmp_path: Path) -> None:
    module = script("make_failure_figures")
    good, bad = ({metric: value for metric in module.METRICS} for value in (0.75, 0.5))
    report = {"photos": {"a": good, "b": bad}, "mean": good, "columns": {"truth": {"mean": bad}}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    card = tmp_path / "card.md"
    card.write_text(f"before {module.BEGIN} old {module.END} after")
    assert module.main([str(tmp_path / "report.json"), "--doc", str(card)]) == 0
    rows = [line for line in card.read_text().splitlines() if line.startswith("|")]
    assert [row.split(" | ")[0] for row in rows[2:]] == [
        "| b", "| a", "| **mean**", "| mean, truth's boxes",
    ]  # fmt: skip
    assert rows[2].count("0.500") == len(module.METRICS)
    assert module.main([str(card)]) == 2


@pytest.mark.slow
def test_edges_are_laid_out_for_looking_at(tmp_path: Path) -> None:
    photo = ROOT / "datasets" / "samples" / "images" / "20000515.jpg"
    finished = tmp_path / "finished"
    white = np.full((90, 120, 3), 255, np.uint8)
    white[30:60, 20:100] = 40
    images.write_image(finished / "one.png", white)
    told = [str(photo), str(tmp_path / "out"), "--beside", str(finished), "--side", "60"]
    assert script("make_edge_sheets").main(told) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["20000515.jpg.png", "beside_one.png.png"]


def drawn_scene() -> ExactScene:
    """Lenses that show the grey backdrop, with white behind them in the truth."""
    toy = draw_toy(240, 400)[0]
    image = np.full_like(toy.rgb, 150)
    image[toy.mask & ~toy.lens] = (40, 25, 20)
    cutout = np.dstack([image, np.where(toy.mask, 255, 0).astype(np.uint8)])
    cutout[toy.lens, :3] = 250
    truth = TruthMasks(toy.mask, np.array([toy.box], np.float32), toy.lens)
    return ExactScene(Photo("7", image), truth, cutout, {"lens": "clear"})


def test_scenes_with_one_pair_and_large_lenses_are_judged() -> None:
    suits, scene = script("evaluate_lenses").suits, drawn_scene()
    assert suits(scene)
    glasses, boxes, lens = scene.truth.glasses, scene.truth.boxes, scene.truth.lens
    for truth in (
        TruthMasks(glasses, np.concatenate([boxes, boxes]), lens),
        TruthMasks(glasses, boxes, None),
        TruthMasks(glasses, boxes, np.zeros_like(glasses)),
        TruthMasks(glasses, boxes / 10, lens),
    ):
        assert not suits(replace(scene, truth=truth))


def test_lenses_are_judged_in_every_mode() -> None:
    scene, judge = drawn_scene(), script("evaluate_lenses").judge
    alpha = (scene.cutout[..., 3] / np.float32(255)).astype(np.float32)
    figure = judge(scene, scene.photo.rgb, alpha, scene.truth.lens)
    assert figure.kind == "clear"
    assert figure.cleared == {"clear", "auto"}
    assert figure.errors["keep"] > 20
    assert figure.errors["clear"] == figure.errors["auto"] < 3
    blind = judge(scene, scene.photo.rgb, alpha, None)
    assert len(set(blind.errors.values())) == 1
