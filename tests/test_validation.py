"""YAML's own ways of saying a thing once: merges are read, doubles refused, and nothing grows without end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from l2xbench.config import StudyConfig, read_config
from l2xbench.errors import RequestError
from l2xbench.validation import parse_yaml, read_yaml


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}", {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}),
        ("a: &a {x: 1, y: 2}\nb: {y: 3, <<: *a}", {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}),
        (
            "a: &a {x: 1}\nc: &c {x: 2, z: 1}\nb: {<<: [*a, *c]}",
            {"a": {"x": 1}, "c": {"x": 2, "z": 1}, "b": {"x": 1, "z": 1}},
        ),
        ("c: {<<: &b {<<: {q: 1, x: 0}, x: 1}, y: 2}\nd: *b", {"c": {"q": 1, "x": 1, "y": 2}, "d": {"q": 1, "x": 1}}),
        ('"<<": 3', {"<<": 3}),
    ],
)
def test_merge_keys(tmp_path: Path, text: str, read: dict[str, Any]) -> None:
    assert read_yaml(written(tmp_path, text)) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("b: {<<: {x: 1}, y: 1, y: 2}", "the key 'y' stands twice"),
        ("b: {<<: {x: 1}, <<: {y: 1}}", "the key '<<' stands twice"),
        ("1: a\ntrue: b", "the key 'true' stands twice"),
        ("~: a\nnull: b", "the key 'null' stands twice"),
        ("a: {<<: 3}", "expected a mapping or list of mappings for merging"),
        (
            "a0: &a0 {x: 1}\n"
            + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9)),
            "keys are merged into one mapping",
        ),
    ],
)
def test_doubles_and_endless_merges_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RequestError, match=re.escape(said)):
        read_yaml(written(tmp_path, text))


def test_a_study_with_a_merge(tmp_path: Path) -> None:
    text = "study: m\nmodels: {a: edsr-compact}\ndatasets:\n  one: &one {path: skimage, crop: 16}\n"
    study = read_config(StudyConfig, str(written(tmp_path, text + "  two: {<<: *one, crop: 24}\n")))
    assert [(each.path, each.crop) for each in study.datasets.values()] == [("skimage", 16), ("skimage", 24)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-1", 0.1),
        ("1E+3", 1000.0),
        ("-2.5e3", -2500.0),
        (".5e-2", 0.005),
        ("1.e2", 100.0),
        ("3e5", "3e5"),
        ("12e45678", "12e45678"),
    ],
)
def test_numbers_are_what_everybody_takes_for_numbers(tmp_path: Path, text: str, value: object) -> None:
    """YAML 1.1 has `1e-1` for text; what may be a part of a hash stays text."""
    (tmp_path / "x.yaml").write_text(f"{{a: {text}, b: [{text}], c: '{text}'}}")
    assert read_yaml(tmp_path / "x.yaml") == {"a": value, "b": [value], "c": text}
    assert parse_yaml(text) == value
