"""Some networks and one image: what each made of it, which pixels each used, and how alike the maps are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from l2xbench.attribution.spread import diffusion_index
from l2xbench.attribution.targets import parse_target
from l2xbench.data.images import read_image, to_image
from l2xbench.data.pairs import LoadedPair, pixels_of
from l2xbench.draw.heatmaps import heatmap_bytes
from l2xbench.draw.inline import inline_png
from l2xbench.draw.zoom import around_target
from l2xbench.errors import RequestError
from l2xbench.run.devices import choose_device
from l2xbench.studies.shared.maps import MapRequest, NetworkImage, NetworkMap, network_image, network_map
from l2xbench.studies.shared.panels import ShownImage, make_panel
from l2xbench.system.files import packed, write_whole
from l2xbench.words import words
from l2xbench.zoo.cards import make_card
from l2xbench.zoo.load import load_model, short_names
from l2xbench.zoo.network import Network

NetworkLike = str | Path | nn.Module
ImageLike = str | Path | np.ndarray | Tensor


class ComparedNetworks:
    """SR images and maps of one image by several networks; `compare` makes it.

    A notebook shows it as the figure of `l2xbench explain`.

    Examples:
        >>> import l2xbench
        >>> found = l2xbench.compare(["carn-compact", "edsr-compact"], torch.rand(1, 3, 12, 12))
        >>> found.sr["carn-compact"].shape, found.correlation.shape, list(found.table.index)
        ((48, 48, 3), (2, 2), ['carn-compact', 'edsr-compact'])
    """

    def __init__(
        self,
        shown: ShownImage,
        answers: Mapping[str, tuple[NetworkImage, NetworkMap]],
        request: MapRequest,
        palette: str,
    ) -> None:
        """Holds what the networks gave; `compare` makes it."""
        self._shown = shown
        self._answers = dict(answers)
        self._request = request
        self._palette = palette

    @property
    def maps(self) -> dict[str, np.ndarray]:
        """Network -> its map (3, H, W), in units of the objective."""
        return {name: found.values for name, (_, found) in self._answers.items()}

    @property
    def sr(self) -> dict[str, np.ndarray]:
        """Network -> its SR image (sH, sW, 3), uint8."""
        return {name: made.image for name, (made, _) in self._answers.items()}

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a network: PSNR (dB) and SSIM where HR is given, the difference explained, the map's error and cost."""
        rows = []
        for name, (made, found) in self._answers.items():
            row: dict[str, Any] = {"network": name, "psnr": made.psnr, "ssim": made.ssim, "delta": found.delta}
            row |= {"completeness_error": found.completeness_error, "seconds": found.seconds}
            row["diffusion_index"] = diffusion_index(found.values)
            rows.append(row)
        return pd.DataFrame(rows).set_index("network")

    @cached_property
    def correlation(self) -> pd.DataFrame:
        """Spearman's rank correlation of the maps, channels summed: each network with each, in [-1, 1]."""
        flat = {name: values.sum(0).ravel() for name, values in self.maps.items()}
        return pd.DataFrame(flat).corr("spearman")

    @cached_property
    def _files(self) -> dict[str, bytes]:
        zoom = around_target(self._request.target, self._shown.sr_shape)
        return heatmap_bytes(make_panel(self._shown, self._answers, self._request, zoom=zoom), self._palette)

    def save(self, folder: Path | str) -> list[Path]:
        """Writes the figure (PNG, PDF), the table (CSV) and each map (npz: values, reference, delta) into a folder.

        Args:
            folder: made if it is not there.

        Returns:
            the files.

        Raises:
            RequestError: it cannot be written.

        Examples:
            >>> import tempfile
            >>> import l2xbench
            >>> found = l2xbench.compare(["carn-compact"], torch.rand(1, 3, 12, 12))
            >>> sorted(path.name for path in found.save(tempfile.mkdtemp()))
            ['carn-compact.npz', 'heatmap.pdf', 'heatmap.png', 'table.csv']
        """
        root = Path(folder)
        try:
            root.mkdir(parents=True, exist_ok=True)
            made = [write_whole(root / f"heatmap.{ending}", content) for ending, content in self._files.items()]
            made.append(write_whole(root / "table.csv", self.table.to_csv().encode()))
            for name, (_, found) in self._answers.items():
                made.append(write_whole(root / f"{name}.npz", packed(found.arrays)))
        except OSError as error:
            raise RequestError(f"{root}: cannot be written ({error.strerror or error})") from None
        return made

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return inline_png(self._files["png"])

    def __repr__(self) -> str:
        return f"ComparedNetworks({', '.join(self._answers)}: {self._request.label}, {self._request.target})"


