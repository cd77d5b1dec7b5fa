"""Audits of real passes: what fusing, exporting, simplifying and optimising do to networks, exactly.

    python examples/audits/run.py [--quick] [--only NAME ...] [--out out/audits] [--page docs/audits.md] [--report]

Each row is a script of its own in examples/audits/rows, and runs in a process of its own. `make audits` installs the libraries first.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from audits import report
from study import page
from study.settings import Refused
from tqdm import tqdm

from exactnn.exact.files import write_text

FOLDER = Path(__file__).resolve().parent
#: whose block of a page holds the tables
OWNER = "make audits"
#: passes alone, then pairs of them
ROWS = tuple(sorted((path.stem for path in (FOLDER / "rows").glob("[a-z]*.py")), key=lambda name: (name.startswith("pair_"), name)))
PACKAGES = (
    "torch",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "scipy",
    "onnxsim",
    "onnxslim",
    "onnxoptimizer",
    "torch-pruning",
    "torchao",
    "nncf",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Audits of real passes: what they do to networks, exactly.")
    parser.add_argument("--out", type=Path, help="the folder to write to (out/audits; out/audits-quick with --quick)")
    parser.add_argument("--quick", action="store_true", help="few models for each pass")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"these rows alone, of {', '.join(ROWS)}")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="how many rows at the same time (2)")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="time for each row (300)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="put the tables into this page, between its marks")
    parser.add_argument("--report", action="store_true", help="run nothing: the tables of the rows that were run")
    given = parser.parse_args(arguments)
    given.out = given.out or Path("out/audits-quick" if given.quick else "out/audits")
    try:
        return carry_out(given)
    except Refused as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2


def carry_out(given: argparse.Namespace) -> int:
    """Run what is missing, and write the report."""
    rows = given.only or list(ROWS)
    unknown = [name for name in rows if name not in ROWS]
    if unknown:
        raise Refused(f"--only {unknown[0]}: no such row; there are {', '.join(ROWS)}")
    if given.processes < 1 or not 0 < given.limit < float("inf"):
        raise Refused("--processes, --limit: a whole number >= 1 and seconds > 0 are needed")
    if given.page is not None:
        page.checked(given.page, {OWNER: ("tables",)})
    try:
        given.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"--out {given.out}: cannot be written: {error}") from error
    files = {name: given.out / f"{name}.json" for name in rows}
    state = {name: fingerprint(name, quick=given.quick) for name in rows}
    missing = [name for name in rows if finished(files[name], state[name]) is None]
    stopped = not given.report and run_all(missing, len(rows), files, state, given)
    found = [result for name in rows if (result := finished(files[name], state[name]) or (given.report and not_run(name)))]
    text = report.tables(found)
    write_text(given.out / "report.md", f"# Audits\n\n{text}\n")
    if stopped:
        print(f"\nstopped; {len(found)} of {len(rows)} rows are kept in {given.out}. The same command goes on from there.", file=sys.stderr)
        return 130
    if given.page is not None:
        page.put(given.page, {OWNER: {"tables": lambda: f"\n{text}\n"}}, {})
    print(text, f"The report is {given.out / 'report.md'}.", sep="\n\n")
    return 0


def fingerprint(name: str, *, quick: bool) -> str:
    """A hash of what the result depends on: the sources of the example, and the versions that are installed."""
    sources = [FOLDER / "rows" / f"{name}.py", *sorted(FOLDER.glob("*.py")), *sorted((FOLDER / "rows").glob("_*.py"))]
    parts = [path.read_bytes() for path in sources if path.name not in ("run.py", "report.py")]
    parts += [f"{package} {version(package)}".encode() for package in (*PACKAGES, "exactnn")]
    return hashlib.sha256(b"\0".join([*parts, str(quick).encode()])).hexdigest()[:16]


def not_run(name: str) -> dict[str, Any]:
    """What stands for the result of a row without one."""
    title = (FOLDER / "rows" / f"{name}.py").read_text(encoding="utf-8").splitlines()[0].strip('"').rstrip(".")
    return {"name": name, "title": title, "packages": {}, "missing": "not run for this report"}


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def finished(path: Path, state: str) -> dict[str, Any] | None:
    """The row's result, if it was finished in this state; a file that is no such result is run again."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) and found.get("finished") is True and found.get("state") == state else None


def run_all(missing: list[str], total: int, files: dict[str, Path], state: dict[str, str], given: argparse.Namespace) -> bool:
    """Run the rows; whether Ctrl-C stopped it."""
    stop = threading.Event()
    with (
        tqdm(total=total, initial=total - len(missing), desc="audits", unit="row", file=sys.stderr) as bar,
        ThreadPoolExecutor(given.processes) as pool,
    ):
        futures = {pool.submit(run_row, name, files[name], state[name], given, stop): name for name in missing}
        try:
            for future in as_completed(futures):
                future.result()
                bar.set_postfix_str(futures[future])
                bar.update()
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            return True
    return False


def run_row(name: str, path: Path, state: str, given: argparse.Namespace, stop: threading.Event) -> None:
    """Run one row in a process; what it wrote is kept with its state, and a row that ended without a result with the reason."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    command = [sys.executable, str(FOLDER / "rows" / f"{name}.py"), "--json", str(fresh), *["--quick"] * given.quick]
    log = path.with_suffix(".log")
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"})
        reason = _wait(process, given.limit, stop)
    if stop.is_set():
        return
    try:
        result = json.loads(fresh.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        last = (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""])[-1][:200]
        result = {"name": name, "title": name, "packages": {}, "broken": f"ended with {process.returncode}: {last}"}
    if reason and not result.get("finished"):  # it may end just then
        result["broken"] = f"{reason}; {len(result.get('trials', []))} models had been tried"
    write_text(path, json.dumps({**result, "finished": True, "state": state}, indent=1, allow_nan=False) + "\n")
    fresh.unlink(missing_ok=True)


def _wait(process: subprocess.Popen[bytes], limit: float, stop: threading.Event) -> str:
    """Until the process ends, or is killed: what killed it, or nothing."""
    ticks = 0
    while process.poll() is None:
        if stop.wait(0.2) or ticks * 0.2 > limit:
            process.kill()
            process.wait()
            return f"not finished in {limit:g} s"
        ticks += 1
    return ""


if __name__ == "__main__":
    sys.exit(main())
