"""Which engine a study gets, by rule: nothing is measured, since no choice changes a number.

On a CPU a worker has one thread, and there are as many workers as cores: networks share out their small operations
among threads badly, and images among workers well. On GPUs there is a worker for each. The study's `workers`, `threads`
and `engine` overrule.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from l2xbench.run.devices import choose_device
from l2xbench.run.engine import Engine
from l2xbench.run.growing import Growing, processes
from l2xbench.run.in_process import InProcess
from l2xbench.run.jobs import Settings
from l2xbench.run.plan import Plan
from l2xbench.run.processes import WorkerProcess
from l2xbench.system import cores


def make_engine(plan: Plan) -> Engine:
    """The engine that a study asks for.

    Raises:
        RequestError: there is no such device, or no Ray.
    """
    study = plan.study
    if study.engine == "ray":
        from l2xbench.run.ray_cluster import RayPool

        return RayPool(study)
    settings = settings_of(plan)
    gpus = torch.cuda.device_count() if settings.device != "cpu" and study.device == "auto" else 0
    if study.workers is not None or settings.device != "cpu":
        devices = [f"cuda:{number}" for number in range(gpus)] or [settings.device]
        count = study.workers or len(devices)
        if count == 1:
            return InProcess(settings)
        on = [devices[number % len(devices)] for number in range(count)]
        workers = [WorkerProcess(replace(settings, device=device)) for device in on]
        return processes(workers, settings.threads, shares_memory=count > len(devices) or settings.device == "cpu")
    bundles = sum(len(dataset.pairs) for dataset in plan.datasets) * len(plan.networks)
    most = min(cores.count() // settings.threads, bundles)
    return Growing(settings, most) if most > 1 else InProcess(settings)


def settings_of(plan: Plan) -> Settings:
    """What every worker of a plan is told; errors as of `choose_device`."""
    study = plan.study
    return Settings(study.scale, str(choose_device(study.device)), study.trust, study.threads or 1)
