"""From a name to a network: providers, sizes, ranges, trust and identity."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import l2xbench
from l2xbench.errors import RequestError
from l2xbench.system.compat import import_basicsr
from l2xbench.zoo.cards import bundled_cards, find_card, make_card, read_card
from l2xbench.zoo.load import locate, short_names

SWINIR = {"type": "SwinIR", "upscale": 4, "window_size": 8, "img_size": 16, "embed_dim": 12}
SWINIR |= {"depths": [2], "num_heads": [2], "mlp_ratio": 2, "upsampler": "pixelshuffledirect"}


def card(folder: Path = Path(), **keys: object):
    return make_card({"name": "net", **keys}, source="card.yaml", folder=folder)


def test_any_size_is_padded_and_cropped_inside() -> None:
    net = l2xbench.load_model(card(provider="basicsr", arch=SWINIR), weights="random")
    assert (net.scale, net.multiple) == (4, 8)
    for height, width in [(8, 8), (9, 15), (1, 3)]:
        assert net(torch.rand(2, 3, height, width)).shape == (2, 3, 4 * height, 4 * width)


def test_padding_changes_nothing_where_none_is_needed() -> None:
    net = l2xbench.load_model(card(provider="basicsr", arch=SWINIR), weights="random")
    lr = torch.rand(1, 3, 16, 8)
    assert torch.equal(net(lr), net.core(lr))


def test_input_range_255_is_the_networks_own_business() -> None:
    arch = {"type": "CARN", "n_feats": 8}
    small, large = (
        l2xbench.load_model(card(provider="l2xbench", arch=arch, input_range=r), weights="random") for r in (1, 255)
    )
    lr = torch.rand(1, 3, 6, 6)
    torch.testing.assert_close(large(lr), small.core(lr * 255) / 255)


def test_initial_weights_follow_the_seed() -> None:
    first, again, other = (l2xbench.load_model("carn", weights="random", seed=seed) for seed in (1, 1, 2))
    lr = torch.rand(1, 3, 6, 6)
    assert torch.equal(first(lr), again(lr))
    assert not torch.equal(first(lr), other(lr))


def test_loading_leaves_the_callers_random_state_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    l2xbench.load_model("carn", weights="random")
    assert torch.equal(torch.rand(1), expected)


NET = """
import torch
class Net(torch.nn.Module):
    scale = 2
    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = gain
    def forward(self, x):
        return self.gain * torch.nn.functional.interpolate(x, scale_factor=2)
"""


def test_a_class_of_the_users_runs_only_when_trusted(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    mine = card(tmp_path, provider="module", module="net.py:Net", arch={"gain": 2.0})
    with pytest.raises(RequestError, match="trust: true"):
        l2xbench.load_model(mine)
    net = l2xbench.load_model(mine, trust=True)
    assert (net.scale, net.parameter_count) == (2, 0)
    torch.testing.assert_close(net(torch.ones(1, 3, 2, 2)), torch.full((1, 3, 4, 4), 2.0))


def test_a_changed_copy_of_a_basicsr_architecture_keeps_its_name(tmp_path: Path, with_basicsr: None) -> None:
    """Its class registers itself under a name that is taken; the registry's own stays. Its window is padded for."""
    theirs = import_basicsr("basicsr.archs.swinir_arch")
    code = Path(str(theirs.__file__)).read_text().replace("from .arch_util", "from basicsr.archs.arch_util")
    (tmp_path / "swinir_arch.py").write_text(code + "\nOther = SwinIR\n")
    arch = {key: value for key, value in SWINIR.items() if key != "type"}
    for name in ("SwinIR", "Other"):
        mine = card(tmp_path, provider="module", module=f"swinir_arch.py:{name}", arch=arch)
        net = l2xbench.load_model(mine, trust=True, weights="random")
        assert type(net.core).__module__ != theirs.__name__
        assert net(torch.rand(1, 3, 9, 7)).shape == (1, 3, 36, 28)
    assert theirs.ARCH_REGISTRY.get("SwinIR") is theirs.SwinIR


