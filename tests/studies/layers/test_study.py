"""Layers with layers: the estimator by hand, from a command to tables and figure, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import l2xbench
from l2xbench.studies.layers.compute import attributions_of, features_of, gram
from l2xbench.studies.layers.figure import MOST_SQUARE, layers_figure
from l2xbench.studies.layers.findings import layer_findings
from l2xbench.studies.layers.grids import Grid, found_each_other, minibatch_cka, unbiased_hsic
from l2xbench.studies.similarity.cka import centred, cka, hsic
from tests.conftest import Command

TINY = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 2}, "weights": "random"}


def grams(seed: int, layers: int, samples: int = 7) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(layers, samples, 5))
    return rows @ rows.transpose(0, 2, 1)


def test_one_batch_is_the_unbiased_estimator() -> None:
    a, b = grams(0, 3), grams(1, 2)
    found = minibatch_cka([a], [b])
    assert found.shape == (3, 2)
    for i in range(3):
        for j in range(2):
            assert found[i, j] == pytest.approx(cka(a[i], b[j], "unbiased"))


def test_batches_average_hsic_not_cka() -> None:
    first, second = (grams(0, 2), grams(1, 2)), (10 * grams(2, 2), grams(3, 2))
    found = minibatch_cka([first[0], second[0]], [first[1], second[1]])

    def mean(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
        ones = np.ones((1, 7))
        return float(np.mean([hsic(centred(one), centred(two), ones, "unbiased")[0] for one, two in pairs]))

    a, b = [first[0][0], second[0][0]], [first[1][1], second[1][1]]
    by_hand = mean(list(zip(a, b, strict=True))) / np.sqrt(mean([(x, x) for x in a]) * mean([(x, x) for x in b]))
    assert found[0, 1] == pytest.approx(by_hand)
    assert np.diag(minibatch_cka([first[0]], [first[0]])).tolist() == pytest.approx([1, 1])
    assert np.isnan(minibatch_cka([np.zeros((1, 7, 7))], [first[0]])).all()
    assert unbiased_hsic(first[0] + 5.0, first[1]) == pytest.approx(unbiased_hsic(first[0], first[1]))


def test_layers_of_unrelated_samples_are_not_alike() -> None:
    batches = [(grams(2 * n, 2, 8), grams(2 * n + 1, 2, 8)) for n in range(80)]
    found = minibatch_cka([a for a, _ in batches], [b for _, b in batches])
    assert np.abs(found).max() < 0.15


def test_rows_of_features_and_attributions_agree_with_hooks_and_explain() -> None:
    network = l2xbench.load_model("carn", weights="random", arch={"type": "CARN", "n_feats": 4, "n_blocks": 2})
    lr = torch.rand(1, 3, 8, 8)
    kinds: dict[str, str] = {}
    rows = features_of(network, lr, ["blocks"], kinds)
    assert list(rows) == ["b1", "b2"] and rows["b1"].shape == (4 * 64,) and kinds["b1"] == "Cascade"
    options: dict[str, Any] = {"reference": "blur", "target": "image", "layers": ["blocks"], "seed": 0}
    of_layers, seen = attributions_of(network, lr, options | {"signs": "positive"}, kinds)
    whole = l2xbench.explain(network, lr, layers="blocks").layers["b2"].values
    np.testing.assert_allclose(of_layers["b2"], whole.clamp(min=0).reshape(-1).numpy(), rtol=1e-5, atol=1e-6)
    assert float(seen.min()) >= 0
    assert not any(module._forward_hooks for module in network.modules())
    assert gram([rows["b1"], 2 * rows["b1"]])[1, 1] == pytest.approx(4 * gram([rows["b1"]])[0, 0])


@pytest.mark.parametrize("of", ["features", "attributions"])
def test_from_the_command_to_the_figure(
    of: str, l2xbench: Command, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    study = write_study(models={"one": TINY, "two": TINY}, similarity={"size": 8, "crops": 5})
    out = tmp_path / "out"
    done = l2xbench("cka", study, "--layers", "blocks", "--of", of, "--out", out, "--workers", 1)
    assert done.returncode == 0, done.stderr + done.stdout
    rows = pd.read_csv(out / "tables/cka_layers.csv")
    assert len(rows) == 3 * 4
    own = rows[(rows["model_a"] == rows["model_b"]) & (rows["layer_a"] == rows["layer_b"])]
    assert own["cka"].tolist() == pytest.approx([1.0] * 4)
    found = pd.read_csv(out / "tables/cka_layers_found.csv")
    # the two are one network under two names
    assert found[["model_a", "model_b", "layers", "found_cka"]].values.tolist() == [["one", "two", 2, 1.0]]
    assert (out / "figures/cka-layers-photographs.png").is_file()
    assert not (out / "tables/cka.csv").exists()


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"of": "features"}, "similarity.of: features are those of layers"),
        ({"layers": "blocks", "of": "multipliers"}, "similarity.of: layers are compared by"),
        ({"layers": "blocks", "crops": 3}, "similarity.crops: 3 of each image"),
        ({"layers": "blocks", "method": "gradient"}, "similarity.method: gradient does not look at layers"),
        ({"layers": "blocks", "of": "feature"}, "similarity.of"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    block: dict[str, Any], said: str, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    study = write_study(models={"one": TINY, "two": TINY}, similarity=block)
    done = l2xbench("run", study, "--dry-run")
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1


def grid(a: str, b: str, layers: int, *, alike: bool) -> Grid:
    names = tuple(f"b{n}" for n in range(layers))
    values = np.random.default_rng(0).uniform(size=(layers, layers))
    return Grid("set", a, b, names, names, alike, values, values, 3, ("key",))


def test_dcka_is_above_the_diagonal_as_in_the_square_of_networks() -> None:
    names = ["n0", "n1", "n2"]
    few = [
        replace(grid(a, b, 4, alike=True), dcka=np.full((4, 4), 0.25)) for i, a in enumerate(names) for b in names[i:]
    ]
    figure = layers_figure(few, "set")
    for place, axes in enumerate(figure.axes[:9]):
        row, column = divmod(place, 3)
        values = np.asarray(axes.images[0].get_array())
        assert (values == 0.25).all() == (column > row), "rows from above, columns from the left"
    assert "dCKA above the diagonal, CKA on and below it" in figure.texts[0].get_text()


def test_figures_of_few_and_of_many_networks() -> None:
    names = [f"n{number}" for number in range(MOST_SQUARE + 1)]
    few = [grid(a, b, 4, alike=a == b) for i, a in enumerate(names[:3]) for b in names[i:3]]
    assert len(layers_figure(few, "set").axes) == 3 * 3 + 1
    many = [grid(a, b, 4, alike=a == b or b == "n1") for i, a in enumerate(names) for b in names[i:]]
    # each with itself, and one pair of one build
    assert len(layers_figure(many, "set").axes) == len(names) + 1 + 1


def test_layers_that_find_each_other_are_told() -> None:
    assert found_each_other(np.eye(3)) == 1 and np.isnan(found_each_other(np.full((2, 2), np.nan)))
    frame = pd.DataFrame(
        {"dataset": "set", "found_cka": [0.5, 0.7], "found_dcka": [0.4, 0.4], "chance": [0.1, 0.2], "images": 4}
    )
    (told,) = layer_findings(frame)
    assert "60% of the layers" in told and "40% by dCKA" in told and "15% would (mean over 2 pairs)" in told
