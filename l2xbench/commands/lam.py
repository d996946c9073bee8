"""`l2xbench lam`: the study of one window of one image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from l2xbench.commands.quick import quick_study, scale_of, set_name
from l2xbench.config import StudyConfig
from l2xbench.data.degradations import Degradation
from l2xbench.data.images import read_image, write_png
from l2xbench.errors import RequestError
from l2xbench.studies.lam.cases import AUTO, PUBLISHED_SIDE, Case, find_preset, window_numbers


@dataclass(frozen=True)
class LamRequest:
    """What the command line says."""

    image: Path | None
    models: list[str]
    window: str | None = None
    preset: str | None = None
    crop: str | None = None
    methods: list[str] | None = None
    lr: str = "pillow"
    scale: int | None = None
    degrade: Mapping[str, Any] | None = None
    width: str = "auto"
    device: str = "auto"
    seed: int = 0
    trust: bool = False
    keys: Mapping[str, Any] = field(default_factory=dict)


def lam_study(request: LamRequest, out: Path | None) -> tuple[StudyConfig, Path]:
    """The study of one window, and its results folder; a crop of the image is written there.

    Raises:
        RequestError: a file, name, window or preset is wrong.
    """
    if request.preset is not None and request.window is not None:
        raise RequestError(f"--window: --preset {request.preset} has its own; give one of the two")
    auto = request.window == AUTO
    if request.preset is not None:
        case = _preset(request.preset)
    elif auto:
        case = Case(image="", window="0,0,1")
    elif request.window is not None:
        case = Case(image="", window=_numbers("--window", request.window))
    else:
        raise RequestError(
            "--window X,Y,SIZE is needed: left, top and side of the window in SR pixels; or --window auto, or --preset "
            "NAME"
        )
    if request.lr not in get_args(Degradation):
        raise RequestError(
            f"--lr {request.lr}: it is {' or '.join(get_args(Degradation))}, whose bicubic makes LR of HR"
        )
    scale = request.scale or scale_of(request.models, request.keys)
    # at scale 1 nothing tells what an image is degraded by: it is what the networks take, and there is no HR
    given = scale == 1 and not request.degrade
    entry: dict[str, Any] = {"kind": "lr"} if given else {"kind": "hr", "lr": request.lr}
    if request.image is not None:
        if not request.image.is_file():
            raise RequestError(f"{request.image}: no such file; an HR image is needed")
        name, dataset = _image_name(request.image, scale), set_name(request.image.resolve().parent)
        folder = out or Path("results", "lam", name)
        path = request.image.resolve()
        if request.crop is not None:
            name = f"{name}-{_numbers('--crop', request.crop).replace(',', '-')}"
            folder = out or Path("results", "lam", name)
            path = _cropped(path, request.crop, scale, (folder / "crops" / f"{name}.png").resolve())
        elif name != request.image.stem:
            entry["kind"] = "auto"
        entry |= {"path": str(path.parent), "images": [path.name]}
    else:
        if request.crop is not None:
            raise RequestError("--crop: it is of an image; give the image's file")
        if case.dataset is None:
            raise RequestError(
                f"--preset {request.preset}: it is of a natural image of no known set; give the image's file"
            )
        name, dataset = case.image, case.dataset
        folder = out or Path("results", "lam", name)
        entry |= {"path": dataset, "images": [name], "kind": "auto"}
    study = quick_study(
        "lam",
        f"LAM of {name}",
        request.models,
        {dataset: entry},
        {
            "lam": {
                "cases": AUTO if auto else [{"image": name, "window": case.window}],
                "methods": request.methods or ["lam"],
                "width": request.width,
            }
        },
        scale=scale,
        degrade=request.degrade,
        device=request.device,
        seed=request.seed,
        trust=request.trust,
        keys=request.keys,
    )
    return study, folder


def preset_note(request: LamRequest) -> str | None:
    """What a reader must know of a published window that is taken in another image than the published one."""
    if request.preset is None or request.crop is not None:
        return None
    if request.image is not None and max(read_image(request.image).shape) <= PUBLISHED_SIDE:
        return None
    return (
        f"--preset {request.preset}: papers took this window in a crop of {PUBLISHED_SIDE} x {PUBLISHED_SIDE} HR "
        "pixels, whose place is not published; in a larger image it is another part, and DI falls as the image grows "
        f"(--crop LEFT,TOP,{PUBLISHED_SIDE} takes a crop)"
    )


def _preset(name: str) -> Case:
    try:
        return find_preset(name)
    except RequestError as error:
        raise RequestError(f"--preset: {error}") from None


def _numbers(flag: str, text: str) -> str:
    try:
        return ",".join(map(str, window_numbers(text)))
    except RequestError as error:
        raise RequestError(f"{flag} {error}") from None


def _image_name(image: Path, scale: int) -> str:
    """As its set calls it: `img_005` of `img_005_SRF_4_HR.png`, beside which its LR lies."""
    return re.sub(rf"(?i)_SRF_{scale}_HR$", "", image.stem)


def _cropped(image: Path, crop: str, scale: int, place: Path) -> Path:
    """The file of a square part of an HR image, of which LR is made as if it were the whole."""
    left, top, size = window_numbers(crop)
    whole = read_image(image)
    if left + size > whole.shape[1] or top + size > whole.shape[0]:
        raise RequestError(
            f"--crop {crop}: left, top and side do not lie within the {whole.shape[1]} x {whole.shape[0]} pixels of "
            f"{image}"
        )
    if size < 8 * scale:
        raise RequestError(f"--crop {crop}: a side of {size} is too small; {PUBLISHED_SIDE} is what papers take")
    place.parent.mkdir(parents=True, exist_ok=True)
    write_png(place, whole[top : top + size, left : left + size])
    return place
