"""Counts in tasks: the same on threads, processes and a Dask cluster; checkpoints survive a kill and refuse what is not theirs."""

from __future__ import annotations

import functools
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.cells import Search, Seed, full_dimensional, read_program
from exactnn.errors import ArgumentError, ExactnnError, Incomplete, LoadError, SaveError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Add, Affine, Builder, Input, MaxPool, Reshape
from exactnn.regions import _tasks
from exactnn.regions._merge import make_tally

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = ("activation", "pattern", "connected", "affine")


def random_mlp(sizes: list[int], activation: str = "relu", seed: int = 3) -> xn.Network:
    rng = np.random.default_rng(seed)
    return xn.mlp(
        [(np.float32(rng.normal(size=(n, m)) / m**0.5), np.float32(rng.normal(size=n) * 0.3)) for m, n in itertools.pairwise(sizes)],
        activation=activation,
    )


def affine(weight: Any, bias: Any) -> Affine:
    return Affine(RationalArray.of(weight), RationalArray.of(bias))


def pooled() -> xn.Network:
    """Max pooling with overlapping windows over affine functions of two inputs, among them a repeated one (so that windows have ties)."""
    rng = np.random.default_rng(8)
    weights, bias = rng.integers(-3, 4, (6, 2)), rng.integers(-2, 3, 6)
    weights[3], bias[3] = weights[2], bias[2]
    b = Builder()
    x = b.add("x", Input((2,)))
    row = b.add("row", Reshape((1, 6)), b.add("a", affine(weights.tolist(), bias.tolist()), x))
    pool = b.add("pool", MaxPool((3,), (1,), ((0, 0),), (1,)), row)
    flat = b.add("flat", Reshape((4,)), pool)
    return b.build([x], [b.add("y", affine(rng.integers(-2, 3, (1, 4)).tolist(), [0]), flat)])


TRIANGLE = xn.Polyhedron([[1, 1], [-1, 0], [0, -1], [2, 2]], [2, 1, "1/2", 4])
CASES: dict[str, tuple[Callable[[], xn.Network], Any]] = {
    "relu": (lambda: random_mlp([2, 7, 6, 2]), None),
    "relu in a box": (lambda: random_mlp([3, 5, 3, 1], seed=5), xn.Box(-1, 1)),
    "relu in a triangle": (lambda: random_mlp([2, 7, 6, 2]), TRIANGLE),
    "leaky": (lambda: random_mlp([2, 6, 5, 1], "leaky_relu(1/10)"), TRIANGLE),
    "max pooling": (pooled, None),
    "max pooling in a box": (pooled, xn.Box([-1, -1], [2, 1])),
}


@functools.cache
def without(case: str, definition: str) -> int:
    make, domain = CASES[case]
    return xn.regions.count(make(), domain, definition=definition)


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.fixture(
    scope="module", params=[pytest.param("threads", marks=pytest.mark.slow), pytest.param("processes", marks=pytest.mark.slow), "dask"]
)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "threads":
        with ThreadPoolExecutor(2) as threads:
            yield threads
    elif request.param == "processes":
        with processes() as pool:
            yield pool
    else:
        distributed = pytest.importorskip("distributed")
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client.get_executor()


# --- executors ---------------------------------------------------------------------------------------------------------------


def test_counts_do_not_depend_on_the_executor(executor: Executor) -> None:
    for case, (make, domain) in CASES.items():
        found = {d: xn.regions.count(make(), domain, definition=d, executor=executor) for d in DEFINITIONS}
        assert found == {d: without(case, d) for d in DEFINITIONS}, case
    assert without("relu", "activation") > _tasks.TASKS / 2  # there was something to divide


def test_limits_and_errors_come_back(executor: Executor, tmp_path: Path) -> None:
    net, file = CASES["relu"][0](), tmp_path / "count"
    whole = without("relu", "affine")
    with pytest.raises(Incomplete, match="more than 40 regions") as caught:
        xn.regions.count(net, definition="affine", executor=executor, checkpoint=file, max_regions=40)
    assert isinstance(caught.value.partial, int)
    assert xn.regions.count(net, definition="affine", executor=executor, checkpoint=file) == whole
    large = random_mlp([6, 40, 40, 1])
    start = time.monotonic()
    with pytest.raises(Incomplete, match=r"^the time limit of 1\.0 s was reached; \d+ of \d+ tasks were finished"):
        xn.regions.count(large, executor=executor, time_limit=1)
    assert xn.regions.count(CASES["relu"][0](), executor=executor) == without("relu", "activation")  # the workers are free again
    assert time.monotonic() - start < 20


