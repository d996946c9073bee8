"""The ways in which SR datasets lie on a disk, one function each; none decodes an image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from l2xbench.data.folders import image_files, subfolder, subfolders
from l2xbench.data.pairs import ImagePair
from l2xbench.errors import RequestError


@dataclass(frozen=True)
class FoundLayout:
    """A layout that was recognised: in words, and the pairs by it."""

    description: str
    pairs: list[ImagePair]


def expected(scale: int) -> str:
    """What a folder can hold, in words for a message."""
    return (
        f"HR images, HR/ and LR/, HR/ and LR_bicubic/X{scale}/, DIV2K_valid_HR/ and "
        f"DIV2K_valid_LR_bicubic/X{scale}/, or image_SRF_{scale}/ (for LR images alone: kind lr)"
    )


def selfexsr(root: Path, scale: int) -> FoundLayout | None:
    """`image_SRF_4/img_001_SRF_4_HR.png` and `..._LR.png`: the repository of Huang et al. (CVPR 2015)."""
    folder = subfolder(root, f"image_SRF_{scale}")
    if folder is None:
        others = [p.name for p in [root, *subfolders(root)] if re.fullmatch(r"(?i)image_SRF_\d+", p.name)]
        if others and root.name.lower() != f"image_srf_{scale}":
            has = f"is {others[0]}" if others == [root.name] else f"holds {', '.join(sorted(others))}"
            raise RequestError(f"{root} {has}; scale {scale} needs image_SRF_{scale}")
        folder = root
    sides: dict[str, dict[str, Path]] = {}
    for file in image_files(folder):
        match = re.fullmatch(rf"(?i)(.+)_SRF_{scale}_(HR|LR)", file.stem)
        if match:
            sides.setdefault(match[1], {})[match[2].upper()] = file
    if not sides:
        return None
    present = {side for files in sides.values() for side in files}
    pairs = []
    for name, files in sides.items():
        suffix = next(iter(files.values())).suffix
        missing = {side: folder / f"{name}_SRF_{scale}_{side}{suffix}" for side in present}
        both = {**missing, **files}
        pairs.append(ImagePair(name, both.get("HR"), both.get("LR")))
    return FoundLayout(f"SelfExSR (image_SRF_{scale})", pairs)


def two_folders(root: Path, scale: int) -> FoundLayout | None:
    """HR and LR in folders of their own: EDSR's benchmark, DIV2K, BasicSR's, and the like.

    A file without its partner is paired with the file that should be there, so that it fails by that name
    when it is loaded, and the others do not. Where one of the two folders is absent, that side is None
    for all.
    """
    hr = _with_images(root, ["HR", "GT", "GTmod12"], scale)
    lr = _with_images(root, ["LR_bicubic", "LR", f"LRbicx{scale}"], scale)
    if hr is None and lr is None:
        prefix = _prefix(root)
        hr = _with_images(root, [f"{prefix}_HR"], scale)
        lr = _with_images(root, [f"{prefix}_LR_bicubic"], scale)
    if hr is None and lr is None:
        return None
    description = " and ".join(f"{side.relative_to(root).as_posix()}/" for side in (hr, lr) if side is not None)
    if lr is None or hr is None:
        return FoundLayout(description, plain_hr(hr) if hr is not None else plain_lr(lr or root))
    lr_files = _by_stem(lr)
    partnered = set()
    pairs = []
    for stem, file in _by_stem(hr).items():
        name, candidates = _lr_stems(stem, scale)
        found = next((candidate for candidate in candidates if candidate in lr_files), None)
        partnered.add(found)
        partner = lr / f"{stem}x{scale}{file.suffix}" if found is None else lr_files[found]
        pairs.append(ImagePair(name, file, partner))
    pairs += [ImagePair(stem, hr / file.name, file) for stem, file in lr_files.items() if stem not in partnered]
    return FoundLayout(description, pairs)


def plain_hr(folder: Path) -> list[ImagePair]:
    """HR images directly in the folder."""
    return [ImagePair(stem, hr=file, lr=None) for stem, file in _by_stem(folder).items()]


def plain_lr(folder: Path) -> list[ImagePair]:
    """LR images directly in the folder."""
    return [ImagePair(stem, hr=None, lr=file) for stem, file in _by_stem(folder).items()]


def _with_images(root: Path, names: list[str], scale: int) -> Path | None:
    """The first folder of these names that holds images, in its `X4` or itself."""
    for name in names:
        folder = subfolder(root, name)
        if folder is not None:
            for candidate in (subfolder(folder, f"X{scale}"), folder):
                if candidate is not None and image_files(candidate):
                    return candidate
    return None


def _prefix(root: Path) -> str:
    """`DIV2K_valid` where there is a `DIV2K_valid_HR`; the part for validation where there are several."""
    matches = (re.fullmatch(r"(?i)(.+)_(?:HR|LR_bicubic)", folder.name) for folder in subfolders(root))
    prefixes = sorted({match[1] for match in matches if match})
    validation = [prefix for prefix in prefixes if "valid" in prefix.lower()]
    if len(prefixes) > 1 and len(validation) != 1:
        raise RequestError(f"{root} holds several sets ({', '.join(prefixes)}); give a folder with one of them")
    return (validation or prefixes or [""])[0]


def _lr_stems(stem: str, scale: int) -> tuple[str, list[str]]:
    """An HR file's image name, and the stems that its LR file may have, the likeliest first."""
    ends = ["", f"x{scale}", f"X{scale}", f"_x{scale}", f"_X{scale}"]
    same = [stem + end for end in ends]
    tagged = re.fullmatch(rf"(?i)(.+)_(?:HR|GT)(_?x{scale})?", stem)
    name = tagged[1] if tagged else stem
    return name, [*same, *(f"{name}_LR{end}" for end in ends), *(name + end for end in ends)]


def _by_stem(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in image_files(folder):
        if file.stem in files:
            raise RequestError(
                f"{folder} holds both {files[file.stem].name} and {file.name}; results are kept by the name "
                "without its ending, so only one of them may be there"
            )
        files[file.stem] = file
    return files
