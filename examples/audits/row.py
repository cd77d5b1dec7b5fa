"""The frame of a row: `audit(my_pass, models)` tries the pass, prints what became of each model, and writes it down for the driver."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from exactnn.exact.files import write_text


def library(name: str) -> Any:
    """The package, imported; without it the row ends here and says so."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        _end(name, f"{name} is not installed ({error}); examples/audits/requirements.txt has it")


def _end(name: str, missing: str) -> NoReturn:
    given = _arguments()
    write(given.json, {**_head([name]), "missing": missing, "finished": True})
    print(f"left out: {missing}")
    sys.exit(0)


def audit(
    transformation: Callable[[Any], Any],
    models: Mapping[str, Any],
    *,
    packages: str,
    lossy: bool = False,
    inplace: bool = False,
    returns: str | None = None,
    slow: bool = False,
) -> None:
    """Try the pass on each model, or on those that a strategy draws.

    packages: distributions it is made of; lossy: it means to change the function; inplace, returns: as in
    `assert_preserves`; slow: it takes seconds for each model, so that fewer are drawn, and it is not run twice.
    """
    from audits.judge import FULL, QUICK, SLOW, tried

    given = _arguments()
    os.environ.setdefault("EXACTNN_CERTIFICATES", "")  # none, but where the driver keeps results
    certificates = None if given.json is None else given.json.parent / "certificates"
    head = {**_head(packages.split()), "lossy": lossy}
    budget = QUICK if given.quick else SLOW if slow else FULL
    start, trials = time.perf_counter(), list[dict[str, Any]]()
    chosen = {name: models[name] for name in models if given.only in (None, name)}
    if not chosen:
        sys.exit(f"--only {given.only}: no such model; there are {', '.join(models)}")
    saved = start
    for name in list(chosen)[:: 6 if given.quick and len(chosen) > 12 else 1]:
        options = {"inplace": inplace, "repeat": not slow, "returns": returns}
        trial = tried(transformation, name, chosen[name], budget, certificates=certificates, **options)
        trials.append(asdict(trial))
        if time.perf_counter() > saved + 5:  # what there is when time ends
            saved = time.perf_counter()
            write(given.json, {**head, "trials": trials, "seconds": round(saved - start, 1), "finished": False})
        _show(trial, full=given.only is not None)
    write(given.json, {**head, "trials": trials, "seconds": round(time.perf_counter() - start, 1), "finished": True})


def write(path: Path | None, result: dict[str, Any]) -> None:
    if path is not None:
        write_text(path, json.dumps(result, indent=1, allow_nan=False) + "\n")


def _head(packages: list[str]) -> dict[str, Any]:
    main = sys.modules["__main__"]
    title = (main.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return {"name": Path(main.__file__ or "").stem, "title": title, "packages": {name: _version(name) for name in packages}}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return ""


def _show(trial: Any, *, full: bool) -> None:
    more = (
        trial.reason or (f"|f - g| <= {trial.bound}" if trial.bound else "") or (f"{trial.exact} ran as {trial.run}" if trial.run else "")
    )
    print(f"{trial.outcome:12}{trial.model}{': ' if more else ''}{more}", flush=True)
    if full and trial.report:
        print(trial.report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="few models")
    parser.add_argument("--only", metavar="MODEL", help="one model alone, with the whole report")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    return parser.parse_args()
