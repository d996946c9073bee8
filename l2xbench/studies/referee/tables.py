"""The tables of the referee: a method and network a line, and what the interventions found of each patch."""

from __future__ import annotations

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.referee.options import RefereeOptions
from l2xbench.studies.referee.patches import judged, whole_patches
from l2xbench.words import words

COLUMNS = (
    *("dataset", "model", "method", "signed", "signed_outside", "absolute", "absolute_outside"),
    *("signs", "chance", "signs_outside", "chance_outside", "gradients", "seconds", "patches"),
)
INTERVENTION_COLUMNS = (
    *("dataset", "image", "model", "window", "psnr", "positive", "negative", "zero"),
    *("passes", "seconds", "gradients"),
)


def patch_frame(results: Results) -> pd.DataFrame:
    """A row a patch, network and method; `window` is left, top and side in SR pixels. See `Agreement` for the rest."""
    rows = [
        (
            *(each.name.dataset, each.name.image, each.name.window, each.name.model, each.method),
            *(each.everywhere.signed, each.outside.signed, each.everywhere.absolute, each.outside.absolute),
            *(each.everywhere.signs, each.everywhere.chance, each.outside.signs, each.outside.chance),
            *(each.gradients, each.seconds),
        )
        for each in results.once(judged)
    ]
    names = ["dataset", "image", "window", *COLUMNS[1:-1]]
    return pd.DataFrame(rows, columns=names)


def referee_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network and method: means over patches, of the cost medians, since a first map takes longer.

    A patch on which a number is not known is left out of its mean.
    """
    frame = results.once(patch_frame)
    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    keys = ["dataset", "model", "method"]
    groups = frame.groupby(keys, sort=False)
    cost = ["gradients", "seconds"]
    agreement = [name for name in COLUMNS[3:-1] if name not in cost]
    means = pd.concat([groups[agreement].mean(), groups[cost].median()], axis=1).reset_index()
    means["patches"] = groups.size().tolist()
    return means


def interventions_frame(results: Results) -> pd.DataFrame:
    """A row a patch and network: how many blocks helped, harmed and did neither, and what it took."""
    wanted = results.config.block(RefereeOptions)
    rows = []
    for patch in results.once(whole_patches) if wanted is not None else []:
        assert wanted is not None
        found = patch.effects(results)
        counts = found.counts(wanted.least)
        name = patch.name
        rows.append(
            (
                *(name.dataset, name.image, name.model, name.window, found.psnr),
                *(counts["positive"], counts["negative"], counts["zero"]),
                *(found.passes, patch.seconds, patch.gradients),
            )
        )
    return pd.DataFrame(rows, columns=list(INTERVENTION_COLUMNS))


def referee_tables(results: Results) -> list[Table]:
    """`referee`, `referee_patches` and `referee_interventions`."""
    wanted, called = results.config.block(RefereeOptions) or RefereeOptions(), words(results.config.scale)
    done = (
        f"Interventions: each block of {wanted.block} x {wanted.block} {called.lr} pixels is replaced {wanted.coarse} "
        f"times by blocks of other images of the set, and {wanted.fine} times anew where that changes the patch's PSNR "
        f"by {wanted.least:g} dB; its effect is the dB that the patch loses in the mean, 0 below {wanted.least:g} dB "
        "(after Hu et al., TPAMI 2025)."
    )
    notes = [
        done,
        (
            "Signed: Spearman's correlation of a map's sums over blocks with the effects; absolute: of the absolute "
            "values of both. Signs: of the blocks with an effect, the share whose sum has its sign; chance: what a map "
            f"of the same shares of signs that knew nothing would have. Outside: over the blocks that have no "
            f"{called.lr} pixel under the patch. Means over patches; of the cost, medians."
        ),
        f"Gradients: a map's time in that of a gradient of the same patch, on {results.manifest.measured_on}.",
    ]
    patches = "Agreement of maps with interventions"
    return [
        Table("referee", results.once(referee_frame), f"{patches}, and what a map costs.", notes=notes, digits=3),
        Table("referee_patches", results.once(patch_frame), f"{patches} on each patch.", notes=notes, digits=3),
        Table(
            "referee_interventions",
            results.once(interventions_frame),
            f"Interventions on each patch (left, top, side in {called.sr} pixels): blocks that help, harm and do "
            "neither, the patch's PSNR over RGB with nothing replaced, and the cost.",
            notes=[done],
        ),
    ]
