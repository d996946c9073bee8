"""What a network returns is an SR image, or one line that says what came, what is needed and what would mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import l2xbench
from l2xbench.errors import RequestError
from l2xbench.zoo.cards import make_card
from l2xbench.zoo.network import Network
from tests.zoo.test_load import card

NETS = """
from collections import namedtuple
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F

Pair = namedtuple("Pair", "loss image")

@dataclass
class Answer:
    sr: torch.Tensor
    extra: torch.Tensor

class Base(nn.Module):
    def __init__(self, n=3, out=3, scale=2):
        super().__init__()
        self.body = nn.Conv2d(n, out * scale ** 2, 3, padding=1)
        self.s = scale
    def forward(self, x):
        return F.pixel_shuffle(self.body(x), self.s)

def returning(name, change):
    def forward(self, x, *args, **named):
        return change(Base.forward(self, x))
    return type(name, (Base,), {"forward": forward})

Tuple = returning("Tuple", lambda y: (y, F.avg_pool2d(y, 2)))
List = returning("List", lambda y: [F.avg_pool2d(y, 2), y])
One = returning("One", lambda y: [y])
Dict = returning("Dict", lambda y: {"aux": y * 0, "sr": y})
Nested = returning("Nested", lambda y: {"out": [y * 0, y], "n": 1})
Named = returning("Named", lambda y: Pair(y.mean(), y))
Data = returning("Data", lambda y: Answer(y, y * 0))
Number = returning("Number", lambda y: 3.0)
Flat = returning("Flat", lambda y: y.flatten())
Frame = returning("Frame", lambda y: y[:, None])
Alone = returning("Alone", lambda y: y[0])
Integers = returning("Integers", lambda y: y.long())
Grey = returning("Grey", lambda y: y[:, :1])
Six = returning("Six", lambda y: torch.cat([y, y], 1))
Short = returning("Short", lambda y: y[..., :-3, :-3])
Casting = type("Casting", (Base,), {"forward": lambda self, x: Base.forward(self, x.half())})
Casting.__init__ = lambda self: (Base.__init__(self), self.half())[0]
Half = returning("Half", lambda y: y)
Half.__init__ = lambda self: (Base.__init__(self), self.half())[0]

class Writing(Base):
    def forward(self, x):
        x -= 0.5
        return super().forward(x)

class Blocks(Base):
    "Works on blocks of 8: what is beyond them is cut off."
    def forward(self, x):
        h, w = (s // 8 * 8 for s in x.shape[-2:])
        return super().forward(x[..., :h, :w])

class Larger(Base):
    "Pads to blocks of 8 and does not crop."
    def forward(self, x):
        h, w = x.shape[-2:]
        return super().forward(F.pad(x, (0, -w % 8, 0, -h % 8)))

class Uneven(Base):
    def forward(self, x):
        return F.interpolate(x, scale_factor=(2, 3))

class OneAndAHalf(Base):
    def forward(self, x):
        return F.interpolate(x, scale_factor=2.5)

class Complex(Base):
    def __init__(self):
        nn.Module.__init__(self)
        self.w = nn.Parameter(torch.ones(3, 1, 1, dtype=torch.cfloat))
        self.net = Base()
    def forward(self, x):
        return self.net(torch.fft.irfft2(torch.fft.rfft2(x) * self.w, s=x.shape[-2:]))

class Double(Base):
    def __init__(self):
        nn.Module.__init__(self)
        self.step = nn.Parameter(torch.tensor(0.1, dtype=torch.float64))
        self.net = Base()
    def forward(self, x):
        return self.net(x * (1 + self.step))

class Sigma(Base):
    def forward(self, x, sigma, *, names="x"):
        assert names == "x"
        return super().forward(x) + sigma

class Level(Base):
    def forward(self, x, level):
        assert level.shape == (len(x), 1)
        return super().forward(x) + level[:, :, None, None]

class Srcnn(nn.Module):
    "Takes an image that has been enlarged before, one channel of it."
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 1, 3, padding=1)
        nn.init.dirac_(self.a.weight)
        nn.init.zeros_(self.a.bias)
    def forward(self, y):
        return self.a(y)
