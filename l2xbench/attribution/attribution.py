"""What `explain` gives: maps, and what they explain."""

from __future__ import annotations

import base64
import html
import importlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.layers import LayersFound
from l2xbench.system.files import packed, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAVED = ("values", "reference", "delta", "completeness_error", "jump", "gap")


@dataclass(frozen=True, repr=False)
class Attribution:
    """A map and what it explains."""

    values: Tensor
    """(N, C, H, W) in units of the objective: a positive value made it larger than it is for the reference."""
    reference: Tensor
    """(N, C, H, W) what the images were compared with."""
    delta: Tensor
    """(N,) the objective's difference between image and reference; NaN for controls, which run no network."""
    completeness_error: Tensor
    """(N,) |sum of values - delta| / max(|delta|, 0.001 sum of |values|), of both as they were computed: where that was
    in float64 and the inputs are float32, rounding map and delta to float32 adds up to 1e-6."""
    method: str
    target: str
    operations: list[Any] = field(default_factory=list, repr=False)
    """The operations that the engine met, with the rule of each (`l2x` only)."""
    jump: Tensor = field(default_factory=lambda: torch.zeros(()), repr=False)
    """(N,) or zero: where the network routes by Python numbers and takes another route for the reference, what that
    changes of the objective. The map sums to `delta`, the difference along the image's own route; `delta + jump` is
    the network's."""
    gap: Tensor = field(default_factory=lambda: torch.tensor(torch.nan), repr=False)
    """(N,) |delta + jump - the network's own difference| / max(that difference, 0.001 sum of |values|), where the map
    was computed in a higher precision than the network's own, in which one that sorts or picks may choose otherwise;
    NaN where it was not, where the network picks nothing, or was run in tiles."""
    layers: LayersFound = field(default_factory=lambda: LayersFound({}), repr=False)
    """What passed through the submodules that were asked for (`layers=`): by name, in the order in which they ran."""

    settings: Mapping[str, bool | int | float | str] = field(default_factory=dict, repr=False)
    """What else decided the values: the reference's name, the precision computed in, the seed, the method's options."""

    @property
    def positive(self) -> Tensor:
        """(N, C, H, W) the values above zero, zero elsewhere."""
        return self.values.clamp(min=0)

    @property
    def negative(self) -> Tensor:
        """(N, C, H, W) the values below zero, zero elsewhere."""
        return self.values.clamp(max=0)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.values.shape))
        error = float(self.completeness_error.max()) if len(self.completeness_error) else 0.0
        delta = ", ".join(f"{each:.4g}" for each in self.delta[:4].tolist()) + (", ..." if len(self.delta) > 4 else "")
        return f"Attribution({self.method}, {self.target}: {shape}, delta {delta}, completeness error {error:.1e})"

    def numpy(self) -> np.ndarray:
        """(N, C, H, W) the values as an array on the CPU."""
        return np.asarray(self.values.detach().cpu().numpy())

    def save(self, path: Path | str) -> Path:
        """Writes the maps and all that decided them to an `.npz` file without pickles; `load` reads it again.

        The list of operations and what was found of submodules (`layers`) are not in it.

        Raises:
            AttributionError: it cannot be written.

        Example:
            >>> import tempfile
            >>> from l2xbench import Attribution, explain
            >>> a = explain(torch.nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, 8, 8))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     torch.equal(Attribution.load(a.save(f"{folder}/a.npz")).values, a.values)
            True
        """
        target = Path(path)
        arrays = {name: getattr(self, name).detach().cpu().numpy() for name in _SAVED}
        about = json.dumps({"method": self.method, "target": self.target, "settings": dict(self.settings)})
        try:
            return write_whole(target, packed({**arrays, "about": np.array(about)}))
        except OSError as error:
            raise AttributionError(f"{target}: cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: Path | str) -> Attribution:
        """What `save` wrote.

        Raises:
            AttributionError: no such file, or it holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                about = json.loads(str(held["about"]))
                found: dict[str, Any] = {name: torch.from_numpy(held[name]) for name in _SAVED}
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else "not what Attribution.save writes"
            raise AttributionError(f"{path}: {reason}") from None
        return cls(**found, method=about["method"], target=about["target"], settings=about["settings"])

    def plot(
        self, image: Tensor | None = None, *, index: int = 0, palette: str = "green-red", scale: str = "auto"
    ) -> Figure:
        """One map of the batch as a matplotlib figure of a column's width: over its greyed image, with a colour bar.

        Args:
            image: (N, C, H, W) or (C, H, W) in [0, 1], what was explained; by default the reference lies underneath.
            index: which of the batch.
            palette: `green-red` or `blue-orange`.
            scale: `linear`, `symlog`, which shows small values too, or `auto`: by the target.

        Raises:
            AttributionError: the image has another size, or there is no such map.
            RequestError: no such palette or scale.
        """
        if not -len(self.values) <= index < len(self.values):
            raise AttributionError(f"index: {index} is not one of {len(self.values)} maps")
        under = self.reference if image is None else image
        under = under[index] if under.ndim == 4 else under
        if under.shape[-2:] != self.values.shape[-2:]:
            raise AttributionError(f"image: shape {tuple(under.shape)} is not that of the map, {self.values.shape[1:]}")
        # found by its name, as pandas finds its plotting: maps are made without drawing, and nothing imports upward
        draw = importlib.import_module("l2xbench.draw.attributions")
        figure: Figure = draw.attribution_figure(
            self.values[index].detach().cpu().numpy(),
            under.detach().cpu().numpy(),
            method=self.method,
            target=self.target,
            delta=float(self.delta[index]),
            error=float(self.completeness_error[index]),
            palette=palette,
            scale=scale,
        )
        return figure

    def _repr_html_(self) -> str:
        """What a notebook shows: up to four maps of the batch."""
        shown = []
        for index in range(min(len(self.values), 4)):
            buffer = io.BytesIO()
            self.plot(index=index).savefig(buffer, format="png", dpi=150)
            picture = base64.b64encode(buffer.getvalue()).decode()
            shown.append(f'<img style="max-width: 24em" src="data:image/png;base64,{picture}">')
        return f"<p>{html.escape(repr(self))}</p>{''.join(shown)}"