def test_convex_on_an_executor() -> None:
    with ThreadPoolExecutor(2) as threads:
        net = xn.mlp([([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]], [0] * 6), ([[1, 1, 1, 1, -1, -1]], [0])])
        assert xn.regions.count(net, definition="convex", executor=threads) == 6


def test_refused() -> None:
    net = CASES["relu"][0]()
    with ThreadPoolExecutor(1) as threads, pytest.raises(ArgumentError, match="closed-connected"):
        xn.regions.count(net, definition="closed-connected", executor=threads)
    with pytest.raises(ArgumentError, match="get_executor"):
        xn.regions.count(net, executor=object())  # type: ignore[arg-type]
    for method in ("lattice", "search"):
        with pytest.raises(ArgumentError, match="takes tasks"):
            xn.regions.count(net, method=method, executor=threads)  # it was shut down
        for wrong in (5, b"count", ["count"]):
            with pytest.raises(ArgumentError, match="checkpoint: the path of a file"):
                xn.regions.count(net, method=method, checkpoint=wrong)  # type: ignore[arg-type]


def test_a_checkpoint_that_is_no_file(tmp_path: Path) -> None:
    net = CASES["relu"][0]()
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(LoadError, match="a folder, a pipe or a device"):
            xn.regions.count(net, checkpoint=odd)
    for odd in ("x" * 5000, "a\0b"):
        with pytest.raises(ExactnnError, match=r"^(checkpoint|path): "):
            xn.regions.count(net, checkpoint=odd)


@pytest.mark.parametrize("definition", ["activation", "affine"])
@pytest.mark.parametrize("case", CASES)
def test_the_search_in_tasks(case: str, definition: str, tmp_path: Path) -> None:
    make, domain = CASES[case]
    net, wanted = make(), without(case, definition)
    with ThreadPoolExecutor(2) as threads:
        for executor in (threads, None):
            found = xn.regions.count(net, domain, definition=definition, method="search", executor=executor, checkpoint=tmp_path / "count")
            assert found == wanted
    whole = read_program([net], full_dimensional(domain, net.input_dim))
    seeds = _tasks.shares(whole, Clock(), "search")
    assert seeds == _tasks.shares(whole, Clock(), "search")  # the same on every run
    assert sum(sum(1 for _ in Search(whole, seed=Seed(*json.loads(json.dumps(seed)))).walk()) for seed in seeds) >= len(seeds)


def test_a_search_beyond_six_inputs_goes_on_from_its_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    net, file = random_mlp([8, 6, 3, 1]), tmp_path / "count"
    wanted = xn.regions.count(net)
    calls = recorded(monkeypatch, fail={20: KeyboardInterrupt})
    with pytest.raises(KeyboardInterrupt):
        xn.regions.count(net, checkpoint=file)
    assert len(tasks_in(file)) == 19
    with ThreadPoolExecutor(2) as threads:
        assert xn.regions.count(net, checkpoint=file, executor=threads) == wanted
    assert len(calls) == 1 + len(tasks_in(file))
    with pytest.raises(Incomplete, match="more than 50 regions"):
        xn.regions.count(net, checkpoint=tmp_path / "few", max_regions=50)
    with pytest.raises(Incomplete, match="time limit") as caught:
        xn.regions.count(net, checkpoint=tmp_path / "late", time_limit=0)
    assert caught.value.partial == 1


def test_equal_sets_with_other_rows() -> None:
    """A worker that keeps the program of one domain must not use it for the same set with its rows in another order."""
    net, A = CASES["relu"][0](), [[1, 0], [-1, 0], [0, 1], [0, -1]]
    domains = [xn.Box([-1, -1], [1, 1]), xn.Polyhedron(A, [1] * 4), xn.Polyhedron([*A[::-1], [2, 0]], [1, 1, 1, 1, 2])]
    wanted = xn.regions.count(net, domains[0])
    assert domains[0] == domains[1] == domains[2]
    with ThreadPoolExecutor(1) as threads:
        assert [xn.regions.count(net, domain, executor=threads) for domain in domains] == [wanted] * 3


def test_max_regions_means_the_same_with_tasks() -> None:
    """The full-dimensional patterns are limited, whatever is counted."""
    same = xn.mlp([([[1]] * 40, list(range(40))), ([[0] * 40], [0])])
    with ThreadPoolExecutor(1) as threads:
        for given in (None, threads):
            with pytest.raises(Incomplete, match="more than 30 regions"):
                xn.regions.count(same, definition="affine", executor=given, max_regions=30)
            assert xn.regions.count(same, definition="affine", executor=given, max_regions=41) == 1


