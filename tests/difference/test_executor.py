"""Boxes cut by threads, processes and a Dask cluster; checkpoints that an interrupt leaves, and those that are not ours."""

from __future__ import annotations

import gzip
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.claims import DeviationClaim, EqualClaim
from exactnn.difference import Distance, Resources, Splitting, _bounders, _workers
from exactnn.errors import ArgumentError, ExactnnError, LoadError
from exactnn.exact.clock import Clock
from exactnn.exact.writing import json_number
from exactnn.verify import _decision
from exactnn.verify._boxes import resources, splitting

DOMAIN = xn.Box([-1] * 4, [1] * 4)
ALONE = Resources()


@cache
def pair(sizes: tuple[int, ...] = (4, 8, 8, 2), seed: int = 0) -> tuple[xn.Network, xn.Network]:
    """A network and the same with slightly other weights."""
    rng = np.random.default_rng(seed)
    layers = [(rng.normal(size=(n, m)) / m**0.5, rng.normal(size=n) * 0.3) for m, n in itertools.pairwise(sizes)]
    others = [(w * (1 + 0.01 * rng.normal(size=w.shape)), b) for w, b in layers]
    f, g = (xn.mlp([(np.float32(w), np.float32(b)) for w, b in own]) for own in (layers, others))
    return f, g


@cache
def seen() -> Fraction:
    """A deviation at a point."""
    found = tree_of(DeviationClaim(*pair(), DOMAIN, Fraction(0)))
    assert found.points.value is not None
    return found.points.value


def tolerance() -> Fraction:
    """One that takes a hundred boxes."""
    return seen() * 9 / 8


def tree_of(claim: Any, means: Resources = ALONE) -> Splitting:
    found = splitting(claim, Distance(), Clock(), claim.tolerance or None, means)
    assert isinstance(found, Splitting)
    return found


def claim() -> EqualClaim:
    return EqualClaim(*pair(), DOMAIN, tolerance())


def opened(file: Path, executor: Executor | None = None) -> Splitting:
    """The search that goes on from this file."""
    return tree_of(claim(), resources(claim(), executor, file))


def proved(tree: Splitting) -> bool:
    """Run it to its end; its evidence is accepted if it proves anything."""
    tree.run(Clock(), tolerance=tolerance())
    if tree.open(tolerance()):
        return False
    return xn.check(xn.claims.Certificate(claim(), "proved", tree.evidence()))


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many boxes each pass in this process bounded."""
    calls: list[int] = []
    real = _bounders.joint_pass

    def counted(stages: Any, lo: Any, hi: Any) -> Any:
        calls.append(lo.shape[1])
        return real(stages, lo, hi)

    monkeypatch.setattr(_bounders, "joint_pass", counted)
    return calls


@pytest.fixture
def by_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes decide, on a busy machine too, and workers get work at once."""
    monkeypatch.setattr(_decision.Decision, "_within_tolerance", lambda *_: None)  # linear programs, which take seconds
    monkeypatch.setattr(_decision, "_QUICK_BOXES", 60.0)
    monkeypatch.setattr(_workers, "_ALONE", 0.0)


