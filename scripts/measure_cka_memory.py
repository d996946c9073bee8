"""Peak memory of CKA against the number of networks: it must not grow.

    python scripts/measure_cka_memory.py --networks 2,4,8,16 --images 40 --crops 8 --size 32

Each line is a process of its own that computes the CKA of every pair from stored random maps. Peak memory is what the
process held beyond an idle one with the same libraries. Exits with 1 if it grows by more than a Gram matrix.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from l2xbench.store.manifest import Manifest, ManifestDataset, ManifestModel
from l2xbench.store.records import Records
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.store.units import Outcome, Unit, short_digest
from l2xbench.studies.reading import parse_study
from l2xbench.studies.similarity.pairs import similarity_frame

MIB = 2**20


def peak() -> float:
    """Peak resident memory of this process in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def run_once(networks: int, images: int, crops: int, size: int) -> None:
    """The work of the fresh process; prints peak memory beyond the start's in MiB, and seconds."""
    random = np.random.default_rng(0)
    names = [f"network{number}" for number in range(networks)]
    shown = [f"image{number}" for number in range(images)]
    study = parse_study(
        {
            "study": "memory",
            "models": dict.fromkeys(names, "edsr"),
            "datasets": {"random": "skimage"},
            "similarity": {"permutations": 19, "bootstrap": 20},
        }
    )
    manifest = Manifest(
        l2xbench="",
        finished="",
        device="cpu",
        threads=1,
        seed=0,
        models={name: ManifestModel(identity=name) for name in names},
        datasets={"random": ManifestDataset(images=dict.fromkeys(shown, ""))},
        study=study,
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        groups = []
        for name in names:
            unit = Unit("similarity", 1, "random", "", name)
            groups.append((unit.group, unit.recipe(name)))
            for image in shown:
                values = random.normal(size=(crops, 3, size, size)).astype(np.float32)
                outcome = Outcome(
                    values={"crops": crops}, arrays={"similarity": {"values": values, "difference": values}}
                )
                store.write_outcome(unit.at(image), unit.key(name, image), outcome)
        records = Records(store, groups, {"random": (shown, [short_digest(image) for image in shown])})
        before, started = peak(), time.perf_counter()
        frame = similarity_frame(Results(store, "manifest.json", manifest, records))
        assert len(frame) == networks * (networks + 1) // 2  # each network with the control too
        print(peak() - before, time.perf_counter() - started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", default="2,4,8,16", help="how many, with commas")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--crops", type=int, default=8, help="of each image")
    parser.add_argument("--size", type=int, default=32, help="LR pixels on a side of a crop")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = (arguments.images, arguments.crops, arguments.size)
    if arguments.child:
        run_once(arguments.child, *size)
        return 0
    m = arguments.images * arguments.crops
    one, all_maps = 8 * m**2 / MIB, 4 * m * 3 * arguments.size**2 / MIB
    print(f"m = {m}: a Gram matrix has {one:.1f} MiB, a network's maps {all_maps:.1f} MiB", flush=True)
    peaks = []
    for networks in map(int, arguments.networks.split(",")):
        command = [sys.executable, __file__, "--child", str(networks)]
        for flag in ("images", "crops", "size"):
            command += [f"--{flag}", str(getattr(arguments, flag))]
        added, seconds = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
        peaks.append(added)
        print(f"{networks} networks: {added:.0f} MiB more at the peak, {seconds:.1f} s", flush=True)
    return int(max(peaks) - peaks[0] > max(one, 8))


if __name__ == "__main__":
    sys.exit(main())
