"""A checkpoint into a network: which of its state dicts, under which keys, and what does not fit with its likely cause.

As lenient as PyTorch's own strict loading, whose hooks it runs: classes that take their own old key names, batch
normalisation without counters, weight normalisation in its old form; and besides, what safetensors leaves out of tied
layers, counters that profilers leave behind, and the prefixes of wrappers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.errors import RequestError, reason_of
from l2xbench.zoo.dialects import is_constant
from l2xbench.zoo.states import StateDict

_WRAPPING = {"module", "_orig_mod"}
_LEFT_BEHIND = {"num_batches_tracked", "n_averaged", "total_ops", "total_params", "_extra_state"}
"""Last parts of keys that no output depends on: counters of batches, of averaging, of a profiler."""
_IN_PARTS = re.compile(r"(^|\.)(parametrizations\..*|\w+_(g|v|u|orig|mask))$")
"""Keys of weights that are kept in parts: weight and spectral normalisation, parametrizations, pruning."""
_OF_AVERAGES = {"decay", "num_updates", "initted", "step"}
"""Whole keys that stand beside averages."""


@dataclass(frozen=True)
class Fit:
    """A state dict as a network takes it.

    `raw` is as it was found, under the authors' keys; `native` under the network's. `is_chosen` is true where others
    would have fitted as well.
    """

    raw: StateDict
    native: Mapping[str, Any]
    matches: int
    is_chosen: bool = False


def best_fit(
    network: nn.Module,
    states: Sequence[StateDict],
    convert: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]],
    source: str,
) -> Fit:
    """The state dict that has most of the network's keys; of several, averaged weights, then what comes first.

    Args:
        network: the architecture, as built.
        states: those in the checkpoint, the rather taken first.
        convert: from the authors' keys to the network's.
        source: the file, for the error.

    Raises:
        RequestError: several fit, and their names do not tell which is meant.
    """
    own = network.state_dict().keys()
    parameters = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    fits: list[Fit] = []
    refused: RequestError | None = None
    for state in states:
        if state.in_order:
            fits += _in_order(network, state)
            continue
        for prefix in state.prefixes(max(1, len(own) // 2)):
            raw = state.under(prefix)
            try:
                tensors = convert(raw.tensors)
            except RequestError as error:
                refused = refused or error
                continue
            others = {key: value for key, value in raw.entries.items() if not isinstance(value, Tensor)}
            native = _aligned({**others, **tensors}, own)
            fits.append(Fit(raw, native, sum(key in own for key in native)))
    most = max((fit.matches for fit in fits), default=0)
    if refused is not None and most <= len(own) // 2:
        raise refused
    if not fits:
        raise RequestError(
            f"{source}: holds averages without names ({states[0].name}), as many and of such shapes as the network's "
            "parameters are not; a state dict (key -> tensor) is needed"
        )
    best = [fit for fit in fits if fit.matches == most]
    fullest = best[0]
    for fit in fits:  # averages may be kept of the parameters alone
        if fit.raw.is_averaged and fit not in best and parameters and all(key in fit.native for key in parameters):
            best.append(replace(fit, native={**fullest.native, **fit.native}))
    if not most:
        return best[0]
    best.sort(key=lambda fit: (fit.raw.rank, len(fit.raw.name)))
    first = best[0]
    rivals = [fit for fit in best if fit.raw.rank == first.raw.rank and not same_numbers(fit.native, first.native)]
    if rivals:
        names = [fit.raw.name for fit in (first, *rivals)]
        raise RequestError(
            f"{source}: holds weights of several networks that fit ({', '.join(names)}); say which: "
            f"`weights_key: {names[0]}` in the card or study, --weights-key {names[0]} of a command"
        )
    return replace(first, is_chosen=any(not same_numbers(fit.native, first.native) for fit in best[1:]))


def _in_order(network: nn.Module, state: StateDict) -> list[Fit]:
    """Tensors without names as the network's parameters, if they are as many and of their shapes."""
    tensors = list(state.tensors.values())
    for named in (list(network.named_parameters()), [(k, p) for k, p in network.named_parameters() if p.requires_grad]):
        if [tuple(p.shape) for _, p in named] == [tuple(tensor.shape) for tensor in tensors] and named:
            native = {key: tensor for (key, _), tensor in zip(named, tensors, strict=True)}
            return [Fit(StateDict(state.name, native), native, len(native))]
    return []


def _aligned(entries: Mapping[str, Any], own: Collection[str]) -> Mapping[str, Any]:
    """The entries under the network's keys, where these differ by what wrappers put before or between their parts."""

    def matches(renamed: Mapping[str, Any]) -> int:
        return sum(key in own for key in renamed)

    forms = [entries]
    bare = {_bare(key): key for key in own}
    if len(bare) == len(own):
        forms.append({key if key in own else bare.get(_bare(key), key): value for key, value in entries.items()})
    for dotless in ({each(key).replace(".", ""): key for key in own} for each in (str, _bare)):
        if len(dotless) == len(own):  # averages of latent diffusion's code: buffers, whose names have no dots
            forms.append({key if key in own else dotless.get(key, key): value for key, value in entries.items()})
    first = next(iter(own), "").partition(".")[0] + "."
    if all(key.startswith(first) for key in own):
        forms.append({f"{first}{key}": value for key, value in entries.items()})
    return max(forms, key=matches)


