"""What `explain` gives: maps, and what they explain."""

from __future__ import annotations

import base64
import html
import importlib
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
from l2xbench.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAVED = ("values", "reference", "delta", "completeness_error", "jump", "gap")
_VERSION = "l2xbench"
"""The name under which a file says which version wrote it."""


@dataclass(frozen=True, repr=False)
class Attribution:
    """Maps of a batch of images, and what they explain. `explain` makes it; a notebook shows it as figures.

    The maps sum to `delta` (Yu and Yang, *Learning to Explain*, Eq. 1), up to `completeness_error`.

    Examples:
        >>> from l2xbench import explain
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 12, 3, padding=1), torch.nn.ReLU(), torch.nn.PixelShuffle(2))
        >>> a = explain(net, torch.rand(2, 3, 8, 8), reference="black", target="patch:4,4,8,8")
        >>> a.values.shape, a.delta.shape
        (torch.Size([2, 3, 8, 8]), torch.Size([2]))
        >>> torch.allclose(a.values.sum((1, 2, 3)), a.delta, rtol=1e-3), torch.equal(a.positive + a.negative, a.values)
        (True, True)
    """

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
    """Its name, as `explain` takes it."""
    target: str
    """Which outputs were explained: `image`, `patch:y,x,h,w` or `neuron:c,y,x`."""
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
    """What else decided the values: the network's name or class, its `scale` if it has one, the reference's name, the
    precision computed in, the seed, the output and the tiles that were asked for, the method's options."""
    inputs: Tensor | None = field(default=None, repr=False)
    """(N, C, H, W) the images that were explained, in the network's own range, to be drawn under the maps."""

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
        """(N, C, H, W) the values as an array on the CPU, in units of the objective.

        Examples:
            >>> from l2xbench import explain
            >>> a = explain(torch.nn.Conv2d(3, 3, 3, padding=1), torch.rand(2, 3, 8, 8))
            >>> a.numpy().shape, a.numpy().dtype
            ((2, 3, 8, 8), dtype('float32'))
        """
        return np.asarray(self.values.detach().cpu().numpy())

    def save(self, path: Path | str) -> Path:
        """Writes the maps and all that decided them to an `.npz` file without pickles; `load` reads it again.

        It holds `values`, `inputs`, `reference`, `delta`, `completeness_error`, `jump` and `gap` as arrays, and
        `about`, a text in JSON: method, target, settings, and the version that wrote it. The list of operations and
        what was found of submodules (`layers`) are not in it.

        Args:
            path: the file; its folder is there already.

        Returns:
            the file's path.

        Raises:
            AttributionError: it cannot be written.

        Examples:
            >>> import tempfile
            >>> from l2xbench import Attribution, explain
            >>> a = explain(torch.nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, 8, 8))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     torch.equal(Attribution.load(a.save(f"{folder}/a.npz")).values, a.values)
            True
        """
        target = Path(path)
        kept = {name: getattr(self, name) for name in _SAVED}
        if self.inputs is not None:
            kept["inputs"] = self.inputs
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in kept.items()}
        told = {"method": self.method, "target": self.target, "settings": dict(self.settings), _VERSION: __version__}
        about = json.dumps(told)
        try:
            return write_whole(target, packed({**arrays, "about": np.array(about)}))
        except OSError as error:
            raise AttributionError(f"{target}: cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: Path | str) -> Attribution:
        """Reads what `save` wrote, on the CPU. No code in the file is run, and no network is needed.

        Args:
            path: the file.

        Raises:
            AttributionError: no such file, or it holds something else.

        Examples:
            >>> import tempfile
            >>> from l2xbench import Attribution, explain
            >>> a = explain(torch.nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, 8, 8), reference="mean")
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     again = Attribution.load(a.save(f"{folder}/a.npz"))
            >>> again.method, again.target, again.settings["reference"], again.settings["network"]
            ('l2x', 'image', 'mean', 'Conv2d')
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                about = json.loads(str(held["about"]))
                found: dict[str, Any] = {name: torch.from_numpy(held[name]) for name in _SAVED}
                found["inputs"] = torch.from_numpy(held["inputs"]) if "inputs" in held else None
                found |= {name: about[name] for name in ("method", "target", "settings")}
        except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else "not what Attribution.save writes"
            raise AttributionError(f"{path}: {reason}") from None
        return cls(**found)

    def plot(
        self,
        image: Tensor | None = None,
        *,
        index: int = 0,
        palette: str = "green-red",
        scale: str = "auto",
        enlarged: int | None = None,
    ) -> Figure:
        """One map of the batch as a matplotlib figure of a column's width: over its greyed image, with a colour bar.

        Channels are summed; over and under the map stand the method, the target, the difference and how exactly the
        map sums to it. A `patch` is framed.

        Args:
            image: (N, C, H, W) or (C, H, W), what lies underneath, in [0, 1] or stretched to it; by default the image
                that was explained.
            index: which of the batch, 0 to N - 1.
            palette: `green-red` or `blue-orange`, what raises the objective being named first.
            scale: `linear`, `symlog`, which shows small values too, or `auto`: by the target.
            enlarged: SR pixels for each LR pixel, along each side, by which the target's place is known; by default the
                `scale` of a network that has one, else nothing is framed.

        Returns:
            a figure of 8.5 cm width; `figure.savefig(path)` writes it.

        Raises:
            AttributionError: the image has another size, or there is no such map.
            RequestError: no such palette or scale.

        Examples:
            >>> from l2xbench import explain
            >>> a = explain(torch.nn.Conv2d(3, 3, 3, padding=1), torch.rand(2, 3, 8, 8))
            >>> figure = a.plot(index=1, palette="blue-orange")
            >>> print(f"{2.54 * figure.get_figwidth():.1f} cm")
            8.5 cm
        """
        if not -len(self.values) <= index < len(self.values):
            raise AttributionError(f"index: {index} is not one of {len(self.values)} maps")
        under = image if image is not None else self.reference if self.inputs is None else self.inputs
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
            enlarged=self.settings.get("scale") if enlarged is None else enlarged,
        )
        return figure

    def _repr_html_(self) -> str:
        """What a notebook shows: up to four maps of the batch."""
        shown = []
        for index in range(min(len(self.values), 4)):
            figure: Any = self.plot(index=index)
            picture = base64.b64encode(figure._repr_png_()).decode()
            shown.append(f'<img style="max-width: 24em" src="data:image/png;base64,{picture}">')
        return f"<p>{html.escape(repr(self))}</p>{''.join(shown)}"
