"""A state dict into a network: every key must fit, and what does not is told with its likely cause."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from l2xbench.errors import RequestError
from l2xbench.zoo.dialects import is_constant


def load_strictly(network: nn.Module, state_dict: Mapping[str, Tensor], *, source: str, what: str) -> None:
    """Copies `state_dict` into `network`; every key must fit, and only constants may be missing.

    Args:
        network: the architecture, as built.
        state_dict: key -> tensor.
        source: the file, for the error.
        what: the network in words, for the error.

    Raises:
        RequestError: keys missing or unexpected, listed by prefix, shapes that differ, and the likely cause; numbers
            that no network can be made of.
    """
    own = network.state_dict()
    for key, tensor in state_dict.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise RequestError(f"{source}: {key} is sparse, quantized or complex; plain numbers are needed")
        if tensor.is_floating_point() and torch.isnan(tensor).any():
            raise RequestError(f"{source}: {key} holds NaN: the training diverged, or the file is damaged")
    missing = [key for key in own if key not in state_dict and not is_constant(key)]
    unexpected = [key for key in state_dict if key not in own]
    shapes = {
        key: (tuple(state_dict[key].shape), tuple(own[key].shape))
        for key in own
        if key in state_dict and state_dict[key].shape != own[key].shape
    }
    if not (missing or unexpected or shapes):
        network.load_state_dict({**own, **state_dict})
        return
    parts = []
    if missing:
        parts.append(f"missing {_by_prefix(missing)}")
    if unexpected:
        parts.append(f"unexpected {_by_prefix(unexpected)}")
    if shapes:
        key, (found, needed) = next(iter(shapes.items()))
        parts.append(f"{len(shapes)} of another shape (first: {key} is {found}, needed {needed})")
    cause = _likely_cause(missing, unexpected, shapes, len(own))
    raise RequestError(f"{source}: does not fit {what}: {'; '.join(parts)}. Likely cause: {cause}")


def _by_prefix(keys: Iterable[str]) -> str:
    """`18 keys (body.* 12, tail.* 6)`."""
    keys = list(keys)
    groups = Counter(key.split(".")[0] for key in keys)
    shown = [
        f"{name}{'.*' if any(k.startswith(name + '.') for k in keys) else ''} {n}" for name, n in groups.most_common(5)
    ]
    more = f", {len(groups) - 5} prefixes more" if len(groups) > 5 else ""
    return f"{len(keys)} key{'s' if len(keys) > 1 else ''} ({', '.join(shown)}{more})"


def _likely_cause(
    missing: list[str],
    unexpected: list[str],
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
    total: int,
) -> str:
    if len(missing) > 0.8 * total:
        return "a checkpoint of another architecture"
    stem = r"(up|tail|upsample|upsampler|conv_last|scale)"
    concerned = [*missing, *unexpected, *shapes]
    if all(re.search(stem, key.lower()) for key in concerned):
        return "a checkpoint for another scale, or of another upsampler"
    if (missing or unexpected) and not shapes and _numbered(missing + unexpected):
        fewer = "fewer" if len(missing) > len(unexpected) else "more"
        return f"a checkpoint with {fewer} blocks than the card's arch says"
    if shapes:
        return "another size of the same architecture (features, group, window); compare the card's arch"
    return "a variant of the architecture; compare the card's arch with the one it was trained with"


def _numbered(keys: Iterable[str]) -> bool:
    return all(re.search(r"\.?\d+(\.|$)", key) or re.search(r"[a-z]\d+\.", key) for key in keys)