def test_a_failure_cancels_what_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    real = _tasks.carry_out

    def failing(*arguments: Any) -> Any:
        begun.append(arguments)
        time.sleep(0.02)
        if len(begun) == 3:
            raise ZeroDivisionError("in a worker")
        return real(*arguments)

    monkeypatch.setattr(_tasks, "carry_out", failing)
    with ThreadPoolExecutor(1) as threads, pytest.raises(ZeroDivisionError, match="in a worker"):
        xn.regions.count(CASES["relu"][0](), executor=threads)
    assert 3 <= len(begun) < 30


class AtOnce(Executor):
    """Every future is done when it is made."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except ZeroDivisionError as error:
            future.set_exception(error)
        return future


def test_a_failure_loses_nothing_that_was_finished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = recorded(monkeypatch, fail={4: ZeroDivisionError})
    net, file = CASES["relu"][0](), tmp_path / "count"
    with pytest.raises(ZeroDivisionError):
        xn.regions.count(net, executor=AtOnce(), checkpoint=file)
    assert len(file.read_bytes().splitlines()) == 1 + len(calls) - 1
    calls.clear()
    assert xn.regions.count(net, checkpoint=file) == without("relu", "activation")
    assert len(calls) == 1


class Dying(ProcessPoolExecutor):
    """Its workers do not survive the first task."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(os._exit, 1)


