"""basicsr imports, in a fresh process and whatever torchvision offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_leaves_a_module_that_torchvision_still_has() -> None:
    assert (
        run(
            "import sys, types\n"
            "name = 'torchvision.transforms.functional_tensor'\n"
            "theirs = types.ModuleType(name); theirs.rgb_to_grayscale = len; sys.modules[name] = theirs\n"
            "from l2xbench.system.compat import import_torchvision; import_torchvision()\n"
            "print(sys.modules[name] is theirs)"
        )
        == "True"
    )


@pytest.mark.usefixtures("with_basicsr")
def test_a_class_of_the_users_may_import_basicsr(tmp_path: Path) -> None:
    net = tmp_path / "net.py"
    net.write_text(
        "from basicsr.archs.edsr_arch import EDSR\n"
        "class Net(EDSR):\n"
        "    def __init__(self): super().__init__(3, 3, num_feat=4, num_block=1, upscale=2)\n"
    )
    assert run(f"import l2xbench; print(l2xbench.load_model({f'{net}:Net'!r}, trust=True).scale)") == "2"


def test_a_fork_of_basicsr_that_does_not_import_is_told_by_its_folder(tmp_path: Path) -> None:
    fork = tmp_path / "basicsr"
    fork.mkdir()
    (fork / "__init__.py").write_text("import not_there_at_all\n")
    assert (
        run(
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            "from l2xbench.system.compat import import_basicsr\n"
            "try: import_basicsr('basicsr.archs')\n"
            "except Exception as error: print(type(error).__name__, error)"
        )
        == f"RequestError basicsr.archs in {fork} does not import: No module named 'not_there_at_all'"
    )


@pytest.mark.usefixtures("with_basicsr")
def test_basicsr_imports_in_a_fresh_process_and_torchvision_without_the_compiler() -> None:
    assert run(
        "import sys; from l2xbench.system.compat import import_basicsr as i; print(i('basicsr.archs').__name__)\n"
        "from torchvision.ops.roi_align import is_compile_supported\n"
        "print('torch._dynamo' in sys.modules, 'torch._dynamo.utils' in sys.modules)\n"
        "here = is_compile_supported('cpu')\n"
        "from torch._dynamo.utils import is_compile_supported as real\n"
        "print(here == real('cpu'))"
    ).split("\n") == ["basicsr.archs", "False False", "True"]


def test_a_torchvision_that_needs_more_of_the_compiler_gets_it() -> None:
    assert (
        run(
            "import sys, torch; from l2xbench.system.compat import _compiler_put_off\n"
            "with _compiler_put_off():\n"
            "    from torch._dynamo.utils import is_compile_supported, counters\n"
            "print(counters is sys.modules['torch._dynamo.utils'].counters)"
        )
        == "True"
    )


def test_the_compiler_stays_where_it_is_imported_already() -> None:
    assert (
        run(
            "import torch._dynamo.utils as real, sys; from l2xbench.system.compat import import_torchvision\n"
            "import_torchvision(); print(sys.modules['torch._dynamo.utils'] is real)"
        )
        == "True"
    )


def test_importing_compat_imports_neither_torch_nor_basicsr() -> None:
    assert run("import sys, l2xbench.system.compat; print({'torch', 'basicsr'} & set(sys.modules))") == "set()"


def test_a_process_without_distributed_tensors_explains_and_may_import_them_later() -> None:
    said = run(
        "import torch, l2xbench\n"
        "from l2xbench.system.compat import without_distributed_tensors\n"
        "without_distributed_tensors()\n"
        "net = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3), torch.nn.ReLU())\n"
        "print(bool(l2xbench.explain(net, torch.rand(1, 3, 6, 6)).completeness_error < 1e-5))\n"
        "from torch.distributed.tensor import DTensor, Shard\n"
        "print(DTensor.__module__, Shard(0).dim)"
    )
    assert said.split() == ["True", "torch.distributed.tensor", "0"]