def _bare(key: str) -> str:
    return ".".join(part for part in key.split(".") if part not in _WRAPPING)


def same_numbers(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two state dicts hold the same numbers under the keys of the first."""
    for key, value in one.items():
        if isinstance(value, Tensor) and (found := other.get(key)) is not value:
            if not isinstance(found, Tensor) or not value.layout == found.layout == torch.strided:
                return False
            if value.shape != found.shape or not torch.equal(value, found):
                return False
    return True


def load_strictly(network: nn.Module, state_dict: Mapping[str, Any], *, source: str, what: str) -> None:
    """Copies `state_dict` into `network`; every key must fit, and only what no output depends on may be missing.

    Args:
        network: the architecture, as built.
        state_dict: key -> tensor, and a module's extra state; other entries are left.
        source: the file, for the error.
        what: the network in words, for the error.

    Raises:
        RequestError: keys missing or unexpected, listed by prefix, shapes that differ, and the likely cause; numbers
            that no network can be made of.
    """
    own = network.state_dict()
    learned = dict(network.named_parameters(remove_duplicate=False))
    given = {key: value for key, value in state_dict.items() if isinstance(value, Tensor) or key in own}
    for key, tensor in given.items():
        if not isinstance(tensor, Tensor):
            continue
        takes_complex = isinstance(own.get(key), Tensor) and own[key].is_complex()
        if tensor.layout != torch.strided or tensor.is_quantized or (tensor.is_complex() and not takes_complex):
            raise RequestError(f"{source}: {key} is sparse, quantized or complex; plain numbers are needed")
        if (tensor.is_floating_point() or tensor.is_complex()) and torch.isnan(tensor).any():
            raise RequestError(f"{source}: {key} holds NaN: the training diverged, or the file is damaged")
        if key not in learned or not learned[key].is_floating_point():
            continue
        if not tensor.is_floating_point() and tensor.numel() > 1:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise RequestError(
                f"{source}: {key} holds {kind} numbers, as quantised weights do, and nothing says their scale; weights "
                "in floating point are needed"
            )
        if torch.isinf(tensor).any():
            raise RequestError(f"{source}: {key} holds Inf: the training diverged, or half precision was too narrow")
    shapes, refusal = {}, ""
    try:
        left = network.load_state_dict(given, strict=False)
    except Exception as error:  # torch's refusal of shapes, or whatever a network's own hooks raise
        shapes = _other_shapes(own, given)
        if not shapes:
            refusal = reason_of(error)[:200]
            raise RequestError(f"{source}: does not fit {what}: {refusal}") from error
        missing = [key for key in own if key not in given]
        unexpected = [key for key in given if key not in own]
    else:
        missing, unexpected = list(left.missing_keys), list(left.unexpected_keys)
    loaded = {_place(own[key]) for key in own if key not in missing}
    missing = [
        key
        for key in missing
        if not (
            is_constant(key) or key.rpartition(".")[2] in _LEFT_BEHIND or (key in own and _place(own[key]) in loaded)
        )
    ]
    unexpected = [key for key in unexpected if key.rpartition(".")[2] not in _LEFT_BEHIND and key not in _OF_AVERAGES]
    if not (missing or unexpected or shapes):
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


def _other_shapes(
    own: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    return {
        key: (tuple(given[key].shape), tuple(value.shape))
        for key, value in own.items()
        if isinstance(value, Tensor)
        and not nn.parameter.is_lazy(value)
        and isinstance(given.get(key), Tensor)
        and given[key].shape != value.shape
    }


def _place(value: Any) -> object:
    """The same for two names of one tensor, as tied layers have; of no tensor, nothing else is the same."""
    if not isinstance(value, Tensor) or nn.parameter.is_lazy(value) or value.numel() == 0:
        return object()
    return value.data_ptr(), tuple(value.shape), value.dtype


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
    kept, wanted = (any(map(_IN_PARTS.search, keys)) for keys in (unexpected, missing))
    if kept and not wanted:
        return (
            "weights kept in parts (weight or spectral normalisation, pruning), which the class does not have; apply "
            "the same to it, or merge them before saving (remove_parametrizations, remove_weight_norm, prune.remove)"
        )
    if wanted and not kept and any(key.endswith("weight") for key in unexpected):
        return "weights that were merged, where the class keeps them in parts (weight or spectral normalisation)"
    if any(key.endswith("flat_param") for key in unexpected):
        return "the flat parameters of one process of FSDP; save a full state dict"
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
