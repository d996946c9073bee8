"""What passes through the inside of a network: the share of the explained difference that each tensor carries.

With multipliers m of a tensor t and its difference dt, R = m dt says how much each of its values made of the
objective's difference (the chain rule of multipliers, the paper's Eqs. 3 to 6, taken from the output to t instead of
to the input). Where everything passes through t, a whole cut of the network, R sums to the whole difference; of a sum
the parts' add up to the sum's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.errors import AttributionError


@dataclass(frozen=True, eq=False)
class LayerTensor:
    """One tensor inside the network, in one call.

    R = m (t - t') has the multiplier that the chain rule carries from the objective to t (Yu and Yang, *Learning to
    Explain*, Eqs. 3 to 6).

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from l2xbench import explain
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
        >>> (tensor,) = explain(net, torch.rand(1, 3, 6, 6), layers=["1"]).layers["1"].calls[0].outputs.tensors
        >>> tensor.values.shape, round(float(tensor.share), 4)
        (torch.Size([1, 8, 6, 6]), 1.0)
    """

    values: Tensor
    """R = m (t - t'), of the tensor's own shape; of a complex tensor the real part. Images one after the other along
    the first axis."""
    share: Tensor
    """(N,) the sum of R as a part of the objective's difference; NaN where that is zero."""
    magnitude: Tensor
    """(N,) the sum of |R| as a part of |the objective's difference|: how much was moved there, either way."""


@dataclass(frozen=True, eq=False)
class Side:
    """The tensors on one side of a submodule, in one call or in several; see `Layer`."""

    tensors: tuple[LayerTensor, ...]
    """One after the other, as it was given them or gave them."""
    where: str = field(default="", repr=False)
    """What an error calls it."""

    @property
    def values(self) -> Tensor:
        """The attributions of the one tensor there is.

        Raises:
            AttributionError: there are none or several; `tensors` has them.
        """
        if len(self.tensors) != 1:
            raise AttributionError(
                f"{self.where}: {len(self.tensors) or 'no'} tensors, whose values have no common shape; each is in "
                "`calls[i].outputs.tensors` (or `inputs`)"
            )
        return self.tensors[0].values

    @property
    def share(self) -> Tensor:
        """(N,) the shares of all its tensors together."""
        return torch.stack([tensor.share for tensor in self.tensors]).sum(0)

    @property
    def magnitude(self) -> Tensor:
        """(N,) the magnitudes of all its tensors together."""
        return torch.stack([tensor.magnitude for tensor in self.tensors]).sum(0)


@dataclass(frozen=True)
class Part:
    """One of the tensors that meet in a sum or a concatenation; see `Join`."""

    label: str
    """The submodule it comes from, named from the one that adds them; empty for what that was given itself."""
    skip: bool
    """Whether it passes by what the others went through."""
    share: Tensor
    """(N,) what it brings to the sum as a part of the objective's difference."""
    magnitude: Tensor
    """(N,) likewise of |R|."""


@dataclass(frozen=True)
class Join:
    """Where branches meet in a submodule's own forward. The parts' shares add up to `share`.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from l2xbench import explain
        >>> class Residual(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.conv = nn.Conv2d(3, 3, 3, padding=1)
        ...     def forward(self, x):
        ...         return x + self.conv(x)
        >>> (join,) = explain(Residual(), torch.rand(1, 3, 6, 6), layers=[".", "conv"]).layers["."].joins
        >>> join.operation, [part.label for part in join.parts], round(float(sum(p.share for p in join.parts)), 4)
        ('add', ['', 'conv'], 1.0)
    """

    operation: str
    """`add`, `sub` or `cat`."""
    parts: tuple[Part, ...]
    """What meets there."""
    share: Tensor
    """(N,) of the result."""


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One time that a submodule ran; see `Layer`."""

    inputs: Side
    """The tensors it was given: their whole shares, also what does not pass through the submodule."""
    outputs: Side
    """The tensors it gave."""
    joins: tuple[Join, ...]
    """Where branches met in its own forward."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A submodule of an explained network, and what passed through it.

    `values`, `share` and `magnitude` are of its outputs. Where it runs several times, shares and magnitudes are over
    all its calls together, and `values` are those of each call.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from l2xbench import explain
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
        >>> layer = explain(net, torch.rand(2, 3, 6, 6), layers=["0"]).layers["0"]
        >>> layer.kind, layer.parameters, layer.values.shape, layer.share.shape
        ('Conv2d', 224, torch.Size([2, 8, 6, 6]), torch.Size([2]))
    """

    name: str
    """Its name in the network."""
    kind: str
    """Its class."""
    parameters: int
    """How many learned numbers it holds."""
    order: int
    """How many submodules asked for began before it."""
    calls: tuple[LayerCall, ...]
    """Each time that it ran."""

    @property
    def inputs(self) -> Side:
        """The tensors it was given in all its calls."""
        return Side(tuple(t for call in self.calls for t in call.inputs.tensors), f"inputs of {self.name!r}")

    @property
    def outputs(self) -> Side:
        """The tensors it gave in all its calls."""
        return Side(tuple(t for call in self.calls for t in call.outputs.tensors), f"outputs of {self.name!r}")

    @property
    def joins(self) -> tuple[Join, ...]:
        """Where branches met in its own forward, in all its calls."""
        return tuple(join for call in self.calls for join in call.joins)

    @property
    def values(self) -> Tensor:
        """Attributions of the output's own shape, see `LayerTensor`."""
        return self.outputs.values

    @property
    def share(self) -> Tensor:
        """(N,) what passes through it, as a part of the objective's difference; see `LayerTensor`."""
        return self.outputs.share

    @property
    def magnitude(self) -> Tensor:
        """(N,) the same without cancelling; see `LayerTensor`."""
        return self.outputs.magnitude


class LayersFound(Mapping[str, Layer]):
    """The layers of an explanation by name, in the order in which they ran.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from l2xbench import explain
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
        >>> found = explain(net, torch.rand(1, 3, 6, 6), layers="*").layers
        >>> list(found), {name: layer.kind for name, layer in found.items() if "1" in name}
        (['0', '1', '2'], {'1': 'ReLU'})
    """

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self._layers = dict(sorted(layers.items(), key=lambda pair: pair[1].order))

    def __getitem__(self, name: str) -> Layer:
        if name not in self._layers:
            raise AttributionError(
                f"layers: {name!r} was not asked for; there are {', '.join(self._layers) or 'none (layers=...)'}"
            )
        return self._layers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def to(self, like: Tensor) -> LayersFound:
        """The same in the type of another tensor.

        Args:
            like: of that type.

        Examples:
            >>> import torch
            >>> from torch import nn
            >>> from l2xbench import explain
            >>> found = explain(nn.Sequential(nn.Conv2d(3, 3, 1)), torch.rand(1, 3, 6, 6), layers=["0"]).layers
            >>> found.to(torch.zeros((), dtype=torch.float64))["0"].share.dtype
            torch.float64
        """
        if all(t.share.dtype == like.dtype for layer in self.values() for t in layer.outputs.tensors):
            return self
        made: dict[int, Any] = {}

        def moved(found: Any) -> Any:
            if isinstance(found, Tensor):
                return found.to(like.dtype)
            if isinstance(found, tuple):
                return tuple(moved(each) for each in found)
            if isinstance(found, (LayerTensor, Side, Part, Join, LayerCall)):
                if id(found) not in made:
                    new = {each.name: moved(getattr(found, each.name)) for each in fields(found)}
                    made[id(found)] = type(found)(**new)
                return made[id(found)]
            return found

        return LayersFound({name: replace(layer, calls=moved(layer.calls)) for name, layer in self.items()})

    def __repr__(self) -> str:
        return f"LayersFound({', '.join(self._layers)})"
