"""What `tests.processes` forks from: all that a run imports."""

import torch

from l2xbench.system.compat import import_basicsr

torch.set_num_threads(1)  # threads do not survive a fork
import_basicsr("basicsr.archs")
