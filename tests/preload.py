"""What `tests.processes` forks from: all that a run imports."""

import torch
from spandrel.architectures import SwinIR  # noqa: F401

from l2xbench.zoo.providers import basicsr, own  # noqa: F401

torch.set_num_threads(1)  # threads do not survive a fork
