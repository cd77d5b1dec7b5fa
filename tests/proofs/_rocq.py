"""proofs/rocq compiled once for all tests, its checker as a program, and certificates as files for both."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from exactnn.certificate import Accepted
from exactnn.certificate._claim import read_claim
from exactnn.certificate._models import read_models
from exactnn.export import rocq

ROOT = Path(__file__).resolve().parents[2]
THEORY = ROOT / "proofs" / "rocq"


def compiled(folder: Path) -> Path:
    """proofs/rocq, copied below the folder and compiled there; by one process, for which others wait."""
    if shutil.which("coqc") is None:
        pytest.skip("coqc is not installed: make proofs says what it needs")
    target = folder / "rocq"
    with open(folder / "rocq.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "done").exists():
            target.mkdir(exist_ok=True)
            for path in THEORY.iterdir():
                if (path.suffix in (".v", "") and path.is_file()) or path.name == "main.ml":
                    shutil.copy(path, target)
            made = subprocess.run(["make", "-C", str(target)], capture_output=True, text=True)
            if "is needed" in made.stderr and made.returncode:
                pytest.skip(made.stderr[:200])
            assert made.returncode == 0, made.stdout + made.stderr
            (target / "done").write_text(made.stdout)
    return target


def coqc(theory: Path, path: Path, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Compile one file that stands on the theory."""
    return subprocess.run(
        ["coqc", "-q", "-Q", str(theory), "Exactnn", path.name], cwd=path.parent, capture_output=True, text=True, timeout=timeout
    )


def decided(theory: Path, paths: list[Path]) -> list[bool]:
    """What the verified checker, as a program, says of each file."""
    program = theory / "build" / "check"
    if not program.exists():
        pytest.skip("OCaml (ocamlfind ocamlopt) is not installed: the verified checker is not built as a program")
    found = []
    for start in range(0, len(paths), 500):
        names = [str(p) for p in paths[start : start + 500]]
        out = subprocess.run([str(program), *names], capture_output=True, text=True, timeout=600)
        assert out.returncode in (0, 4), out.stdout + out.stderr
        lines = out.stdout.splitlines()
        assert [line.rpartition(": ")[0] for line in lines] == names
        found += [line.endswith(": ACCEPTED") for line in lines]
    return found


def stated(document: dict[str, Any]) -> Accepted:
    """Claim and models of a certificate, whose evidence is not looked at."""
    claim = read_claim(document["claim"])
    return Accepted(claim, read_models(document["models"], claim.names, os.curdir, ()))


def written(document: dict[str, Any], path: Path) -> Path:
    """The theorem of a certificate, true or not."""
    path.write_text(rocq.theorem(stated(document), document["evidence"]))
    return path


def without_comments(text: str) -> str:
    """A file of Rocq without its comments."""
    while (shorter := re.sub(r"\(\*(?:(?!\(\*|\*\)).)*\*\)", " ", text, flags=re.DOTALL)) != text:
        text = shorter
    return text
