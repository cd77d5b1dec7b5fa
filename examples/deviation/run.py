"""How far apart are a trained network and the copies of it that people deploy? Brackets with certificates.

    python examples/deviation/run.py [--quick] [--data FOLDER] [--seconds N] [--out out/deviation]

A few minutes on two cores; `make deviation` does the same. README.md beside this file says how to read the table.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deviation import report
from deviation.cases import cases, left_out
from deviation.measure import Measuring, Row
from study.settings import Refused

from exactnn.errors import Incomplete


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How far apart are a trained network and its copies? Brackets with certificates.")
    parser.add_argument("--out", type=Path, help="the folder to write to (out/deviation; out/deviation-quick with --quick)")
    parser.add_argument("--quick", action="store_true", help="tiny networks, which only show that everything runs")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="holds mnist/t10k-*.gz, or acasxu/*.onnx and *.nnet, or both")
    parser.add_argument("--seconds", type=float, metavar="N", help="time for each bracket (30; 2 with --quick)")
    given = parser.parse_args(arguments)
    given.out = given.out or Path("out/deviation-quick" if given.quick else "out/deviation")
    given.seconds = (2.0 if given.quick else 30.0) if given.seconds is None else given.seconds
    try:
        return compare(given)
    except Refused as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2


def compare(given: argparse.Namespace) -> int:
    if not 0 < given.seconds < math.inf:
        raise Refused(f"--seconds: a number > 0 is needed, got {given.seconds:g}")
    notes = left_out(given.data, quick=given.quick)
    models = given.out / "models"
    try:
        models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"--out {given.out}: cannot be written: {error}") from error
    torch.set_num_threads(1)  # the same weights each time
    measuring, rows = Measuring(given.out, given.seconds), list[Row]()
    print("training", file=sys.stderr, flush=True)
    for case in cases(given.data, models, quick=given.quick):
        print(f"{case.title}: at most {given.seconds:g} s for the bracket, then the checker", file=sys.stderr, flush=True)
        try:
            rows.append(measuring.row(case))
        except Incomplete as stopped:
            notes.append(f"{case.title} is left out: there was no bracket in {given.seconds:g} s ({stopped}).")
        report.write(rows, given.out, notes)
    without = report.draw(rows, given.out)
    notes += filter(None, [without])
    report.write(rows, given.out, notes, pictured=not without)
    print(report.table(rows), "", report.LEGEND, *notes, f"Report, table, picture and certificates: {given.out}", sep="\n")
    rejected = sorted({str(proof.path) for row in rows for proof in row.proofs if not proof.accepted})
    if rejected:
        print(f"run.py: rejected by the checker: {', '.join(rejected)}", file=sys.stderr)
    return 1 if rejected else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped; report.md has the pairs that were finished.", file=sys.stderr)
        sys.exit(130)
