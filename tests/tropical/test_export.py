"""Tropical forms as text: exact JSON and back, LaTeX, sympy, SMT-LIB, OSCAR; bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, LoadError, NotRepresentable, SaveError
from exactnn.tropical import TropicalPolynomial, TropicalRationalMap, formats
from tests.strategies import law
from tests.tropical._forms import CASES, PLANE, maximum, points, polynomials

LONG = TropicalPolynomial({(i, i * i % 7): Fraction(-i * i, 3) for i in range(40)})
EMPTY = TropicalPolynomial({}, 2)
MAP = TropicalRationalMap((PLANE, CASES["fractional"]), (CASES["conic"], CASES["single"]))
SQUARE = TropicalRationalMap((PLANE,), (CASES["single"],), domain=xn.Box(["-1/3", 0], [1, 2]), decomposition="minimal")
HALF = TropicalRationalMap((PLANE,), (CASES["single"],), domain=xn.Polyhedron([[1, "1/2"]], [3]), decomposition="irreducible")
FORMS = {**CASES, "long": LONG, "empty": EMPTY, "map": MAP, "square": SQUARE, "half": HALF}


def parts(form: Any) -> dict[str, dict[tuple[Fraction, ...], Fraction]]:
    """The terms of all polynomials by their names in the files."""
    if isinstance(form, TropicalPolynomial):
        return {"p": dict(form.terms)}
    pairs = enumerate(zip(form.numerators, form.denominators, strict=True))
    return {f"{letter}{j}": dict(p.terms) for j, pair in pairs for letter, p in zip("PQ", pair, strict=True)}


# --- JSON ------------------------------------------------------------------------------------------------------------------


def same(form: Any, other: Any) -> None:
    assert type(form) is type(other)
    assert parts(form) == parts(other)
    if isinstance(form, TropicalRationalMap):
        assert (form.domain, form.decomposition, form.input_dim) == (other.domain, other.decomposition, other.input_dim)
        assert type(form.domain) is type(other.domain)
    else:
        assert form.dimension == other.dimension


@pytest.mark.parametrize("name", FORMS)
def test_json_gives_the_form_back(tmp_path: Path, name: str) -> None:
    formats.write(FORMS[name], tmp_path / "form.json")
    same(formats.read_json(tmp_path / "form.json"), FORMS[name])


@law(40)
@given(st.data())
def test_json_gives_any_form_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 3))
    tops, bottoms = (tuple(data.draw(polynomials(d)) for _ in range(2)) for _ in range(2))
    path = tmp_path_factory.getbasetemp() / "law.JSON"
    for form in (data.draw(polynomials(d, 0)), TropicalRationalMap(tops, bottoms)):
        formats.write(form, path)
        same(formats.read_json(path), form)


def test_json_holds_numbers_of_any_length(tmp_path: Path) -> None:
    p = TropicalPolynomial({(Fraction(1, 7**6000), 0): -(10**6000), (0, 1): 1})
    formats.write(p, tmp_path / "p.json")
    same(formats.read_json(tmp_path / "p.json"), p)
    plain = json.loads(formats.text(PLANE, "json"))
    plain["terms"]["numerators"][0] = 0
    text = json.dumps(plain).replace('"numerators": [0', f'"numerators": [{"9" * 5000}')
    (tmp_path / "digits.json").write_text(text)
    read = formats.read_json(tmp_path / "digits.json")
    assert isinstance(read, TropicalPolynomial)
    assert read.terms[0, 0] == Fraction(10**5000 - 1, 3)


def changed(*path: Any, to: Any, form: Any = SQUARE) -> str:
    document = json.loads(formats.text(form, "json"))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(document)


TENSOR = {"shape": [1, 3], "denominator": 1, "numerators": [0, 1, 2]}
HOSTILE: list[tuple[str, str]] = [
    ("", "line 1, column 1: JSON"),
    ("[]", "an object with the keys format, version"),
    ("{}", 'kind: "polynomial" or "rational_map" is needed, got None'),
    ("[" * 200_000, "nested too deeply"),
    (changed("kind", to=["polynomial"]), "kind: "),
    (changed("format", to="exactnn-network"), 'format: "exactnn-tropical" is needed'),
    (changed("version", to=2), "version: 1 is needed, got 2"),
    (changed("version", to=True), "version: 1 is needed, got True"),
    (changed("convention", to="min"), 'convention: "max" is needed'),
    (changed("more", to=1), "and no others are needed, got 'more'"),
    (changed("dimension", to=-1), "dimension: an integer from 0"),
    (changed("dimension", to=10**30), "dimension: an integer from 0"),
    (changed("dimension", to=3), r"numerators\[0\].shape: rows of 4 numbers"),
    (changed("numerators", to=[]), "numerators: 1 to"),
    (changed("numerators", to=[TENSOR, TENSOR]), "denominators: 2 are needed, as many as numerators, got 1"),
    (changed("numerators", 0, to=3), r"numerators\[0\]: an object with the keys shape"),
    (changed("numerators", 0, "shape", to=[4]), r"numerators\[0\].shape: 2 integers"),
    (changed("numerators", 0, "shape", to=[4, -3]), r"numerators\[0\].shape: 2 integers"),
    (changed("numerators", 0, "shape", to=[10**9, 3]), r"numerators\[0\].numerators: 3000000000 are needed"),
    (changed("numerators", 0, "denominator", to=0), r"numerators\[0\].denominator: a positive integer"),
    (changed("numerators", 0, "numerators", 2, to="1/2"), r"numerators\[0\].numerators\[2\]: an integer is needed, got '1/2'"),
    (changed("numerators", 0, "numerators", 2, to=True), r"numerators\[0\].numerators\[2\]: an integer is needed, got True"),
    (changed("numerators", 0, "numerators", 2, to=None), r"numerators\[0\].numerators\[2\]: an integer is needed, got None"),
    (changed("numerators", 0, "numerators", 2, to=0.5), "integers are needed everywhere, got '0.5'"),
    (changed("numerators", 0, "numerators", 2, to=float("nan")), "integers are needed everywhere, got 'NaN'"),
    (
        changed("numerators", 0, to={"shape": [2, 3], "denominator": 1, "numerators": [0, 1, 2, 5, 1, 2]}),
        r"numerators\[0\]: exponents that differ are needed, but rows 0 and 1",
    ),
    (changed("decomposition", to="best"), "decomposition: one of partial, construction"),
    (changed("decomposition", to=["minimal"]), "decomposition: one of partial, construction"),
    (changed("domain", to=3), "domain: an object with the keys A, b"),
    (changed("domain", "lower", "numerators", to=[9, 9]), r"domain: lower\[0\]"),
    (changed("domain", "lower", to={"shape": [1], "denominator": 1, "numerators": [0]}), "domain.lower.shape: 2 numbers"),
    (changed("domain", "b", to={"shape": [2], "denominator": 1, "numerators": [0, 0]}, form=HALF), "domain: b: 1 numbers"),
    ('{"kind": 1, "kind": 2}', "'kind' stands twice"),
    (changed("terms", "numerators", to=[1], form=PLANE), "terms.numerators: 12 are needed"),
]


@pytest.mark.parametrize(("text", "message"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_json_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(LoadError, match=message) as caught:
        formats.read_json(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="there is none"):
        formats.read_json(tmp_path / "missing.json")
    with pytest.raises(LoadError, match="there is none"):
        formats.read_json(tmp_path)
    with pytest.raises(LoadError, match=r"cannot be read|there is none"):
        formats.read_json("a\0b")
    with pytest.raises(ArgumentError, match="path"):
        formats.read_json(3)  # type: ignore[arg-type]
    (tmp_path / "bytes.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(LoadError, match="byte 7: UTF-8"):
        formats.read_json(tmp_path / "bytes.json")


# --- LaTeX -----------------------------------------------------------------------------------------------------------------


def read_latex(text: str) -> dict[str, dict[tuple[Fraction, ...], Fraction]]:
    """P_{0}(x) &= \\max\\{...\\} of each polynomial, as terms; written from the look of it."""
    body = re.sub(r"^%.*\n", "", text, flags=re.MULTILINE)
    assert body.count("{") == body.count("}")
    depth = 0
    for sign in body:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert re.findall(r"\\(begin|end)\{([^}]*)\}", body) == [("begin", "align*"), ("end", "align*")]
    inside = body.split("\\begin{align*}\n")[1].split("\n\\end{align*}")[0]
    rows = inside.split(" \\\\\n")
    assert all(row.count("&") == 1 for row in rows)
    joined = "\n".join(rows).replace("\n&\\qquad ", " ")
    found = {}
    size = max((int(i) for i in re.findall(r"x_\{(\d+)\}", joined)), default=-1) + 1
    for left, right in re.findall(r"^([pPQ].*?)\(x\) &= (.*)$", joined, re.MULTILINE):
        name = re.sub(r"[_{}]", "", left)
        listed = right.removeprefix("\\max\\{").removesuffix("\\}").split(", ")
        found[name] = dict(read_sum(term, size) for term in listed if term != "-\\infty")
    return found


def read_sum(text: str, size: int) -> tuple[tuple[Fraction, ...], Fraction]:
    plain = re.sub(r"\\tfrac\{(\d+)\}\{(\d+)\}", r"\1/\2", text)
    constant, slopes = Fraction(0), [Fraction(0)] * size
    for sign, number, variable in re.findall(r"([+-]?) ?(\d[\d/]*)? ?(?:x_\{(\d+)\})?", plain):
        if number or variable:
            value = Fraction(number or 1) * (-1 if sign == "-" else 1)
            if variable:
                slopes[int(variable)] += value
            else:
                constant += value
    return tuple(slopes), constant


@pytest.mark.parametrize("name", FORMS)
def test_latex_is_balanced_and_read_back(name: str) -> None:
    text = formats.text(FORMS[name], "tex")
    found = read_latex(text)
    for part, terms in parts(FORMS[name]).items():
        widened = {a + (Fraction(0),) * (len(b) - len(a)): c for a, c in found[part].items() for b in list(terms)[:1]}
        assert widened == terms
    assert "+ -" not in text
    assert max(map(len, text.splitlines())) < 250
    assert not re.search(r"\b1 x_|\b0 x_", text)


def test_latex_breaks_long_forms_and_looks_as_documented() -> None:
    assert formats.text(LONG, "tex").count("\\qquad") > 8
    text = formats.text(PLANE, "tex")
    assert "p(x) &= \\max\\{0, 2 + x_{1}, -1 + x_{0} + x_{1}, \\tfrac{1}{3} + 2 x_{0}\\}\n" in text
    assert "&x_{0} + \\tfrac{1}{2} x_{1} \\le 3\n" in formats.text(HALF, "tex")


# --- sympy -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plane", "fractional", "space", "single", "huge", "map", "square", "long"])
def test_sympy_agrees_at_points_and_reads_the_text(name: str) -> None:
    import sympy

    form = FORMS[name]
    ours = formats.to_sympy(form)
    read = sympy.sympify(formats.text(form, "sympy"))
    if isinstance(form, TropicalPolynomial):
        ours, read = (ours,), (read,)
    d = form.dimension if isinstance(form, TropicalPolynomial) else form.input_dim
    for x in points(d):
        exact = (maximum(form, x),) if isinstance(form, TropicalPolynomial) else form(x)
        for expressions, real in ((ours, True), (read, None)):
            places = {sympy.Symbol(f"x{i}", real=real): sympy.Rational(v.numerator, v.denominator) for i, v in enumerate(x)}
            assert [e.xreplace(places) for e in expressions] == [sympy.Rational(v.numerator, v.denominator) for v in exact]


def test_sympy_knows_no_terms() -> None:
    import sympy

    assert formats.to_sympy(EMPTY) == -sympy.oo == sympy.sympify(formats.text(EMPTY, "sympy"))


# --- SMT-LIB ---------------------------------------------------------------------------------------------------------------


def with_z3(form: Any, add: str = "") -> Any:
    import z3

    solver = z3.SolverFor("QF_LRA")
    solver.from_string(formats.text(form, "smt2") + add)
    return solver


MAX = xn.mlp([([[1, -1], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 1, -1]], [0])])  # max(x, y)
LARGER = TropicalPolynomial({(1, 0): 0, (0, 1): 0})
ZERO = TropicalPolynomial({(0, 0): 0})
RELU = "(ite (> {0} 0) {0} 0)"
ENCODED = f"(+ {RELU.format('(- x0 x1)')} (- {RELU.format('x1')} {RELU.format('(- x1)')}))"


def test_z3_proves_equality_with_a_network() -> None:
    import z3

    right = TropicalRationalMap((LARGER,), (ZERO,))
    assert with_z3(right, f"(assert (not (= F0 {ENCODED})))").check() == z3.unsat
    wrong = TropicalRationalMap((TropicalPolynomial({(1, 0): 0, (0, 1): Fraction(1, 2**60)}),), (ZERO,))
    assert with_z3(wrong, f"(assert (not (= F0 {ENCODED})))").check() == z3.sat


def test_z3_knows_the_domain() -> None:
    import z3

    bend = TropicalPolynomial({(1, 0): 0, (0, 1): 0, (0, 0): -5})
    inside = TropicalRationalMap((bend,), (ZERO,), domain=xn.Box([-1, -1], [1, 1]))
    assert with_z3(inside, f"(assert (not (= F0 {ENCODED})))").check() == z3.sat
    assert with_z3(inside, f"(assert domain) (assert (not (= F0 {ENCODED})))").check() == z3.unsat


@pytest.mark.parametrize("name", ["plane", "fractional", "space", "single", "huge", "map", "square", "long"])
def test_z3_finds_the_values(name: str) -> None:
    import z3

    form = FORMS[name]
    d = form.dimension if isinstance(form, TropicalPolynomial) else form.input_dim
    outputs = ["p"] if isinstance(form, TropicalPolynomial) else [f"F{j}" for j in range(form.output_dim)]
    for x in points(d):
        exact = (maximum(form, x),) if isinstance(form, TropicalPolynomial) else form(x)
        fixed = "".join(f"(assert (= x{i} (/ {v.numerator} {v.denominator})))" for i, v in enumerate(x)).replace("(/ -", "(/ (- ")
        fixed = re.sub(r"\(/ \(- (\d+) ", r"(/ (- \1) ", fixed)
        different = " ".join(f"(not (= {name} (/ (- {-v.numerator}) {v.denominator})))" for name, v in zip(outputs, exact, strict=True))
        different = different.replace("(- -", "(+ ")
        assert with_z3(form, fixed).check() == z3.sat
        assert with_z3(form, fixed + f"(assert (or {different}))").check() == z3.unsat


# --- OSCAR -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ("empty", "half")])
def test_oscar_text_holds_the_numbers(name: str) -> None:
    """Julia is not installed here: brackets are balanced, and the numbers are those of the form."""
    text = formats.text(FORMS[name], "jl")
    code = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for open_, close in ("()", "[]"):
        assert code.count(open_) == code.count(close)
    assert "T = tropical_semiring(max)\n" in code
    factor = Fraction(re.findall(r"S = (\d+)", text)[0])
    shift = [Fraction(v) for v in re.findall(r"s = \((.*)\)", text)[0].split(", ")]
    found = []
    for block in code.split("tropical([")[1:]:
        rows = re.findall(r"\(QQ\(([^)]*)\), \[([\d, ]*)\]\)", block)
        terms = {}
        for c, b in rows:
            exponents = tuple(s + Fraction(v) / factor for s, v in zip(shift, b.split(", "), strict=True))
            terms[exponents] = Fraction(re.sub(r'big"(-?\d+)"', r"\1", c).replace("//", "/"))
        found.append(terms)
    named = parts(FORMS[name])
    assert found == [named[key] for key in sorted(named)]


def test_oscar_holds_sixty_three_bits_and_no_more() -> None:
    with pytest.raises(NotRepresentable, match="OSCAR: integer exponents of at most 9223372036854775807"):
        formats.text(TropicalPolynomial({(0, 2**62): 0, (2**62, 2**62): 0, (0, 0): 1}), "jl")
    assert 'big"' in formats.text(TropicalPolynomial({(0,): 10**30, (1,): 0}), "jl")


# --- bad input -------------------------------------------------------------------------------------------------------------


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"one of \.json, \.tex, \.sympy, \.smt2, \.polymake, \.m2, \.gfan, \.jl is needed, got"):
        formats.write(PLANE, tmp_path / "p.txt")
    with pytest.raises(ArgumentError, match=r"one of json, tex, .* is needed, got 'yaml'"):
        formats.text(PLANE, "yaml")
    with pytest.raises(ArgumentError, match="format: "):
        formats.text(PLANE, 3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="path: "):
        formats.write(PLANE, 3)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [*(lambda form, s=s: formats.text(form, s) for s in formats.FORMATS), formats.to_sympy])
def test_what_is_no_form_is_refused(make: Callable[[Any], Any]) -> None:
    with pytest.raises(ArgumentError, match="form: a TropicalPolynomial or a TropicalRationalMap is needed, got dict"):
        make({(0, 0): 1})


@pytest.mark.parametrize("suffix", ["smt2", "polymake", "m2", "gfan", "jl"])
def test_no_terms_are_refused_where_there_is_no_infinity(suffix: str) -> None:
    with pytest.raises(NotRepresentable, match=r"p has no term .* use \.json or \.tex"):
        formats.text(EMPTY, suffix)


@pytest.mark.parametrize("suffix", ["m2", "gfan"])
def test_what_a_system_cannot_hold_leaves_the_file_as_it_was(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    formats.write(PLANE, path)
    before = path.read_text()
    with pytest.raises(NotRepresentable, match=r"at most 999999999 are needed, but term \d of p needs one of about 10\^49"):
        formats.write(CASES["huge"], path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="cannot be written"):
        formats.write(PLANE, tmp_path / "none" / "p.json")


def test_a_min_polynomial_is_refused() -> None:
    low = TropicalPolynomial({(1,): 1, (0,): 0}, convention="min")
    for suffix in formats.FORMATS:
        with pytest.raises(ArgumentError, match=r"a max-plus polynomial is needed, got .*; -p is p\.negated\(\)"):
            formats.text(low, suffix)


def test_files_of_partial_maps_say_so() -> None:
    net = xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    G = xn.tropical.extract_at(net, [[-1, -1], [2, 1]])
    for suffix in formats.FORMATS:
        if suffix not in (".json", ".sympy"):
            assert "only at the data points" in " ".join(formats.text(G, suffix).replace(";", " ").replace("%", " ").split())
    assert "domain" not in formats.text(G, "smt2")
    assert json.loads(formats.text(G, "json"))["decomposition"] == "partial"
