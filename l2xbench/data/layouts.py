"""The ways in which SR datasets lie on a disk, one function each; none decodes an image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from l2xbench.data.folders import image_files, subfolder, subfolders
from l2xbench.data.pairs import ImagePair
from l2xbench.data.sides import HR_FOLDERS, HR_WORDS, LR_FOLDERS, LR_WORDS, Side, Tagged, folder_side, tag_of, times_of
from l2xbench.errors import RequestError
from l2xbench.words import words


@dataclass(frozen=True)
class FoundLayout:
    """A layout that was recognised: in words, and the pairs by it."""

    description: str
    pairs: list[ImagePair]


def expected(scale: int) -> str:
    """What a folder can hold, in words for a message."""
    return (
        f"HR images, HR/ and LR/, HR/ and LR_bicubic/X{scale}/, DIV2K_valid_HR/ and "
        f"DIV2K_valid_LR_bicubic/X{scale}/, gt/ and lq/ (or target/ and input/, sharp/ and blur/, clean/ and noisy/), "
        f"a_HR.png beside a_LR{scale}.png, or image_SRF_{scale}/ (for LR images alone: kind lr)"
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
    hr = _with_images(root, [*HR_FOLDERS], scale)
    lr = _with_images(root, [*LR_FOLDERS, f"LRbicx{scale}"], scale)
    if hr is None or lr is None:
        words = _with_images(root, [*HR_WORDS], scale), _with_images(root, [*LR_WORDS], scale)
        both = hr or words[0], lr or words[1]
        hr, lr = both if all(both) else (hr, lr)
    if hr is None and lr is None:
        prefix = _prefix(root)
        hr = _with_images(root, [f"{prefix}_HR"], scale)
        lr = _with_images(root, [f"{prefix}_LR_bicubic"], scale)
    if hr is None or lr is None:
        hr, lr = _by_a_word(root, scale, hr, lr)
    if hr is None and lr is None:
        return None
    description = " and ".join(f"{side.relative_to(root).as_posix()}/" for side in (hr, lr) if side is not None)
    if lr is None or hr is None:
        _no_other_side(root, hr or lr or root, "HR" if hr is not None else "LR", scale)
        return FoundLayout(description, plain_hr(hr) if hr is not None else plain_lr(lr or root))
    lr_files = _by_stem(lr)
    by_name = {tag.name: stem for stem in lr_files if (tag := tag_of(stem)) and tag.scale in (None, scale)}
    partnered: set[str | None] = set()
    pairs = []
    for stem, file in _by_stem(hr).items():
        name, candidates = _lr_stems(stem, scale)
        found = next((candidate for candidate in candidates if candidate in lr_files), None)
        found = found or by_name.get(name)
        several = [] if found else [each for each in lr_files if each.startswith(f"{stem}_")]
        if several:  # hazy or noisy images of one scene
            partnered.update(several)
            pairs += [ImagePair(each, file, lr_files[each]) for each in several]
            continue
        partnered.add(found)
        partner = lr / f"{stem}x{scale}{file.suffix}" if found is None else lr_files[found]
        pairs.append(ImagePair(name, file, partner))
    pairs += [ImagePair(stem, hr / file.name, file) for stem, file in lr_files.items() if stem not in partnered]
    return FoundLayout(description, pairs)


def one_folder(root: Path, scale: int) -> FoundLayout | None:
    """Both sides in one folder, told by their names: `a_HR.png` and `a_LR4.png` (RealSR), `a_gt` and `a_lq`, `0801.png`
    and `0801x4.png`.

    A file without its partner is a pair all the same, as in `two_folders`. LR of other scales is left out. A folder of
    nothing but `a_LR.png` is one of LR images.
    """
    files = _by_stem(root)
    sides: dict[str, dict[Side, Path]] = {}
    sure: set[bool] = set()
    other_scales: set[int] = set()
    untold = []
    for stem, file in files.items():
        tag = tag_of(stem)
        times = times_of(stem)
        if tag is None and times is not None and times[0] in files:
            tag = Tagged(times[0], "LR", times[1], True)
        if tag is None:
            untold.append(stem)
        elif tag.scale not in (None, scale):
            assert tag.scale is not None
            other_scales.add(tag.scale)
        else:
            sides.setdefault(tag.name, {})[tag.side] = file
            sure.add(tag.is_sure and tag.side == "LR")
    whole = [name for name, found in sides.items() if len(found) == 2 or ("LR" in found and name in files)]
    if not whole:
        if other_scales and (any("HR" in found for found in sides.values()) or untold):
            found_at = ", ".join(map(str, sorted(other_scales)))
            raise RequestError(f"{root} holds LR images of scale {found_at}; the scale here is {scale}")
        if sides and sure == {True} and not untold and not any("HR" in found for found in sides.values()):
            alone = [ImagePair(name, None, found["LR"]) for name, found in sides.items()]
            return FoundLayout(f"{words(scale).lr} images", alone)
        return None
    for stem in untold:
        sides.setdefault(stem, {})["HR"] = files[stem]
    pairs = []
    for name, found in sides.items():
        suffix = next(iter(found.values())).suffix
        missing = {side: root / f"{name}_{side}{suffix}" for side in ("HR", "LR")}
        pairs.append(ImagePair(name, found.get("HR", missing["HR"]), found.get("LR", missing["LR"])))
    called = words(scale)
    return FoundLayout(f"{called.hr} and {called.lr} images in one folder", pairs)


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


def _by_a_word(root: Path, scale: int, hr: Path | None, lr: Path | None) -> tuple[Path | None, Path | None]:
    """The side or sides that are not found yet, by a word in a folder's name; both must hold images of one name.

    Raises:
        RequestError: several folders may be the one.
    """
    told: dict[Side, list[Path]] = {"HR": [hr] if hr else [], "LR": [lr] if lr else []}
    for folder in subfolders(root):
        side = folder_side(folder.name)
        if side is None or side[1] not in (None, scale) or {"HR": hr, "LR": lr}[side[0]] is not None:
            continue
        found = _with_images(root, [folder.name], scale)
        if found is not None:
            told[side[0]].append(found)
    pairs = [(one, other) for one in told["HR"] for other in told["LR"] if _alike(one, other)]
    if len(pairs) > 1:
        names = ", ".join(f"{one.relative_to(root)}/ and {other.relative_to(root)}/" for one, other in pairs)
        raise RequestError(f"{root} may be read in several ways ({names}); call those that are meant HR/ and LR/")
    return pairs[0] if pairs else (hr, lr)


def _alike(one: Path, other: Path) -> bool:
    """Whether most images of a folder have a namesake in another."""
    names = {_bare(stem) for stem in _by_stem(one)}
    return len(names & {_bare(file.stem) for file in image_files(other)}) * 2 > len(names)


def _no_other_side(root: Path, known: Path, side: Side, scale: int) -> None:
    """Refuses a set of one side alone where a folder beside it holds images of the same names.

    Raises:
        RequestError: there is such a folder.
    """
    other: Side = "LR" if side == "HR" else "HR"
    for folder in subfolders(root):
        told = folder_side(folder.name)
        of_another_scale = told is not None and told[0] == "LR" and told[1] not in (None, scale)
        if folder in (known, known.parent) or of_another_scale:
            continue
        if _alike(known, folder):
            alone = "if LR is to be made" if side == "HR" else "if there is no HR"
            raise RequestError(
                f"{root} holds {known.name}/ and {folder.name}/ with images of the same names; if {folder.name}/ is "
                f"{other}, call it {other}/; {alone}, name {known} itself"
            )


def _bare(stem: str) -> str:
    """A file's stem without what tells its side or scale."""
    tag, times = tag_of(stem), times_of(stem)
    return tag.name if tag else times[0] if times else stem


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
    if scale == 1:  # Rain100L's norain-1x2.png is of no scale
        ends += [f"x{number}" for number in range(2, 9)]
    same = [stem + end for end in ends]
    tagged = re.fullmatch(rf"(?i)(.+)_(?:HR|GT)(_?x{scale})?", stem)
    tag = tag_of(stem)
    name = tagged[1] if tagged else tag.name if tag and tag.side == "HR" else stem
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
