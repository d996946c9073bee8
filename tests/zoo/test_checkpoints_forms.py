"""Checkpoints in the forms that training codes leave, each into the network that it was saved from: the same output."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model

import l2xbench
from l2xbench.errors import RequestError
from l2xbench.zoo.network import Network
from tests.zoo.test_load import card

NETS = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Net(nn.Module):
    scale = 2
    def __init__(self, n=4):
        super().__init__()
        self.head = nn.Conv2d(3, n, 3, padding=1)
        self.body = nn.Conv2d(n, n, 3, padding=1)
        self.tail = nn.Conv2d(n, 12, 3, padding=1)
    def inner(self, f):
        return F.relu(self.body(f))
    def forward(self, x):
        f = self.head(x)
        return F.pixel_shuffle(self.tail(f + self.inner(f)), 2)

class BN(Net):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(4)
    def inner(self, f):
        return F.relu(self.bn(self.body(f)))

class WeightNorm(Net):
    def __init__(self):
        super().__init__()
        self.body = nn.utils.parametrizations.weight_norm(self.body)

class Spectral(Net):
    def __init__(self):
        super().__init__()
        self.body = nn.utils.parametrizations.spectral_norm(self.body)

class Tied(Net):
    def __init__(self):
        super().__init__()
        self.again = self.body
    def inner(self, f):
        return F.relu(self.again(f + F.relu(self.body(f))))

class Extra(Net):
    gain = 1
    def get_extra_state(self):
        return {"gain": self.gain}
    def set_extra_state(self, state):
        self.gain = state["gain"]
    def inner(self, f):
        return self.gain * super().inner(f)

class Renamed(Net):
    def _load_from_state_dict(self, state, prefix, *rest):
        for key in list(state):
            if key.startswith(prefix + "conv_first."):
                state[prefix + "head." + key[len(prefix) + 11:]] = state.pop(key)
        super()._load_from_state_dict(state, prefix, *rest)

class Complex(Net):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(4, 1, 1, dtype=torch.cfloat))
    def inner(self, f):
        return torch.fft.irfft2(torch.fft.rfft2(f) * self.w, s=f.shape[-2:])

class Double(Net):
    def __init__(self):
        super().__init__()
        self.step = nn.Parameter(torch.tensor(0.1, dtype=torch.float64))
    def inner(self, f):
        return f * self.step

class Wrapped(nn.Module):
    scale = 2
    def __init__(self):
        super().__init__()
        self.module = Net()
    def forward(self, x):
        return self.module(x)

class Model(nn.Module):
    scale = 2
    def __init__(self):
        super().__init__()
        self.model = Net()
        self.gain = nn.Parameter(torch.ones(()))
    def forward(self, x):
        return self.model(x) * self.gain

class Inner(Net):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(self.body, nn.ReLU())
    def inner(self, f):
        return self.body(f)

def Parallel():
    net = nn.DataParallel(Net())
    net.scale = 2
    return net

def Whole():
    net = torch.compile(Net(), backend="eager")
    net.scale = 2
    return net

def Compiled():
    net = Net()
    net.body = torch.compile(net.body, backend="eager")
    return net
"""
LR = torch.rand(1, 3, 6, 7)
State = Mapping[str, Any]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Network]:
    (tmp_path / "nets.py").write_text(NETS)

    def loaded(name: str, weights: Path | State | None = None, seed: int = 0, **keys: Any) -> Network:
        mine = card(tmp_path, provider="module", module=f"nets.py:{name}", **keys)
        return l2xbench.load_model(mine, weights, trust=True, seed=seed)

    return loaded


def worse(state: State) -> State:
    return {key: value + 0.5 for key, value in state.items()}


