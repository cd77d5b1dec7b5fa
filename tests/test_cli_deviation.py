"""`exactnn deviation`: brackets, exact or not, in decimals that claim no more than what is proved; norms, gaps, exit codes, JSON."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cli._outcome import between
from tests.strategies import law
from tests.test_cli import Shell, shell  # noqa: F401 - a fixture

#: of 8 inputs, so that boxes answer
WEIGHTS = [[1, 2, -1, 1, 0, 1, -2, 1], [-1, 1, 1, 0, 2, -1, 1, 1], [2, 0, 1, -1, 1, 1, 0, -2]]
BIASES = ["1/2", "-1/4", 0]
NAMES = "fg"


@pytest.fixture
def wide(shell: Shell) -> tuple[xn.Network, xn.Network]:  # noqa: F811
    """eight.json and near.json, whose weights are off by 2^-10 here and there."""
    near = [[Fraction(w) + Fraction((i + k) % 3 - 1, 1024) for k, w in enumerate(row)] for i, row in enumerate(WEIGHTS)]
    f = xn.mlp([(WEIGHTS, BIASES), ([[1, -1, 1], [0, 1, 1]], [0, 0])])
    g = xn.mlp([(near, BIASES), ([[1, -1, 1], [0, 1, 1]], [0, 0])])
    xn.save(f, "eight.json")
    xn.save(g, "near.json")
    return f, g


def ends(first: str) -> tuple[Fraction, Fraction]:
    found = re.match(r"(\S+) <= max .* <= (\S+) on", first)
    assert found is not None
    return Fraction(found[1]), Fraction(found[2])


def size(document: dict[str, Any], nets: tuple[xn.Network, xn.Network], norm: str) -> Fraction:
    """|f - g| at the point of the answer, by the networks themselves."""
    values = [net([Fraction(q) for q in document["point"]]) for net in nets]
    assert {k: list(map(Fraction, v)) for k, v in document["values"].items()} == dict(zip(NAMES, map(list, values), strict=True))
    gaps = [abs(a - b) for a, b in zip(*values, strict=True)]
    return max(gaps) if norm == "linf" else sum(gaps, Fraction(0))


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_an_open_bracket_is_an_answer(shell: Shell, wide: tuple[xn.Network, xn.Network], norm: str) -> None:  # noqa: F811
    words = f"deviation eight.json near.json --domain -1:1 --gap 3 --norm {norm}"
    answer = shell(f"{words} --certificate d.json.gz")
    assert answer.code == 0
    document = shell(f"{words} --json").json
    lower, upper = Fraction(document["lower"]), Fraction(document["upper"])
    assert 0 < lower < upper <= 4 * lower
    assert (document["status"], document["exact"], document["norm"], document["gap"]) == ("done", False, norm, "3")
    assert size(document, wide, norm) == lower
    assert all(abs(Fraction(q)) <= 1 for q in document["point"])
    low, high = ends(answer.first)
    assert lower * Fraction(99999, 100000) <= low <= lower <= upper <= high <= upper * Fraction(100001, 100000)
    assert ("max sum |f_j - g_j|" in answer.first) == (norm == "l1")
    assert "  lower = " in answer.out
    assert "  upper = " in answer.out
    checked = shell("check d.json.gz")
    assert checked.code == 0
    assert document["lower"] in checked.first
    assert document["upper"] in checked.first


def test_a_closed_bracket_is_exact(shell: Shell) -> None:  # noqa: F811
    """max |x - (-x)| and |2 x - x| on [-1, 1]: 2, and in the sum 3."""
    xn.save(xn.mlp([([[1], [2]], [0, 0])]), "a.json")
    xn.save(xn.mlp([([[-1], [1]], [0, 0])]), "b.json")
    largest = shell("deviation a.json b.json --domain -1:1")
    assert (largest.code, largest.first) == (0, "max |f - g| = 2, about 2, on -1:1")
    summed = shell("deviation a.json b.json --domain -1:1 --norm l1 --certificate s.json")
    assert summed.first == "max sum |f_j - g_j| = 3, about 3, on -1:1"
    assert "attained at x = " in summed.out
    document = shell("deviation a.json b.json --domain -1:1 --norm l1 --json").json
    assert (document["lower"], document["upper"], document["exact"], document["gap"]) == ("3", "3", True, "0")
    assert shell("check s.json").code == 0


def test_quiet_prints_one_line(shell: Shell, wide: tuple[xn.Network, xn.Network]) -> None:  # noqa: F811
    answer = shell("deviation eight.json near.json --domain -1:1 --gap 3 --quiet")
    assert (answer.code, answer.err, len(answer.out.splitlines())) == (0, "", 1)


@pytest.mark.parametrize(("words", "said"), [("--gap -1", "--gap: a number >= 0"), ("--gap near", "--gap"), ("--norm l2", "--norm")])
def test_bad_options(shell: Shell, words: str, said: str) -> None:  # noqa: F811
    answer = shell(f"deviation f.json g.json --domain -1:1 {words}")
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_no_time_still_gives_a_bracket(shell: Shell) -> None:  # noqa: F811
    words = "deviation f.json moved.json --domain -1:1 --time-limit 0"
    document = shell(f"{words} --certificate c.json --json").json
    assert Fraction(document["lower"]) <= Fraction(1, 10**30) <= Fraction(document["upper"])
    assert shell(words).code == shell("check c.json").code == 0


def test_no_bound_at_all_is_unknown(shell: Shell) -> None:  # noqa: F811
    """The simplex {x >= 0, sum x <= 1} is bounded, but of 65 inputs no upper bound stands in a row, and none is sought."""
    size = 65
    xn.save(xn.mlp([([[1] * size], [0]), ([[1]], [0])]), "many.json")
    xn.save(xn.mlp([([[2] * size], [0]), ([[1]], [0])]), "twice.json")
    rows = [[1] * size, *([-int(i == j) for j in range(size)] for i in range(size))]
    Path("simplex.json").write_text(json.dumps({"A": rows, "b": [1] + [0] * size}), encoding="utf-8")
    words = "deviation many.json twice.json --domain simplex.json --time-limit 1 --certificate none.json"
    assert shell(words).code == 3
    document = shell(f"{words} --json").json
    assert (document["status"], document["lower"], document["upper"], document["exact"]) == ("unknown", None, None, False)
    assert "not known to be bounded" in document["reason"]
    assert not Path("none.json").exists()


@law(60)
@given(st.fractions(), st.fractions(min_value=0), st.integers(-700, 700))
def test_decimals_lie_around_the_interval(lower: Fraction, width: Fraction, exponent: int) -> None:
    scale = Fraction(10) ** exponent
    upper = lower + width
    low, high = (Fraction(text) for text in between(lower * scale, upper * scale))
    assert low <= lower * scale
    assert high >= upper * scale
    assert lower * scale - low <= abs(lower * scale) / 10**5


def test_near(shell: Shell, wide: tuple[xn.Network, xn.Network]) -> None:  # noqa: F811
    """The data is read as for --at, and the deviation is no smaller than at its points."""
    f, g = wide
    at = [["1", "-1", "0.5", "1", "1/3", "-1", "1", "1"], ["0"] * 8]
    Path("data.csv").write_text("\n".join(",".join(row) for row in at), encoding="ascii")
    own = max(max(abs(a - b) for a, b in zip(f(row), g(row), strict=True)) for row in at)
    document = shell("deviation eight.json near.json --domain -1:1 --gap 3 --near data.csv --json").json
    assert Fraction(document["lower"]) >= own
    assert size(document, wide, "linf") == Fraction(document["lower"])
    refuted = shell("equal eight.json near.json --near data.csv --json").json
    assert refuted["counterexample"] == [str(Fraction(q)) for q in at[0]]
    for words, name in (("deviation eight.json near.json --domain -1:1", "none.csv"), ("zero eight.json", "data.txt")):
        answer = shell(f"{words} --near {name}")
        assert answer.code == 2
        assert "--near" in answer.err