class AtOnce(Executor):
    """Every task is done when it is handed in; what it brings back is kept."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            self.found.append(fn(*args, **kwargs))
            future.set_result(self.found[-1])
        except ZeroDivisionError as error:
            future.set_exception(error)
        return future


class Few(Clock):
    """Its time is over after so many questions."""

    def __init__(self, questions: int) -> None:
        super().__init__(1000)
        self.questions = questions

    def left(self) -> float:
        self.questions -= 1
        return 1000.0 if self.questions >= 0 else 0.0


# --- executors ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["threads", pytest.param("processes", marks=pytest.mark.slow), "dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "threads":
        with ThreadPoolExecutor(2) as threads:
            yield threads
    elif request.param == "processes":
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield pool
    else:
        distributed = pytest.importorskip("distributed", reason="a Dask cluster needs distributed")
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client.get_executor()


@pytest.mark.usefixtures("by_boxes")
def test_verdicts_do_not_depend_on_the_executor(executor: Executor, evaluated: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = pair()
    tasks: list[Future[Any]] = []
    real = _workers.submit

    def submit(*args: Any) -> Future[Any]:
        tasks.append(real(*args))
        return tasks[-1]

    monkeypatch.setattr(_workers, "submit", submit)
    found = xn.verify_equal(f, g, domain=DOMAIN, tolerance=tolerance(), executor=executor)
    assert found.proved
    assert found.certificate is not None
    assert found.certificate.kind == "boxes"
    assert any(task.result().branch.cuts for task in tasks)
    if not isinstance(executor, ThreadPoolExecutor):
        assert sum(evaluated) <= 3  # the root, and a batch for each time that slow workers are waited for anew
    bracket = tree_of(DeviationClaim(f, g, DOMAIN, Fraction(0)), Resources(executor))
    bracket.run(Clock(), gap=Fraction(1, 10))
    assert seen() <= bracket.points.value <= bracket.upper <= bracket.points.value * Fraction(111, 100)
    assert xn.verify_equal(f, g, domain=DOMAIN, tolerance=seen() * Fraction(99, 100), executor=executor).refuted


def test_a_tree_from_many_tasks_covers_the_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_ALONE", 0.0)
    monkeypatch.setattr(_workers, "_SECONDS", 1e-6)
    workers = AtOnce()
    tree = tree_of(claim(), Resources(workers))
    assert proved(tree)
    assert sum(bool(found.branch.cuts) for found in workers.found) > 3
    volume = Fraction(0)
    for leaf in tree.boxes.leaves.values():
        low, high = (side.to_fractions() for side in tree.box(leaf).bounds)
        sides = [b - a for a, b in zip(low, high, strict=True)]
        assert min(sides) > 0
        volume += np.prod(sides)
    assert volume == 2**4
    cuts = sum(node[0] == "split" for node in tree.evidence()["tree"])
    assert len(tree.boxes.leaves) == cuts + 1


def test_a_task_keeps_the_deadline_however_long_it_waited() -> None:
    tree = tree_of(claim())
    job = _workers.Job(tree.stages, tree.grid, tree.question)
    late = _workers.grow(job, [tree.root], 0.0, np.inf, time.time() - 1)
    assert (late.branch.nodes, late.branch.cuts, late.points.shape) == (1, {}, (4, 0))
    found = _workers.grow(job, [tree.root], 0.0, -1.0, time.time() + 60)  # any point is enough
    assert len(found.branch.cuts) == 1
    assert found.largest > -1


def test_time_is_kept_and_what_was_done_is_a_bracket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_ALONE", 0.0)
    f, g = pair((6, 40, 40, 40, 2))
    start = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        found = xn.max_deviation(f, g, domain=xn.Box(-1, 1), executor=threads, time_limit=2, gap="1/1000")
    assert found.lower < found.upper
    assert time.monotonic() - start < 10  # of a busy machine


class Dying(ProcessPoolExecutor):
    """Its workers do not survive the first task."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(os._exit, 1)


