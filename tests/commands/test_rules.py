"""`l2xbench rules`: the table of treatments, as users read it."""

from __future__ import annotations

import pytest
from rich.console import Console

from l2xbench.attribution.rules.table import CALL_TABLE, TABLE
from l2xbench.commands.rules import plain_name, show_operation, show_rules
from l2xbench.errors import RequestError
from tests.conftest import Command


def shown(name: str) -> str:
    console = Console(width=200, record=True)
    show_operation(console, name)
    return console.export_text()


def test_the_rules_of_an_operation_in_order_of_precedence() -> None:
    text = shown("pow")
    order = ["x + x' for the square", "x >= 0, an exponent that is not whole", "ln b L(b^x, b^x')", "quadrature"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    for part in ("1. closed form", "only self differs", "Carlson 1972", "rules.smooth.polynomial_power"):
        assert part in text


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("aten::pow.Tensor_Scalar", ["pow: the first of these"]),
        ("F.gelu", ["gelu: the first of these", "dy/dx"]),
        ("relu_", ["relu_ is run as relu", "ramp(x, x')"]),
        ("torch.matmul()", ["followed whole", "(b + b')/2"]),
        ("numpy", ["refused", "reference would be lost"]),
        ("flatten", ["PyTorch writes it by other operations"]),
        ("cumprod", ["has no line", "line integral", "Sundararajan"]),
        ("_local_scalar_dense", ["special", "the value stream's number, in both streams", "engine.special.number"]),
        ("torchvision::deform_conv2d", ["only bias, input differ", "sampling"]),
    ],
)
def test_any_operation_of_pytorch_is_answered(name: str, parts: list[str]) -> None:
    text = shown(name)
    for part in parts:
        assert part in text


def test_the_whole_table() -> None:
    console = Console(width=300, record=True)
    show_rules(console)
    words = set(console.export_text().split())
    assert {*TABLE, *CALL_TABLE} <= words
    assert {"numpy()", "integral", "selection"} <= words


def test_names_as_users_write_them() -> None:
    assert {plain_name(n) for n in ("pow", "torch.pow", "aten::pow.Scalar", "Tensor.pow", "F.pow()")} == {"pow"}
    assert plain_name("torchvision::roi_align") == "torchvision::roi_align"


def test_an_unknown_operation_is_told_in_one_line(l2xbench: Command) -> None:
    with pytest.raises(RequestError, match="rules: no operation 'sofmax'; did you mean 'softmax'"):
        shown("sofmax")
    done = l2xbench("rules", "poww")
    assert done.returncode == 2
    assert done.stderr.strip() == "l2xbench: rules: no operation 'poww'; did you mean 'pow'?"
    listed = l2xbench("rules")
    assert listed.returncode == 0
    assert "for which arguments" in listed.stdout
