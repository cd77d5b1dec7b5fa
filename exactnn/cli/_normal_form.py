"""`exactnn symmetry normal-form`: the hash of the function, and what it is made of."""

from __future__ import annotations

import argparse
import time
from typing import Any

from exactnn.cli._options import add_output, add_raw, load
from exactnn.cli._outcome import DONE, Outcome, listed, log, report, short
from exactnn.cli._questions import models
from exactnn.errors import Undecided
from exactnn.exact.progress import doing
from exactnn.symmetry import NormalForm, SmoothNormalForm, normal_form

#: entries of all J_h u_h^T together, up to which the minimal width is asked for
_WIDTH_EFFORT = 100_000


def add_normal_form(parser: argparse.ArgumentParser) -> None:
    """symmetry normal-form F."""
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
    numbers, details = _linear(form) if isinstance(form, NormalForm) else _smooth(form)
    log(options, f"computed in {time.perf_counter() - start:.2f} s")
    result = report(options, "done", start, sha256=name, **numbers, normal_form=document(form), models=models({"f": f}))
    return Outcome(DONE, f"NORMAL FORM sha256:{name}", result, details)


def _linear(form: NormalForm) -> tuple[dict[str, Any], list[str]]:
    """A piecewise linear function: what --json says of its own, and the lines below the first."""
    lower, upper = _width(form)
    width = str(lower) if lower == upper else f"{lower} to {upper}"
    outputs, inputs = form.slope.shape
    details = [
        f"  inputs {inputs}, outputs {outputs}, hyperplanes {len(form.hyperplanes)}, minimal width {width}",
        f"  f(x) = k + M x + sum of J max(u.x + v, 0) over the hyperplanes u.x + v = 0; M {_state(form)}",
    ]
    for plane in form.hyperplanes[:4] if inputs <= 8 else ():
        jump = listed([short(q) for q in form.kinks[plane]], 4)
        details.append(f"  u = ({', '.join(map(str, plane[:-1]))}), v = {plane[-1]}: J = ({jump})")
    return {"hyperplanes": len(form.hyperplanes), "minimal_width": {"lower": lower, "upper": upper}}, details


def _smooth(form: SmoothNormalForm) -> tuple[dict[str, Any], list[str]]:
    """The same for tanh, silu, gelu, softplus."""
    outputs, inputs = form.slope.shape
    phi, classes, biases = form.activation, form.classes, form.biases
    constants = f" + sum of C {phi}(b) over the constants b" if biases else ""
    details = [
        f"  inputs {inputs}, outputs {outputs}, classes {len(classes)}, constants {len(biases)}",
        f"  f(x) = k + M x + sum of J {phi}(w.x + b) over the classes (w, b){constants}; M {_state(form)}",
    ]
    for row in classes[:4] if inputs <= 8 else ():
        jump = listed([short(q) for q in form.kinks[row]], 4)
        details.append(f"  w = ({', '.join(map(short, row[:-1]))}), b = {short(row[-1])}: J = ({jump})")
    details += [f"  {phi}({short(b)}): C = ({listed([short(q) for q in form.constants[b]], 4)})" for b in biases[:4]]
    return {"activation": phi, "classes": len(classes), "constants": len(biases)}, details


@doing("the least width")
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


def _state(form: NormalForm | SmoothNormalForm) -> str:
    return "= 0" if form.slope.is_zero() else f"has rank {form.slope.to_fmpq_mat().rank()}"