@pytest.mark.usefixtures("by_boxes")
def test_workers_that_die(tmp_path: Path) -> None:
    file = tmp_path / "boxes"
    with Dying(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = xn.verify_equal(*pair(), domain=DOMAIN, tolerance=tolerance(), executor=pool, checkpoint=file)
    assert found.unknown
    assert "ended abruptly" in found.reason
    assert proved(opened(file))


def test_a_failure_loses_nothing_that_was_finished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_workers, "_ALONE", 0.0)
    monkeypatch.setattr(_workers, "_SECONDS", 1e-6)
    calls, real = [0], _workers.grow

    def failing(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise ZeroDivisionError("in a worker")
        return real(*args)

    monkeypatch.setattr(_workers, "grow", failing)
    workers, file = AtOnce(), tmp_path / "boxes"
    with pytest.raises(ZeroDivisionError, match="in a worker"):
        opened(file, workers).run(Clock(), tolerance=tolerance())
    cuts = sum(len(found.branch.cuts) for found in workers.found)
    assert cuts == sum(node != 0 for node in json.loads(file.read_text())["tree"]) > 0
    assert proved(opened(file))


def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_ALONE", 0.0)
    f, g = pair()
    with pytest.raises(ArgumentError, match="get_executor"):
        xn.max_deviation(f, g, domain=DOMAIN, executor=object())  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as threads, pytest.raises(ArgumentError, match="executor: it helps with boxes"):
        xn.verify_equal(f, g, tolerance=1, executor=threads)
    with pytest.raises(ArgumentError, match="takes tasks"):  # it was shut down
        tree_of(claim(), Resources(threads)).run(Clock(), tolerance=seen() * Fraction(101, 100))
    with pytest.raises(ArgumentError, match="checkpoint: it helps with boxes"):
        xn.verify_zero(f, tolerance=1, checkpoint=tmp_path / "boxes")
    assert not list(tmp_path.iterdir())
    for wrong in (5, b"boxes", ["boxes"]):
        with pytest.raises(ArgumentError, match="checkpoint: the path of a file"):
            xn.verify_equal(f, g, domain=DOMAIN, tolerance=1, checkpoint=wrong)  # type: ignore[arg-type]
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(LoadError, match="a folder, a pipe or a device"):
            xn.verify_equal(f, g, domain=DOMAIN, tolerance=1, checkpoint=odd)
    for odd in ("x" * 5000, "a\0b"):
        with pytest.raises(ExactnnError, match=r"^(checkpoint|path): "):
            xn.verify_equal(f, g, domain=DOMAIN, tolerance=1, checkpoint=odd)


# --- checkpoints -------------------------------------------------------------------------------------------------------------


def stop_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Ctrl-C in a pass."""
    real, left = _bounders.joint_pass, [calls]

    def interrupted(*args: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(_bounders, "joint_pass", interrupted)


@pytest.mark.parametrize("name", ["boxes", "boxes.gz"])
def test_an_interrupt_leaves_a_file_to_go_on_from(name: str, evaluated: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / name
    whole = tree_of(claim())
    assert proved(whole)
    all_boxes = sum(evaluated)
    with monkeypatch.context() as patch:
        stop_after(patch, 2 * len(evaluated) // 3)
        with pytest.raises(KeyboardInterrupt):
            opened(file).run(Clock(), tolerance=tolerance())
    assert file.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    evaluated.clear()
    again = opened(file)
    assert proved(again)
    assert len(again.boxes.leaves) < sum(evaluated) < all_boxes
    evaluated.clear()
    assert proved(opened(file))  # finished: the leaves, and the root
    assert sum(evaluated) == len(again.boxes.leaves) + 1
    with ThreadPoolExecutor(2) as threads:
        assert proved(opened(file, threads))


@pytest.mark.usefixtures("by_boxes")
def test_a_verdict_after_a_time_limit(evaluated: list[int], tmp_path: Path) -> None:
    f, g = pair()
    file = tmp_path / "boxes"
    asked: dict[str, Any] = {"domain": DOMAIN, "tolerance": tolerance(), "checkpoint": file}
    half = opened(file)
    half.run(Few(5), tolerance=tolerance())
    first = sum(evaluated)
    assert half.open(tolerance())
    evaluated.clear()
    found = xn.verify_equal(f, g, **asked)
    assert found.proved
    assert found.certificate is not None
    assert found.certificate.kind == "boxes"
    resumed = sum(evaluated)
    evaluated.clear()
    again = xn.verify_equal(f, g, domain=DOMAIN, tolerance=tolerance())
    assert again.reason == found.reason  # as many boxes
    assert resumed < sum(evaluated) < resumed + first


def test_the_best_point_is_kept(tmp_path: Path) -> None:
    def bracket() -> Splitting:
        asked = DeviationClaim(*pair(), DOMAIN, Fraction(0), norm="l1")
        return tree_of(asked, resources(asked, None, tmp_path / "boxes"))

    first = bracket()
    first.points.value, first.points.point = Fraction(0), (Fraction(1, 3),) * 4  # as if the ascent had found nothing else
    first.run(Few(1), gap=Fraction(1, 10))
    document = json.loads((tmp_path / "boxes").read_text())
    document["point"] = ["1/7"] * 4
    (tmp_path / "boxes").write_text(json.dumps(document))
    second = bracket()
    assert second.points.value is not None
    f, g = pair()
    x = [Fraction(1, 7)] * 4
    assert second.points.value >= max(abs(a - b) for a, b in zip(f(x), g(x), strict=True))


def test_without_time_to_bound_all_boxes_again_the_first_one_counts(tmp_path: Path) -> None:
    asked = DeviationClaim(*pair(), DOMAIN, Fraction(0))
    file = tmp_path / "boxes"
    first = tree_of(asked, resources(asked, None, file))
    first.run(Few(9), gap=Fraction(0))
    size = len(first.boxes.leaves)
    again = tree_of(asked, resources(asked, None, file))
    again.run(Few(2), gap=Fraction(0))
    assert first.upper < again.upper < np.inf
    assert len(again.evidence()["tree"]) == 1
    assert len(json.loads(file.read_text())["tree"]) == 2 * size - 1  # nothing is lost
    found = xn.max_deviation(*pair(), domain=DOMAIN, checkpoint=file, gap=1000)
    assert found.upper <= again.upper


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of `claim`."""
    file = tmp_path_factory.mktemp("unfinished") / "boxes"
    opened(file).run(Few(5), tolerance=tolerance())
    assert len(json.loads(file.read_text())["tree"]) > 20
    return file.read_bytes()


def test_files_of_other_questions_are_refused(unfinished: bytes, tmp_path: Path) -> None:
    file = tmp_path / "boxes"
    file.write_bytes(unfinished)
    f, g = pair()
    others: list[Callable[[], Any]] = [
        lambda: xn.verify_equal(f, f, domain=DOMAIN, tolerance=tolerance(), checkpoint=file),
        lambda: xn.verify_equal(g, f, domain=DOMAIN, tolerance=tolerance(), checkpoint=file),
        lambda: xn.verify_equal(f, g, domain=xn.Box(-1, 2), tolerance=tolerance(), checkpoint=file),
        lambda: xn.verify_equal(f, g, domain=DOMAIN, tolerance=tolerance() * 2, checkpoint=file),
        lambda: xn.verify_zero(f, domain=DOMAIN, tolerance=tolerance(), checkpoint=file),
        lambda: xn.verify_symmetry(f, xn.symmetry.SignFlip(0, []), domain=DOMAIN, tolerance=tolerance(), checkpoint=file),
        lambda: xn.max_deviation(f, g, domain=DOMAIN, checkpoint=file),
    ]
    for ask in others:
        with pytest.raises(LoadError, match="belongs to other networks, another domain, norm or tolerance"):
            ask()
    assert file.read_bytes() == unfinished


def changed(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({**json.loads(data), **fields}).encode()


def tree_changed(change: Callable[[list[Any]], Any]) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        document = json.loads(data)
        change(document["tree"])
        return json.dumps(document).encode()

    return damage


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda data: data[:-20],
    "compressed and cut off": lambda data: gzip.compress(data)[:-20],
    "compressed and damaged": lambda data: gzip.compress(data)[:20] + bytes(50),
    "bytes": lambda data: bytes(range(256)),
    "nothing": lambda data: b"",
    "a list": lambda data: b"[1, 2]",
    "another format": changed(format="exactnn-regions-checkpoint"),
    "another version": changed(version=2),
    "a bound that nobody asked for": changed(bound=0),
    "a point outside": changed(point=[2, 0, 0, 0]),
    "a point of fewer coordinates": changed(point=[0, 0]),
    "no point": changed(point="x"),
    "a point of nothing": changed(point=["1/0", 0, 0, 0]),
    "bits below 0": changed(bits=-1),
    "very many bits": changed(bits=10**9),
    "no bits": changed(bits=True),
    "no tree": changed(tree=None),
    "an empty tree": changed(tree=[]),
    "a missing leaf": tree_changed(lambda tree: tree.pop()),
    "a node too many": tree_changed(lambda tree: tree.append(0)),
    "a cut of another input": tree_changed(lambda tree: tree.__setitem__(0, [4, 0])),
    "a cut of an input below 0": tree_changed(lambda tree: tree.__setitem__(0, [-1, 0])),
    "a cut outside": tree_changed(lambda tree: tree.__setitem__(0, [0, 2**80])),
    "a cut at a side": tree_changed(lambda tree: tree.__setitem__(0, [0, 2**64])),
    "the same cut again": tree_changed(lambda tree: tree.__setitem__(1, tree[0])),
    "a cut where no float is": tree_changed(lambda tree: tree.__setitem__(0, [0, 2**63 + 1])),
    "a cut that is none": tree_changed(lambda tree: tree.__setitem__(0, [0, "1"])),
    "a leaf that is none": tree_changed(lambda tree: tree.__setitem__(-1, False)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_refused_and_left_alone(damage: str, unfinished: bytes, tmp_path: Path) -> None:
    file = tmp_path / "boxes"
    file.write_bytes(DAMAGED[damage](unfinished))
    before = file.read_bytes()
    with pytest.raises(LoadError, match=r"^checkpoint: .*it was left as it is: name another file"):
        opened(file)
    assert file.read_bytes() == before


def test_other_cuts_change_the_work_and_not_the_verdict(unfinished: bytes, tmp_path: Path) -> None:
    """A file says where to cut, and nothing of what is proved there."""
    file = tmp_path / "boxes"
    half = 1 << 63
    for tree in ([0], [[3, half], 0, 0], [[3, half], [3, -half], 0, [2, 12345 << 30], 0, 0, [0, half], [1, half], 0, 0, 0]):
        file.write_bytes(changed(tree=tree)(unfinished))
        found = opened(file)
        if len(tree) > 1:
            assert all(leaf.bound == np.inf for leaf in found.boxes.leaves.values())
        assert proved(found)
    # a whole proof of another question, under the name of one that is refuted
    less = EqualClaim(*pair(), DOMAIN, seen() * Fraction(99, 100))
    other = tmp_path / "less"
    means = resources(less, None, other)
    document = json.loads(file.read_text())
    other.write_text(json.dumps({**document, "question": json.loads(other.read_text())["question"], "point": None}))
    tree = tree_of(less, resources(less, None, other))
    tree.run(Clock(), tolerance=less.tolerance)
    assert tree.open(less.tolerance)
    assert tree.points.value is not None
    assert tree.points.value > less.tolerance
    assert means.checkpoint is not None


def test_coarser_bits_do_for_the_cuts_alone(unfinished: bytes, tmp_path: Path) -> None:
    file = tmp_path / "boxes"
    file.write_bytes(changed(bits=1, tree=[[0, 1], 0, [1, -1], 0, 0])(unfinished))
    found = opened(file)
    assert found.grid.bits >= 64
    assert proved(found)


def test_files_appear_as_time_goes_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "boxes"
    tree = opened(file)
    assert tree.resources.checkpoint is not None
    sizes: list[int] = []
    real = type(tree.resources.checkpoint).save

    def save(checkpoint: Any, state: Any) -> None:
        real(checkpoint, state)
        sizes.append(len(json.loads(file.read_text())["tree"]))

    monkeypatch.setattr(type(tree.resources.checkpoint), "save", save)
    tree.run(Few(4), tolerance=tolerance())
    assert len(sizes) == 1  # at the end
    tree.resources.checkpoint._pause = 0.0
    tree.run(Few(2), tolerance=tolerance())
    assert len(sizes) >= 3
    assert sizes == sorted(sizes)


def test_no_more_is_joined_than_the_checker_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_ALONE", 0.0)
    monkeypatch.setattr(_workers, "_SECONDS", 1e-6)
    tree = tree_of(claim())
    job = _workers.Job(tree.stages, tree.grid, tree.question)
    most = 20 * tree.root.work
    workers = _workers.Workers(AtOnce(), tree.boxes, job, tree.points, Clock(), np.inf, most)
    while workers.refine(0.0):
        assert tree.boxes.work <= most
    workers.close()
    assert workers.full
    assert tree.boxes.work == pytest.approx(sum(leaf.work for leaf in tree.boxes.leaves.values()))
    assert not tree.boxes.out
    assert 1 < len(tree.boxes.leaves) < 100
    xn.check(xn.claims.Certificate(DeviationClaim(*pair(), DOMAIN, tree.upper, seen()), "proved", evidence_of(tree)))


def evidence_of(tree: Splitting) -> dict[str, Any]:
    assert tree.points.point is not None
    return {**tree.evidence(), "point": [json_number(v) for v in tree.points.point]}


def test_old_bounds_of_boxes_elsewhere_do_not_end_the_search() -> None:
    """Four times as many boxes without a better bound end it; not while the worst ones are still being worked on."""
    tree = tree_of(claim())
    for _ in range(3):
        assert tree.boxes.refine(0.0)
    tree._mark, tree._slow = (len(tree.boxes.leaves), tree.boxes.bound), False
    worst = tree.boxes.hand_out(0.0, 1)
    while len(tree.boxes.leaves) < 5 * tree._mark[0]:
        assert tree.boxes.refine(0.0)
    tree._look()
    assert not tree.is_stalled
    tree.boxes.take_back(worst, None)
    tree._look()
    assert tree.is_stalled
