"""`python -m benchmarks [--quick]`: every benchmark in a process of its own, then one table.

This process imports neither numpy nor exactnn: on Linux a child's peak memory begins at its parent's.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.measure import Row, run_alone, table

JOBS = (
    *("equality", "same", "difference", "acasxu", "growth", "against_z3", "small_pairs", "equality_map"),
    *("evaluation", "regions", "fibre", "rational"),
    *("activations", "loading", "tropical", "calibration", "closed_forms", "cooling_overhead", "identities", "testing"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, a z3 limit of 5 s: to see that everything runs")
    parser.add_argument("--only", choices=JOBS, action="append", help="this benchmark only (may be repeated)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="holds acasxu/*.onnx with *.nnet; else EXACTNN_DATA, if it is set")
    options = parser.parse_args()
    if options.data is not None:
        os.environ["EXACTNN_DATA"] = str(options.data.resolve())
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}", flush=True)
    for job in options.only or JOBS:
        print(f"running {job} ...", file=sys.stderr, flush=True)
        title, notes, rows = run_alone(f"benchmarks.{job}", quick=options.quick)
        print(f"\n{title}\n{table([Row(*r) for r in rows])}")
        for note in notes:
            print(f"  {note}")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
