"""Which device a study gets."""

from __future__ import annotations

import pytest
import torch

from l2xbench.errors import RequestError
from l2xbench.run.devices import choose_device


def test_the_device_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device("auto") == torch.device("cuda")
    with pytest.raises(RequestError, match="'cuda:2' is not to be had here"):
        choose_device("cuda:2")


def test_without_a_gpu_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(RequestError, match="use device: cpu or auto"):
        choose_device("cuda")
