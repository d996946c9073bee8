"""A thousand malformed inputs: each gives exit code 2 and one line, or a failure in the table; nothing is lost.

Here are files: studies, images, checkpoints, networks. Keys of studies and cards are in `test_malformed_keys`, command
lines, folders and names in `test_malformed_requests`.
"""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save

from l2xbench.data.folders import printable
from tests.conftest import Command, Done
from tests.data.test_images import tiff
from tests.stories.test_survival import TINY, kept

YAMLS, IMAGES, CHECKPOINTS = 122, 110, 150
"""How many of each there are, those made by hand included; the others are good ones with a few bytes changed."""


def test_there_are_a_thousand() -> None:
    from tests.stories import test_malformed_keys as keys
    from tests.stories import test_malformed_requests as requests

    assert YAMLS + IMAGES + CHECKPOINTS + len(NETWORKS) + len(CONSTRUCTORS) + keys.INPUTS + requests.INPUTS >= 1000


def one_line(done: Done, what: object) -> None:
    """Exit code 2 and one line that says what is wrong; above all no internal error."""
    assert done.returncode == 2, f"{what}: {done}"
    assert len(done.stderr.strip().splitlines()) == 1, f"{what}: {done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr


def mutations(good: bytes, number: int, seed: int) -> list[bytes]:
    """Good bytes with some changed, dropped, doubled, moved, or cut off."""
    draw = random.Random(seed)
    found = []
    for _ in range(number):
        data = bytearray(good)
        for _ in range(draw.choice([1, 1, 2, 5, 20])):
            start = draw.randrange(len(data))
            length = draw.choice([1, 1, 4, 30])
            match draw.randrange(5):
                case 0:
                    data[start : start + length] = draw.randbytes(length)
                case 1:
                    del data[start : start + length]
                case 2:
                    data[start:start] = data[start : start + length]
                case 3:
                    data = data[: max(start, 1)]
                case _:
                    data[start] ^= 1 << draw.randrange(8)
            data = data or bytearray(b"x")
        found.append(bytes(data))
    return found


