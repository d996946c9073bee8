"""The table of receptive fields: the least squares about the centre that hold more than given shares."""

from __future__ import annotations

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.erf.area import as_replknet, squares_holding
from l2xbench.studies.erf.means import mean_fields
from l2xbench.studies.erf.options import ErfOptions
from l2xbench.words import words

COLUMNS = ("dataset", "model", "of", "share", "side", "radius", "area", "side_log10", "area_log10", "images")


def erf_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network, kind and share.

    `side` and `radius` are in LR pixels, `area` is the square's share of the field's; `side_log10` and `area_log10` are
    of log10(value + 1), as RepLKNet's script takes them, whose least square has three pixels a side.
    """
    rows = []
    for mean in results.once(mean_fields):
        published = squares_holding(as_replknet(mean.field), least=1)
        for plain, logarithm in zip(squares_holding(mean.field), published, strict=True):
            numbers = (plain.side, plain.radius, plain.area, logarithm.side, logarithm.area)
            rows.append((mean.dataset, mean.model, mean.of, plain.share, *numbers, mean.images))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    whole = ["side", "radius", "side_log10"]
    return frame.assign(**{name: frame[name].astype("Int64") for name in whole})


def erf_table(results: Results) -> Table:
    """`erf`."""
    wanted, called = results.config.block(ErfOptions) or ErfOptions(), words(results.config.scale)
    seen = (
        f"Images brought to {wanted.size} x {wanted.size} {called.lr} pixels by the nearest pixel, as in MambaIR's "
        "script."
        if wanted.variant == "mambair"
        else f"Of the middle {wanted.size} x {wanted.size} {called.lr} pixels of each image."
    )
    notes = [
        seen,
        (
            f"Gradient: of the centre {called.sr} pixel, channels summed, rectified, mean over images. Multipliers: "
            f"likewise, L2X's between the image and its reference ({wanted.reference})."
        ),
        f"Squares about the {called.lr} pixel under the centre; log10: of log10(value + 1), as in RepLKNet's script.",
    ]
    caption = "Effective receptive fields: the least centred squares that hold more than a share of the field's sum."
    return Table("erf", results.once(erf_frame), caption, notes=notes)


def radii(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a dataset, network and kind: the radius for each share."""
    wide = frame.pivot(index=["dataset", "model", "of"], columns="share", values="radius")
    wide.columns = pd.Index([f"{share:.0%}" for share in wide.columns])
    order = frame[["dataset", "model", "of"]].drop_duplicates()
    return wide.loc[list(order.itertuples(index=False, name=None))].reset_index()
