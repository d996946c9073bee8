"""A card that stands on another."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.zoo.cards import changed, find_card, read_card

BASE = "title: One\nprovider: l2xbench\narch: {type: CARN, n_feats: 4}\nscale: 4\nweights: {file: weights/one.pth}\n"


def test_what_a_card_does_not_say_is_as_in_its_base(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(BASE)
    (tmp_path / "two.yaml").write_text("base: one\ntitle: Two\narch: {type: CARN, n_feats: 8}\n")
    two = read_card(tmp_path / "two.yaml")
    assert (two.name, two.title, two.scale, two.arch) == ("two", "Two", 4, {"type": "CARN", "n_feats": 8})
    assert two.weights_path == tmp_path / "weights" / "one.pth"


def test_a_base_s_files_lie_beside_the_base(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    (tmp_path / "one.yaml").write_text(BASE)
    (tmp_path / "near" / "two.yaml").write_text("base: ../one.yaml\n")
    assert read_card(tmp_path / "near" / "two.yaml").weights_path == tmp_path / "near" / ".." / "weights" / "one.pth"


def test_a_bundled_card_is_a_base_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("base: edsr-compact\nweights: {file: mine.pth}\n")
    mine, edsr = read_card(tmp_path / "mine.yaml"), find_card("edsr-compact")
    assert mine.name == "mine" and mine.arch == edsr.arch and mine.weights_path == tmp_path / "mine.pth"


def test_a_path_alone_is_the_weights_file(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    (tmp_path / "one.yaml").write_text(BASE.replace("{file: weights/one.pth}", "weights/one.pth"))
    (tmp_path / "near" / "two.yaml").write_text("base: ../one.yaml\n")
    assert read_card(tmp_path / "one.yaml").weights_path == tmp_path / "weights" / "one.pth"
    assert read_card(tmp_path / "near" / "two.yaml").weights_path == tmp_path / "near" / ".." / "weights" / "one.pth"
    changed_card = changed(read_card(tmp_path / "one.yaml"), {"weights": "other.pth"})
    assert changed_card.weights_path == tmp_path / "other.pth"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("base: edsr-compakt\n", "base: no card 'edsr-compakt' beside it or bundled; did you mean 'edsr-compact'?"),
        ("base: mine\n", "base: mine: the cards go round in a circle"),
        ("card: edsr\n", "card: a card stands on another one as its base; say base: edsr"),
        ("base: [edsr]\n", "base: needs the name of another card"),
    ],
)
def test_a_wrong_base_is_named(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"mine\.yaml: ") as raised:
        read_card(path)
    assert line in str(raised.value)


def test_a_card_may_have_the_name_of_the_bundled_one_that_it_stands_on(tmp_path: Path) -> None:
    path = tmp_path / "carn-m.yaml"
    path.write_text("base: carn-m\nweights: ./mine.pth\n")
    found = read_card(path)
    assert (found.title, found.weights_path) == ("CARN-M", tmp_path / "mine.pth")
