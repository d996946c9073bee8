"""Two hundred malformed files: each gives exit code 2 and one line, or a failure in the table; nothing is lost."""

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

from tests.conftest import Command, Done
from tests.stories.test_survival import TINY, kept

YAMLS, IMAGES, CHECKPOINTS = 90, 60, 50
"""How many of each are generated from good ones, hand-made ones included."""


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
    b"study: a\nworkers: 0\nmodels: {a: edsr-compact}\ndatasets: {s: ./photographs}",
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
        done = l2xbench("run", path, "--out", tmp_path / f"out-{number}")
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
    everything = {Path(name).stem for name in made} | {"photo0", "photo1", "photo2"}
    assert failed | finished == everything
    assert not failed & finished
    assert {"photo0", "photo1", "photo2"} <= finished
    assert {"empty", "text", "page", "head", "script", "floats", "bomb", "huge"} <= failed


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
        "sparse.pth": pickled({key: value.to_sparse() for key, value in weights.items()}),
    }
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
    study = write_study(models=models, heatmaps=None, attribution=None)
    out = tmp_path / "out"
    assert l2xbench("run", study, "--models", "good", "--out", out).returncode == 0
    before = kept(out)
    for number, name in enumerate(made):
        done = l2xbench("run", study, "--models", f"m{number}", "--out", out)
        assert "unpickled" not in done.stdout + done.stderr
        if done.returncode == 1:
            assert set(pd.read_csv(out / "tables/failures.csv")["model"]) == {f"m{number}"}
        elif not (name.startswith("changed") and done.returncode == 0):  # a bit of a weight makes another weight
            one_line(done, name)
            assert name in done.stderr
    last = l2xbench("run", study, "--models", "good", "--out", out)
    assert "0 units computed, 9 found done" in last.stdout
    assert before.items() <= kept(out).items()
