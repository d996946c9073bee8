"""What an SR image takes, counted and not measured: the same numbers on every machine.

A pass over an LR image of one size is watched operation by operation. PyTorch's device `meta`, on which nothing would
be computed, is no way: it imports PyTorch's compiler, 1.5 seconds and 150 MB for each worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, finalize

import torch
from torch import Tensor

from l2xbench.errors import reason_of
from l2xbench.studies.restoration.units import COUNTED_SIDE
from l2xbench.studies.shared.inference import device_of, may_divide
from l2xbench.system import memory
from l2xbench.system.torch_parts import TorchDispatchMode, flop_registry, tree_leaves
from l2xbench.zoo.network import Network

_ATEN: Any = torch.ops.aten
# older PyTorchs have no formula for attention on a CPU
_FORMULAS = {
    _ATEN._scaled_dot_product_flash_attention_for_cpu: flop_registry[_ATEN._scaled_dot_product_flash_attention],
    **flop_registry,
}


@dataclass(frozen=True)
class Counted:
    """What one SR image takes.

    Attributes:
        flops: floating-point operations of convolutions, matrix products and attention, a multiply-add being two;
            None where the network cannot be run on such an image.
        memory: bytes of weights and of all tensors that are alive at once, at the most.
        reason: why there are none.
    """

    flops: int | None = None
    memory: int | None = None
    reason: str = ""


def counted(network: Network) -> Counted:
    """What the SR image of a grey LR image, `COUNTED_SIDE` pixels on a side, takes, counted once for each network.

    CARN's paper (Ahn et al., ECCV 2018) has 90.9 billion multiply-adds for an SR image of 1280 x 720, whose LR image
    has 14.0625 times as many pixels:

    Examples:
        >>> import l2xbench
        >>> counted(l2xbench.load_model("carn", weights="random")).flops / 2 * 14.0625
        90882259200.0
    """
    if network not in _known:
        _known[network] = _counted(network)
    return _known[network]


def _counted(network: Network) -> Counted:
    device = device_of(network)
    counter = _Counter()
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # one operation of many, for which there is no formula
        with torch.no_grad(), counter:
            counter.hold([*network.parameters(), *network.buffers()])
            network(torch.full((1, 3, COUNTED_SIDE, COUNTED_SIDE), 0.5, device=device))
    except Exception as error:  # a network of one size, or of none so small
        if memory.has_run_out(error) and not may_divide(error):
            raise
        return Counted(reason=reason_of(error)[:80])
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return Counted(counter.flops, counter.most)


class _Counter(TorchDispatchMode):  # type: ignore[misc]
    """Counts while operations run within it."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.most = 0
        self._held = 0
        self._storages: WeakSet[torch.UntypedStorage] = WeakSet()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Newer PyTorchs would else import their compiler."""
        return False

    def hold(self, tensors: list[Tensor]) -> None:
        """Takes the memory of these tensors as in use until it is let go."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage not in self._storages:
                self._storages.add(storage)
                self._held += storage.nbytes()
                finalize(storage, self._let_go, storage.nbytes()).atexit = False
        self.most = max(self.most, self._held)

    def _let_go(self, size: int) -> None:
        self._held -= size

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        named = named or {}
        formula = _FORMULAS.get(function._overloadpacket)
        if formula is None:
            with self:
                parts = function.decompose(*arguments, **named)
                if parts is not NotImplemented:
                    return parts
        result = function(*arguments, **named)
        if formula is not None:
            self.flops += int(formula(*arguments, **named, out_val=result))
        self.hold([leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)])
        return result


_known: WeakKeyDictionary[Network, Counted] = WeakKeyDictionary()
