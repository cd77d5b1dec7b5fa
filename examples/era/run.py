"""Small networks with rational and other activations, trained on two tasks: does ERA do what its paper says?

    python examples/era/run.py [--out out/era] [--quick] [--mnist FOLDER] [--only TASK] [--processes 2]

A few minutes on two cores; `make era` does the same. The design is in config.toml, what each claim means, too. Every finished run is a
line of runs.jsonl: running again goes on where it stopped. The report is report.md, beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from era import plots, report
from era.design import TASKS, Refused, Run, plan, read_config
from era.tasks import load, source
from era.train import train

HERE = Path(__file__).resolve().parent
QUICK = "These are the tiny sizes of --quick: they show that everything runs, and the outcomes of the claims mean nothing."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train small networks with ERA and other activations, and test what is claimed of ERA.")
    parser.add_argument("--out", type=Path, help="the folder to write to (out/era; out/era-quick with --quick)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, which only show that everything runs")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="train on MNIST, too: its four IDX files, plain or .gz, are in FOLDER")
    parser.add_argument("--only", choices=TASKS, metavar="TASK", help=f"one task alone: {', '.join(TASKS)}")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="how many trainings at the same time (2)")
    parser.add_argument("--config", type=Path, default=HERE / "config.toml", help="another design than that of config.toml")
    given = parser.parse_args(arguments)
    given.out = given.out or Path("out/era-quick" if given.quick else "out/era")
    try:
        return study(given)
    except Refused as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2


def study(given: argparse.Namespace) -> int:
    if given.processes < 1:
        raise Refused(f"--processes: a whole number >= 1 is needed, got {given.processes}")
    if given.only == "mnist" and given.mnist is None:
        raise Refused("--only mnist: --mnist FOLDER must say where its files are")
    config = read_config(given.config)
    if given.quick:
        config = config.quickened()
    tasks = [t for t in config.tasks if given.only in (None, t) and (t != "mnist" or given.mnist is not None)]
    data = {}
    for name in tasks:  # read here first, so that what is missing is said at once
        load(name, config.tasks[name].train, config.tasks[name].test, given.mnist)
        data[name] = source(name, given.mnist)
    runs = plan(config, data)
    log = given.out / "runs.jsonl"
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        log.open("a").close()
    except OSError as error:
        raise Refused(f"--out {given.out}: cannot be written: {error}") from error
    kept = read_lines(log)
    missing = [run for run in runs if run.digest not in kept]
    try:
        train_all(missing, len(runs), log, kept, given)
        results = report.Results(config, {run: kept[run.digest] for run in runs})
        pictures, note = plots.draw(results, given.out)
        print(report.write(results, given.out, pictures, [QUICK] * given.quick + [note]))
    except KeyboardInterrupt:
        print(f"\nstopped; {log} has {len(kept)} finished runs. The same command goes on from there.", file=sys.stderr)
        return 130
    print(f"\n{QUICK if given.quick else ''}\n{note or 'Pictures: ' + ', '.join(pictures)}\nThe report is {given.out / 'report.md'}.")
    return 0


def read_lines(log: Path) -> dict[str, dict[str, Any]]:
    """The finished runs by the hash of their settings; a last line that was cut off is removed from the file."""
    content = log.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with log.open("r+b") as file:
            file.truncate(len(whole))
    found = {}
    for number, text in enumerate(whole.decode("utf-8", "replace").splitlines(), 1):
        try:
            line = json.loads(text)
            found[line["hash"]] = line
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            raise Refused(f"{log}, line {number}: not the line of a run; remove it, or choose another --out") from error
    return found


def train_all(missing: Sequence[Run], total: int, log: Path, kept: dict[str, dict[str, Any]], given: argparse.Namespace) -> None:
    """Train in processes; each finished run is written down at once. After Ctrl-C those that have begun are finished first."""
    pool = ProcessPoolExecutor(given.processes, mp_context=multiprocessing.get_context("spawn"))
    with (
        tqdm(total=total, initial=total - len(missing), desc="training", unit="run", file=sys.stderr) as bar,
        log.open("a", encoding="utf-8") as file,
    ):

        def keep(future: Future[dict[str, Any]]) -> None:
            line = future.result()
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            kept[line["hash"]] = line
            bar.update()

        # processes started while Ctrl-C is ignored go on ignoring it
        usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
        futures = [pool.submit(train, run, given.mnist) for run in missing]
        waiting = set(futures)
        try:
            signal.signal(signal.SIGINT, usual)
            for future in as_completed(futures):
                waiting.discard(future)
                keep(future)
        except KeyboardInterrupt:
            bar.set_description("stopping, when what has begun is finished; Ctrl-C again to stop at once")
            for future in as_completed([f for f in waiting if not f.cancel()]):
                keep(future)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill is to stop it as Ctrl-C does
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before the first training, or the second Ctrl-C
        for process in multiprocessing.active_children():
            process.terminate()
        print("\nstopped at once; finished runs are kept, and the same command goes on from there.", file=sys.stderr, flush=True)
        os._exit(130)
