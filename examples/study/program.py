"""The program of a study: its arguments, its runs, which are kept one by one and resumed, and its report."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from study import page
from study.settings import Refused
from tqdm import tqdm

QUICK = "These are the tiny sizes of --quick: they show that everything runs, and the outcomes of the claims mean nothing."
Train = Callable[[Any, Path | None], dict[str, Any]]


class Stopped(Exception):
    """By Ctrl-C, after what had begun was finished."""


@dataclass(frozen=True)
class Study:
    """What a study is made of. Configurations have `tasks` and `quickened()`, runs a `digest`; a line of a run has it as its "hash"."""

    folder: Path
    description: str
    tasks: Sequence[str]
    read: Callable[[Path], Any]
    #: what the data of a task are, which are read on that occasion: configuration, task, folder of MNIST
    source: Callable[[Any, str, Path | None], str]
    plan: Callable[[Any, Mapping[str, str]], list[Any]]
    train: Train
    #: a module: Results(configuration, lines by run), and write(results, folder, pictures, notes), which gives what is to be printed
    report: ModuleType
    #: a module: draw(results, folder), which gives the names of the pictures, and what is to be said where there are none
    plots: ModuleType
    #: what a page can have in its blocks (study/page.py): from the results and a task; without any there is no --page
    parts: Mapping[str, Callable[[Any, str], str]] = field(default_factory=dict)


def main(study: Study, arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    name = study.folder.name
    parser = argparse.ArgumentParser(description=study.description)
    parser.add_argument("--out", type=Path, help=f"the folder to write to (out/{name}; out/{name}-quick with --quick)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, which only show that everything runs")
    words = "train on MNIST, too: its four IDX files, plain or .gz, are in FOLDER"
    parser.add_argument("--mnist", "--data", type=Path, metavar="FOLDER", help=words)
    parser.add_argument("--only", choices=study.tasks, metavar="TASK", help=f"one task alone: {', '.join(study.tasks)}")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="how many trainings at the same time (2)")
    parser.add_argument("--config", type=Path, default=study.folder / "config.toml", help="another design than that of config.toml")
    parser.set_defaults(page=None)
    if study.parts:
        parser.add_argument("--page", type=Path, metavar="FILE", help="fill the page's marked blocks of this configuration")
    given = parser.parse_args(arguments)
    given.out = given.out or Path(f"out/{name}-quick" if given.quick else f"out/{name}")
    try:
        return carry_out(study, given)
    except Refused as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2


def command(study: Study) -> NoReturn:
    """The program as a command: it ends with its exit code, and at once after a second Ctrl-C."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that train
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill is to stop it as Ctrl-C does
    try:
        sys.exit(main(study))
    except KeyboardInterrupt:  # before the first training, or the second Ctrl-C
        for process in multiprocessing.active_children():
            process.terminate()
        print("\nstopped at once; finished runs are kept, and the same command goes on from there.", file=sys.stderr, flush=True)
        os._exit(130)


def carry_out(study: Study, given: argparse.Namespace) -> int:
    """Train what is missing, and write the report."""
    if given.processes < 1:
        raise Refused(f"--processes: a whole number >= 1 is needed, got {given.processes}")
    if given.only == "mnist" and given.mnist is None:
        raise Refused("--only mnist: --data or --mnist FOLDER must say where its files are")
    if given.page is not None and given.quick:
        raise Refused("--page: a page is made of whole runs, whose outcomes mean something; leave out --quick or --page")
    config = study.read(given.config)
    if given.quick:
        config = config.quickened()
    tasks = [t for t in config.tasks if given.only in (None, t) and (t != "mnist" or given.mnist is not None)]
    owners = {name: f"{given.config.name} {name}" for name in tasks}
    if given.page is not None:
        page.checked(given.page, dict.fromkeys(owners.values(), study.parts))
    runs = study.plan(config, {name: study.source(config, name, given.mnist) for name in tasks})  # what is missing is said at once
    log = given.out / "runs.jsonl"
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        log.open("a").close()
    except OSError as error:
        raise Refused(f"--out {given.out}: cannot be written: {error}") from error
    kept = read_lines(log)
    missing = [run for run in runs if run.digest not in kept]
    try:
        train_all(study.train, missing, len(runs), log, kept, given.processes, given.mnist)
    except Stopped:
        print(f"\nstopped; {log} has {len(kept)} finished runs. The same command goes on from there.", file=sys.stderr)
        return 130
    results = study.report.Results(config, {run: kept[run.digest] for run in runs})
    pictures, note = study.plots.draw(results, given.out)
    print(study.report.write(results, given.out, pictures, [*[QUICK] * given.quick, note]))
    if given.page is not None:
        if note:
            raise Refused(f"--page {given.page}: {note}")
        blocks = {owner: {name: partial(part, results, task) for name, part in study.parts.items()} for task, owner in owners.items()}
        page.put(given.page, blocks, {f"images/{study.folder.name}-{name}": given.out / name for name in pictures})
    drawn = note or "Pictures: " + (", ".join(pictures) or "none")
    print(f"\n{QUICK if given.quick else ''}\n{drawn}\nThe report is {given.out / 'report.md'}.")
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


def train_all(
    train: Train, missing: Sequence[Any], total: int, log: Path, kept: dict[str, dict[str, Any]], processes: int, mnist: Path | None
) -> None:
    """Train in processes; each finished run is written down at once. After Ctrl-C those begun are finished, then it is Stopped."""
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
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
        futures = [pool.submit(train, run, mnist) for run in missing]
        waiting = set(futures)
        try:
            signal.signal(signal.SIGINT, usual)
            for future in as_completed(futures):
                waiting.discard(future)
                keep(future)
        except KeyboardInterrupt as interrupt:
            bar.set_description("stopping, when what has begun is finished; Ctrl-C again to stop at once")
            for future in as_completed([f for f in waiting if not f.cancel()]):  # a second Ctrl-C goes through here, to `command`
                keep(future)
            raise Stopped from interrupt
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
