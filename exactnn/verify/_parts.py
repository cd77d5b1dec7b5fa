"""The search over cells (`_complete`) in many tasks: on an executor, and with a file of finished tasks.

A task is a cell of the search with all that is within it. What it brings back is its part of the tree, or a point where the claim fails;
the tree of the certificate has the parts in their places. A part travels and waits as one text: as lists, of which there are many, all of
them would be looked through again and again by the garbage collection of the process that waits.
"""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from exactnn.cells import Merged, Seed
from exactnn.claims import Comparison
from exactnn.difference import Resources
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.progress import Progress
from exactnn.exact.tasks import clock_until, deadline_of, finished
from exactnn.exact.writing import from_json_number, json_number
from exactnn.verify._complete import Complete
from exactnn.verify._domain import Coordinates, coordinates
from exactnn.verify._joint import joint_program

FORMAT, VERSION = "exactnn-cells-checkpoint", 3
#: (unit, sign) of units that keep a sign on the domain
Signs = list[tuple[int, int]]
TASKS = 128
#: Of the file: the number of the entry that says what the tasks are.
_DIVISION = -1


class _Last(threading.local):
    """Of a thread: what names the question of its last task, and the search that its tasks share."""

    key = ""
    complete: Complete | None = None


_last = _Last()


def decide_in_parts(
    claim: Comparison, where: Coordinates, clock: Clock, means: Resources, question: str, signs: Signs | None = None
) -> tuple[RationalArray | dict[str, Any], int]:
    """As `Complete.decide`, and the number of cells.

    Parameters
    ----------
    means : the executor (None: this process), and the file of finished tasks (None: none)
    question : a text that names the claim
    signs : that were proved; the cells are those of what the difference then depends on. None: those of both networks
    """
    file = means.tasks
    known = None if file is None else file.done.get(_DIVISION)
    if known is not None:
        signs = known[3]
    whole = _complete(claim, where, clock, signs)
    if known is not None:
        cells, nodes, shares, _ = known
    else:
        seeds = whole.spread(TASKS)
        if isinstance(seeds, RationalArray):
            return seeds, whole.search.found
        cells, nodes, shares = whole.search.found, whole.tree.nodes, [list(seed) for seed in seeds]
        if file is not None:
            file.add(_DIVISION, [cells, nodes, shares, signs])
    parts: dict[int, Any] = {} if file is None else {n: result for n, result in file.done.items() if n != _DIVISION}
    end = deadline_of(clock)
    calls = {n: (question, claim, share, end, signs) for n, share in enumerate(shares) if n not in parts}
    found = finished(carry_out, calls, means.executor, clock)
    with Progress("going through the cells of the networks, in parts", unit="parts", total=len(calls)) as bar, closing(found):
        try:
            for number, result in found:
                if "point" in result:
                    return _as_point(result["point"]), cells + sum(part["cells"] for part in parts.values())
                if file is not None:
                    file.add(number, result)
                parts[number] = result
                bar.update()
        except Incomplete as stopped:
            cells += sum(part["cells"] for part in parts.values())
            raise Incomplete(
                f"the search cell by cell: {stopped}; {len(parts)} of {len(shares)} tasks were finished, with {cells} cells", cells
            ) from stopped.__cause__
    cells += sum(part["cells"] for part in parts.values())
    return whole.evidence(_joined(nodes, {n: part["tree"] for n, part in parts.items()})), cells


def _joined(nodes: Sequence[Any], texts: dict[int, str]) -> list[Any]:
    """The tree, with the parts in the places of their numbers; the texts are used up."""
    tree: list[Any] = []
    with _no_collection():
        for node in nodes:
            if isinstance(node, int):
                tree += json.loads(texts.pop(node))
            else:
                tree.append(node)
    return tree


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collect no garbage meanwhile; there is none in lists that are read."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def carry_out(question: str, claim: Comparison, share: list[Any], deadline: float | None, signs: Signs | None) -> Any:
    """What one task finds, as JSON (in a process of its own, perhaps on another machine).

    deadline : a `time.time()`, however long the task waited for its turn; None as the result once it has passed
    """
    clock, key = clock_until(deadline), json.dumps([question, signs])
    try:
        part = _last.complete
        if part is None or _last.key != key:
            part = _complete(claim, coordinates(claim.domain, claim.f.input_dim), clock, signs)
            _last.key, _last.complete = key, part
        part.restart(Seed(*share))
        answer = part.decide(clock)
    except Incomplete:
        if clock.left() <= 0:
            return None
        raise
    if isinstance(answer, RationalArray):
        return {"point": [json_number(v) for v in answer.to_fractions()]}
    return {"cells": part.search.found, "tree": json.dumps(part.tree.nodes, separators=(",", ":"))}


def _complete(claim: Comparison, where: Coordinates, clock: Clock, signs: Signs | None) -> Complete:
    """On the whole domain."""
    part = None if signs is None else Merged(joint_program(claim.f, claim.g, where), dict(signs), clock=clock).part(opens=True)
    return Complete(claim, where, clock, None, part=part)


def _as_point(entries: list[Any]) -> RationalArray:
    point = [from_json_number(v) for v in entries]
    return RationalArray.from_fractions(point, (len(point),))
