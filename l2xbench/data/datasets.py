"""A folder of images as a dataset: its pairs, those asked for, and what a reader must be told of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from l2xbench.data.degradations import NAMES, Degradation, Harm, LrChoice
from l2xbench.data.folders import listing, natural, printable, subfolders
from l2xbench.data.known_sets import KnownSet, find_set
from l2xbench.data.layouts import FoundLayout, expected, one_folder, plain_hr, plain_lr, selfexsr, two_folders
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.data.photographs import photographs
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.words import words

__all__ = ["Dataset", "ImagePair", "Kind", "LoadedPair", "open_dataset"]

#: What the images of a plain folder are; "auto" looks for a layout first, and takes a plain folder's for HR.
Kind = Literal["auto", "hr", "lr"]


@dataclass(frozen=True)
class Dataset:
    """The pairs of a folder at one scale, in the natural order of their names.

    `layout` says how the folder was understood; `note` what a reader of its figures must be told, or
    None: that images of the set are missing, that LR was made by bicubic, that without HR there are no
    metrics.
    """

    name: str
    root: Path
    layout: str
    scale: int
    pairs: tuple[ImagePair, ...]
    note: str | None


def open_dataset(
    name: str,
    path: Path | str,
    scale: int,
    images: list[str] | int | None = None,
    kind: Kind = "auto",
    lr: LrChoice = "auto",
    harm: Harm | None = None,
) -> Dataset:
    """Recognise the layout of the folder `path` and list its pairs; no image is decoded.

    Layouts, looked for in this order (upper and lower case are one):

    - SelfExSR: `image_SRF_4/img_001_SRF_4_HR.png` and `..._LR.png`; `path` is the set's folder or
      `image_SRF_4`.
    - An HR folder (`HR`, `GT`, `GTmod12`, `DIV2K_valid_HR`) and an LR folder (`LR_bicubic/X4`, `LR/X4`, `LR`,
      `LRbicx4`, `DIV2K_valid_LR_bicubic/X4`), or one of the two alone. `a.png` in HR goes with `a.png`,
      `ax4.png` or `a_x4.png` in LR, `a_HR.png` with `a_LR.png`. A file without its partner is a pair all
      the same, which fails when it is loaded.
      As HR and LR go also `gt/` and `lq/`, `hq/` and `lq/`, `target/` and `input/`, `sharp/` and `blur/`, `clean/` and
      `noisy/`, and the like (`l2xbench.data.sides`), where both are there.
    - Both sides in one folder: `a_HR.png` and `a_LR4.png`, `a_gt.png` and `a_lq.png`, `a.png` and `ax4.png`.
    - A plain folder of HR images; of LR images where it is called `LR` or `LQ`, or all its files are. With `kind="lr"`
      one of LR images; `kind="hr"` skips the other layouts.

    `path` may also be `"skimage"`: the photographs inside scikit-image (`l2xbench.data.photographs`).

    Args:
        name: what tables call the dataset. By it, or by the folder's name, a known set is recognised.
        images: the first so many (all where there are fewer), or those of these names; None is all.
        kind: what the images of a plain folder are.
        lr: `auto` takes the LR files, and makes LR by MATLAB's bicubic where there are none; `matlab` and `pillow`
            make it from HR with either's bicubic, whatever LR files there are.
        harm: what is done to LR images that are made; at scale 1 needed where there are no LR files.

    Raises:
        RequestError: no such folder, no images in it, none at this scale, no image of a name asked for, or an image
            without the HR that its LR is to be made from.
    """
    try:
        root, found = _find(path, scale, kind)
        pairs = tuple(sorted(found.pairs, key=lambda pair: natural(pair.name)))
        chosen = _harmed(_made(_choose(pairs, root, images), lr), scale, harm)
    except RequestError as error:
        raise RequestError(f"dataset {name!r}: {error}") from None
    return Dataset(name, root, found.description, scale, chosen, _note(name, root, chosen, len(pairs), images, scale))


def _find(path: Path | str, scale: int, kind: Kind) -> tuple[Path, FoundLayout]:
    if kind not in ("auto", "hr", "lr"):
        raise RequestError(f"kind: {kind!r} is not one of auto, hr, lr")
    if scale < 1:
        raise RequestError(f"scale: {scale} is not a whole number from 1")
    if str(path) == "skimage":
        root, pairs = photographs()
        return root, FoundLayout("photographs inside scikit-image", pairs)
    root = Path(path).expanduser()
    try:
        if not root.exists():
            raise RequestError(f"there is no folder {root}; expected one with {expected(scale)}")
        if not root.is_dir():
            raise RequestError(f"{root} is a file; expected a folder with {expected(scale)}")
        layout = _layout(root, scale) if kind == "auto" else None
        if layout is None:
            plain = plain_lr(root) if kind == "lr" else plain_hr(root)
            called = words(scale)
            layout = FoundLayout(f"{called.lr if kind == 'lr' else called.hr} images", plain)
        layout = replace(layout, pairs=[replace(pair, name=printable(pair.name)) for pair in layout.pairs])
        names = Counter(pair.name for pair in layout.pairs)
        twice = [each for each, count in names.items() if count > 1]
        if twice:
            raise RequestError(f"{root} holds more than one image that would be called {twice[0]!r}; rename one")
        if not layout.pairs:
            wanted = expected(scale) if kind == "auto" else f"{kind.upper()} images"
            raise RequestError(
                f"no images found in {root} ({_contents(root)}){_within(root, scale)}; expected {wanted}"
            )
    except RequestError as error:
        raise RequestError(f"path: {error}") from None
    return root, layout


def _layout(root: Path, scale: int) -> FoundLayout | None:
    """The first layout that is recognised."""
    found = selfexsr(root, scale) or two_folders(root, scale) or one_folder(root, scale)
    if found is None and re.fullmatch(r"(?i)LR|LQ|LR_bicubic|LRbicx\d", root.name):
        return FoundLayout(f"{words(scale).lr} images", plain_lr(root))
    return found


def _within(root: Path, scale: int) -> str:
    """The end of a sentence that names a folder within, where that is a set."""
    for folder in subfolders(root):
        try:
            if _layout(folder, scale) is not None:
                return f"; did you mean {folder}?"
        except RequestError:
            continue
    return ""


def _contents(root: Path) -> str:
    inside = sorted(p.name for p in listing(root))
    return f"it holds {_some(inside)}" if inside else "it is empty"


def _choose(pairs: tuple[ImagePair, ...], root: Path, images: list[str] | int | None) -> tuple[ImagePair, ...]:
    if images is None:
        return pairs
    if isinstance(images, int):
        if images < 1:
            raise RequestError(f"images: {images} is not a number of images; give 1 or more, or leave the key out")
        return pairs[:images]
    if not images:
        raise RequestError("images: the list is empty; leave the key out to take all")
    return tuple(dict.fromkeys(_named(pairs, root, wanted) for wanted in images))


def _made(pairs: tuple[ImagePair, ...], lr: LrChoice) -> tuple[ImagePair, ...]:
    """The pairs with their LR made as asked for, whatever LR files they have."""
    if lr == "auto":
        return pairs
    lacking = next((pair for pair in pairs if pair.hr is None), None)
    if lacking is not None:
        raise RequestError(f"lr: {lr} makes LR from HR, and {lacking.lr} has no HR beside it")
    return tuple(replace(pair, lr=None, degradation=lr) for pair in pairs)


def _harmed(pairs: tuple[ImagePair, ...], scale: int, harm: Harm | None) -> tuple[ImagePair, ...]:
    """The pairs with what is done to LR images that are made."""
    given = next((pair.lr for pair in pairs if pair.lr is not None), None)
    if harm is not None and given is not None:
        raise RequestError(
            f"degrade is for LR that is made of HR, and there are LR images ({given}); leave it out, or name the HR "
            "folder itself"
        )
    if harm is None and scale == 1 and any(pair.lr is None for pair in pairs):
        raise RequestError(
            "at scale 1 HR images alone need `degrade` in the study, for example degrade: {noise: 25}; or put the "
            "degraded images beside them in LR/"
        )
    return pairs if harm is None else tuple(replace(pair, harm=harm) for pair in pairs)


def _named(pairs: tuple[ImagePair, ...], root: Path, wanted: str) -> ImagePair:
    """The pair of this name; the name of one of its files, with or without the ending, is as good."""
    for pair in pairs:
        files = [file for file in (pair.hr, pair.lr) if file is not None]
        if wanted == pair.name or any(wanted in (file.name, file.stem) for file in files):
            return pair
    names = [pair.name for pair in pairs]
    raise RequestError(f"images: no image {wanted!r} in {root}; {did_you_mean(wanted, names)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _note(
    name: str, root: Path, chosen: tuple[ImagePair, ...], found: int, asked: list[str] | int | None, scale: int
) -> str | None:
    remarks, called = [], words(scale).lr
    known = _known_set(name, root)
    whole = known.images if known else found
    if len(chosen) < whole:
        missing = f"; {found} are there" if found < whole else ""
        why = f", as asked for{missing}" if len(chosen) < found else ""
        first = "the first " if isinstance(asked, int) and why else ""
        of = f"{known.described}'s {whole}" if known else whole
        remarks.append(f"{first}{len(chosen)} of {of} images{why}")
    if all(pair.hr is None for pair in chosen):
        remarks.append(f"{called} only: no metrics")
    if all(pair.lr is None for pair in chosen):
        harm = chosen[0].harm
        remarks.append(f"{called} made by {' and '.join(_making(chosen[0].degradation, scale, harm))}")
    return "; ".join(remarks) or None


def _making(degradation: Degradation, scale: int, harm: Harm | None) -> list[str]:
    made = [] if scale == 1 else [NAMES[degradation]]
    return made if harm is None else [*made, str(harm)]


def _known_set(name: str, root: Path) -> KnownSet | None:
    names = [name, root.name]
    if re.fullmatch(r"(?i)image_SRF_\d+|HR|GT|GTmod12|LR|LR_bicubic", root.name):
        names.append(root.parent.name)
    return next((known for each in names if (known := find_set(each)) is not None), None)
