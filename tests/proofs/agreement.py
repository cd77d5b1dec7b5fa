"""The verified checker beside the Python one: `python -m tests.proofs.agreement FOLDER [MUTANTS]`, for what _recorder.py put there.

Every certificate of the tests, accepted or not, and changed ones beside them, is written for Rocq and decided by the program that was
extracted. What Python accepts must be accepted. Where Rocq alone accepts, the claim is proved all the same; how often, and what Python
missed, is listed, and so is what is not written for Rocq.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from exactnn import certificate as checker
from exactnn.errors import SaveError
from exactnn.export import rocq
from tests.certificate._build import rehash
from tests.certificate.test_mutations import at, changes, paths
from tests.proofs._rocq import stated

MALFORMED = (
    checker.Rejected,
    AttributeError,
    AssertionError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
    ZeroDivisionError,
)
MUTANTS = 2  # of each certificate
SHORT = 20_000  # characters; longer certificates are not changed
SECONDS = 10  # for one file


class Case(NamedTuple):
    """A certificate, and the step and reason with which Python rejects it."""

    document: dict[str, Any]
    rejected: list[str] | None


def recorded(folder: Path) -> Iterator[Case | None]:
    """Each certificate once; None for one that was too long to be kept."""
    seen = set()
    for path in sorted(folder.glob("*.jsonl")):
        with path.open() as lines:
            for line in lines:
                digest = hashlib.sha256(line.encode()).digest()
                if digest not in seen:
                    seen.add(digest)
                    document, rejected = json.loads(line)
                    yield None if document is None else Case(document, rejected)


def changed(case: Case, count: int) -> Iterator[Case]:
    """Some of its mutants, with what Python says of them."""
    text = json.dumps(case.document, sort_keys=True)
    if not count or case.rejected is not None or len(text) > SHORT:
        return
    draw = random.Random(text)
    places = [path for path in paths(case.document) if path[:1] in (("claim",), ("evidence",)) or "inline" in path[:-1]]
    for path in draw.sample(places, min(count, len(places))):
        mutant = copy.deepcopy(case.document)
        at(mutant, path[:-1])[path[-1]] = draw.choice(changes(at(mutant, path)) or [None])
        rehash(mutant)
        try:
            checker.check(mutant)
        except checker.Rejected as rejected:
            yield Case(mutant, [rejected.step, rejected.reason])
        except checker.BudgetExceeded:
            continue
        else:
            yield Case(mutant, None)


def decided(program: Path, path: Path) -> bool | None:
    """What the program says of a file; None if it takes too long."""
    try:
        out = subprocess.run([str(program), str(path)], capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None
    assert out.returncode in (0, 2, 4), out.stdout + out.stderr  # 2: numbers that cannot be, such as a row -1, make no file
    return out.returncode == 0


class Comparison:
    """All that was compared."""

    def __init__(self, program: Path, path: Path) -> None:
        self.program, self.path = program, path  # the file in which each certificate is written for it
        self.counts = Counter[str]()
        self.refused = Counter[str]()  # what is not written for Rocq
        self.alone = Counter[str]()  # why Python rejects what Rocq accepts
        self.wrong: list[Case] = []  # accepted by Python alone

    def add(self, case: Case) -> None:
        """One more."""
        says = "rejected" if case.rejected else "accepted"
        self.counts[f"certificates that Python {says}"] += 1
        try:
            text = rocq.theorem(stated(case.document), case.document["evidence"])
        except SaveError as refused:
            if not case.rejected:
                self.refused[re.sub(r"'[^']*'|\d+", "...", str(refused))] += 1
            self.counts[f"{says}, not written for Rocq"] += 1
            return
        except MALFORMED as malformed:
            self.counts[f"{says}, no certificate at all"] += 1
            if not case.rejected:
                self.wrong.append(case)
                print(f"cannot be written: {malformed!r}", flush=True)
            return
        self.path.write_text(text)
        answer = decided(self.program, self.path)
        self.counts[f"{says} by Python, {'no answer' if answer is None else 'accepted' if answer else 'rejected'} by Rocq"] += 1
        if case.rejected and answer:
            self.alone[re.sub(r"'[^']*'|\d+|[a-z]\d*\b:", "...", case.rejected[0])[:60]] += 1
        if not case.rejected and answer is False:
            self.wrong.append(case)

    def report(self) -> str:
        """For people."""
        parts = {
            "compared": self.counts,
            "not written for Rocq, though Python accepts": self.refused,
            "where Rocq alone accepts": self.alone,
        }
        lines = [[f"{title}:", *(f"{n:8} {what}" for what, n in counts.most_common())] for title, counts in parts.items()]
        return "\n".join(line for part in lines for line in part)


def compare(program: Path, folder: Path, mutants_of_each: int = MUTANTS) -> Comparison:
    """All certificates of a folder, and changed ones."""
    found = Comparison(program, folder / "certificate.v")
    for case in recorded(folder):
        if case is None:
            found.counts["too long to be kept"] += 1
            continue
        found.add(case)
        for mutant in changed(case, mutants_of_each):
            found.add(mutant)
        if not sum(found.counts.values()) % 1000:
            print(found.report(), flush=True)
    return found


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    comparison = compare(root / "proofs" / "rocq" / "build" / "check", Path(sys.argv[1]), *map(int, sys.argv[2:]))
    print(comparison.report())
    for number, wrong in enumerate(comparison.wrong):
        Path(sys.argv[1], f"disagreement{number}.json").write_text(json.dumps(wrong.document))
    sys.exit(f"{len(comparison.wrong)} certificates are accepted by Python alone" if comparison.wrong else 0)
