"""What the referee says: which map agrees most with interventions, and whether L2X's signs are better than chance."""

from __future__ import annotations

import pandas as pd

from l2xbench.words import words

CONTROLS = ("difference", "random")
_NEEDED = ("signed", "signs", "chance", "gradients")
_OUTSIDE = ("signed_outside", "signs_outside", "chance_outside")


def referee_findings(frame: pd.DataFrame, scale: int) -> list[str]:
    """Three sentences a dataset; of methods whose agreement is not known nothing is said."""
    told = []
    for dataset, rows in frame.groupby("dataset", sort=False):
        known = rows.dropna(subset=list(_NEEDED))
        means = known.groupby("method", sort=False)[[*_NEEDED, *_OUTSIDE]].mean()
        if means.empty:
            continue
        by_method = {str(method): dict(row) for method, row in means.iterrows()}
        patches, networks = int(known["patches"].max()), known["model"].nunique()
        on = f"{_some(patches, 'patch', 'patches')} of {dataset} and {_some(networks, 'network', 'networks')}"
        best = max(by_method, key=lambda method: by_method[method]["signed"])
        others = [name for name in ("l2x", *CONTROLS) if name in by_method and name != best]
        beside = "".join(f"; {name} {by_method[name]['signed']:.2f}" for name in others)
        told.append(
            f"On {on}, {best}'s maps agree most with interventions in their signed order: mean rank correlation "
            f"{by_method[best]['signed']:.2f} at {by_method[best]['gradients']:.3g} gradients a map{beside}."
        )
        shown = "l2x" if "l2x" in by_method else best
        told.append(
            f"On {on}, {shown}'s map has the sign of a block's effect in {by_method[shown]['signs']:.0%} of the blocks "
            f"that act; one with as many positive sums that knew nothing would have it in "
            f"{by_method[shown]['chance']:.0%}."
        )
        if all(by_method[shown][name] == by_method[shown][name] for name in _OUTSIDE):
            told.append(
                f"Outside the patch's own {words(scale).lr} pixels {shown}'s rank correlation is "
                f"{by_method[shown]['signed_outside']:.2f}, and it has the right sign in "
                f"{by_method[shown]['signs_outside']:.0%} of the blocks that act, by chance in "
                f"{by_method[shown]['chance_outside']:.0%} ({on})."
            )
    return told


def _some(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