"""


@pytest.fixture
def load(tmp_path: Path):
    (tmp_path / "nets.py").write_text(NETS)

    def loaded(name: str, **keys: object) -> Network:
        return l2xbench.load_model(card(tmp_path, provider="module", module=f"nets.py:{name}", **keys), trust=True)

    return loaded


LR = torch.rand(2, 3, 11, 13)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("Tuple", 0),
        ("List", 1),
        ("List", "-1"),
        ("One", None),
        ("Dict", "sr"),
        ("Nested", "out.1"),
        ("Named", "image"),
        ("Named", 1),
        ("Data", "sr"),
    ],
)
def test_the_output_that_is_named_is_run_and_explained(load, name: str, output) -> None:
    net = load(name, output=output)
    assert (net.scale, net(LR).shape) == (2, (2, 3, 22, 26))
    assert float(l2xbench.explain(net, LR, reference="mean").completeness_error.max()) < 1e-4
    torch.testing.assert_close(net(LR), torch.nn.functional.pixel_shuffle(net.core.body(LR), 2))


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("Tuple", {}, "returns a tuple of 2 (0: 1 x 3 x 32 x 32, 1: .*): say which .*`output: 0`"),
        ("Dict", {}, "returns a dict of 2 (aux: .*, sr: .*): say which is the SR image: `output: aux`"),
        ("Dict", {"output": "srr"}, "output: 'srr' is not in what the network returns, .*did you mean 'sr'"),
        ("Tuple", {"output": 2}, "output: 2 is not in what the network returns"),
        ("Nested", {"output": "n"}, "output: 'n' is a int, a tensor is needed"),
        ("Base", {"output": 0}, "output: 0 is not in .*leave `output` out"),
        ("Number", {}, "returns a float, a tensor"),
        ("Flat", {}, r"gives 3072 for 1 x 3 x 16 x 16; \(1, 3, H, W\) is needed"),
        ("Frame", {}, "gives 1 x 1 x 3 x 32 x 32 for .* is needed"),
        ("Alone", {}, "gives 3 x 32 x 32 for .* is needed"),
        ("Integers", {}, "gives int64 numbers; real ones are needed"),
        ("Grey", {}, "gives 1 x 1 x 32 x 32 for .* say `channels: y`"),
        ("Six", {}, "gives 1 x 6 x 32 x 32 for"),
        ("Uneven", {}, "scale: .*gives 32 x 48, 2 x 3 times the size; a whole number is needed"),
        ("OneAndAHalf", {}, "scale: .*gives 40 x 40, 2.5 x 2.5 times the size; a whole number is needed"),
        ("Nested", {}, "returns a dict of 2 .*`output: out.0`"),
        ("Nested", {"output": "out"}, "output: 'out' is a list, a tensor is needed; say `output: out.0`"),
        ("Casting", {}, "casts to float16 by itself, and is run in float32"),
        ("Casting", {"scale": 2}, "casts to float16 by itself, and is run in float32"),
        ("Uneven", {"scale": 2}, "enlarges by 2 x 3: mend `scale`"),
        ("Base", {"scale": 4}, "gives 22 x 26 for 11 x 13; 44 x 52 is needed at scale 4; its scale is likely 2"),
        ("Base", {"scale": 1}, "11 x 13 is needed at scale 1; its scale is likely 2"),
        ("Base", {"arch": {"scale": 4}, "scale": 2}, "gives 44 x 52 for 11 x 13; .*its scale is likely 4"),
        ("Srcnn", {"scale": 2, "channels": "y"}, "its scale is likely 1; .*`enlarged: true`"),
        ("Blocks", {"scale": 2}, "gives 16 x 16 for 11 x 13; 22 x 26 is needed .*say `multiple: [678]`"),
        ("Larger", {"scale": 2}, "gives 32 x 32 for 11 x 13; 22 x 26 is needed .*say `multiple: (8|16)`"),
        ("Short", {"scale": 2}, "gives 19 x 23 for 11 x 13"),
        ("Sigma", {}, "takes sigma besides the image; say `inputs: {sigma: 1.0}`"),
        ("Sigma", {"inputs": {"sigma": 1, "nams": "x"}}, "inputs.nams: .*did you mean 'names'"),
        ("Level", {"inputs": {"level": [1, [2]]}}, "inputs.level: a list of numbers"),
        ("Base", {"arch": {"n": 1}, "scale": 2}, "the network takes 1 channels, not 3; .*`channels: y`"),
        ("Base", {"arch": {"n": 5}, "scale": 2}, r"takes 5 channels, not 3; .*`extra_channels: \[0, 0\]`"),
    ],
)
def test_what_is_no_image_is_told_in_one_line(load, name: str, keys: dict, expected: str) -> None:
    expected = expected.replace("(0:", r"\(0:").replace("(aux:", r"\(aux:").replace("*): say", r"*\); say")
    with pytest.raises(RequestError, match=expected) as raised:
        load(name, **keys)(LR)
    assert len(str(raised.value).splitlines()) == 1


def test_the_multiple_that_is_advised_mends_it(load) -> None:
    for name in ("Blocks", "Larger"):
        assert load(name, scale=2, multiple=8)(LR).shape == (2, 3, 22, 26)


@pytest.mark.parametrize("name", ["Complex", "Double", "Half"])
def test_precision_is_that_of_most_numbers(load, name: str) -> None:
    net = load(name)
    assert net(LR).dtype == torch.float32
    assert float(l2xbench.explain(net, LR, target="neuron:0,3,3").completeness_error.max()) < 1e-4


def test_arguments_besides_the_image(load) -> None:
    plain = load("Base")
    for name, value in [("Sigma", 0.25), ("Level", [0.25])]:
        key = "sigma" if name == "Sigma" else "level"
        torch.testing.assert_close(load(name, inputs={key: value}, scale=2)(LR), plain(LR) + 0.25)


def test_the_y_channel_is_super_resolved_and_colour_is_bicubic(load) -> None:
    """A network that leaves the enlarged Y channel as it is gives the bicubic image: all is linear."""
    net = load("Srcnn", channels="y", enlarged=True, scale=3)
    torch.testing.assert_close(net(LR), _bicubic(3)(LR), atol=1e-5, rtol=0)
    assert float(l2xbench.explain(net, LR).completeness_error.max()) < 1e-4
    espcn = load("Base", arch={"n": 1, "out": 1}, channels="y")
    assert espcn(LR).shape == (2, 3, 22, 26)
    grey = LR.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    torch.testing.assert_close(espcn(grey).std(1), torch.zeros(2, 22, 26), atol=1e-5, rtol=0)
    noise = espcn(LR) - _bicubic(2)(LR)
    torch.testing.assert_close(noise.std(1), torch.zeros(2, 22, 26), atol=1e-5, rtol=0)


def _bicubic(scale: int) -> nn.Module:
    from l2xbench.zoo.archs.bicubic import Bicubic

    return Bicubic(scale)


def test_channels_beyond_rgb_are_constants(load) -> None:
    net = load("Base", arch={"n": 5}, extra_channels=[0.5, 1.0], scale=2)
    planes = torch.tensor([0.5, 1.0])[None, :, None, None].expand(2, -1, 11, 13)
    torch.testing.assert_close(net(LR), net.core(torch.cat([LR, planes], 1)))
    same = load("Base", arch={"n": 4, "out": 4}, extra_channels=[0.5], scale=2)
    assert same(LR).shape == (2, 3, 22, 26)


def test_a_key_that_is_said_anew_counts(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    written = card(tmp_path, provider="module", module="nets.py:Tuple", output=1, scale=2)
    assert l2xbench.load_model(written, trust=True, output=0)(LR).shape == (2, 3, 22, 26)
    with pytest.raises(RequestError, match="ouput: unknown key; did you mean 'output'"):
        l2xbench.load_model(written, trust=True, ouput=0)


def test_the_keys_are_part_of_the_identity(tmp_path: Path) -> None:
    from l2xbench.zoo.load import locate

    (tmp_path / "nets.py").write_text(NETS)
    said = [{}, {"output": 0}, {"output": 1}, {"inputs": {"a": 1}}, {"channels": "y"}, {"extra_channels": [0.1]}]
    cards = [card(tmp_path, provider="module", module="nets.py:Tuple", **keys) for keys in said]
    assert len({locate(each).identity(trust=True) for each in cards}) == len(said)
    assert make_card({"provider": "module", "module": "a:B"}, source="x", folder=tmp_path).output is None


def test_a_network_that_writes_to_its_input_does_not_write_to_the_callers(load) -> None:
    net, lr = load("Writing"), LR.clone()
    torch.testing.assert_close(net(lr), net(lr), rtol=0, atol=0)
    torch.testing.assert_close(lr, LR, rtol=0, atol=0)
    for method in ("l2x", "input_x_gradient", "occlusion", "difference"):
        of_core, of_network = (
            l2xbench.explain(each, lr, reference="mean", method=method).values for each in (net.core, net)
        )
        torch.testing.assert_close(of_core, of_network, rtol=0, atol=1e-6)
    torch.testing.assert_close(lr, LR, rtol=0, atol=0)
