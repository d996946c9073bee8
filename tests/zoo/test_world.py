"""Each user network's folder is a world of its own, and every file that its import reads is part of its identity."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import l2xbench
from l2xbench.errors import RequestError
from l2xbench.zoo.load import locate
from l2xbench.zoo.providers.module import files_of
from tests.zoo.test_load import card

LR = torch.ones(1, 3, 4, 4)

NET = """
import torch, torch.nn as nn, torch.nn.functional as F
{imports}
class Net(nn.Module):
    scale = 2
    def forward(self, x):
        {lazily}
        return F.interpolate(x, scale_factor=2) * {value}
"""
WAYS = {
    "from a neighbour": ("common.py", "from common import gain", "", "gain"),
    "import": ("common.py", "import common", "", "common.gain"),
    "import as": ("src/model/common.py", "import src.model.common as c", "", "c.gain"),
    "dotted": ("src/model/common.py", "import src.model.common", "", "src.model.common.gain"),
    "from a package": ("src/model/common.py", "from src.model import common", "", "common.gain"),
    "relative": ("common.py", "from .common import gain", "", "gain"),
    "import_module": ("common.py", "from importlib import import_module", "", "import_module('common').gain"),
    "a name that is made": (
        "model/common.py",
        "import importlib\nname = 'common'\nc = importlib.import_module('model.' + name)",
        "",
        "c.gain",
    ),
    "in forward": ("common.py", "", "from common import gain", "gain"),
    "__import__": ("common.py", "gain = __import__('common').gain", "", "gain"),
    "sys.path": (
        "lib/common.py",
        "import sys, os\nsys.path.insert(0, os.path.dirname(__file__) + '/lib')\nimport common",
        "",
        "common.gain",
    ),
    "a file's text": (
        "common.py",
        "from pathlib import Path\nexec((Path(__file__).parent / 'common.py').read_text())",
        "",
        "gain",
    ),
}
HELPER = "gain = {gain}\n"


def repository(folder: Path, way: str, gain: float) -> Path:
    path, imports, lazily, value = WAYS[way]
    helper = folder / path
    helper.parent.mkdir(parents=True, exist_ok=True)
    helper.write_text(HELPER.format(gain=gain))
    if "model" in path and way != "dotted":  # a folder without __init__.py is a package too
        for parent in [*helper.relative_to(folder).parents][:-1]:
            (folder / parent / "__init__.py").touch()
    (folder / "net.py").write_text(NET.format(imports=imports, lazily=lazily or "pass", value=value))
    return helper


def built(folder: Path):
    return l2xbench.load_model(card(folder, provider="module", module="net.py:Net"), trust=True)


@pytest.mark.parametrize("way", WAYS)
def test_two_networks_have_each_their_own_helpers(tmp_path: Path, way: str) -> None:
    modules = set(sys.modules)
    for name, gain in [("a", 2.0), ("b", 3.0)]:
        repository(tmp_path / name, way, gain)
    a, b = built(tmp_path / "a"), built(tmp_path / "b")
    assert (float(a(LR).max()), float(b(LR).max())) == (2, 3)
    assert not [path for path in sys.path if str(tmp_path) in path]
    left = {name for name in set(sys.modules) - modules if not name.startswith("l2xbench")}
    assert not left & {"common", "src", "model", "net", "lib"}


@pytest.mark.parametrize("way", WAYS)
def test_an_edited_helper_makes_another_network(tmp_path: Path, way: str) -> None:
    helper = repository(tmp_path, way, 2.0)
    mine = card(tmp_path, provider="module", module="net.py:Net")
    before = locate(mine).identity(trust=True)
    assert locate(mine).identity(trust=True) == before
    assert float(built(tmp_path)(LR).max()) == 2
    assert locate(mine).identity(trust=True) == before, "what a network imports when it runs is known before"
    helper.write_text(HELPER.format(gain=5.0))
    assert locate(mine).identity(trust=True) != before
    assert float(built(tmp_path)(LR).max()) == 5


def test_a_file_of_numbers_that_is_read_at_import_counts(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        NET.format(
            imports="import json, os\ngain = json.load(open(os.path.dirname(__file__) + '/g.json'))",
            lazily="pass",
            value="gain",
        )
    )
    (tmp_path / "g.json").write_text("2")
    mine = card(tmp_path, provider="module", module="net.py:Net")
    before = locate(mine).identity(trust=True)
    (tmp_path / "g.json").write_text("3")
    assert locate(mine).identity(trust=True) != before
    (tmp_path / "unrelated.py").write_text("x = 1")
    (tmp_path / "g.json").write_text("2")
    assert locate(mine).identity(trust=True) == before


def test_a_package_on_pythons_path_is_told_apart_by_its_helpers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "mypackage_x", "relative", 2.0)
    (tmp_path / "mypackage_x/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = card(tmp_path, provider="module", module="mypackage_x.net:Net")
    before = locate(mine).identity(trust=True)
    assert float(l2xbench.load_model(mine, trust=True)(LR).max()) == 2
    (tmp_path / "mypackage_x/common.py").write_text("gain = 4.0\n")
    assert locate(mine).identity(trust=True) != before
    assert float(l2xbench.load_model(mine, trust=True)(LR).max()) == 4


@pytest.mark.usefixtures("with_basicsr")
def test_libraries_are_everybodys_and_a_fork_beside_the_network_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "basicsr").mkdir()
    (tmp_path / "basicsr/__init__.py").write_text("gain = 7.0\n")
    (tmp_path / "torch").mkdir()  # a folder of data, say: the library stays the library
    (tmp_path / "random.py").write_text("raise ValueError('a module of Python has this name')\n")
    imports = "import basicsr, random, torch as t\nassert t is torch and random.random"
    (tmp_path / "net.py").write_text(NET.format(imports=imports, lazily="pass", value="basicsr.gain"))
    assert float(built(tmp_path)(LR).max()) == 7
    from l2xbench.system.compat import import_basicsr

    assert not hasattr(import_basicsr(), "gain")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('--x')\np.parse_args()", None),
        ("import os\nos.chdir('/')\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)", None),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', required=True)\np.parse_args()",
            r"net.py ends the program when it is imported .*arguments are required: --x\); put what",
        ),
        ("import sys\nsys.exit('no GPU')", "ends the program when it is imported"),
        ("raise SystemExit(3)", r"ends the program when it is imported \(exit code 3\)"),
        ("exit()", "ends the program when it is imported"),
        ("import nothing_of_this_name", "raised ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("1 / 0", "raised ZeroDivisionError: division by zero"),
        ("def f(:", "raised SyntaxError"),
    ],
)
def test_code_that_does_more_than_define(
    tmp_path: Path, code: str, expected: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """What it changes for the whole program is put back; what ends the program is told in one line."""
    where, argv, dtype = Path.cwd(), list(sys.argv), torch.get_default_dtype()
    (tmp_path / "net.py").write_text(NET.format(imports=code, lazily="pass", value="1"))
    if expected is None:
        assert built(tmp_path)(LR).shape == (1, 3, 8, 8)
    else:
        with pytest.raises(RequestError, match=expected) as raised:
            built(tmp_path)
        assert len(str(raised.value).splitlines()) == 1
        assert capfd.readouterr().err == ""
    assert (Path.cwd(), sys.argv, torch.get_default_dtype()) == (where, argv, dtype)
    assert torch.is_grad_enabled()


def test_a_class_that_ends_the_program(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import sys\ndef Net():\n    sys.exit('bad')\nvalue = 3\n")
    with pytest.raises(RequestError, match="Net ended the program"):
        built(tmp_path)
    with pytest.raises(RequestError, match="'value' is a int, not a class"):
        l2xbench.load_model(card(tmp_path, provider="module", module="net.py:value"), trust=True)


def test_what_a_file_draws_when_it_is_read_hangs_on_nothing_that_went_before(tmp_path: Path) -> None:
    code = (
        "import torch\nGAIN = torch.rand(1)\nclass Net(torch.nn.Module):\n    scale = 1\n"
        "    def __init__(self):\n        super().__init__()\n        self.weight = torch.nn.Parameter(torch.rand(1))\n"
        "    def forward(self, x):\n        return x * (self.weight + GAIN)\n"
    )
    outputs = []
    for name, imported_before in (("a", False), ("b", True)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "drawing.py").write_text(code)
        mine = card(folder, provider="module", module="drawing.py:Net")
        if imported_before:
            torch.rand(7)
            files_of(mine)
        before = torch.random.get_rng_state()
        outputs.append(l2xbench.load_model(mine, trust=True, seed=3)(LR))
        assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(outputs[0], outputs[1])
