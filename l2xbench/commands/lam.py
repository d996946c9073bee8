"""`l2xbench lam`: the study of one window of one image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from l2xbench.commands.quick import quick_study, scale_of
from l2xbench.config import StudyConfig
from l2xbench.data.degradations import Degradation
from l2xbench.data.images import read_image, write_png
from l2xbench.data.known_sets import set_of_image
from l2xbench.errors import RequestError
from l2xbench.store.paths import CROPS
from l2xbench.studies.lam.cases import AUTO, CROP, PUBLISHED_SIDE, Case, find_preset, window_numbers


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


@dataclass(frozen=True)
class LamStudy:
    """The study of one window."""

    config: StudyConfig
    folder: Path
    """Where its results go: one a window, so that none takes another's tables."""
    crop: tuple[Path, np.ndarray] | None = None
    """The part of the image that is taken as if it were the whole: the file that it becomes, and its pixels."""
    notes: Sequence[str] = ()
    """What must be known of a published window that is taken in another image than the published one."""

    @contextmanager
    def with_crop(self, *, keep: bool) -> Iterator[None]:
        """Writes the crop for the time of a run; it stays afterwards if `keep`, and nothing was wrong with the request.

        Args:
            keep: false where the run only says what it would do.
        """
        if self.crop is None:
            yield
            return
        place, pixels = self.crop
        there = next(each for each in place.parents if each.exists())
        was = place.read_bytes() if place.exists() else None
        place.parent.mkdir(parents=True, exist_ok=True)
        write_png(place, pixels)
        kept = keep
        try:
            yield
        except RequestError:
            kept = False
            raise
        finally:
            if not kept and was is not None:
                place.write_bytes(was)
            elif not kept:
                place.unlink(missing_ok=True)
                made = [each for each in place.parents if each.is_relative_to(there) and each != there]
                with suppress(OSError):  # a folder that holds something else
                    for each in made:
                        each.rmdir()


def lam_study(request: LamRequest, out: Path | None) -> LamStudy:
    """The study of one window; nothing is written yet.

    Raises:
        RequestError: a file, name, window or preset is wrong.
    """
    case = _case(request)
    if request.lr not in get_args(Degradation):
        raise RequestError(
            f"--lr {request.lr}: it is {' or '.join(get_args(Degradation))}, whose bicubic makes LR of HR"
        )
    scale = request.scale or scale_of(request.models, request.keys)
    # at scale 1 nothing tells what an image is degraded by: it is what the networks take, and there is no HR
    given = scale == 1 and not request.degrade
    crop: tuple[Path, np.ndarray] | None = None
    entry: dict[str, Any] = {"kind": "lr"} if given else {"kind": "hr", "lr": request.lr}
    if request.image is not None:
        if not request.image.is_file():
            needed = "an image" if scale == 1 else "an HR image"
            raise RequestError(f"{request.image}: no such file; {needed} is needed")
        name, dataset = _image_name(request.image, scale), set_of_image(request.image.resolve()) or "images"
        notes = _preset_notes(request, name, case)
        path = request.image.resolve()
        if request.crop is not None:
            pixels = _cropped(path, request.crop, scale)
            name = f"{name}{CROP}{_numbers('--crop', request.crop).replace(',', '-')}"
            path = ((out or _folder(name, request, case)) / CROPS / f"{name}.png").resolve()
            crop = path, pixels
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
        notes = [_OTHER_PART.format(preset=request.preset, side=PUBLISHED_SIDE)]
        entry |= {"path": dataset, "images": [name], "kind": "auto"}
    study = quick_study(
        "lam",
        f"LAM of {name}",
        request.models,
        {dataset: entry},
        {
            "lam": {
                "cases": AUTO if request.window == AUTO else [{"image": name, "window": case.window}],
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
    return LamStudy(study, out or _folder(name, request, case), crop, notes)


def _case(request: LamRequest) -> Case:
    """The window that is asked for; with `auto` one that says nothing."""
    if request.preset is not None and request.window is not None:
        raise RequestError(f"--window: --preset {request.preset} has its own; give one of the two")
    if request.preset is not None:
        return _preset(request.preset)
    if request.window == AUTO:
        return Case(image="", window="0,0,1")
    if request.window is not None:
        return Case(image="", window=_numbers("--window", request.window))
    raise RequestError(
        "--window X,Y,SIZE is needed: left, top and side of the window in SR pixels; or --window auto, or --preset NAME"
    )


_OTHER_PART = (
    "--preset {preset}: papers took this window in a crop of {side} x {side} HR pixels, whose place is not published; "
    "in a larger image it is another part, and DI falls as the image grows (--crop LEFT,TOP,{side} takes a crop)"
)


def _folder(name: str, request: LamRequest, case: Case) -> Path:
    """The results folder of a window of an image."""
    window = AUTO if request.window == AUTO else case.window.replace(",", "-")
    return Path("results", "lam", f"{name}-window-{window}")


def _preset_notes(request: LamRequest, name: str, case: Case) -> list[str]:
    """What must be told of a preset's window in this image.

    Args:
        request: what the command line says.
        name: of the image.
        case: the preset's.

    Raises:
        RequestError: by its name the image is another of the same set.
    """
    if request.preset is None:
        return []
    assert request.image is not None
    told = []
    wanted = re.fullmatch(r"(.*?)0*(\d+)", case.image)
    if wanted and wanted[1]:
        found = re.search(rf"(?i){re.escape(wanted[1])}0*(\d+)", name)
        if found and found[1] != wanted[2]:
            raise RequestError(
                f"--preset {request.preset}: it is a window of {case.image}, and {request.image} is another image of "
                f"that set; give {case.image}, or --window {case.window} for the same place here"
            )
        fits = found is not None
    else:
        fits = re.search(rf"(?i)(?<![0-9a-z]){re.escape(case.image)}(?![0-9a-z])", name) is not None
    if not fits:
        told.append(
            f"--preset {request.preset}: it is a window of {case.image}; by its name, {request.image.name} is another "
            "image"
        )
    if request.crop is None and max(read_image(request.image).shape) > PUBLISHED_SIDE:
        told.append(_OTHER_PART.format(preset=request.preset, side=PUBLISHED_SIDE))
    return told


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


def _cropped(image: Path, crop: str, scale: int) -> np.ndarray:
    """A square part of an HR image, of which LR is made as if it were the whole."""
    left, top, size = map(int, _numbers("--crop", crop).split(","))
    whole = read_image(image)
    if left + size > whole.shape[1] or top + size > whole.shape[0]:
        raise RequestError(
            f"--crop {crop}: left, top and side do not lie within the {whole.shape[1]} x {whole.shape[0]} pixels of "
            f"{image}"
        )
    if size < 8 * scale:
        raise RequestError(f"--crop {crop}: a side of {size} is too small; {PUBLISHED_SIDE} is what papers take")
    return whole[top : top + size, left : left + size]
