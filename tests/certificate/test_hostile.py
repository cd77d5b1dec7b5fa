"""A small file ends within seconds and 200 MB, whatever it says, and with the verdict that is true of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import exactnn.certificate
from tests.certificate._hostile import CASES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="devices, limits and the memory of a process as Linux has them")

MEGABYTES, SECONDS = 200, 20
# The checker alone, as `python -I -S FOLDER FILE` runs it, which writes down what it took. Beyond a gigabyte and a minute it is ended.
ALONE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
sys.path.append(sys.argv[1])
from certificate._command import main
code = main(sys.argv[2:])
most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(code, int(most) // 1024, sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), file=sys.stderr)
"""


#: networks under every method take minutes together
QUICK = ("ONNX", "NNET", "compressed")
NAMES = [pytest.param(name, marks=pytest.mark.slow) if ": " in name and name.split(": ")[0] not in QUICK else name for name in CASES]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_ends(name: str, tmp_path: Path) -> None:
    maker, expected, says = CASES[name]
    path = maker(tmp_path)
    folder = Path(exactnn.certificate.__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, folder, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.PIPE,
    )
    found = re.search(r"(\d) (\d+) ([\d.]+)\n\Z", run.stderr)
    assert found is not None, f"it was ended: {run.stderr[-500:]}"
    code, megabytes, seconds = int(found[1]), int(found[2]), float(found[3])
    said = run.stdout + run.stderr[: found.start()]
    assert megabytes <= MEGABYTES, said
    assert seconds <= SECONDS, said
    assert "MemoryError" not in said
    assert code == expected or (expected < 0 and code in (0, 2, 3, 4)), said
    assert says in said
