from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OutputError
from pipeline.manifest import Manifest, read_records, read_run, write_run
from pipeline.types import Record


def record(key: str, **told: object) -> Record:
    return Record(key, "no_glasses", **told)  # type: ignore[arg-type]


def lines(folder: Path) -> list[str]:
    return [
        json.loads(line)["key"] for line in (folder / "manifest.jsonl").read_bytes().splitlines()
    ]


def test_records_are_there_again_and_the_last_of_a_key_counts(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(record("b", config_hash="1"))
    manifest.append(record("a"))
    manifest.append(record("b", config_hash="2"))
    assert lines(tmp_path) == ["b", "a", "b"]
    manifest.close()
    assert lines(tmp_path) == ["a", "b"]
    again = Manifest(tmp_path)
    assert again.records["b"].config_hash == "2"
    again.close()


@given(cut=st.integers(min_value=0, max_value=10_000), name=st.text(min_size=1, max_size=8))
def test_a_kill_at_any_byte_loses_at_most_the_line_in_flight(
    tmp_path_factory: pytest.TempPathFactory, cut: int, name: str
) -> None:
    folder = tmp_path_factory.mktemp("run")
    manifest = Manifest(folder)
    keys = ["first", f"x{name}".encode("utf-8", "replace").decode(), "last\u2028 one"]
    for key in keys:
        manifest.append(record(key))
    manifest.abandon()
    path = folder / "manifest.jsonl"
    whole = path.read_bytes()
    left = whole[: cut % (len(whole) + 1)]
    path.write_bytes(left)
    after = Manifest(folder)
    assert list(after.records) == list(dict.fromkeys(keys[: left.count(b"\n")]))
    after.append(record("new"))
    after.close()
    assert "new" in lines(folder)


def test_a_name_that_is_not_utf_8_survives(tmp_path: Path) -> None:
    key = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    with_name = Manifest(tmp_path)
    with_name.append(record(key))
    with_name.close()
    again = Manifest(tmp_path)
    assert list(again.records) == [key]
    again.close()


def test_a_damaged_line_is_named_and_force_drops_it(tmp_path: Path) -> None:
    good = record("a").to_json()
    (tmp_path / "manifest.jsonl").write_text(f'{good}\n{{"key": 3\n{good}\n')
    with pytest.raises(OutputError, match=r"line 2.*--force"):
        Manifest(tmp_path)
    manifest = Manifest(tmp_path, discard_damaged=True)
    assert list(manifest.records) == ["a"]
    manifest.close()


def test_a_second_run_into_the_folder_is_refused(tmp_path: Path) -> None:
    first = Manifest(tmp_path)
    with pytest.raises(OutputError, match="another run"):
        Manifest(tmp_path)
    first.close()
    Manifest(tmp_path).close()


def test_run_json_comes_back(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    write_run(tmp_path, {"input": "b\udce9", "config_hash": "1"})
    write_run(tmp_path, {"input": "c\udce9", "config_hash": "1"})
    assert read_run(tmp_path) == {"input": "c\udce9", "config_hash": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("text", ["{", "[1]", "", "{}"])
def test_a_run_json_of_another_kind_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(OutputError, match=r"run\.json"):
        read_run(tmp_path)


def test_records_can_be_read_without_opening_the_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="run eyecut first"):
        read_records(tmp_path)
    manifest = Manifest(tmp_path)
    manifest.append(record("a"))
    assert list(read_records(tmp_path)) == ["a"]
    manifest.close()
