"""basicsr imports, in a fresh process and whatever torchvision offers."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_imports_in_a_fresh_process() -> None:
    assert run("from l2xbench.compat import import_basicsr as i; print(i('basicsr.archs').__name__)") == "basicsr.archs"


def test_leaves_a_module_that_torchvision_still_has() -> None:
    assert (
        run(
            "import sys, types\n"
            "name = 'torchvision.transforms.functional_tensor'\n"
            "theirs = types.ModuleType(name); theirs.rgb_to_grayscale = len; sys.modules[name] = theirs\n"
            "from l2xbench.compat import import_basicsr; import_basicsr()\n"
            "print(sys.modules[name] is theirs)"
        )
        == "True"
    )


def test_importing_compat_imports_neither_torch_nor_basicsr() -> None:
    assert run("import sys, l2xbench.compat; print({'torch', 'basicsr'} & set(sys.modules))") == "set()"
