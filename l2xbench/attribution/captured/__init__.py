"""Maps by passes that were recorded on a device and are only replayed.

From the ground up:

    questions    what cannot be recorded, found before the device would refuse it
    constants    what a network brings from the host in each pass
    state        what a recorded pass takes for given of its network
    settings     what it takes for given of PyTorch
    graphs       how a computation is recorded: CUDA graphs
    kept         the recorded passes that are kept, within a limit of memory
    multipliers  the pass as a whole: `replayed`
"""

from l2xbench.attribution.captured.multipliers import (
    Replayed,
    Wanted,
    captured_bytes,
    free_captured,
    makes_room,
    replayed,
    uncaptured,
)

__all__ = ["Replayed", "Wanted", "captured_bytes", "free_captured", "makes_room", "replayed", "uncaptured"]
