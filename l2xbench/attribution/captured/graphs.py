"""How a computation is recorded on a device: a CUDA graph; on a CPU, the list of its operations.

A new device, or a test's stand-in for one, is a class with the attributes of `Capture`, put into `CAPTURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from l2xbench.attribution.engine.recording import Computation, Recording
from l2xbench.system.torch_parts import clear_cublas_workspaces


class Capture(Protocol):
    """A computation that was recorded: `replay` makes it again of what its inputs hold by then, into its outputs."""

    outputs: tuple[Tensor, ...]
    """Tensors that every replay writes to."""
    bytes: int
    """Memory of the device that it holds."""

    def replay(self) -> None:
        """Make it again."""

    def turn(self) -> AbstractContextManager[None]:
        """Within, its inputs may be written, and its outputs read: whoever came before is done with them."""

    def free(self) -> None:
        """Give its memory back; it cannot be replayed any more."""


class CudaGraph:
    """A CUDA graph of a computation that has run before, so that libraries are loaded, on an inputs' device."""

    _streams: ClassVar[dict[torch.device, torch.cuda.Stream]] = {}
    """One to record on for each device: libraries keep working memory for each stream that they meet."""

    def __init__(self, run: Computation, device: torch.device) -> None:
        self._device = device
        if device not in self._streams:
            self._streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with torch.cuda.device(device):
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            forget_workspaces()  # a graph's own are of its own memory
            before = torch.cuda.memory_reserved()
            self._graph = torch.cuda.CUDAGraph()
            try:
                # what other threads do with the device meanwhile is none of the graph's
                with torch.cuda.graph(self._graph, stream=self._streams[device], capture_error_mode="thread_local"):
                    self.outputs = run()
            except BaseException:
                self.outputs = ()
                self._graph.reset()
                raise
            finally:
                forget_workspaces()
            self.bytes = max(0, torch.cuda.memory_reserved() - before)
            self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._done.record()

    def replay(self) -> None:
        """Queue the graph on the current stream."""
        with torch.cuda.device(self._device):
            self._graph.replay()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """After what any stream has queued of the turn before."""
        with torch.cuda.device(self._device):
            self._done.wait()
            try:
                yield
            finally:
                self._done.record()

    def free(self) -> None:
        """Give the graph's memory back to PyTorch's allocator."""
        self.outputs = ()
        self._graph.reset()


class Calls:
    """The operations of a computation on a CPU, where it saves their Python: worth its while for small images, of which
    there are many.
    """

    earlier = 4
    """How many passes of a kind are made before one is recorded, which takes as long as three."""
    largest = 3 * 64 * 64
    """The most numbers of its input: of larger ones the operations themselves take the time."""
    quiet = True
    """What cannot be recorded is no news: it costs what it always did."""

    def __init__(self, run: Computation, device: torch.device) -> None:
        self._recording: Recording | None = Recording(run)
        self.outputs = self._recording.outputs
        self.bytes = self._recording.bytes

    def replay(self) -> None:
        """Make the operations again, on tensors of their own."""
        assert self._recording is not None
        self.outputs = self._recording.replay()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """At once: there is no queue."""
        yield

    def free(self) -> None:
        """Let go of the list."""
        self._recording, self.outputs = None, ()


def forget_workspaces() -> None:
    """Let go of the working memory that cuBLAS keeps for each stream, which it takes anew when it is needed."""
    if clear_cublas_workspaces is not None:
        clear_cublas_workspaces()


CAPTURES: dict[str, Callable[[Computation, torch.device], Capture]] = {"cuda": CudaGraph, "cpu": Calls}
"""Kind of device -> how a computation is recorded on it."""


def worth_recording(device: torch.device, numbers: int) -> bool:
    """Whether passes on a device are recorded, of inputs of so many numbers."""
    capture = CAPTURES.get(device.type)
    largest = getattr(capture, "largest", None)
    return capture is not None and (largest is None or numbers <= largest)


def passes_before(device: torch.device) -> int:
    """How many passes of a kind are made as ever before one is recorded."""
    return int(getattr(CAPTURES[device.type], "earlier", 1))


def is_news(device: torch.device) -> bool:
    """Whether it is to be told that a pass cannot be recorded."""
    return not getattr(CAPTURES[device.type], "quiet", False)
