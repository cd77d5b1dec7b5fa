"""The example about TropEx on data: each measure on networks whose answers are known, every architecture, and the whole command."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import exactnn as xn
from exactnn.exact.array import RationalArray, concatenate
from tests._studies import Pool, changed_config, idx, lines, quick_run

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "tropex"
if importlib.util.find_spec("sklearn") is None:
    pytest.skip("needs the extra examples", allow_module_level=True)

sys.path.insert(0, str(ROOT / "examples"))
from study import mnist, page  # noqa: E402
from study import program as study  # noqa: E402
from study.settings import Refused  # noqa: E402
from tropex import geometry, models, report, tasks, terms, train  # noqa: E402
from tropex import run as program  # noqa: E402
from tropex.design import CLAIMS, Run, plan, read_config  # noqa: E402

CONFIG = read_config(EXAMPLE / "config.toml")

BASE = Run("digits", "dense", 1, 0.01, 12, 10, 6, 3, 3, 4, 10, 2, 5, 10, 0.0625, "all", "digits")

#: |x| + |y|: its regions are the four quadrants
QUADRANTS = xn.mlp([([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4), ([[1, 1, 1, 1]], [0])])
#: x, 0 and -x - 1 as classes; class 0 where x > 0, class 1 in between, class 2 where x < -1
THREE = xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1], [0, 0], [-1, 1]], [0, 0, -1])])


def array(rows: object) -> RationalArray:
    return RationalArray.of(rows)


# --- regions around points -------------------------------------------------------------------------------------------------


def test_patterns_and_maps() -> None:
    around = geometry.Around(QUADRANTS, array([[1, 2], [3, 1], [-1, 2], [-1, -1]]))
    assert geometry.share_of_distinct(around.pattern_keys) == geometry.share_of_distinct(around.map_keys()) == 75
    assert around.gradient_of([0] * 4).tolist() == [[1, 1], [1, 1], [-1, 1], [-1, -1]]
    assert geometry.share_met(around.map_keys()[1:], around.map_keys()[:1]) == pytest.approx(100 / 3)
    assert np.allclose(geometry.angles(around.gradient_of([0] * 4)), [0, 90, 180, 90, 180, 90], atol=1e-5)
    assert np.allclose(geometry.angles(np.array([[1.0, 0], [0, 0]]), np.array([[1.0, 1], [1, 0]])), [45])
    # 4 units: the first two points agree in all, the first and the third in two, the first and the last in none
    same, other = geometry.similarity(around.patterns, np.array([0, 0, 1, 2]))
    assert (same, other) == (100, pytest.approx((50 + 0 + 50 + 0 + 50) / 5))
    assert geometry.settled(around.patterns) == 0
    assert geometry.settled(around.patterns[:3]) == 50


def test_maps_that_rounding_confuses() -> None:
    """x + relu(x)/10^5 has two affine maps, of which rounding to three digits leaves one; a constant can tell maps apart, too."""
    net = xn.mlp([([[1], [-1]], [0, 0]), ([["1.00001", -1]], [0])])
    around = geometry.Around(net, array([[1], [-1]]))
    assert len(set(around.map_keys())) == 2
    assert len(set(around.map_keys(3))) == 1
    steps = geometry.Around(xn.mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])]), array([[-1], [2], ["1/2"]]))  # 0, then x, then 1
    assert len(set(steps.map_keys())) == 3


def test_radii() -> None:
    points = array([[1, 2], [1, 2], ["1/2", -1], [0, 1]])
    found = geometry.radii(QUADRANTS, points, array([[-1, 0], [1, 1], [-2, 0], [0, -1]]), Fraction(-3), Fraction(4))
    assert found == [1, 2, Fraction(1, 4), 1]
    assert QUADRANTS([0, 1]) == (1,)  # the last point lies on a kink, along which it goes


@pytest.mark.parametrize("network", ["conv-norm", "dense-leaky"])
def test_radii_in_deep_networks(network: str) -> None:
    """A little before the end a point has the pattern of the start, a little behind it another one, or it has left the box."""
    net = train.network(models.build(network, 8, 10, 3).eval(), 8)
    points = RationalArray.of(tasks.load("digits", 12, 2, None).train.rows)
    directions = geometry.unit_directions(64, 12, 5)
    ends = geometry.radii(net, points, directions, *train.BOX)

    def at(factor: Fraction) -> RationalArray:
        return points + directions * RationalArray.of([[end * factor] for end in ends])

    start, before, behind = (geometry.Around(net, p).pattern_keys for p in (points, at(1 - Fraction(1, 2**20)), at(1 + Fraction(1, 2**20))))
    assert min(ends) > 0
    assert before == start
    left = [max(row) > train.BOX[1] or min(row) < train.BOX[0] for row in at(1 + Fraction(1, 2**20)).to_rows()]
    assert all(a != b or out for a, b, out in zip(start, behind, left, strict=True))
    assert not all(left)


def test_volume_by_radii() -> None:
    """A ball has no spread; a square of area 1 around its middle; the lower bound is below."""
    exact, bound = geometry.volume([2.0] * 5, 3), geometry.volume_from_below([2.0] * 5, 3)
    for found in (exact, bound):
        assert math.exp(found.value) == pytest.approx(4 / 3 * math.pi * 8)
        assert found.error == pytest.approx(0, abs=1e-9)
    directions = geometry.unit_directions(2, 2000, 1)
    points = RationalArray.of([["3/2", "3/2"]])[np.zeros(2000, dtype=int)]
    lengths = list(map(float, geometry.radii(QUADRANTS, points, directions, Fraction(-3), Fraction(3))))
    exact, bound = geometry.volume(lengths, 2), geometry.volume_from_below(lengths, 2)
    assert abs(exact.value - math.log(9)) < 4 * exact.error < 0.1
    assert bound.value + 4 * bound.error < math.log(9)


def test_a_slice() -> None:
    """The quadrants in the coordinates of a slice: the square [-1/4, 5/4]^2 is cut at 1/2 in both."""
    found = geometry.cut(QUADRANTS, array([[1, 1], [-1, 1], [1, -1]]), 400, 3)
    assert found.regions == 4
    assert found.own == (0.5625, 0.5625, 0.5625)
    for value, error in found.estimated:
        assert abs(value - 0.5625) < 4 * error < 0.3
    assert found.number == (pytest.approx(4), pytest.approx(0))  # all regions are equally large


def test_the_number_of_regions_from_their_areas() -> None:
    net = xn.mlp([([[1, 0], [0, 1]], ["-1/4", "1/8"]), ([[1, 1]], [0])])  # cuts at x = 1/4 and y = -1/8
    found = geometry.cut(net, array([[0, 0], [1, 0], [0, 1]]), 600, 5)
    assert found.regions == 4
    assert found.own == (0.5 * 1.375, 1.375, 0.5 * 1.375)
    assert abs(found.number[0] - 4) < 4 * found.number[1] < 2


# --- extracted terms -------------------------------------------------------------------------------------------------------


def extracted(points: list[list[object]]) -> tuple[terms.Terms, RationalArray]:
    rows = array(points)
    return terms.Terms(xn.tropical.extract_at(THREE, rows)), rows


def test_values_are_those_of_the_map() -> None:
    found, rows = extracted([[2], [-3], ["-1/2"]])
    G = xn.tropical.extract_at(THREE, rows)
    others = array([[5], ["1/3"], [-1]])
    values = found.values(others)
    assert values.shape == (4, 3, 3)
    for point, (above, below) in enumerate(zip(values.max(axis=1)[:-1].T, values.max(axis=1)[-1], strict=True)):
        x = others.to_rows()[point]
        assert G.denominators[0](x)
        for j, value in enumerate(G(x)):  # the same up to one factor
            assert Fraction(int(above[j] - below), int(below)) == value / G.denominators[0](x)


def test_decisions_with_more_terms() -> None:
    found, rows = extracted([[2], [-3], ["-1/2"]])
    values = found.values(rows)
    assert terms.decisions(values).tolist() == [0, 2, 1]
    own = terms.of_own_class(values, np.array([0, 2, 1]))
    assert terms.decisions(own).tolist() == [0, 2, 1]
    # with the term of the first point alone, class 0 is all there is
    assert terms.decisions(terms.of_own_class(values, np.array([0, 0, 0]))).tolist() == [0, 0, 0]
    # points and labels are one list: with terms of the first k, these and no others are decided rightly
    truth = np.array([0, 2, 1])
    assert terms.evolution(values, truth, truth, [1, 2, 3]) == [pytest.approx(v) for v in (100 / 3, 200 / 3, 100)]
    assert terms.accuracy(np.array([1, 1, 0]), np.array([1, 0, 0])) == pytest.approx(200 / 3)


def test_cross_terms() -> None:
    """relu(x) - relu(x - 2): numerators 0 and x, denominators 0 and x - 2. From points at -1 and 3 no point has both x and 0."""
    net = xn.mlp([([[1], [1]], [0, -2]), ([[1, -1]], [0])])
    for points, crossing, new in (([[-1], [3]], [False, True, False], 1), ([[-1], [3], [1]], [False, False, False], 0)):
        found = terms.Terms(xn.tropical.extract_at(net, array(points)))
        values = found.values(array([[-5], [1], [9]]))
        outputs = np.zeros(3, dtype=int)
        assert terms.cross_terms(values, outputs).tolist() == crossing
        assert terms.arising(found, values, outputs) == new
        G = xn.tropical.extract_at(net, array(points))
        assert G.cross_terms([[-5], [1], [9]]).mask.ravel().tolist() == crossing  # found in floats


def test_a_tie_is_no_cross_term() -> None:
    """Both points have the same terms, so that each wins everywhere."""
    found = terms.Terms(xn.tropical.extract_at(THREE, array([[2], [3]])))
    assert terms.cross_terms(found.values(array([[-4], [1]])), np.array([0, 2])).tolist() == [False, False]


def test_enough_terms() -> None:
    """Of seven points three, one for each class, decide all; and the network made of them does."""
    points = [[2], [3], [7], [-2], [-3], ["-1/2"], ["-1/3"]]
    found, rows = extracted(points)
    decided = np.array([0, 0, 0, 2, 2, 1, 1])
    kept = terms.enough(terms.of_own_class(found.values(rows), decided), decided)
    assert sorted(decided[kept].tolist()) == [0, 1, 2]
    small = terms.classifier(found, kept, decided).to_network()
    assert [max(range(3), key=row.__getitem__) for row in small.evaluate(rows).to_rows()] == decided.tolist()
    only = np.zeros(3, dtype=int)
    assert terms.enough(terms.of_own_class(found.values(rows)[:, :3, :3], only), only) == [0]


# --- one run ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", models.NETWORKS)
def test_every_architecture(network: str) -> None:
    """Trained a little: the run asserts that extracted and trained network are equal at all training points, and says what it found."""
    line = train.train(replace(BASE, network=network))
    assert line["certified"] == 3
    assert line["maps"] > 50
    assert line["patterns"] >= line["maps"] - 1e-9
    assert line["evolution"][-1] == line["extracted"]
    assert np.shape(line["retrained_images"]) == np.shape(line["images"]) == (train.SHOWN, 64)
    assert line["extracted_still"] == pytest.approx(line["extracted"])
    assert line["network_still"] == pytest.approx(line["accuracy"])
    assert 0 < line["kept"] <= 100
    json.dumps(line, allow_nan=False)


def test_shifts() -> None:
    """(f, 3 f) has shifts exactly three times as large; a wrong shift or another network is noticed, in each of the checks."""
    points, others = array([[2], [-3], ["-1/2"]]), array([[5], [-1]])
    usual, larger = (terms.Terms(xn.tropical.extract_at(net, points)) for net in (THREE, models.stacked(THREE, 3)))
    assert larger.joined[-3:] == usual.joined[-3:] * 3 != usual.joined[-3:]
    assert train.shifted(THREE, points, others) == {"shift_changes": 0}
    train.ensure_shifted(usual, larger, 3)
    with pytest.raises(train.NotExact, match="the denominator is not 2 times as large"):
        train.ensure_shifted(usual, larger, 2)
    tilted = xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1], [0, 0], [-1, 1]], [0, 0, -2])])
    with pytest.raises(train.NotExact, match="a shift changed an affine map"):
        train.ensure_shifted(usual, terms.Terms(xn.tropical.extract_at(models.stacked(tilted, 3), points)), 3)


@pytest.mark.parametrize("network", ["conv-norm", "dense-leaky"])
def test_larger_shifts(network: str) -> None:
    """The denominator is made of shifts alone: of the stacked network it is exactly as many times the usual one."""
    net = train.network(models.build(network, 8, 10, 0).eval(), 8)
    points = RationalArray.of(tasks.load("digits", 3, 2, None).train.rows)
    usual = terms.Terms(xn.tropical.extract_at(net, points))
    assert not usual.joined[-3:].is_zero()
    values = net.evaluate(points)
    for factor in (3, 4):
        other = models.stacked(net, factor)
        assert other.evaluate(points) == concatenate([values, values * factor], axis=1)
        train.ensure_shifted(usual, terms.Terms(xn.tropical.extract_at(other, points)), factor)


def test_gradients_of_what_wins() -> None:
    """Of the extracted function; 0 for a class without terms, which no data point is decided as."""
    found, _ = extracted([[2], [-3]])
    decided = np.array([0, 2])
    values = terms.of_own_class(found.values(array([[5], [-4]])), decided)
    top = {j: terms.winning(found, values, decided, np.array([j, j])).ravel().tolist() for j in range(3)}
    assert top[1] == [0, 0]
    assert top[0] == [found.rows[0, 0, 1]] * 2
    assert top[2] == [found.rows[2, 1, 1]] * 2


def test_robustness() -> None:
    """A step of 1 against a decision takes points within 1 of the border over it; the function has all of the network's terms."""
    points, decided = array([[3], ["1/2"], [-4], ["-3/2"]]), np.array([0, 2, 1])
    every = terms.Terms(xn.tropical.extract_at(THREE, array([[2], [-3], ["-1/2"]])))
    line = train.robustness(THREE, every, decided, points, np.array([0, 0, 2, 2]), replace(BASE, step=1.0))
    assert line["network_still"] == line["extracted_still"] == 100
    assert {line[f"{f}_against_{g}"] for f in ("network", "extracted") for g in ("network", "extracted")} == {50}
    assert line["network_random"] >= 50


