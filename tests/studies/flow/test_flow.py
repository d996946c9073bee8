"""The study `flow`: from its YAML to tables, figure and page; blocks taken out; what its tables say."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from l2xbench.attribution.flow import flow
from l2xbench.store.records import Record
from l2xbench.studies.flow.agreement import correlations, spearman
from l2xbench.studies.flow.figure import FlowBar, flow_figure
from l2xbench.studies.flow.findings import check_told, parts_told
from l2xbench.studies.flow.gradients import gradient_times_activation
from l2xbench.studies.flow.groups import grouped
from l2xbench.studies.flow.shares import network_flow
from l2xbench.studies.flow.taken_out import reference_calls, without
from tests.attribution.test_flow import Net
from tests.conftest import Command

TINY = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 2}, "weights": "random"}


def test_from_yaml_to_page(l2xbench: Command, write_study: Callable[..., Path], tmp_path: Path) -> None:
    study = write_study(models={"tiny": TINY}, attribution=None, heatmaps=None, flow={"size": 10})
    done = l2xbench("run", study, "--out", tmp_path / "out", "--workers", 1)
    assert done.returncode == 0, done.stderr + done.stdout
    parts = pd.read_csv(tmp_path / "out/tables/flow.csv")
    assert list(parts["model"]) == ["tiny"] and int(parts["images"][0]) == 3
    assert float(parts["past"][0] + parts["blocks"][0]) == pytest.approx(1, abs=1e-5) and np.isnan(parts["skip"][0])
    blocks = pd.read_csv(tmp_path / "out/tables/flow_blocks.csv")
    assert list(blocks["block"]) == ["b1", "b2"]
    assert float(blocks["written"].sum()) == pytest.approx(float(parts["blocks"][0]), abs=1e-6)
    assert {"caused_reference", "moved_reference", "lost_reference"} <= set(blocks)
    assert (tmp_path / "out/figures/flow-photographs.png").is_file()
    page = (tmp_path / "out/report.html").read_text()
    assert 'for="flow-1-3"' in page and "map of b2" in page and "which block does the work" in page
    assert "all blocks" in page or "the blocks of tiny bring" in page


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"reference": "grey"}, "flow.reference"),
        ({"target": "patch"}, "flow.target"),
        ({"size": 4}, "flow.size"),
    ],
)
def test_wrong_keys_are_one_line(
    block: dict[str, Any], said: str, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    done = l2xbench("run", write_study(models={"tiny": TINY}, flow=block), "--dry-run")
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_without_a_block_of_a_linear_network_its_share_is_gone() -> None:
    network = Net(0.5, -0.25).double()
    image, reference = torch.rand(2, 1, 5, 5).double()
    found = flow(network, image[None], reference=reference[None])
    modules = {block.name: network.get_submodule(block.name) for block in found.blocks}
    calls = reference_calls(network, reference[None], modules).calls
    output = network(image[None])
    signs = (output - network(reference[None])).sign()
    for block in found.blocks:
        changed = without(network, image[None], modules[block.name], calls[block.name], True, "reference")
        assert changed is not None
        assert float((signs * (output - changed)).sum()) / found.delta == pytest.approx(block.share)
        out = without(network, image[None], modules[block.name], calls[block.name], True, "out")
        factor = 1 + (-0.25 if block.name == "body.0" else 0.5)
        torch.testing.assert_close(out, image[None] * (1 + factor))
    assert without(network, image[None], modules["body.0"], [], True, "reference") is None
    assert without(network, image[None], modules["body.0"], calls["body.0"], False, "out") is None
    assert not any(module._forward_hooks for module in network.modules())


def test_groups_follow_the_parts_that_hold_blocks() -> None:
    names = [f"body.{group}.residual_group.{block}" for group in range(10) for block in range(20)]
    groups = grouped(names, 24)
    assert len(groups) == 10 and groups["body.1.residual_group.0 to 19"] == names[20:40]
    assert [name for each in grouped(names, 7).values() for name in each] == names
    assert len(grouped(names, 7)) <= 7


def record(image: str, **values: Any) -> Record:
    names = [f"b{n}" for n in range(5)]
    base: dict[str, Any] = {
        "names": "\n".join(names),
        "kinds": "\n".join(["Block"] * 5),
        "parameters": [10.0] * 5,
        "around": 0.5,
        "skip": None,
        "delta": 2.0,
    }
    return Record(image, "flow", "set", "net", image, "", base | values)


def test_correlations_of_known_orders() -> None:
    rising = [0.1, 0.2, 0.3, 0.4, 0.5]
    flows = network_flow(
        "set",
        "net",
        [
            record(
                image,
                written=rising[::-1],
                share=[-0.1, 0.2, -0.3, 0.4, 0.5],
                magnitude=rising,
                activity=rising,
                gradient=rising,
                multiplier=rising,
                moved_reference=rising,
                lost_reference=rising,
                caused_reference=[-1.0, 2.0, -3.0, 4.0, 5.0],
            )
            for image in ("a", "b")
        ],
    )
    assert correlations(flows, "share")["moved_reference"].tolist() == [1, 1]
    assert correlations(flows, "share")["caused"].tolist() == [1, 1]
    assert correlations(flows, "written")["moved_reference"].tolist() == [-1, -1]
    assert correlations(flows, "depth")["lost_reference"].tolist() == [1, 1]
    assert np.isnan(correlations(flows, "parameters")["moved_reference"]).all()
    assert np.isnan(correlations(flows, "share")["moved_out"]).all()
    assert np.isnan(spearman(np.array([1.0, 2.0, np.nan]), np.array([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(flows.past, [0.5, 0.5])


def test_sentences_say_what_the_tables_carry() -> None:
    frame = pd.DataFrame({"dataset": "set", "model": ["a", "b"], "blocks": [0.1, 0.2], "images": 3})
    (told,) = parts_told(frame)
    assert "20.0% of the change of the output of b" in told and "10.0% of that of a" in told
    rows = pd.DataFrame(
        {
            "dataset": "set",
            "model": "a",
            "predictor": ["share", "activity"],
            "moved_reference": [0.4, 0.7],
            "images": 3,
        }
    )
    (told,) = check_told(rows)
    assert "told best by activity, which looks at no attribution" in told and "share 0.40" in told


def test_the_figure_holds_many_blocks_and_negative_parts() -> None:
    bars = [
        FlowBar("rcan", 0.7, 0.1, [-0.05, *[0.02] * 9], [(-0.06, -0.04), *[(0.01, 0.03)] * 9], 200),
        FlowBar("carn", None, 0.8, [0.1, 0.1], [(0.1, 0.1)] * 2, 2),
    ]
    figure = flow_figure(bars, "On 2 images of set: where the change comes from")
    told = [text.get_text() for text in figure.texts]
    assert any("200 blocks\nin 10" in text for text in told) and any("max 5 %" in text for text in told)
    few, many = figure.axes[2], figure.axes[1]
    assert few.get_xlim() == (-0.7, 1.7) and many.get_xlim() == (-0.7, 9.7), "each fills its width"


@pytest.mark.parametrize(("count", "width"), [(2, 8.5), (7, 17.5)])
def test_the_figure_is_legible_in_a_column_and_on_a_page(count: int, width: float) -> None:
    bars = [FlowBar(f"a-long-name-of-a-network-{n}", 0.7, 0.1, [0.1] * 4, [(0.09, 0.2)] * 4, 4) for n in range(count)]
    figure = flow_figure(bars, "On 2 images of set: where the change of the output of all of them comes from")
    assert figure.get_size_inches()[0] * 2.54 == pytest.approx(width)
    figure.draw_without_rendering()
    texts = [*figure.texts, *figure.legends[0].get_texts(), *figure.axes[0].get_xticklabels()]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 6
    for box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.shrunk(0.9, 0.8).overlaps(other.shrunk(0.9, 0.8))


def test_gradient_times_activation_is_that_of_autograd() -> None:
    """That of a residual block is of what the block adds; one that runs twice counts both; nothing stays behind."""

    class Adds(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.conv(x)

    torch.manual_seed(0)
    block, last = Adds(), torch.nn.Conv2d(3, 3, 1)
    net = torch.nn.Sequential(block, torch.nn.ReLU(inplace=True), block, last)
    image, weights = torch.rand(1, 3, 5, 5), torch.randn(1, 3, 5, 5)
    whole = (slice(None),)
    found = gradient_times_activation(net, image, {"b": block, "l": last}, {"b": True, "l": False}, weights, whole)
    first = block(image).detach().requires_grad_()
    given = torch.relu(first)
    second = block(given)
    output = last(second)
    grads = torch.autograd.grad((weights * output).sum(), [first, second])
    adds = (first - image, second - given)
    expected = sum(float((g * a).abs().sum()) for g, a in zip(grads, adds, strict=True))
    assert found["b"] == pytest.approx(expected, rel=1e-5)
    assert found["l"] == pytest.approx(float((weights * output).abs().sum()), rel=1e-5)
    assert not block._forward_hooks and not last._forward_hooks
