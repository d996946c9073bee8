"""The tables of the flow: a line a network, a line a block, and what the shares are worth."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.flow.agreement import EFFECTS, PREDICTORS, correlations
from l2xbench.studies.flow.options import FlowOptions
from l2xbench.studies.flow.shares import mean_and_interval, network_flows
from l2xbench.words import words

_SEED = 0
_PARTS = (
    "Skip: through the network's own skip connection around all blocks. Past: through no block, though not through "
    "that connection. Blocks: what they add, each way to the output counted for the last block that it passes; "
    "skip, past and blocks sum to 1. Low and high: the 95 % interval of blocks' mean. Second half: of the blocks "
    "nearer to the output. Negative: blocks that take away."
)
_BLOCKS = (
    "Written: as in the table of parts. Share and magnitude: all of R, and of |R|, in what it adds. Activity: the "
    "norm of what it adds over that of what it is given. Reference: what it adds is as it is for the reference; "
    "out: it adds nothing. Caused: by how much the objective falls; moved: mean change of outputs as a part of "
    "theirs between image and reference; lost: PSNR in dB."
)
_CHECK = (
    "Spearman's correlation of a predictor's size with the size of what happens (see the table of blocks), the mean"
    " over images; caused: with signs on both sides. Low and high: the 95 % interval of moved reference. "
    "Parameters, activity, depth (from input to output), gradient (x activation) and multiplier (x activation) are "
    "controls. A predictor that is the same for all blocks of a network has no line."
)


def parts_frame(results: Results) -> pd.DataFrame:
    """A row a dataset and network: skip, past, and the blocks together with the interval of their mean."""
    rows = []
    for flow in results.once(network_flows):
        together = flow.written.sum(axis=1)
        mean, low, high = mean_and_interval(together[:, None], _SEED)
        means = flow.written.mean(axis=0)
        largest = int(np.argmax(means))
        half = len(flow.names) // 2
        rows.append(
            {
                "dataset": flow.dataset,
                "model": flow.model,
                "skip": flow.skip.mean(),
                "past": flow.past.mean(),
                "blocks": mean[0],
                "low": low[0],
                "high": high[0],
                "second_half": means[half:].sum(),
                "largest": flow.names[largest],
                "largest_part": means[largest],
                "negative": int((means < 0).sum()),
                "number": len(flow.names),
                "images": len(flow.images),
            }
        )
    return pd.DataFrame(rows)


def blocks_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network and block, from input to output."""
    frames = []
    for flow in results.once(network_flows):
        written, low, high = mean_and_interval(flow.written, _SEED)
        columns = {
            "dataset": flow.dataset,
            "model": flow.model,
            "block": flow.names,
            "class": flow.kinds,
            "written": written,
            "low": low,
            "high": high,
            **{name: flow.numbers[name].mean(axis=0) for name in ("share", "magnitude", "activity")},
            "parameters": flow.numbers["parameters"][0].astype(int),
        }
        for effect in ("caused_reference", *EFFECTS):
            if effect in flow.numbers:
                columns[effect] = flow.numbers[effect].mean(axis=0)
        frames.append(pd.DataFrame(columns).assign(images=len(flow.images)))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def check_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network and predictor: mean rank correlations with what becomes of the output."""
    rows = []
    for flow in results.once(network_flows):
        if not any(effect in flow.numbers for effect in EFFECTS):
            continue
        for name in PREDICTORS:
            found = correlations(flow, name)
            if all(np.isnan(values).all() for values in found.values()):
                continue
            row: dict[str, object] = {"dataset": flow.dataset, "model": flow.model, "predictor": name}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN
                row |= {effect: float(np.nanmean(found[effect])) for effect in (*EFFECTS, "caused")}
            known = found["moved_reference"][np.isfinite(found["moved_reference"])]
            _, low, high = mean_and_interval(known[:, None], _SEED) if len(known) else ([], [np.nan], [np.nan])
            ends = {"low": max(-1.0, float(low[0])), "high": min(1.0, float(high[0]))} if len(known) > 1 else {}
            rows.append(row | {"low": np.nan, "high": np.nan} | ends | {"images": len(flow.images)})
    return pd.DataFrame(rows)


def flow_tables(results: Results) -> list[Table]:
    """`flow`, `flow_blocks` and, where blocks were taken out, `flow_check`."""
    wanted, lr = results.config.block(FlowOptions) or FlowOptions(), words(results.config.scale).lr
    seen = (
        f"Of the middle {wanted.size} x {wanted.size} {lr} pixels of each image, reference {wanted.reference}, target "
        f"{wanted.target}; parts of the explained change, means over images."
    )
    parts = Table(
        "flow",
        results.once(parts_frame),
        "Where the change of the output comes from: around all blocks, and what the blocks have written.",
        notes=[seen, _PARTS],
        digits=4,
    )
    blocks = Table(
        "flow_blocks",
        results.once(blocks_frame),
        "What each block does: what it has written, all that passes through it, and what happens without it.",
        notes=[seen, _BLOCKS],
        digits=4,
    )
    check = Table(
        "flow_check",
        results.once(check_frame),
        "Does a block's share say what happens without the block? Rank correlations over blocks.",
        notes=[_CHECK],
        digits=2,
    )
    return [table for table in (parts, blocks, check) if len(table.frame)]
