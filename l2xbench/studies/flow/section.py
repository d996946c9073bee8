"""The blocks of each network on the page: a strip of what they have written, and the map of the one that is chosen."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2xbench.attribution.flow import AROUND
from l2xbench.draw.colormap import over_image, shared_limit
from l2xbench.draw.tables import Table
from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.study import Section
from l2xbench.words import words

SIDE = 224
"""A map's side on the page, in pixels."""
PALETTE = "green-red"


def flow_section(results: Results, tables: Mapping[str, Table]) -> Section:
    """What `section.html` shows, of the first image of each dataset, and the tables below it."""
    strips = list(network_strips(results))
    return Section(
        anchor="flow",
        link="Blocks",
        title="Inside the networks: which block does the work",
        tables=list(tables.values()),
        template=Path(__file__).parent / "section.html",
        context={"strips": strips, "side": SIDE, "called": words(results.config.scale)},
    )


def network_strips(results: Results) -> Iterator[dict[str, Any]]:
    """A strip for each dataset and network, of the first image there is."""
    shown: set[tuple[str, str]] = set()
    for record in records_of_studies(results.shown, "flow"):
        name = (record.dataset, record.model)
        if name in shown or not str(record.values.get("groups") or ""):
            continue
        shown.add(name)
        yield strip_of(record, results, len(shown))


def strip_of(record: Record, results: Results, number: int) -> dict[str, Any]:
    """The blocks or groups of one network and image: what each has written, and its map."""
    arrays = results.store.load_arrays(record.files["flow"])
    image = results.store.load_image(record.files["seen"])
    groups = str(record.values["groups"]).splitlines()
    delta = record.number("delta") or 1.0
    maps = [arrays["values"], arrays[AROUND], *arrays["maps"]]
    parts = [float(values.sum(dtype=np.float64)) / delta for values in maps]
    limit = shared_limit([np.asarray(values, dtype=np.float64) for values in arrays["maps"]])
    whole = shared_limit([np.asarray(arrays["values"], dtype=np.float64)])
    names = ["the whole map", "around all blocks", *groups]
    largest = max(abs(part) for part in parts[2:]) or 1.0
    entries = []
    for place, (name, values, part) in enumerate(zip(names, maps, parts, strict=True)):
        entries.append(
            {
                "id": f"flow-{number}-{place}",
                "name": name,
                "part": f"{100 * part:.2f} %".replace("-", "−"),
                "height": round(100 * min(1.0, abs(part) / largest)) if place > 1 else 100,
                "away": part < 0,
                "picture": picture(values, image, whole if place < 2 else limit),
            }
        )
    return {
        "title": f"{record.model} on {record.dataset} {record.image}",
        "number": number,
        "entries": entries,
        "seen": as_data(enlarged(image)),
        "chosen": 2 + int(np.argmax(np.abs(parts[2:]))),
        "scales": (
            f"Full colour: ±{whole / abs(delta):.2%} of the change for the first two, ±{limit / abs(delta):.2%} for "
            "single blocks."
        ),
    }


def picture(values: NDArray[np.floating], image: NDArray[np.uint8], limit: float) -> str:
    """A map over its image as an address that holds it."""
    return as_data(enlarged(over_image(np.asarray(values, dtype=np.float64), image, limit, PALETTE)))


def enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Whole pixels, about as large as they are shown."""
    times = max(1, SIDE // max(image.shape[:2]))
    return image.repeat(times, axis=0).repeat(times, axis=1)


def as_data(image: NDArray[np.uint8]) -> str:
    """A PNG as an address that holds it."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
