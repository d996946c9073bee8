"""The restoration tables: every mean as a line, and the paper's Table 1, a network a line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from l2xbench.draw.tables import Better, Table
from l2xbench.store.manifest import Manifest
from l2xbench.store.records import record_groups
from l2xbench.store.results import Results
from l2xbench.store.units import OUTPUT
from l2xbench.studies.restoration.leaders import Ahead, leaders
from l2xbench.studies.restoration.units import COUNTED_SIDE
from l2xbench.studies.shared.frames import in_study_order, numbers
from l2xbench.words import words

HOW_MARKED = (
    "Bold: better than every other; underlined: better than every other but that one; beyond the 95 % interval of the "
    "paired difference over images. Where nothing is marked, no network is shown to be the best."
)
COLUMNS = ("dataset", "model", "psnr", "ssim", "images", "parameters")
_COUNTED = ("gflops", "memory_mb")
_BEST: dict[str, Better] = {"psnr": "high", "ssim": "high"}


def tables_of(results: Results) -> list[Table]:
    """`restoration` and `table1` of a run; none without records."""
    frame = restoration_frame(results)
    if frame.empty:
        return []
    manifest = results.manifest
    notes = [
        *source_notes(manifest),
        *passes_notes(manifest),
        *random_notes(results),
        *output_notes(results),
        *counted_notes(results),
    ]
    scale = results.config.scale
    return restoration_tables(frame, scale, ahead=leaders(results), dataset_notes=manifest.notes, notes=notes)


def restoration_frame(results: Results) -> pd.DataFrame:
    """A row a dataset and network.

    Mean PSNR (dB), SSIM, images, parameters, 10^9 operations and 10^6 bytes of one SR image (see `counted`), weights,
    mean seconds an image.
    """
    columns = [*COLUMNS, *_COUNTED, "weights", "seconds"]
    rows = [
        {
            "dataset": group.dataset,
            "model": group.model,
            "psnr": numbers(group, "psnr").mean(),
            "ssim": numbers(group, "ssim").mean(),
            "images": len(group.images),
            "parameters": group.column("parameters")[0],
            "gflops": numbers(group, "flops")[0] / 1e9,
            "memory_mb": numbers(group, "memory")[0] / 1e6,
            "weights": results.manifest.models[group.model].weights,
            "seconds": numbers(group, "seconds").mean(),
        }
        for group in record_groups(results.shown, "restoration")
    ]
    frame = pd.DataFrame(rows, columns=columns)
    return in_study_order(frame, results.manifest) if rows else frame


def source_notes(manifest: Manifest) -> list[str]:
    """Which networks were measured where, if results of several places were joined."""
    told = [f"{source.name}: {', '.join(source.models)}" for source in manifest.sources]
    return [f"Measured in several places, see tables/sources: {'; '.join(told)}."] if told else []


def passes_notes(manifest: Manifest) -> list[str]:
    """How networks were run, where a study asks for quicker passes, and why some were not."""
    told: dict[str, list[str]] = {}
    for model, passes in manifest.inference.items():
        for each in passes if model in manifest.study.models else ():
            told.setdefault(each, []).append(model)
    return [f"Inference {passes}: {', '.join(models)}." for passes, models in told.items()]


def random_notes(results: Results) -> list[str]:
    """Which networks draw random numbers as they run."""
    groups = record_groups(results.shown, "restoration")
    random = dict.fromkeys(group.model for group in groups if True in group.column("random"))
    if not random:
        return []
    runs = "they run" if len(random) > 1 else "it runs"
    told = "the numbers, and the maps, are of one draw for each network and image, the same in every run"
    return [f"{', '.join(random)}: random as {runs} (dropout, noise); {told}."]


def output_notes(results: Results) -> list[str]:
    """Networks of which one of several outputs is taken though nobody said which."""
    taken: dict[str, object] = {}
    for group in record_groups(results.shown, "restoration"):
        found = [output for output in group.column(OUTPUT) if output is not None]
        taken.update({group.model: found[0]} if found else {})
    return [
        f"{model}: output {output} of several that the network returns, the only image among them."
        for model, output in taken.items()
    ]


def counted_notes(results: Results) -> list[str]:
    """What GFLOPs and memory are of, and which networks could not be counted."""
    groups = list(record_groups(results.shown, "restoration"))
    if not any(None not in group.column("flops") for group in groups):
        return []
    why = {group.model: str(reason) for group in groups for reason in group.column("uncounted")[:1] if reason}
    told = [f"Not counted: {'; '.join(f'{model} ({reason})' for model, reason in why.items())}."] if why else []
    lr = words(results.config.scale).lr
    what = (
        f"GFLOPs and memory are counted for one {lr} image of {COUNTED_SIDE} x {COUNTED_SIDE} pixels: operations of "
        "convolutions, matrix products and attention, a multiply-add being two; weights and all tensors alive at once, "
        "without what kernels use within."
    )
    return [what, *told]


def restoration_tables(
    frame: pd.DataFrame,
    scale: int,
    *,
    ahead: Collection[Ahead] = (),
    dataset_notes: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> list[Table]:
    """Make `restoration` (a dataset and network a line) and `table1` (a network a line).

    A mean over fewer images than others of its dataset (some of a network's units failed) does not compete
    for best; it gets a dagger.

    Args:
        frame: the columns `COLUMNS`, and others after them (`seconds`, the mean time of an image). PSNR in
            dB; both may be missing where there is no HR image; `parameters` may be missing (bicubic).
        scale: of the networks.
        ahead: the means that are better than all lower ones beyond chance, see `leaders`; no other is marked.
        dataset_notes: what to say of a dataset (`20 of Urban100's 100 images`).
        notes: what else to say.

    Raises:
        KeyError: a column of `COLUMNS` is missing.
        ValueError: a network stands twice in a dataset.
    """
    frame = frame[[*COLUMNS, *(name for name in frame.columns if name not in COLUMNS)]].reset_index(drop=True)
    twice = frame[frame.duplicated(["dataset", "model"])]
    if len(twice):
        raise ValueError(f"{twice.iloc[0]['model']} stands twice in {twice.iloc[0]['dataset']}")
    notes = [*_notes(frame, dataset_notes or {}), *notes]
    short = frame["images"] < frame.groupby("dataset", sort=False)["images"].transform("max")
    barred = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for name in _BEST:
        barred[name] = short & frame[name].notna()
    unsure = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for name in _BEST:
        rows = zip(frame["dataset"], frame["model"], strict=True)
        unsure[name] = [(dataset, model, name) not in ahead for dataset, model in rows]
    caption = "Mean PSNR (dB) and SSIM of each network."
    if frame["psnr"].notna().any():
        notes.append(HOW_MARKED)
    lines = Table("restoration", frame, caption, _BEST, "dataset", barred, unsure, notes)
    wide, wide_barred = _by_network(frame, barred)
    _, wide_unsure = _by_network(frame, unsure)
    if "seconds" in frame:
        notes = [*notes, f"Seconds: mean time to {words(scale).restore} one image."]
    return [lines, Table("table1", wide, caption, _BEST, None, wide_barred, wide_unsure, notes)]


def _by_network(frame: pd.DataFrame, flags: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table 1 and the flags of its values; networks and datasets as they first appear."""
    models = frame["model"].drop_duplicates().tolist()
    values: dict[tuple[str, str], list[object]] = {("", "model"): models}
    flagged: dict[tuple[str, str], list[bool]] = {}
    for dataset, part in frame.groupby("dataset", sort=False):
        by_model = part.set_index("model").reindex(models)
        models_of = {name: set(part.loc[flags.loc[part.index, name], "model"]) for name in _BEST}
        for name in _BEST:
            values[str(dataset), name] = by_model[name].tolist()
            flagged[str(dataset), name] = [model in models_of[name] for model in models]
    for name in ("parameters", *_COUNTED):
        if name in frame.columns:
            values["", name] = frame.drop_duplicates("model")[name].tolist()
    if "seconds" in frame.columns:
        # Weighted by the images, the mean time of an image whatever its dataset.
        timed = frame.dropna(subset=["seconds"])
        spent = (timed["seconds"] * timed["images"]).groupby(timed["model"]).sum()
        values["", "seconds"] = (spent / timed.groupby("model")["images"].sum()).reindex(models).tolist()
    table = pd.DataFrame(values)
    nothing = [False] * len(models)
    return table, pd.DataFrame({label: flagged.get(label, nothing) for label in values})


def _notes(frame: pd.DataFrame, dataset_notes: Mapping[str, str]) -> list[str]:
    """How many images each mean is over, what is known of a dataset, and which means are over fewer."""
    counted = []
    fewer = []
    for dataset, part in frame.groupby("dataset", sort=False):
        most = int(part["images"].max())
        said = f" ({dataset_notes[str(dataset)]})" if str(dataset) in dataset_notes else ""
        counted.append(f"{dataset}: {most} image{'' if most == 1 else 's'}{said}")
        for model, images in zip(part["model"], part["images"], strict=True):
            if images < most:
                fewer.append(f"{model} on {dataset}: {images} of {most}")
    notes = [f"Means over {'; '.join(counted)}."] if counted else []
    if fewer:
        notes.append(f"† over fewer images, so not compared: {'; '.join(fewer)}.")
    return notes
