"""The example about tropical forms runs to its end in an empty folder, and its files hold what it says."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exactnn.tropical import TropicalRationalMap, read_json

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs the extra examples")
def test_the_example(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "tropical.py"), "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "proofs checked" in done.stdout
    assert "certificate accepted" in done.stdout
    form = read_json(tmp_path / "out" / "classifier.json")
    assert isinstance(form, TropicalRationalMap)
    tops, bottoms = (", ".join(str(len(p)) for p in side) for side in (form.numerators, form.denominators))
    assert f"reduced: {tops} in the numerators, {bottoms} in the denominators; {form.decomposition}" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if re.match(r" +\d+ ", line)]
    assert [row[0] for row in rows] == ["10", "100", "1437"]
    crossed, alike = ([float(row[i].rstrip("%")) for row in rows] for i in (3, 4))
    assert 0 < crossed[-1] < crossed[0] < 50
    assert min(alike) > 90
    assert (tmp_path / "out" / "classifier.smt2").exists()
    if importlib.util.find_spec("matplotlib") is not None:
        assert (tmp_path / "out" / "boundary.png").read_bytes().startswith(b"\x89PNG")