def test_a_users_class_is_told_apart_by_its_code(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    mine = card(tmp_path, provider="module", module="net.py:Net")
    before = locate(mine).identity(trust=True)
    (tmp_path / "net.py").write_text(NET.replace("self.gain *", "2 * self.gain *"))
    assert locate(mine).identity(trust=True) != before


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("net.py:Nett", "has no 'Nett'; did you mean 'Net'"),
        ("absent.py:Net", "no such file"),
        ("no.such.module:Net", "cannot import"),
        ("net", "needed 'package.module:Class'"),
        ("made.py:net", "'net' is a network that is built already; name its class"),
        ("made.py:upscale", "upscale needs image; a function named here returns a network"),
        ("made.py:Kind", "Kind is no torch.nn.Module"),
        ("broken.py:Net", "raised SyntaxError"),
        ("part.py:Net", "raised ImportError: .*beyond top-level.*; name a package's file package.module:Class"),
    ],
)
def test_a_wrong_class_is_told(tmp_path: Path, module: str, expected: str) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "broken.py").write_text("class Net(:\n")
    made = "class Kind(torch.Tensor): pass\ndef upscale(image): return image\nnet = torch.nn.Identity()\n"
    (tmp_path / "made.py").write_text(f"import torch\n{made}")
    (tmp_path / "part.py").write_text("from ..net import Net\n")
    with pytest.raises(RequestError, match=expected):
        l2xbench.load_model(card(tmp_path, provider="module", module=module), trust=True)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"provider": "l2xbench", "arch": {"type": "CARM"}}, "did you mean 'CARN'"),
        ({"provider": "l2xbench", "arch": {"type": "CARN", "grup": 4}}, "arch.grup: CARN takes no such argument"),
        ({"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": -1}}, "CARN refuses these arguments"),
        ({"provider": "basicsr", "arch": {"type": "SwinR"}}, "did you mean 'SwinIR'"),
        ({"provider": "basicsr", "arch": {"type": "EDSR"}}, "EDSR needs num_in_ch, num_out_ch"),
        ({"provider": "spandrel", "arch": {"type": "Swin2RS"}}, "did you mean 'Swin2SR'"),
        ({"provider": "spandrel"}, "reads the architecture off a checkpoint"),
    ],
)
def test_a_wrong_architecture_is_told_with_the_nearest_name(keys: dict, expected: str) -> None:
    with pytest.raises(RequestError, match=expected):
        l2xbench.load_model(card(**keys), weights="random")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"provider": "basics"}, "provider: found 'basics'.*did you mean 'basicsr'"),
        ({"provider": "basicsr", "archs": {}}, "archs: unknown key; did you mean 'arch'"),
        ({"provider": "l2xbench", "arch": {}}, "arch.type is required"),
        ({"provider": "module"}, "is required with provider 'module'"),
        ({"provider": "l2xbench", "arch": {"type": "CARN"}, "weights": {"sha256": "xyz"}}, "weights.sha256"),
    ],
)
def test_a_wrong_card_is_told_by_key(keys: dict, expected: str) -> None:
    with pytest.raises(RequestError, match=expected):
        card(**keys)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(RequestError, match="model 'carnn': no card of this name; did you mean 'carn"):
        l2xbench.load_model("carnn")
    with pytest.raises(RequestError, match=r"no such file"):
        l2xbench.load_model("./absent.yaml")


def test_missing_weights_say_how_they_are_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path))
    nowhere = card(provider="l2xbench", arch={"type": "CARN"})
    with pytest.raises(RequestError, match="no weights here; give weights: PATH"):
        l2xbench.load_model(nowhere)
    by_hand = card(
        provider="l2xbench", arch={"type": "CARN"}, weights={"page": "https://x.org", "filename": "carn.pth"}
    )
    with pytest.raises(RequestError, match=r"download carn\.pth from https://x\.org into"):
        l2xbench.load_model(by_hand)


def test_every_bundled_card_is_one() -> None:
    assert bundled_cards()
    for name, path in bundled_cards().items():
        assert read_card(path).name == name
        assert find_card(name).title


def test_bicubic_is_matlabs(shared: Path) -> None:
    from l2xbench.data.bicubic import resize
    from l2xbench.data.images import read_image, to_image, to_tensor

    lr = read_image(shared / "data/Set5/image_SRF_4/img_003_SRF_4_LR.png")
    ours = to_image(l2xbench.load_model("bicubic")(to_tensor(lr))).astype(int)
    assert abs(ours - resize(lr, 4)).max() <= 1, "rounding of a half may go either way in float32"
    assert (ours != resize(lr, 4)).mean() < 1e-3


def test_the_official_carn_m_loads_and_another_networks_file_is_refused(shared: Path) -> None:
    file = shared / "checkpoints/carn_m_multiscale.pth"
    arch = {"type": "CARN", "group": 4}
    net = l2xbench.load_model(card(provider="l2xbench", arch=arch), weights=file)
    assert net.weights == "carn_m_multiscale.pth"
    with pytest.raises(RequestError, match="does not fit .*Likely cause: a checkpoint of another architecture"):
        l2xbench.load_model(card(provider="basicsr", arch=SWINIR), weights=file)


def test_spandrel_recognises_a_checkpoint(shared: Path) -> None:
    net = l2xbench.load_model(shared / "checkpoints/dctlsa_x4.pt")
    assert (type(net.core).__name__, net.scale, net.name) == ("DCTLSA", 4, "dctlsa_x4")


def test_numbers_in_arch_are_numbers_however_they_are_written(tmp_path: Path) -> None:
    """YAML 1.1, which PyYAML reads, takes 1e-1 for text; text stays text."""
    (tmp_path / "card.yaml").write_text(
        "provider: l2xbench\n"
        "arch: {type: CARN, a: 1e-1, b: -2E5, c: [1.5e3, .5e-3], d: {e: 1.e+2}, f: 7, g: e5, h: '0x1e2', i: 1e}\n"
        "inputs: {sigma: 25e-1}\n"
    )
    read = read_card(tmp_path / "card.yaml")
    assert read.arch == {
        "type": "CARN",
        "a": 0.1,
        "b": -2e5,
        "c": [1500.0, 0.0005],
        "d": {"e": 100.0},
        "f": 7,
        "g": "e5",
        "h": "0x1e2",
        "i": "1e",
    }
    assert read.inputs == {"sigma": 2.5}


def test_short_names_are_the_classes() -> None:
    assert list(
        short_names(["nets.py:A", "nets.py:B", "./b/nets.py:A", "pkg.nets:C", "edsr", "x/y.pth", "z.yaml"])
    ) == [
        "A",
        "B",
        "A-2",
        "C",
        "edsr",
        "y",
        "z",
    ]


def test_a_network_may_be_given_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert short_names(["ours=./runs/best.pth", "edsr=rcan", "edsr", "a/b=c.pth"]) == {
        "ours": "./runs/best.pth",
        "edsr": "rcan",
        "edsr-2": "edsr",
        "b=c": "a/b=c.pth",
    }
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1.pth").touch()
    assert short_names(["lr=0.1.pth"]) == {"lr=0.1": "lr=0.1.pth"}, "a file is what it is called"