def test_robustness_of_the_extracted_function() -> None:
    """It is the paper's function that steps go against: without terms of class 1, between 0 and 2, it decides -1/2 otherwise."""
    every = terms.Terms(xn.tropical.extract_at(THREE, array([[2], [-3], ["-1/2"]])))
    points, labels = array([["-1/4"]]), np.array([1])
    without, with_all = (train.robustness(THREE, every, d, points, labels, BASE) for d in (np.array([0, 2, 0]), np.array([0, 2, 1])))
    assert (without["extracted_still"], with_all["extracted_still"]) == (0, 100)
    assert without["network_still"] == without["network_against_extracted"] == 100  # the missing class has no gradient


def test_an_extracted_map_that_is_wrong_is_noticed() -> None:
    found = xn.tropical.extract_at(QUADRANTS, [[1, 1], [-1, 2]])
    train.ensure_equal(found, array([[5, 1], [-7, 2]]))
    with pytest.raises(train.NotExact, match="not equal to the network"):
        train.ensure_equal(found, array([[1, 1], [1, -1]]))


def test_the_checks_are_there_without_asserts() -> None:
    """python -O leaves asserts out."""
    code = "from tropex import train; train.ensure(False, 'the map differs')"
    path = os.pathsep.join([str(ROOT), str(ROOT / "examples"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-O", "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "NotExact: the map differs; please report this" in done.stderr
    assert "assert " not in (EXAMPLE / "train.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("side", [8, 28])
def test_equal_numbers_of_neurons(side: int) -> None:
    for network in models.NETWORKS:
        model = models.build(network, side, 10, 0).eval()
        sizes = []
        x = torch.zeros(1, 1, side, side)
        for layer in model:
            x = layer(x)
            sizes += [x.numel()] * isinstance(layer, (torch.nn.ReLU, torch.nn.LeakyReLU))
        assert sizes == models.widths(side) == {8: [64, 32], 28: [196, 80]}[side]
        assert any(isinstance(layer, torch.nn.Dropout) for layer in model) == network.endswith("dropout")


# --- claims ----------------------------------------------------------------------------------------------------------------


USUAL = {
    **{"maps": 99.0, "least_norm": 40.0, "small_angle": 30.0, "accuracy": 90.0, "extracted": 88.0, "cross": 80.0},
    **{"slice_regions": 100, "alike_same": 80.0, "alike_other": 70.0, "kept": 20.0},
    **{"network_still": 90.0, "network_against_network": 40.0, "extracted_still": 85.0, "extracted_against_extracted": 55.0},
}


def outcomes(change: Callable[[Run], dict[str, float]]) -> tuple[report.Results, dict[str, report.Outcome]]:
    """Of made-up lines: what holds of all claims but for the difference of the kinds, with what is changed."""
    made = {run: {**USUAL, **{k: USUAL[k] + v for k, v in change(run).items()}} for run in plan(CONFIG, {"digits": "a"})}
    results = report.Results(CONFIG, made)
    return results, report.claims(results)


def test_claims_that_hold() -> None:
    """Differences are of runs with the same seed, so that what a seed adds to both kinds does not matter."""

    def change(run: Run) -> dict[str, float]:
        conv = run.network.startswith("conv")
        return {"extracted": -10.0 * conv - run.seed, "slice_regions": 900 * conv}

    _, found = outcomes(change)
    assert {name: o.outcome for name, o in found.items()} == dict.fromkeys(CLAIMS, "held")
    assert "conv 13.00 ± 1.00, dense 3.00 ± 1.00, difference +10.00 ± 0.00" in found["loss"].numbers
    assert "conv 3.00 ± 0.00, dense 2.00 ± 0.00, difference +1.00" in found["conv-regions"].numbers
    assert found["robust"].numbers.startswith("20.00 ± 0.00 (dense 20.00")
    assert found["alike"].numbers.startswith("10.00")


def test_claims_that_fail() -> None:
    worse = {"maps": -5.0, "least_norm": -31.0, "small_angle": -21.0, "extracted": -4.0, "cross": -30.0, "alike_same": -10.0, "kept": 30.0}
    _, found = outcomes(lambda run: {**worse, "extracted_against_extracted": -20.0})
    assert {name: o.outcome for name, o in found.items()} == dict.fromkeys(CLAIMS, "failed")


def test_sizes_that_are_missing() -> None:
    """Where all points are on kinks there is no volume, where all samples met equal areas no error: said as nan, and no crash."""
    line = {**dict.fromkeys(("alike_same", "alike_other", "settled", "slice_regions"), 4.0), "slice_number": (2.25, 0.0)}
    assert math.isnan(report.off_by(line))
    results = report.Results(CONFIG, {run: {**line, "log_volume": -3.0} if run.seed else line for run in plan(CONFIG, {"digits": "a"})})
    text = report.measures(results, "digits", report.TABLES["Patterns and sizes of regions"])
    row = next(r for r in text.splitlines() if r.startswith("| conv-norm"))
    assert [entry.strip() for entry in row.split("|")][6:] == ["2.25 ± 0.00", "nan ± nan", "nan ± nan", "nan ± nan", "nan ± nan", ""]


def test_digits_that_are_missing() -> None:
    results = report.Results(CONFIG, {})
    assert {o.outcome for o in report.claims(results).values()} == {"not run"}


# --- bad input -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"dense-leaky"', '"dense-tanh"', "tasks.digits.networks: one of dense, dense-norm"),
        ("learning_rate = 0.01 ", "learning_rate = 0 ", "tasks.digits.learning_rate: a positive number"),
        ("sized = 8 ", "sized = 0 ", "measures.sized: a whole number >= 1"),
        ("[claims.robust]", "[claims.strong]", "claims: the key 'robust' is missing"),
        ("train = 20\n", "train = 51\n", "batch: 50 leaves a batch of one example"),
        ("train = 20\n", "train = 10\n", "quick.train: a whole number >= 11"),
    ],
)
def test_bad_config(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = changed_config(EXAMPLE, old, new, tmp_path)
    with pytest.raises(Refused, match=re.escape(message)):
        read_config(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "none.toml"', "none.toml: cannot be read as TOML"),
        ("base = 3", "base: a text is needed, got 3"),
        ('base = "config.toml"\n[tasks.mnist]\nepoch = 3', "tasks.mnist: unknown key 'epoch'"),
        ('base = "config.toml"\n[tasks.digits]\nfiles = "t10k"', "tasks.digits.files: 'all' is needed, got 't10k'"),
        ("seeds = [1, 2]", "the key 'tasks' is missing"),
    ],
)
def test_bad_config_with_a_base(text: str, message: str, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "config.toml", tmp_path)
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=re.escape(message)):
        read_config(tmp_path / "mine.toml")


def test_the_configuration_of_mnist() -> None:
    """It changes the sizes of MNIST and the seeds, and neither the claims nor what is measured."""
    found = read_config(EXAMPLE / "mnist.toml")
    assert found.tasks["mnist"].files == "t10k"
    assert replace(found, tasks=CONFIG.tasks, seeds=CONFIG.seeds) == CONFIG
    assert found.tasks["digits"] == CONFIG.tasks["digits"]


#: Which entries of the lines of runs are which columns of the guide's tables, by a heading of the table.
COLUMNS = {
    "maps": {"maps": "maps", "least norm": "least_norm", "5 % angle": "small_angle"},
    "agrees": {"network": "accuracy", "extracted": "extracted", "cross": "cross"},
    "settled": {"regions of slice": "slice_regions", "alike, same": "alike_same", "alike, other": "alike_other"},
    "network, random": {
        **{"network": "network_still", "network, against it": "network_against_network"},
        **{"extracted": "extracted_still", "extracted, against it": "extracted_against_extracted"},
    },
    "terms kept": {"terms kept": "kept"},
}


def test_the_guide_agrees_with_itself() -> None:
    """What it says of each claim follows from the means in its tables, by the thresholds of the configuration."""
    guide = (ROOT / "docs" / "tropex.md").read_text(encoding="utf-8")
    items = re.findall(r"\*\*([\w-]+): (held|failed)\.\*\* \*.*?\* (.*)\.$", guide, re.MULTILINE)
    told = {name: (outcome, text) for name, outcome, text in items}
    assert tuple(told) == CLAIMS
    means: dict[str, dict[str, float]] = {network: {} for network in models.NETWORKS}
    for text in re.findall(r"(?:^\|.*\n)+", guide.partition("## MNIST")[0], re.MULTILINE):
        heads, _, *rows = [[entry.strip() for entry in row.strip("|").split("|")] for row in text.splitlines()]
        wanted = next((COLUMNS[head] for head in heads if head in COLUMNS), {})
        for row in rows:
            means[row[0]] |= {
                wanted[head]: float(entry.split(" ± ")[0])
                for head, entry in zip(heads, row, strict=True)
                if head in wanted and entry != row[0]
            }
    results = report.Results(CONFIG, {run: means[run.network] for run in plan(CONFIG, {"digits": "a"})})
    for name, found in report.claims(results).items():
        outcome, text = told[name]
        assert found.outcome == outcome, name
        if name != "conv-regions":  # a mean of logarithms
            first, second = (re.findall(r"([+-]?\d+\.\d+)(?= ± )", numbers) for numbers in (text, found.numbers))
            assert list(map(float, first)) == pytest.approx(list(map(float, second)), abs=0.02), name


def test_all_tables_of_the_guide_are_the_commands() -> None:
    """Each table and picture is in a block, and of the digits nothing is left out."""
    path = ROOT / "docs" / "tropex.md"
    text = page.checked(path, {"config.toml digits": report.PARTS, "mnist.toml mnist": report.PARTS})
    assert not re.search(r"^(\||!|- \*\*)", page.BLOCK.sub("", text), re.MULTILINE)
    named = {part for who, parts, _ in page.BLOCK.findall(text) if who == "config.toml digits" for part in parts.split(", ")}
    assert named == report.PARTS.keys() - {"claims in short"}
    for picture in re.findall(r"\((images/.*?)\)", text):
        assert (path.parent / picture).is_file()


PAGE = """Mine. <!-- end -->
<!-- config.toml digits: claims, plane -->
old
<!-- end -->
Mine, too.
<!-- mnist.toml mnist: claims in short -->
old
<!-- end -->
"""


class Short:
    """The study with runs that are made up, and a report that only notes what it is given."""

    def __init__(self) -> None:
        self.made: list[Run] = []
        self.reported: list[tuple[int, set[float]]] = []
        self.Results, self.study = report.Results, replace(program.STUDY, train=self.line_of, report=self, plots=self)

    def line_of(self, run: Run, folder: Path | None) -> dict[str, Any]:
        self.made.append(run)
        return {"key": run.key, "hash": run.digest}

    def write(self, results: report.Results, *_: Any) -> str:
        self.reported.append((len(results.lines), {run.step for run in results.lines}))
        return ""

    def draw(self, *_: Any) -> tuple[list[str], str]:
        return [], "none"


class OfClaims(Short):
    """Lines with what claims are about, and two pictures."""

    def line_of(self, run: Run, folder: Path | None) -> dict[str, Any]:
        return USUAL | super().line_of(run, folder)

    def draw(self, results: report.Results, out: Path) -> tuple[list[str], str]:
        for name in ("plane.png", "evolution.png"):
            (out / name).write_text(name)
        return ["plane.png", "evolution.png"], ""


def test_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the block of this configuration and task changes, again or not, and only the picture it has is put beside it."""
    monkeypatch.setattr(study, "ProcessPoolExecutor", Pool())
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    (tmp_path / "images").mkdir()
    outcome = "- **regions: held.** *Nearly all training and test points lie in different linear regions.* 99.00 ± 0.00 (dense"
    before, after = PAGE.split("old", 1)
    for _ in range(2):
        assert study.main(OfClaims().study, ["--out", str(tmp_path / "out"), "--page", str(path)]) == 0
        text = path.read_text(encoding="utf-8")
        assert text.startswith(before)
        assert text.endswith(after)
        block = text.removeprefix(before).removesuffix(after).splitlines()
        assert block[0].startswith(outcome)
        assert [line.partition(":")[0] for line in block[:-1]] == [f"- **{name}" for name in CLAIMS]
        assert block[-1] == "![gradients of training and test points in a plane](images/tropex-plane.png)"
        assert {p.name: p.read_text() for p in (tmp_path / "images").iterdir()} == {"tropex-plane.png": "plane.png"}
    assert study.main(replace(Short().study, parts=report.PARTS), ["--out", str(tmp_path / "out"), "--page", str(path)]) == 2
    assert f"--page {path}: none" in capsys.readouterr().err  # of its pictures
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("old", "new", "arguments", "message"),
    [
        ("old\n<!-- end -->\nMine", "old\nMine", [], "a mark is missing"),
        ("<!-- mnist.toml mnist: claims in short -->", "", [], "a mark is missing"),
        ("config.toml digits", "other.toml digits", [], "there is no mark <!-- config.toml digits: PART -->"),
        ("claims, plane", "claims, planes", [], "<!-- config.toml digits: planes -->: no such part; there are claims, "),
        ("Mine", "Mine", ["--quick"], "leave out --quick or --page"),
        ("Mine", "Mine", ["--page", "none.md"], "--page none.md: cannot be read"),
    ],
)
def test_a_bad_page(
    old: str,
    new: str,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line, before anything is trained or written."""
    monkeypatch.setattr(study, "ProcessPoolExecutor", None)
    path = tmp_path / "page.md"
    path.write_text(text := PAGE.replace(old, new), encoding="utf-8")
    assert program.main(["--out", str(tmp_path / "out"), "--page", str(path), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == text
    assert not (tmp_path / "out").exists()


def write_mnist(folder: Path, train_images: int = 30) -> None:
    rng = np.random.default_rng(0)
    for name, count in zip(mnist.MNIST, (train_images, 30, 20, 20), strict=True):
        shape = (count, 28, 28) if "images" in name else (count,)
        (folder / name).write_bytes(idx(rng.integers(0, 256 if "images" in name else 10, shape)))


def relabel(folder: Path, labels: list[int]) -> None:
    (folder / mnist.MNIST[1]).write_bytes(idx(np.array(labels)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / mnist.MNIST[2]).unlink(), f"there is no {mnist.MNIST[2]} or {mnist.MNIST[2]}.gz"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], f"there is no {mnist.MNIST[0]} or {mnist.MNIST[0]}.gz"),
        (shutil.rmtree, "there is no such folder"),
        (lambda folder: (folder / mnist.MNIST[0]).write_bytes(b"\x00\x00\x08\x03"), "ends in the header"),
        (lambda folder: (folder / mnist.MNIST[0]).write_bytes(b"PK" * 20), "no IDX file of bytes with 3 axes"),
        (lambda folder: (folder / mnist.MNIST[0]).write_bytes(b""), "it begins with nothing"),
        (lambda folder: (folder / mnist.MNIST[0]).rename(folder / f"{mnist.MNIST[0]}.gz"), "Not a gzipped file"),
        (lambda folder: os.truncate(folder / mnist.MNIST[1], 20), "30 bytes are needed after the header"),
        (lambda folder: write_mnist(folder, 29), "30 images of 28 x 28 with labels 0 to 9 are needed"),
        (lambda folder: relabel(folder, [0] * 29 + [10]), "labels 0 to 9 are needed, got 10 at place 29"),
        (lambda folder: None, "tasks.mnist.train: there are 30 examples, got 200"),
    ],
)
def test_bad_data(
    damage: Callable[[Path], object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, before anything is trained or written."""
    monkeypatch.setattr(study, "ProcessPoolExecutor", None)
    folder = tmp_path / "data"
    folder.mkdir()
    write_mnist(folder)
    damage(folder)
    mnist.mnist.cache_clear()
    assert program.main(["--data", str(folder), "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_images_that_are_alike(tmp_path: Path) -> None:
    """One class has no pairs of two, and a slice goes through three different images."""
    write_mnist(tmp_path)
    relabel(tmp_path, [7] * 30)
    mnist.mnist.cache_clear()
    with pytest.raises(Refused, match="the first 30 examples to train on are all of class 7; two or more classes are needed"):
        tasks.load("mnist", 30, 20, tmp_path)
    write_mnist(tmp_path)
    (tmp_path / mnist.MNIST[0]).write_bytes(idx(np.zeros((30, 28, 28)) + np.eye(30)[0].reshape(30, 1, 1)))
    mnist.mnist.cache_clear()
    with pytest.raises(Refused, match="of the first 30 images to train on 2 are different; 3 are needed"):
        tasks.load("mnist", 30, 20, tmp_path)


def test_halves_of_the_test_images(tmp_path: Path) -> None:
    """With files = "t10k" the files of training images are not needed, and no image is in both parts."""
    write_mnist(tmp_path)
    for name in mnist.MNIST[:2]:
        (tmp_path / name).unlink()
    mnist.halves.cache_clear()
    data = tasks.load("mnist", 10, 10, tmp_path, "t10k")
    raw, labels = mnist.read_idx(tmp_path / mnist.MNIST[2], 3).reshape(20, 784), mnist.read_idx(tmp_path / mnist.MNIST[3], 1)
    assert (data.train.rows * 256 == raw[::2]).all()
    assert (data.test.rows * 256 == raw[1::2]).all()
    assert data.train.labels.tolist() + data.test.labels.tolist() == [*labels[::2], *labels[1::2]]
    assert tasks.source("mnist", tmp_path, "t10k").startswith("MNIST ")


def test_training_that_fails() -> None:
    """Weights that are no numbers, and a network that is constant, end the study with one line that names the run."""
    with pytest.raises(Refused, match="digits/dense/seed 1: training left weights that are no numbers; a learning rate below 1e\\+30"):
        train.train(replace(BASE, learning_rate=1e30))
    with pytest.raises(Refused, match="digits/dense/seed 1: a network that is constant around nearly all points has learnt nothing"):
        train.train(replace(BASE, learning_rate=1e3))


def test_pixels_of_mnist_are_short_fractions(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    mnist.mnist.cache_clear()
    data = tasks.load("mnist", 30, 20, tmp_path)
    assert (data.side, data.train.rows.shape, data.test.labels.shape) == (28, (30, 784), (20,))
    raw = mnist.read_idx(tmp_path / mnist.MNIST[0], 3)
    assert (data.train.rows * 256 == raw.reshape(30, 784)).all()


def test_another_configuration_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of one configuration do not stand for those of another one, and are kept; what was finished is not made again."""
    short = Short()
    monkeypatch.setattr(study, "ProcessPoolExecutor", Pool())
    changed = changed_config(EXAMPLE, "step = 0.0625 #", "step = 0.125 #", tmp_path)
    count = len(plan(CONFIG, {"digits": "a"}))
    for extra, expected in (([], count), ([], count), (["--config", str(changed)], 2 * count), ([], 2 * count)):
        assert study.main(short.study, ["--out", str(tmp_path / "out"), *extra]) == 0
        assert len(short.made) == len(lines(tmp_path / "out" / "runs.jsonl")) == expected
    assert short.reported == [(count, {step}) for step in (0.0625, 0.0625, 0.125, 0.0625)]


def test_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """By Ctrl-C after the second run, when five have begun: these are kept, nothing is reported, and the others are made later."""

    class Bar(study.tqdm):  # type: ignore[misc]
        def update(self, n: float | None = 1) -> bool | None:
            result = super().update(n)
            if self.n in stops:
                raise KeyboardInterrupt
            return result

    short, stops = Short(), [2]
    with monkeypatch.context() as patch:
        patch.setattr(study, "ProcessPoolExecutor", Pool(begun=5))
        patch.setattr(study, "tqdm", Bar)
        assert study.main(short.study, ["--out", str(tmp_path)]) == 130
        assert "has 5 finished runs. The same command goes on" in capsys.readouterr().err
        stops[:] = [6, 7]  # again, while what has begun is finished: `command` ends it at once
        patch.setattr(study, "ProcessPoolExecutor", Pool(begun=4))
        with pytest.raises(KeyboardInterrupt):
            study.main(short.study, ["--out", str(tmp_path)])
        assert len(lines(tmp_path / "runs.jsonl")) == 7
        (tmp_path / "runs.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines(tmp_path / "runs.jsonl")[:5]))
        del short.made[5:]
    assert len(lines(tmp_path / "runs.jsonl")) == 5
    assert not short.reported
    monkeypatch.setattr(study, "ProcessPoolExecutor", Pool())
    assert study.main(short.study, ["--out", str(tmp_path)]) == 0
    assert len(set(short.made)) == len(short.made) == len(plan(CONFIG, {"digits": "a"}))
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write("no line of a run\n")
    assert study.main(short.study, ["--out", str(tmp_path)]) == 2
    assert f"line {len(short.made) + 1}: not the line of a run" in capsys.readouterr().err


# --- from end to end -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a quick run, and what the run printed."""
    return quick_run(EXAMPLE, tmp_path_factory.mktemp("tropex"))


@pytest.mark.slow
def test_a_quick_run(quick: tuple[Path, str]) -> None:
    out, printed = quick
    kept = lines(out / "runs.jsonl")
    assert sorted(line["key"] for line in kept) == sorted(run.key for run in plan(CONFIG.quickened(), {"digits": "a"}))
    text = (out / "report.md").read_text(encoding="utf-8")
    for name in CLAIMS:
        assert re.search(rf"^  (held|failed)  *{name}: ", printed, re.MULTILINE)
        assert f"- **{name}: " in text
    assert "mean nothing" in text
    assert "MNIST was left out" in text
    assert "MNIST was left out" in printed
    if importlib.util.find_spec("matplotlib") is not None:
        assert all((out / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in ("evolution", "coefficients", "plane"))


@pytest.mark.slow
def test_it_goes_on(quick: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file whose last line was cut off, only that run and one that is missing are made anew, and the report is the same."""
    out, _ = quick
    kept = (out / "runs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "runs.jsonl").write_text("".join(kept[:-2]) + kept[-2][:50], encoding="utf-8")
    pool = Pool()
    monkeypatch.setattr(study, "ProcessPoolExecutor", pool)
    assert program.main(["--quick", "--out", str(tmp_path)]) == 0
    assert sorted(pool.made) == sorted(json.loads(text)["hash"] for text in kept[-2:])
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == (out / "report.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_statistics(quick: tuple[Path, str]) -> None:
    """A table anew from the lines of the runs."""
    out, printed = quick
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in printed.splitlines() if row.startswith("|")]
    found = {line["key"]: line for line in lines(out / "runs.jsonl")}
    assert [row[0] for row in rows[2:]] == list(models.NETWORKS)
    for row in rows[2:]:
        for title, measure in (("network", "accuracy"), ("extracted", "extracted"), ("all", "all"), ("cross", "cross")):
            first, second = (found[f"digits/{row[0]}/seed {seed}"][measure] for seed in (0, 1))
            column = rows[0].index(title, 1)
            assert row[column] == f"{(first + second) / 2:.2f} ± {abs(first - second) / math.sqrt(2):.2f}"