def test_workers_that_die() -> None:
    with (
        Dying(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(Incomplete, match=r"ended abruptly .* 0 of \d+ tasks were finished") as caught,
    ):
        xn.regions.count(CASES["relu"][0](), executor=pool)
    assert caught.value.partial == 0


def test_a_task_keeps_the_deadline_however_long_it_waited() -> None:
    net = CASES["relu"][0]()
    prefix = _tasks.prefixes(read_program([net]), Clock())[0]
    make = partial(make_tally, definition="activation")
    assert _tasks.carry_out(net, None, make, prefix, time.time() - 1, None) is None
    cells, (total, seen) = _tasks.carry_out(net, None, make, prefix, time.time() + 60, None)
    assert cells == total > 0
    assert seen == []


# --- checkpoints -------------------------------------------------------------------------------------------------------------


def recorded(monkeypatch: pytest.MonkeyPatch, *, seconds: float = 0.0, fail: dict[int, type[BaseException]] | None = None) -> list[Any]:
    """The prefixes of the tasks that are carried out from now on, in this process; call number k raises fail[k], once."""
    real, calls, failures = _tasks.carry_out, [], dict(fail or {})

    def carry_out(net: Any, domain: Any, make: Any, prefix: Any, *rest: Any) -> Any:
        calls.append(tuple(prefix))
        time.sleep(seconds)
        if len(calls) in failures:
            raise failures.pop(len(calls))
        return real(net, domain, make, prefix, *rest)

    monkeypatch.setattr(_tasks, "carry_out", carry_out)
    return calls


def tasks_in(file: Path) -> list[int]:
    return [json.loads(line)["task"] for line in file.read_bytes().split(b"\n")[1:-1]]


CHILD = """
import sys, time
import exactnn as xn
from exactnn.regions import _tasks
real = _tasks.carry_out
def slow(*arguments):
    time.sleep(0.05)
    return real(*arguments)
_tasks.carry_out = slow
print(xn.regions.count(xn.load(sys.argv[1]), definition=sys.argv[2], checkpoint=sys.argv[3]))
"""


@pytest.mark.parametrize("definition", ["activation", "connected"])
def test_a_killed_count_goes_on(definition: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, model, file = CASES["relu"][0](), tmp_path / "net.json", tmp_path / "count.checkpoint"
    xn.save(net, model)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(model), definition, str(file)], env=environment, stdout=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while not file.exists() or file.read_bytes().count(b"\n") < 6:
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
        out, _ = child.communicate()
    assert (child.returncode, out) == (-signal.SIGKILL, b"")
    done = tasks_in(file)
    rows = _tasks.prefixes(read_program([net]), Clock())
    assert 5 <= len(done) < len(rows)
    calls = recorded(monkeypatch)
    assert xn.regions.count(net, definition=definition, checkpoint=file) == without("relu", definition)
    assert sorted(calls) == sorted(tuple(row) for number, row in enumerate(rows) if number not in done)
    assert sorted(tasks_in(file)) == list(range(len(rows)))
    calls.clear()
    assert xn.regions.count(xn.load(model), definition=definition, checkpoint=file) == without("relu", definition)
    assert calls == []


def test_an_interrupt_leaves_a_usable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, file = CASES["leaky"][0](), tmp_path / "count"
    for given in (None, AtOnce()):
        file.unlink(missing_ok=True)
        calls = recorded(monkeypatch, fail={6: KeyboardInterrupt})
        with pytest.raises(KeyboardInterrupt):
            xn.regions.count(net, TRIANGLE, definition="connected", checkpoint=file, executor=given)
        first = list(calls) if given is None else []
        assert len(tasks_in(file)) == (5 if given is None else 0)
        assert xn.regions.count(net, TRIANGLE, definition="connected", checkpoint=file) == without("leaky", "connected")
        assert not set(first[:5]) & set(calls[len(first) :])
        monkeypatch.undo()


@pytest.mark.parametrize("threads", [0, 2])
def test_a_time_limit_stops_and_a_later_call_goes_on(threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, file = CASES["relu"][0](), tmp_path / "count"
    calls = recorded(monkeypatch, seconds=0.02)
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        given = pool if threads else None
        with pytest.raises(Incomplete, match=r"^the time limit of 0\.5 s was reached") as caught:
            xn.regions.count(net, checkpoint=file, executor=given, time_limit=0.5)
    done = tasks_in(file)
    assert 0 < caught.value.partial < without("relu", "activation")
    assert f"{len(done)} of {len(_tasks.prefixes(read_program([net]), Clock()))} tasks were finished" in str(caught.value)
    calls.clear()
    assert xn.regions.count(net, checkpoint=file) == without("relu", "activation")
    rows = _tasks.prefixes(read_program([net]), Clock())
    assert sorted(calls) == sorted(tuple(row) for number, row in enumerate(rows) if number not in done)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole checkpoint of the affine maps of "relu in a triangle"."""
    file = tmp_path_factory.mktemp("finished") / "count"
    make, domain = CASES["relu in a triangle"]
    assert xn.regions.count(make(), domain, definition="affine", checkpoint=file) == without("relu in a triangle", "affine")
    return file.read_bytes()


def resumed(file: Path) -> int:
    make, domain = CASES["relu in a triangle"]
    return xn.regions.count(make(), domain, definition="affine", checkpoint=file)


@pytest.mark.parametrize("cut", [1, 2, 20])
def test_a_cut_off_last_line_is_dropped(cut: int, finished: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "count"
    file.write_bytes(finished[:-cut])
    calls = recorded(monkeypatch)
    assert resumed(file) == without("relu in a triangle", "affine")
    assert len(calls) == 1
    assert sorted(file.read_bytes().splitlines()) == sorted(finished.splitlines())


def lines_changed(data: bytes, change: Callable[[list[bytes]], None]) -> bytes:
    lines = data.split(b"\n")
    change(lines)
    return b"\n".join(lines)


def other_result(lines: list[bytes]) -> None:
    """A result that could be one: the task's first affine map is not there."""
    entry = json.loads(lines[3])
    entry["result"][1][1].pop()
    lines[3] = json.dumps(entry).encode()


def other_task(lines: list[bytes]) -> None:
    entry = json.loads(lines[3])
    lines[3] = json.dumps({**entry, "task": entry["task"] + 1}).encode()


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "a line of zeros": lambda data: lines_changed(data, lambda lines: lines.__setitem__(4, b"\0" * 40)),
    "a line cut off": lambda data: lines_changed(data, lambda lines: lines.__setitem__(4, lines[4][:-7])),
    "two lines in one": lambda data: lines_changed(data, lambda lines: lines.__setitem__(slice(4, 6), [lines[4] + lines[5]])),
    "a plausible result": lambda data: lines_changed(data, other_result),
    "the number of another task": lambda data: lines_changed(data, other_task),
    "a number": lambda data: lines_changed(data, lambda lines: lines.__setitem__(2, b"7")),
    "no first line": lambda data: data.partition(b"\n")[2],
    "half a first line": lambda data: data[:30],
    "an older version": lambda data: data.replace(b'"version": 3', b'"version": 2', 1),
    "bytes": lambda data: bytes(range(256)) + b"\n",
    "a diary": lambda data: b"dear diary\n",
    "a diary of one line": lambda data: b"dear diary",
    "JSON": lambda data: b'{"status": "proved"}\n',
    "deep JSON": lambda data: b"[" * 100_000 + b"\n",
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_and_foreign_files_are_left_as_they_are(name: str, finished: bytes, tmp_path: Path) -> None:
    file = tmp_path / "count"
    damaged = DAMAGED[name](finished)
    assert damaged != finished
    file.write_bytes(damaged)
    with pytest.raises(LoadError, match=r"^checkpoint: .*count.* it was left as it is: name another file"):
        resumed(file)
    assert file.read_bytes() == damaged
    assert [p.name for p in tmp_path.iterdir()] == ["count"]


def test_another_question_is_refused(finished: bytes, tmp_path: Path) -> None:
    file = tmp_path / "count"
    file.write_bytes(finished)
    net, domain = CASES["relu in a triangle"][0](), TRIANGLE
    moved = xn.Polyhedron([[1, 1], [-1, 0], [0, -1], [2, 2]], [2, 1, "1/2", 3])
    questions: list[tuple[xn.Network, Any, str]] = [
        (net, domain, "activation"),
        (net, None, "affine"),
        (net, moved, "affine"),
        (net, xn.Box(-1, 1), "affine"),
        (xn.symmetry.Scaling(1, [1, 1, 1, 1, 1, "1000000000001/1000000000000"]).apply(net), domain, "affine"),
        (xn.symmetry.Permutation(0, [1, 0, 2, 3, 4, 5, 6]).apply(net), domain, "affine"),
        (random_mlp([2, 7, 6, 2], seed=4), domain, "affine"),
        (random_mlp([2, 7, 6, 2], "leaky_relu(1/10)"), domain, "affine"),
    ]
    for question, where, definition in questions:
        with pytest.raises(LoadError, match="belongs to another network, domain or question"):
            xn.regions.count(question, where, definition=definition, checkpoint=file)
        assert file.read_bytes() == finished


def test_boxes_are_told_apart(tmp_path: Path) -> None:
    net, file = CASES["relu"][0](), tmp_path / "count"
    xn.regions.count(net, xn.Box(-1, 1), checkpoint=file)
    for domain in (xn.Box(-1, "1000000000001/1000000000000"), None):
        with pytest.raises(LoadError, match="belongs to another"):
            xn.regions.count(net, domain, checkpoint=file)


def test_units_of_another_kind_are_told_apart(tmp_path: Path) -> None:
    """max(x, y) by pooling has the stages of x + relu(y - x), but three patterns for two."""
    b = Builder()
    x = b.add("x", Input((1, 2)))
    pool = b.add("m", MaxPool((2,), (1,), ((0, 0),), (1,)), x)
    pooling = b.build([x], [b.add("y", Reshape((1,)), pool)])
    b = Builder()
    x = b.add("x", Input((2,)))
    relu = xn.mlp([([[1]], [0]), ([[1]], [0])])
    kind = next(relu.operation(n) for n in relu.order if relu.operation(n).kind not in ("input", "affine"))
    unit = b.add("m", kind, b.add("a", affine([[-1, 1]], [0]), x))
    rectifying = b.build([x], [b.add("y", Add(), b.add("first", affine([[1, 0]], [0]), x), unit)])
    assert pooling([3, 5]) == rectifying([3, 5]) == (5,)
    assert xn.regions.count(pooling, definition="pattern", checkpoint=tmp_path / "count") == 3
    with pytest.raises(LoadError, match="belongs to another"):
        xn.regions.count(rectifying, definition="pattern", checkpoint=tmp_path / "count")
    assert xn.regions.count(rectifying, definition="pattern", checkpoint=tmp_path / "other") == 2


@pytest.mark.parametrize("definition", ["affine", "connected"])
def test_numbers_of_any_length(definition: str, tmp_path: Path) -> None:
    """Python refuses to write integers of more than 4300 digits in decimal."""
    huge = 10**5000
    net = xn.mlp([([[huge, 0], [0, -1]], [0, -huge]), ([[1, huge]], [0])])
    for _ in range(2):
        domain = xn.Box(-huge * huge, huge * huge)
        assert xn.regions.count(net, domain, definition=definition, checkpoint=tmp_path / "count") == 4


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    net = CASES["relu"][0]()
    with pytest.raises(SaveError, match="checkpoint"):
        xn.regions.count(net, checkpoint=tmp_path / "no" / "such" / "folder")
    with pytest.raises(ExactnnError, match="cannot be read"):
        xn.regions.count(net, checkpoint=tmp_path)


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, file, synced = CASES["relu"][0](), tmp_path / "count", os.fsync
    calls = recorded(monkeypatch)

    def fsync(handle: int) -> None:
        if len(calls) >= 4:
            raise OSError(28, "No space left on device")
        synced(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(SaveError, match="No space left"):
        xn.regions.count(net, checkpoint=file)
    monkeypatch.setattr(os, "fsync", synced)
    assert len(tasks_in(file)) >= 3
    assert xn.regions.count(net, checkpoint=file) == without("relu", "activation")
