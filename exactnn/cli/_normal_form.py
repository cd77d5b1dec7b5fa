"""`exactnn symmetry normal-form`: the hash of the function, and what it is made of."""

from __future__ import annotations

import argparse
import time
from typing import Any

from exactnn.cli._options import add_output, add_raw, load
from exactnn.cli._outcome import DONE, Outcome, listed, log, short, versions
from exactnn.cli._questions import models
from exactnn.errors import Undecided
from exactnn.symmetry import NormalForm, normal_form

#: entries of all J_h u_h^T together, up to which the minimal width is asked for
_WIDTH_EFFORT = 100_000


def add_normal_form(commands: Any) -> None:
    """symmetry normal-form F."""
    parser = commands.add_parser(
        "normal-form",
        help="the normal form of a network with one hidden layer: equal hashes exactly for equal functions",
        allow_abbrev=False,
    )
    parser.add_argument("f", metavar="F", help="a model that folds to one hidden layer")
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Outcome:
    from exactnn.export.normal_form import digest, document

    (f,) = load(options, options.f)
    start = time.perf_counter()
    form = normal_form(f)
    name = digest(form)
    lower, upper = _width(form)
    seconds = time.perf_counter() - start
    log(options, f"computed in {seconds:.2f} s")
    width = str(lower) if lower == upper else f"{lower} to {upper}"
    details = [
        f"  inputs {f.input_dim}, outputs {f.output_dim}, hyperplanes {len(form.hyperplanes)}, minimal width {width}",
        f"  f(x) = k + M x + sum of J max(u.x + v, 0) over the hyperplanes u.x + v = 0; M {_state(form)}",
    ]
    for plane in form.hyperplanes[:4] if f.input_dim <= 8 else ():
        jump = listed([short(q) for q in form.kinks[plane]], 4)
        details.append(f"  u = ({', '.join(map(str, plane[:-1]))}), v = {plane[-1]}: J = ({jump})")
    result = {
        "status": "done",
        "command": options.command,
        "semantics": "real",
        "sha256": name,
        "hyperplanes": len(form.hyperplanes),
        "minimal_width": {"lower": lower, "upper": upper},
        "normal_form": document(form),
        "models": models({"f": f}),
        "seconds": round(seconds, 6),
        "versions": versions(),
    }
    return Outcome(DONE, f"NORMAL FORM sha256:{name}", result, details)


def _width(form: NormalForm) -> tuple[int, int]:
    """Bounds of the minimal width, equal where it is decided."""
    count = len(form.hyperplanes)
    if count * form.slope.size > _WIDTH_EFFORT:
        return count, count + 2 * form.slope.to_fmpq_mat().rank()
    try:
        return form.minimal_width, form.minimal_width
    except Undecided as bounds:
        known = bounds.lower, bounds.upper
    return known  # type: ignore[return-value]  # an Undecided width has bounds that are integers


def _state(form: NormalForm) -> str:
    return "= 0" if form.slope.is_zero() else f"has rank {form.slope.to_fmpq_mat().rank()}"
