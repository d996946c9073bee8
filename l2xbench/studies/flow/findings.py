"""What the tables of the flow say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.studies.flow.agreement import PREDICTORS
from l2xbench.studies.shared.sentences import on_images
from l2xbench.studies.study import Finding

_OURS = ("share", "written", "magnitude")


def flow_findings(tables: Mapping[str, Table]) -> list[Finding]:
    """How much passes by all blocks, and whether a share says what happens without its block."""
    told = []
    if "flow" in tables:
        told += [Finding(sentence, "flow", 2) for sentence in parts_told(tables["flow"].frame)]
    if "flow_check" in tables:
        told += [Finding(sentence, "flow_check", 2) for sentence in check_told(tables["flow_check"].frame)]
    return told


def parts_told(frame: pd.DataFrame) -> list[str]:
    """A sentence a dataset: the networks whose blocks do most and least."""
    told = []
    for dataset, rows in frame.groupby("dataset", sort=False):
        images = int(rows["images"].max())
        begin = on_images(str(dataset), images)
        if len(rows) == 1:
            row = rows.iloc[0]
            told.append(
                f"{begin}, the blocks of {row['model']} bring {row['blocks']:.1%} of the change of its output; the "
                "rest passes by all of them."
            )
            continue
        ordered = rows.sort_values("blocks", kind="stable")
        least, most = ordered.iloc[0], ordered.iloc[-1]
        told.append(
            f"{begin}, all blocks together bring {most['blocks']:.1%} of the change of the output of {most['model']}, "
            f"the most, and {least['blocks']:.1%} of that of {least['model']}, the least; the rest passes by all of "
            "them."
        )
    return told


def check_told(frame: pd.DataFrame) -> list[str]:
    """A sentence a dataset: which predictor orders the blocks best, and how good share, written and controls are."""
    told = []
    for dataset, rows in frame.groupby("dataset", sort=False):
        known = rows.dropna(subset=["moved_reference"])
        means = known.groupby("predictor")["moved_reference"].mean()
        networks = known["model"].nunique()
        if means.empty:
            continue
        order = [name for name in PREDICTORS if name in means.index]
        listed = ", ".join(f"{name} {means[name]:.2f}".replace("-", "−") for name in order)
        best = means.idxmax()
        judged = "which looks at no attribution" if best not in _OURS else "and less well by controls"
        told.append(
            f"{on_images(str(dataset), int(rows['images'].max()))}, the order in which blocks matter when they are put "
            f"on their reference is told best by {best}, {judged} (Spearman's correlation, mean over {networks} "
            f"network{'' if networks == 1 else 's'}: {listed})."
        )
    return told