def compare(
    networks: Sequence[NetworkLike] | Mapping[str, NetworkLike],
    image: ImageLike,
    *,
    hr: ImageLike | None = None,
    target: str = "image",
    reference: str = "blur",
    method: str = "l2x",
    device: str = "auto",
    trust: bool = False,
    seed: int = 0,
    palette: str = "green-red",
    **options: int | float | bool | str,
) -> ComparedNetworks:
    """Explains one LR image by several networks, in tiles where memory runs out.

    Args:
        networks: cards, card files, checkpoints, `file.py:Class` (with `trust`), loaded networks or any module; a
            mapping gives them names.
        image: LR, a file, (H, W, 3) uint8 or (1, 3, H, W) in [0, 1].
        hr: likewise, for PSNR and SSIM.
        target, reference, method, seed, **options: as of `l2xbench.explain`.
        device: `cpu`, `cuda`, `cuda:1` or `auto`.
        trust: whether networks may run Python of the user's.
        palette: the map's colours; `blue-orange` for readers who cannot tell green from red.

    Returns:
        tables, maps and a figure of all of them.

    Raises:
        RequestError: a network, image or option is wrong, or the networks differ in scale.

    Examples:
        >>> import numpy as np
        >>> import l2xbench
        >>> lr = np.zeros((16, 16, 3), np.uint8)
        >>> lr[4:12, 6:10] = 255
        >>> found = l2xbench.compare(["edsr-compact", "carn-compact"], lr, target="patch:24,24,16,16")
        >>> list(found.table.index), found.maps["edsr-compact"].shape
        (['edsr-compact', 'carn-compact'], (3, 16, 16))
    """
    request = MapRequest(target, reference, method, tuple(sorted(options.items())))
    parse_target(target)
    named = _named(networks)
    place = choose_device(device)
    pair = _pair(image, hr)
    answers: dict[str, tuple[NetworkImage, NetworkMap]] = {}
    scale = 0
    for name, each in named.items():
        network = _network(name, each, place, trust, seed)
        if scale not in (0, network.scale):
            raise RequestError(f"{name} is for scale {network.scale}, {next(iter(answers))} for scale {scale}")
        scale = network.scale
        if pair.hr is not None and pair.hr.shape[:2] != tuple(scale * side for side in pair.lr.shape[:2]):
            raise RequestError(
                f"hr: {pair.hr.shape[:2]} pixels are not {scale} times {words(scale).the_lr}'s {pair.lr.shape[:2]}"
            )
        answers[name] = network_image(network, pair), network_map(network, pair.lr, request.settings(seed))
    return ComparedNetworks(ShownImage("image", pair.name, scale, pair.lr, pair.hr), answers, request, palette)


def _named(networks: Sequence[NetworkLike] | Mapping[str, NetworkLike]) -> dict[str, NetworkLike]:
    if isinstance(networks, Mapping):
        found = dict(networks)
    elif isinstance(networks, (str, Path, nn.Module)):
        raise RequestError(f"networks: a list of them is needed, found {networks!r}")
    else:
        texts = [str(each) if isinstance(each, (str, Path)) else _called(each) for each in networks]
        found = dict(zip(short_names(texts), networks, strict=True))
    if not found:
        raise RequestError("networks: at least one is needed")
    return found


def _called(network: nn.Module) -> str:
    return network.name if isinstance(network, Network) else type(network).__name__


def _network(name: str, network: NetworkLike, device: torch.device, trust: bool, seed: int) -> Network:
    if isinstance(network, (str, Path)):
        return load_model(network, device=device, trust=trust, seed=seed)
    if isinstance(network, Network):
        return network.to(device)
    kind = type(network)
    card = make_card(
        {"name": name, "provider": "module", "module": f"{kind.__module__}:{kind.__qualname__}"},
        source=name,
        folder=Path(),
    )
    return Network(network.to(device), card, scale=getattr(network, "scale", None), weights="given")


def _pair(image: ImageLike, hr: ImageLike | None) -> LoadedPair:
    name = Path(image).stem if isinstance(image, (str, Path)) else "image"
    return pixels_of(name, _pixels(image, "image"), None if hr is None else _pixels(hr, "hr"))


def _pixels(image: ImageLike, what: str) -> np.ndarray:
    if isinstance(image, (str, Path)):
        return read_image(image)
    if isinstance(image, Tensor):
        if image.ndim != 4 or image.shape[:2] != (1, 3):
            raise RequestError(f"{what}: a tensor is (1, 3, H, W) in [0, 1], found {tuple(image.shape)}")
        return to_image(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise RequestError(f"{what}: an array is (H, W, 3) uint8, found {image.shape} {image.dtype}")
    return image