ONE = b"study: a\nmodels: {a: %b}\ndatasets: {s: ./photographs}"
WRONG_YAMLS = [
    b"",
    b"\x00\x01\x02",
    b"\xff\xfe\x00s",
    b"study",
    b"[1, 2]",
    b"study: [",
    b"study: a\nstudy: b",
    b"study: ../../etc",
    b"study: 7\nmodels: {}\ndatasets: {}",
    b"? [a, b]\n: c",
    b"a: &a [*a]",
    b"study: &x {y: *x}",
    b"study: !!python/object/apply:os.system ['true']",
    b"{" * 5000,
    b"study: " + b"x" * 100_000,
    b"study: a\nmodels: {a: edsr-compact}\ndatasets: {s: {path: ./photographs, crop: -1}}",
    b"study: a\nmodels: {a: edsr-compact}\ndatasets: {s: {path: ./photographs, images: []}}",
    b"study: a\nmodels: {a: edsr-compact}\ndatasets: {s: ./none}",
    b"study: a\nmodels: {a: {card: edsr-compact, wieghts: x}}\ndatasets: {s: ./photographs}",
    b"study: a\nmodels: {'../a': edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nscale: .inf\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nseed: -1\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nthreads: 0\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}\nattribution: {methods: []}",
    b"study: a\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}\nablation: {ratios: 2000-01-01}",
    ONE % b"{provider: l2xbench, arch: {type: CARN, n_feats: -3}, weights: random}",
    ONE % b"{provider: l2xbench, arch: {type: CARN, n_feats: many}, weights: random}",
    b"study: a\nmodels: {a: {provider: basicsr, arch: {type: os}, weights: random}}\ndatasets: {s: ./photographs}",
    b"study: a\nengine: slurm\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nscale: 0\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nscale: 1\ndegrade: {noise: .nan}\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nscale: 1\ndegrade: 25\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"scale: 1\n" + ONE % b"{provider: spandrel, arch: {type: NAFNet}, weights: random}",
    b"study: a\nseed: 18446744073709551616\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\n<<: 3\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    b"study: a\nmodels: {a: edsr-compact}\ndatasets: {s: &s {<<: *s, path: ./none}}",
    b"a0: &a0 {x: 1}\n"
    + b"".join(b"a%d: &a%d {<<: [%s]}\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 9)),
    ONE % b"{card: edsr-compact, weights: ./none.pth}",
    ONE % b"{card: ./none.yaml}",
    b"trust: true\n" + ONE % b"{provider: module, module: './none.py:Net', weights: random}",
    b"study: a\nworkers: 0\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
    *(
        ONE % b"{provider: l2xbench, arch: {type: CARN, n_feats: 4, n_blocks: 1}, weights: random, %b}" % key
        for key in [
            b"output: [1]",
            b"output: {a: b}",
            b"inputs: 3",
            b"inputs: {sigma: {a: b}}",
            b"inputs: {sigma: 25}",
            b"inputs: {sigma: [1, [2]]}",
            b"channels: yuv",
            b"extra_channels: [x]",
            b"extra_channels: 1",
            b"enlarged: maybe",
            b"weights_key: [a]",
            b"multiple: 0",
            b"scale: 2",
            b"ouput: 0",
        ]
    ),
    ONE % b"{card: edsr-compact, weights_key: nothing}",
    ONE % b"{card: edsr-compact, inputs: {sigma: 1}}",
    ONE % b"{card: edsr-compact, output: [0]}",
    ONE % b"{provider: module, module: 'nets.py:Net'}",
    b"trust: true\n" + ONE % b"{provider: module, module: nets.py}",
]


def test_studies(tmp_path: Path, photographs: Path, l2xbench: Command) -> None:
    good = {
        "study": "small",
        "device": "cpu",
        "models": {"tiny": TINY},
        "datasets": {"photographs": {"path": "./photographs", "images": 1, "crop": 8}},
        "attribution": {"methods": ["gradient"], "reference": "black"},
        "heatmaps": None,
    }
    text = yaml.safe_dump(good).encode()
    # of a good study some changes make another good one
    codes = []
    for number, data in enumerate([*WRONG_YAMLS, *mutations(text, YAMLS - len(WRONG_YAMLS), seed=1)]):
        path = tmp_path / "study.yaml"
        path.write_bytes(data)
        done = l2xbench("run", path, "--out", tmp_path / f"out-{number}", "--dry-run")
        if number < len(WRONG_YAMLS) or done.returncode not in (0, 1):
            one_line(done, data[:200])
        codes.append(done.returncode)
    assert len(codes) == YAMLS
    assert codes.count(2) > 0.8 * YAMLS


def encoded(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form)
    return buffer.getvalue()


def test_images(tmp_path: Path, photographs: Path, l2xbench: Command, write_study: Callable[..., Path]) -> None:
    good = Image.open(photographs / "photo0.png")
    grey = Image.fromarray(np.zeros((9, 9), np.float32))
    forms = {
        "PNG": ".png",
        "JPEG": ".jpg",
        "BMP": ".bmp",
        "TIFF": ".tif",
        "GIF": ".gif",
        "WEBP": ".webp",
        "PPM": ".ppm",
    }
    made: dict[str, bytes] = {
        "empty.png": b"",
        "text.png": b"not an image",
        "page.jpg": b"<!DOCTYPE html><html></html>",
        "head.png": b"\x89PNG\r\n\x1a\n",
        "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%true) (w) file",
        "tiny.png": encoded(Image.new("RGB", (3, 3)), "PNG"),
        "thin.png": encoded(Image.new("RGB", (1, 400)), "PNG"),
        "floats.tif": encoded(grey, "TIFF"),
        "colours.tif": tiff(np.ones((9, 9, 3), np.float32)),
        "\udcff\udcfe.png": b"not an image",
        "图像.png": encoded(good, "PNG")[:99],
        "[bold]\n.png": b"",
        "bomb.png": encoded(Image.new("1", (20_000, 20_000)), "PNG"),
        "huge.ppm": b"P6 999999999 999999999 255\n",
        "negative.bmp": encoded(good, "BMP").replace(
            (48).to_bytes(4, "little"), (-48).to_bytes(4, "little", signed=True)
        ),
    }
    for number, form in enumerate(forms):
        for at, data in enumerate(mutations(encoded(good, form), (IMAGES - len(made)) // len(forms), seed=number)):
            made[f"{form}{at}.{form.lower()}"] = data
    for at, data in enumerate(mutations(encoded(good, "PNG"), IMAGES - len(made), seed=99)):
        made[f"more{at}.png"] = data
    assert len(made) == IMAGES
    for name, data in made.items():
        (photographs / name).write_bytes(data)
    (photographs / "folder.png").mkdir()
    study = write_study(heatmaps=None, attribution={"methods": ["gradient"]})
    done = l2xbench("run", study, "--out", tmp_path / "out")
    assert done.returncode == 1, done.stderr
    failed = set(pd.read_csv(tmp_path / "out/tables/failures.csv", keep_default_na=False)["image"])
    finished = {
        image for study, _, model, _, image in kept(tmp_path / "out") if (study, model) == ("restoration", "tiny")
    }
    everything = {printable(Path(name).stem) for name in made} | {"photo0", "photo1", "photo2"}
    assert failed | finished == everything
    assert not failed & finished
    assert {"photo0", "photo1", "photo2"} <= finished
    assert {"empty", "text", "page", "head", "script", "floats", "bomb", "huge"} <= failed
    reasons = pd.read_csv(tmp_path / "out/tables/failures.csv", keep_default_na=False)["reason"]
    assert not reasons.str.contains("\n|Traceback|internal error", regex=True).any()


class Bomb:
    def __reduce__(self) -> tuple:
        return (print, ("unpickled",))


def pickled(thing: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.timeout(600)
def test_checkpoints(tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]) -> None:
    from l2xbench.zoo.archs.carn import CARN

    weights = CARN(n_feats=4, n_blocks=1, scale=4).state_dict()
    wrong_shape = {key: value[:1] for key, value in weights.items()}
    nan = {key: value * torch.nan if value.is_floating_point() else value for key, value in weights.items()}
    made: dict[str, bytes] = {
        "empty.pth": b"",
        "text.pth": b"weights",
        "page.pth": b"<html>404</html>",
        "code.pth": pickle.dumps(Bomb()),
        "code2.pth": pickled({"params": Bomb()}),
        "list.pth": pickled([1, 2, 3]),
        "none.pth": pickled(None),
        "nothing.pth": pickled({}),
        "strings.pth": pickled({"params": {"a": "b"}}),
        "shape.pth": pickled(wrong_shape),
        "nan.pth": pickled(nan),
        "other.pth": pickled({"a.weight": torch.ones(3)}),
        "zip.pth": zipped("x", b"y"),
        "bomb.pth": zipped("archive/data.pkl", b"\0" * 50_000_000),
        "short.safetensors": (2**60).to_bytes(8, "little") + b"{}",
        "brace.safetensors": (2).to_bytes(8, "little") + b"{}",
        "two.pth": pickled({"a": weights, "b": {key: value + 1 for key, value in weights.items()}}),
        "optimiser.pth": pickled({"optimizer": {"state": weights}}),
        "hyperparameters.pth": pickled({"params": {"lr": 1e-4}, "epoch": 3}),
        "prefix.pth": pickled({f"module.net.{key}.x": value for key, value in weights.items()}),
        "deep.pth": pickled({"a": {"b": {"c": {"d": {"e": {"f": weights}}}}}}),
        "shadow.pth": pickled({"ema": {"shadow_params": list(weights.values())[1:]}}),
        "pickle.safetensors": pickled([1, 2]),
        "page.safetensors": b"<html></html>",
        "numbers.pth": pickled(dict.fromkeys(weights, 1.0)),
        "names.pth": pickled({0: torch.ones(3), "": torch.ones(3)}),
        "sparse.pth": pickled({key: value.to_sparse() for key, value in weights.items()}),
    }
    for key in ("params", "params_ema", "state_dict", "model", "ema", "module"):
        made[f"{key} of text.pth"] = pickled({key: "weights"})
        made[f"{key} of a shape.pth"] = pickled({key: wrong_shape})
        made[f"{key} of numbers.pth"] = pickled({key: dict.fromkeys(weights, 3)})
        made[f"{key} twice.pth"] = pickled({key: {key: {"a": torch.ones(1)}}})
    for name, value in ODD_VALUES.items():
        made[f"one {name}.pth"] = pickled({**weights, next(iter(weights)): value})
        made[f"also {name}.pth"] = pickled({"params": weights, "params_ema": {**weights, next(iter(weights)): value}})
    half = (CHECKPOINTS - len(made)) // 2
    for number, data in enumerate(mutations(pickled(weights), half, seed=3)):
        made[f"changed{number}.pth"] = data
    for number, data in enumerate(mutations(save(weights), CHECKPOINTS - len(made), seed=4)):
        made[f"changed{number}.safetensors"] = data
    assert len(made) == CHECKPOINTS
    arch = {"type": "CARN", "n_feats": 4, "n_blocks": 1}
    models = {"good": TINY}
    for number, (name, data) in enumerate(made.items()):
        (tmp_path / name).write_bytes(data)
        models[f"m{number}"] = {"provider": "l2xbench", "arch": arch, "scale": 4, "weights": f"./{name}"}
    photographs = {"path": "./photographs", "images": 1, "crop": 8}
    study = write_study(models=models, heatmaps=None, attribution=None, datasets={"photographs": photographs})
    out = tmp_path / "out"
    assert l2xbench("run", study, "--models", "good", "--out", out).returncode == 0
    before = kept(out)
    done = l2xbench("run", study, "--out", out, "--workers", 1)
    assert done.returncode == 1, done.stderr
    assert not {"unpickled", "Traceback"} & set(f"{done.stdout} {done.stderr}".split())
    failed = pd.read_csv(out / "tables/failures.csv").set_index("model")["reason"]
    for number, name in enumerate(made):
        if f"m{number}" not in failed.index:  # a bit of a weight makes another weight, and params are there
            assert name.startswith(("changed", "also")), name
            continue
        assert name in failed[f"m{number}"] or name.startswith("changed"), failed[f"m{number}"]
        assert "\n" not in failed[f"m{number}"] and "internal error" not in failed[f"m{number}"]
    assert before.items() <= kept(out).items()
    some = [f"m{number}" for number, name in enumerate(made) if not name.startswith(("changed", "also"))][::9]
    for alone in some:
        one_line(l2xbench("run", study, "--models", alone, "--out", tmp_path / alone), alone)


ODD_VALUES: dict[str, object] = {
    "text": "weights",
    "none": None,
    "list": [1.0, 2.0],
    "NaN": torch.full((3, 3, 1, 1), torch.nan),
    "empty": torch.ones(0),
    "number": torch.tensor(1.0),
    "integers": torch.ones(4, 3, 3, 3, dtype=torch.long),
    "complex": torch.ones(4, 3, 3, 3, dtype=torch.complex64),
    "huge": torch.full((4, 3, 3, 3), 3e38),
    "sparse": torch.ones(4, 3, 3, 3).to_sparse(),
    "quantised": torch.quantize_per_tensor(torch.ones(4, 3, 3, 3), 0.1, 0, torch.qint8),
    "meta": torch.ones(2**14, 2**14, device="meta"),
    "repeated": torch.ones(1).expand(2**16, 2**16),
    "mapping": {"a": {"b": torch.ones(1)}},
}


NETWORKS = {
    "returns nothing": "return None",
    "returns a number": "return 3.0",
    "returns text": "return 'image'",
    "returns a shape": "return x.shape",
    "returns an array": "return y.detach().numpy()",
    "returns a tuple": "return y, x",
    "returns no tuple": "return ()",
    "returns a dict": "return {'sr': y, 'lr': x}",
    "returns an object": "return object()",
    "returns itself": "return self",
    "returns a generator": "return (each for each in y)",
    "one dimension": "return y.flatten()",
    "three dimensions": "return y[0]",
    "five dimensions": "return y[:, None]",
    "no images": "return y[:0]",
    "two images": "return torch.cat([y, y])",
    "one channel": "return y[:, :1]",
    "four channels": "return torch.cat([y, y[:, :1]], 1)",
    "integers": "return y.long()",
    "booleans": "return y > 0",
    "complex numbers": "return torch.complex(y, y)",
    "another scale": "return y[..., ::2, ::2]",
    "no scale": "return x",
    "too short": "return y[..., 1:, :]",
    "too long": "return F.pad(y, (0, 1, 0, 1))",
    "nothing left": "return y[..., :0]",
    "NaN": "return y * float('nan')",
    "infinity": "return y / 0",
    "raises": "raise ValueError('no\\nthanks')",
    "raises nothing": "raise Exception",
    "asserts": "assert x.shape[1] == 7",
    "leaves": "sys.exit(3)",
    "another device": "return y.to('cuda:7')",
    "no such name": "return yy",
    "needs more channels": "return self.b(x)",
    "recursion": "return self.forward(x)",
    "divides": "return y[0 / 0]",
    "a key": "return {}['sr']",
    "stops": "raise StopIteration",
    "a list of lists": "return [[y], [y]]",
    "a dict of two": "return {'a': {'b': y}, 'c': {'b': y}}",
    "a set": "return {1, 2}",
    "a string of images": "return 'y', 'x'",
    "an empty dict": "return {}",
    "a class": "return nn.Conv2d",
    "a module": "return self.a",
    "a sparse image": "return y.to_sparse()",
    "a meta image": "return y.to('meta')",
    "a quantised image": "return torch.quantize_per_tensor(y, 0.1, 0, torch.quint8)",
    "half of the height": "return y[..., : y.shape[-2] // 2, :]",
    "turned": "return y.transpose(2, 3)[..., 1:]",
    "channels last": "return y.permute(0, 2, 3, 1)",
    "twice the scale": "return F.interpolate(y, scale_factor=2)",
    "six times": "return F.interpolate(x, scale_factor=6)",
    "4.5 times": "return F.interpolate(x, scale_factor=4.5)",
    "a number of no channels": "return y.mean()",
    "no batch axis": "return y.sum(0)",
    "another batch": "return y.repeat(3, 1, 1, 1)",
    "an index too far": "return y[:, 7:8] + y[9]",
    "wrong types": "return y + 'a'",
    "interrupted": "raise MemoryError",
    "a warning": "raise UserWarning('careful')",
    "a key error of bytes": "raise KeyError(b'\xff')",
    "an exception of many lines": "raise RuntimeError('a\n' * 50)",
    "control characters": "raise RuntimeError('\x1b[31m\x07')",
    "an exception without text": "raise type('Odd', (Exception,), {'__str__': lambda self: ''})()",
    "needs a second image": "return self.a(x, x)",
    "modules from nowhere": "import a_library_that_nobody_has",
    "a file of its own": "return open('/none/x').read()",
    "exits by hand": "import os; raise SystemExit(0)",
}
CONSTRUCTORS = {
    "no module": "def Net(): return 3",
    "raises when built": "class Net(nn.Module):\n    def __init__(self):\n        raise OSError('no file')",
    "leaves when built": "def Net(): sys.exit()",
    "needs arguments": "class Net(nn.Module):\n    def __init__(self, n):\n        super().__init__()",
    "no super": "class Net(nn.Module):\n    def __init__(self):\n        self.a = nn.Conv2d(3, 3, 3)",
    "no forward": "class Net(nn.Module):\n    pass",
    "a second input": "class Net(nn.Module):\n    def forward(self, x, sigma):\n        return x",
    "another name": "class Nett(nn.Module):\n    pass",
    "not Python": "class Net(",
    "no library": "import a_library_that_nobody_has",
    "exits": "sys.exit('usage: train.py')",
    "a command line": "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.parse_args()",
    "raises at import": "1 / 0",
    "a value": "Net = 5",
    "bytes": "\x00",
    "a list of classes": "Net = [nn.Conv2d]",
    "a string": "Net = 'Net'",
    "needs a file": "open('weights.bin')",
    "no end": "class Net(nn.Module):\n    def forward(self, x):\n        return (x",
    "tabs and spaces": "class Net(nn.Module):\n\tx = 1\n        y = 2",
    "imports itself": "import net\nNet = net.Net",
    "a relative import": "from . import other",
    "a deep recursion": "def f(): f()\nf()",
    "a generator": "def Net(): yield 3",
    "a coroutine": "async def Net(): pass",
    "None": "def Net(): pass",
    "a tensor": "def Net(): return torch.ones(3)",
    "not a module": "class Net:\n    def forward(self, x): return x",
    "abstract": "import abc\nclass Net(nn.Module, abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...",
    "a keyboard": "raise KeyError",
    "encoding": "# -*- coding: nothing -*-\nclass Net(nn.Module): pass",
}
HEAD = "import sys, torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


@pytest.mark.timeout(600)
def test_networks(tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]) -> None:
    """Networks of the user's: `check` says in one line what is wrong with each, and in a study each fails alone."""
    base = "class Net(nn.Module):\n    scale = 4\n    def __init__(self):\n        super().__init__()\n"
    base += "        self.a, self.b = nn.Conv2d(3, 48, 1), nn.Conv2d(5, 3, 1)\n    def forward(self, x):\n"
    base += "        y = F.pixel_shuffle(self.a(x), 4)\n        "
    made = {name: base + line for name, line in NETWORKS.items()} | CONSTRUCTORS
    models = {"good": TINY}
    for number, code in enumerate(made.values()):
        folder = tmp_path / f"net{number}"
        folder.mkdir()
        (folder / "net.py").write_text(HEAD + code)
        models[f"n{number}"] = {"provider": "module", "module": f"./net{number}/net.py:Net", "scale": 4}
    for number, name in enumerate(made):
        done = l2xbench("check", f"{tmp_path}/net{number}/net.py:Net", "--trust", "--size", 12, "--outputs", 0)
        one_line(done, name)
    photographs = {"path": "./photographs", "images": 1, "crop": 8}
    blocks = {"attribution": None, "heatmaps": None, "trust": True, "datasets": {"photographs": photographs}}
    forwards = {key: value for key, value in models.items() if key == "good" or int(key[1:]) < len(NETWORKS)}
    done = l2xbench("run", write_study(models=forwards, **blocks), "--out", tmp_path / "out")
    assert done.returncode == 1, done.stderr
    failed = pd.read_csv(tmp_path / "out/tables/failures.csv", keep_default_na=False)
    assert set(failed["model"]) == set(forwards) - {"good"}
    assert not failed["reason"].str.contains("\n").any()