def under(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


OTHER = {"conv.weight": torch.ones(1, 4, 3, 3), "conv.bias": torch.ones(1)}
FORMS: dict[str, Callable[[State], Any]] = {
    "bare": lambda good: good,
    "params": lambda good: {"params": good},
    "params_ema": lambda good: {"params": worse(good), "params_ema": good},
    "params-ema": lambda good: {"params": worse(good), "params-ema": good},
    "state_dict_ema": lambda good: {"state_dict": worse(good), "state_dict_ema": good},
    "model_ema": lambda good: {"model": worse(good), "model_ema": good},
    "ema": lambda good: {"model": worse(good), "ema": good},
    "net_g_ema": lambda good: {"net_g": worse(good), "net_g_ema": good, "net_d": OTHER},
    "ema_model": lambda good: {
        "ema_model": {"n_averaged": torch.tensor(3), **under("module.", good)},
        "model": worse(good),
    },
    "ema within": lambda good: {"state_dict": worse(good), "callbacks": {"EMA": {"state_dict": good}}},
    "swa": lambda good: {"state_dict": worse(good), "swa_model": under("module.", good)},
    "shadow of an average": lambda good: {"model": worse(good), "ema": {"decay": 0.9, "shadow": good}},
    "shadow_params": lambda good: {"model": worse(good), "ema": {"decay": 0.9, "shadow_params": list(good.values())}},
    "lightning": lambda good: {"epoch": 3, "state_dict": under("model.", good), "hyper_parameters": {"lr": 1e-4}},
    "lightning with losses": lambda good: {"state_dict": {**under("net.", good), **under("loss.vgg.", OTHER)}},
    "averaged model": lambda good: {"n_averaged": torch.tensor(9), **under("module.", good)},
    "generator": lambda good: {"state_dict": {**under("generator.", good), **under("discriminator.", OTHER)}},
    "generator_ema": lambda good: {"state_dict": {**under("generator.", worse(good)), **under("generator_ema.", good)}},
    "flat params_ema": lambda good: {**under("params.", worse(good)), **under("params_ema.", good)},
    "net_g": lambda good: {"net_g": good, "iter": 4},
    "module of net_g": lambda good: under("module.net_g.", good),
    "net_g of module": lambda good: under("net_g.module.", good),
    "compiled": lambda good: under("_orig_mod.", good),
    "a part compiled": lambda good: {key.replace("body.", "body._orig_mod."): value for key, value in good.items()},
    "a part in parallel": lambda good: {key.replace("tail.", "tail.module."): value for key, value in good.items()},
    "hyperparameters": lambda good: {"params": {"lr": 1e-4, "n": 8}, "state_dict": good},
    "with the optimiser": lambda good: {
        "model": good,
        "optimizer": {"state": {0: {"exp_avg": torch.ones(4, 3, 3, 3)}}, "param_groups": [{"lr": 1.0}]},
        "step": torch.tensor(4),
    },
    "gan": lambda good: {"g": good, "d": OTHER},
    "numbers beside": lambda good: {**good, "epoch": 4, "name": "net"},
    "a profiler's": lambda good: {**good, "total_ops": torch.zeros(1), "head.total_params": torch.zeros(1)},
    "half": lambda good: {key: value.half() for key, value in good.items()},
    "latent diffusion's averages": lambda good: {
        "state_dict": {
            **under("model.", worse(good)),
            **{f"model_ema.{key.replace('.', '')}": value for key, value in good.items()},
            "model_ema.decay": torch.tensor(0.999),
            "model_ema.num_updates": torch.tensor(7),
        }
    },
    "averages with what they are of": lambda good: {
        "ema": {**under("online_model.", worse(good)), **under("ema_model.", good), "initted": torch.tensor(True)},
        "model": worse(good),
    },
    "averages of a wrapper": lambda good: {"model": worse(good), "ema": {"module": good}},
    "averages called otherwise": lambda good: {"netG": worse(good), "netG_EMA": good, "netD": OTHER},
    "averages beside a prefix": lambda good: {"state_dict": {**under("net.", worse(good)), **under("net_ema.", good)}},
    "averages deep within": lambda good: {"model": worse(good), "extra_state": {"ema": good}},
    "no averages": lambda good: {"params": good, "params_ema": None},
    "compiled and in parallel": lambda good: under("module._orig_mod.", good),
    "in a sequence": lambda good: under("0.module.", good),
    "a name and weights": lambda good: {"model": "edsr", "weights": good},
    "an attribute's name": lambda good: {"trainer": {"models": {"sr": good}}},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["Net", "Wrapped", "Parallel", "Whole"])
def test_every_form_gives_the_output(tmp_path: Path, load: Callable[..., Network], form: str, kind: str) -> None:
    """Also for a network behind an attribute: its own prefix is not taken for a wrapper's."""
    good = load("Net", seed=1).core.state_dict()
    torch.save(FORMS[form](good), tmp_path / "x.pth")
    found = load(kind, tmp_path / "x.pth")(LR)
    near = 1e-2 if form == "half" else 1e-6
    torch.testing.assert_close(found, load("Net", good)(LR), atol=near, rtol=0)


SELF = ["Net", "BN", "WeightNorm", "Spectral", "Tied", "Extra", "Renamed", "Complex", "Double", "Wrapped", "Model"]


@pytest.mark.parametrize("kind", [*SELF, "Inner", "Parallel", "Compiled"])
def test_what_a_network_saves_of_itself_it_takes(tmp_path: Path, load: Callable[..., Network], kind: str) -> None:
    from_ = load(kind, seed=1)
    torch.save({"state_dict": from_.core.state_dict()}, tmp_path / "x.pth")
    torch.testing.assert_close(load(kind, tmp_path / "x.pth")(LR), from_(LR))
    torch.save(under("module.", from_.core.state_dict()), tmp_path / "x.pth")
    if kind != "Extra":  # its extra state has no prefix of a key's form
        torch.testing.assert_close(load(kind, tmp_path / "x.pth")(LR), from_(LR))


def _without_counters(state: State) -> State:
    found = OrderedDict((key, value) for key, value in state.items() if "num_batches" not in key)
    found._metadata = state._metadata  # type: ignore[attr-defined]
    return found


def _old_weight_norm(state: State) -> State:
    weight = "body.parametrizations.weight."
    return {
        **{key: value for key, value in state.items() if weight not in key},
        "body.weight_g": state[f"{weight}original0"],
        "body.weight_v": state[f"{weight}original1"],
    }


LENIENT: dict[str, tuple[str, Callable[[State], State]]] = {
    "no counters of batches": ("BN", _without_counters),
    "nor the version": ("BN", lambda state: dict(_without_counters(state))),
    "counters that are too many": ("Net", lambda state: {**state, "bn.num_batches_tracked": torch.tensor(1)}),
    "old weight norm": ("WeightNorm", _old_weight_norm),
    "old names": ("Renamed", lambda state: {key.replace("head.", "conv_first."): v for key, v in state.items()}),
    "old names behind a prefix": (
        "Renamed",
        lambda state: {"model." + key.replace("head.", "conv_first."): v for key, v in state.items()},
    ),
    "one name of tied layers": ("Tied", lambda state: {key: v for key, v in state.items() if "again" not in key}),
    "the other name": ("Tied", lambda state: {key: v for key, v in state.items() if "body" not in key}),
}


@pytest.mark.parametrize("form", LENIENT)
def test_as_lenient_as_pytorch(tmp_path: Path, load: Callable[..., Network], form: str) -> None:
    kind, change = LENIENT[form]
    from_ = load(kind, seed=1)
    torch.save(change(from_.core.state_dict()), tmp_path / "x.pth")
    torch.testing.assert_close(load(kind, tmp_path / "x.pth")(LR), from_(LR))


def test_extra_state_is_taken_and_may_be_absent(tmp_path: Path, load: Callable[..., Network]) -> None:
    from_ = load("Extra", seed=1)
    from_.core.gain = 2
    state = from_.core.state_dict()
    torch.save(state, tmp_path / "x.pth")
    torch.testing.assert_close(load("Extra", tmp_path / "x.pth")(LR), from_(LR))
    from_.core.gain = 1
    save_file(
        {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}, tmp_path / "x.safetensors"
    )
    torch.testing.assert_close(load("Extra", tmp_path / "x.safetensors")(LR), from_(LR))


def test_safetensors(tmp_path: Path, load: Callable[..., Network]) -> None:
    for kind in ("Tied", "Net"):
        from_ = load(kind, seed=1)
        save_model(from_.core, str(tmp_path / "x.safetensors"))
        torch.testing.assert_close(load(kind, tmp_path / "x.safetensors")(LR), from_(LR))
    state = from_.core.state_dict()
    save_file(under("params_ema.", state), tmp_path / "flat.safetensors")
    torch.save(state, tmp_path / "plain.pth")
    shutil.copy(tmp_path / "plain.pth", tmp_path / "really_pickle.safetensors")
    torch.save(state, tmp_path / "old.safetensors", _use_new_zipfile_serialization=False)
    shutil.copy(tmp_path / "x.safetensors", tmp_path / "really_safetensors.pth")
    torch.save({"state_dict": state}, tmp_path / "best.pth.tar")
    for path in tmp_path.glob("*.*"):
        if path.suffix != ".py":
            torch.testing.assert_close(load("Net", path)(LR), from_(LR))


def test_averages_of_the_parameters_alone_go_with_the_rest_of_the_raw_ones(load: Callable[..., Network]) -> None:
    good = load("BN", seed=1)
    good.core.bn.running_mean.fill_(0.3)
    state = good.core.state_dict()
    raw = {key: value if "running" in key or "num" in key else value + 0.5 for key, value in state.items()}
    shadow = dict(good.core.named_parameters())
    for form in ({"shadow": shadow}, {"shadow_params": [value.detach() for value in shadow.values()]}):
        torch.testing.assert_close(load("BN", {"model": raw, "ema": form})(LR), good(LR))


def test_the_choice_is_said_and_can_be_made(load: Callable[..., Network]) -> None:
    good = load("Net", seed=1).core.state_dict()
    several = {"model": worse(good), "model_ema": good, "optimizer": {}}
    assert load("Net", several).weights == "given (model_ema)"
    assert load("Net", {"model": good}).weights == "given"
    raw = load("Net", several, weights_key="model")
    torch.testing.assert_close(raw(LR), load("Net", worse(good))(LR))
    flat = {**under("generator.", worse(good)), **under("generator_ema.", good)}
    torch.testing.assert_close(load("Net", flat, weights_key="generator")(LR), raw(LR))
    with pytest.raises(RequestError, match="weights_key: no 'modell' in it; did you mean 'model"):
        load("Net", several, weights_key="modell")


def test_several_that_nothing_tells_apart_are_asked_for(load: Callable[..., Network]) -> None:
    good = load("Net", seed=1).core.state_dict()
    both = {"first": good, "second": worse(good)}
    with pytest.raises(
        RequestError, match=r"several networks that fit \(first, second\); say which: `weights_key: first`"
    ):
        load("Net", both)
    torch.testing.assert_close(load("Net", both, weights_key="second")(LR), load("Net", worse(good))(LR))
    assert load("Net", {"first": good, "second": good}).weights == "given"


def test_what_is_no_state_dict(load: Callable[..., Network]) -> None:
    for data, expected in [
        ({"epoch": 3, "params": {"lr": 1}}, r"no tensors in it \(found: epoch, params\)"),
        ({}, "no tensors in it"),
        ({"optimizer": {"state": torch.ones(3)}}, "no tensors in it"),
    ]:
        with pytest.raises(RequestError, match=expected):
            load("Net", data)
    with pytest.raises(RequestError, match="does not fit .*Likely cause: a checkpoint of another architecture"):
        load("Net", {"model": OTHER})


def test_spandrel_sees_all_that_a_file_holds(shared: Path, tmp_path: Path) -> None:
    """Averaged weights before raw ones, prefixes, and entries that are no tensors."""
    state = torch.load(shared / "checkpoints/dctlsa_x4.pt", weights_only=True, map_location="cpu")
    while not any(isinstance(value, torch.Tensor) for value in state.values()):
        state = next(value for value in state.values() if isinstance(value, dict))
    expected = l2xbench.load_model(shared / "checkpoints/dctlsa_x4.pt")(LR)
    bad = {key: value + 0.5 if value.is_floating_point() else value for key, value in state.items()}
    forms = [
        {"epoch": 3, **state},
        {"model": bad, "ema": state, "epoch": 3},
        {"state_dict": {**under("generator.", bad), **under("generator_ema.", state)}},
        {"n_averaged": torch.tensor(3), **under("module.", state)},
    ]
    for form in forms:
        torch.save(form, tmp_path / "x.pth")
        net = l2xbench.load_model(tmp_path / "x.pth")
        torch.testing.assert_close(net(LR), expected)
        taken = {"model": "ema", "state_dict": "state_dict.generator_ema"}.get(next(iter(form)))
        assert net.weights == (f"x.pth ({taken})" if taken else "x.pth")
    with pytest.raises(RequestError, match="several networks .*weights_key: a"):
        torch.save({"a": state, "b": bad}, tmp_path / "x.pth")
        l2xbench.load_model(tmp_path / "x.pth")
    torch.testing.assert_close(l2xbench.load_model(tmp_path / "x.pth", weights_key="a")(LR), expected)


def test_real_cugans_flag_is_not_dropped() -> None:
    """`pro: 1` changes the range of the input."""
    from spandrel.architectures.RealCUGAN import UpCunet2x

    torch.manual_seed(0)
    state = UpCunet2x(in_channels=3, out_channels=3).state_dict()
    from l2xbench.zoo.cards import make_card

    spandrel = make_card({"name": "cugan", "provider": "spandrel"}, source="x", folder=Path())
    plain, pro = (l2xbench.load_model(spandrel, {**state, **flag}) for flag in ({}, {"pro": 1}))
    assert float((plain(LR) - pro(LR)).abs().mean()) > 1e-3
