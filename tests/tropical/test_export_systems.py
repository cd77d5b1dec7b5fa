"""polymake, gfan and Macaulay2 load our files, and find our vertices and values; `make tropical-systems` installs them on Debian."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from exactnn.errors import NotRepresentable
from exactnn.tropical import TropicalPolynomial, TropicalRationalMap, formats
from tests.tropical._forms import CASES, PLANE, Point, maximum, points, spans, vertices, winners

LIFTED = {name: p for name, p in CASES.items() if name != "huge"}
MAP = TropicalRationalMap((PLANE, CASES["conic"]), (CASES["fractional"], CASES["one point"]))


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed; on Debian `make tropical-systems` installs it")
    return found


def output(*command: str, stdin: str = "") -> str:
    run = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def scales(text: str) -> dict[str, list[Fraction]]:
    """S, s, C and r as the comment of a file says."""
    found = re.findall(r"\b([SsCr]) = (\([^)]*\)|[-\d/]+)", text)
    return {name: [Fraction(v) for v in numbers.strip("()").split(", ")] for name, numbers in found if numbers[0] in "(-0123456789"}


def unlifted(scale: dict[str, list[Fraction]], ray: list[Fraction]) -> Point:
    """The point of the hypersurface that a ray (u, v) with u > 0 stands for."""
    u, *v = ray
    return tuple(scale["S"][0] * w / (scale["C"][0] * u) for w in v)


def found_vertices(scale: dict[str, list[Fraction]], rays: list[list[Fraction]], lines: list[list[Fraction]]) -> set[Point]:
    """The points of the slice u = 1; where a line crosses it, all cones hold that line and the slice has one vertex at most."""
    for line in lines:
        if line[0]:
            return {unlifted(scale, line)}
    return {unlifted(scale, ray) for ray in rays if ray[0] > 0}


def agrees(p: TropicalPolynomial, found: set[Point]) -> None:
    """All on the hypersurface, and its vertices wherever it has any."""
    assert all(winners(p, x) > 1 for x in found)
    if spans(p):
        assert found == vertices(p)


def test_the_vertices_of_the_example_by_brute_force() -> None:
    third = Fraction(1, 3)
    assert vertices(PLANE) == {(-third / 2, Fraction(-2)), (Fraction(3), 13 * third)}


# --- gfan ------------------------------------------------------------------------------------------------------------------


def gfan_section(text: str, name: str) -> list[list[Fraction]]:
    """The rows of numbers below a heading, until the next empty line."""
    lines = text.splitlines()
    rows = itertools.takewhile(bool, lines[lines.index(name) + 1 :])
    return [[Fraction(v) for v in row.split("#")[0].split()] for row in rows]


@pytest.mark.parametrize("name", LIFTED)
def test_gfan_finds_the_vertices(name: str) -> None:
    gfan, p = needed("gfan"), LIFTED[name]
    text = formats.text(p, "gfan")
    fan = output(gfan, "_tropicalhypersurface", stdin=text)
    if len(p) == 1:
        assert "fan is empty" in fan
        return
    agrees(p, found_vertices(scales(text), gfan_section(fan, "RAYS"), gfan_section(fan, "LINEALITY_SPACE")))


def test_gfan_takes_large_coefficients_with_a_common_factor() -> None:
    p = TropicalPolynomial({a: Fraction(10**30, 7) * c + 5 for a, c in PLANE.terms.items()})
    text = formats.text(p, "gfan")
    assert scales(text)["C"] == [Fraction(21, 10**30)]
    fan = output(needed("gfan"), "_tropicalhypersurface", stdin=text)
    agrees(p, found_vertices(scales(text), gfan_section(fan, "RAYS"), []))


def test_gfan_takes_a_map() -> None:
    gfan = needed("gfan")
    text = formats.text(MAP, "gfan")
    fan = output(gfan, "_tropicalintersection", stdin=text)
    assert "AMBIENT_DIM\n3" in fan
    found = {unlifted(scales(text), ray) for ray in gfan_section(fan, "RAYS") if ray[0] > 0}
    assert all(winners(p, x) > 1 for x in found for p in (*MAP.numerators, *MAP.denominators))


def test_gfan_holds_nine_digits_and_no_more() -> None:
    gfan = needed("gfan")
    p = TropicalPolynomial({(0,): 0, (1,): 999_999_999, (2,): 3})
    text = formats.text(p, "gfan")
    fan = output(gfan, "_tropicalhypersurface", stdin=text)
    agrees(p, found_vertices(scales(text), gfan_section(fan, "RAYS"), []))
    with pytest.raises(NotRepresentable, match=r"gfan: integer exponents of at most 999999999 .* use \.polymake"):
        formats.text(TropicalPolynomial({(0,): 0, (1,): 10**9, (2,): 1}), "gfan")
    run = subprocess.run([gfan, "_tropicalhypersurface"], input="Q[t]{1+t^1000000000}", capture_output=True, text=True, check=False)
    assert run.returncode != 0


# --- Macaulay2 ---------------------------------------------------------------------------------------------------------------


def answers(text: str) -> dict[str, str]:
    """The lines "question: answer" that a script prints."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def test_macaulay2_finds_the_vertices_and_values(tmp_path: Path) -> None:
    program = needed("M2")
    lines = []
    for i, (name, p) in enumerate(LIFTED.items()):
        formats.write(p, tmp_path / f"case{i}.m2")
        lines.append(f'load "{tmp_path}/case{i}.m2"')
        for k, x in enumerate(points(p.dimension)):
            lines.append(f'print("{name} value {k}: " | toString valueAt(pTerms, {{{", ".join(f"({v})" for v in x)}}}))')
        if len(p) > 1:
            lines.append("T = tropicalPrevariety {p}")
            lines += [f'print("{name} {word}: " | toString entries transpose {word} T)' for word in ("rays", "linSpace")]
        if name == "plane":
            lines.append('print("variety rays: " | toString entries transpose rays tropicalVariety ideal p)')
    formats.write(MAP, tmp_path / "map.m2")
    lines += [f'load "{tmp_path}/map.m2"', 'print("map counts: " | toString apply({numerators, denominators, numeratorTerms}, length))']
    lines.append('print("map sizes: " | toString apply(join(numerators, denominators), size))')
    (tmp_path / "run.m2").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = answers(output(program, "--script", str(tmp_path / "run.m2")))
    for name, p in LIFTED.items():
        for k, x in enumerate(points(p.dimension)):
            assert Fraction(found[f"{name} value {k}"]) == maximum(p, x), name
        if len(p) > 1:
            scale = scales(formats.text(p, "m2"))
            agrees(p, found_vertices(scale, matrix(found[f"{name} rays"]), matrix(found[f"{name} linSpace"])))
    agrees(PLANE, found_vertices(scales(formats.text(PLANE, "m2")), matrix(found["variety rays"]), []))
    assert found["map counts"] == "{2, 2, 2}"
    assert found["map sizes"] == "{4, 6, 4, 4}"


def matrix(text: str) -> list[list[Fraction]]:
    """{{1, -1}, {3/2, 0}}."""
    return [[Fraction(v) for v in row.split(", ")] for row in re.findall(r"\{([^{}]+)\}", text)]


# --- polymake ----------------------------------------------------------------------------------------------------------------

ASK = """
use application "tropical";
sub value {
  my ($h, $y) = @_;
  my $m = new Matrix<Rational>($h->MONOMIALS);
  my $v = $m * new Vector<Rational>($y);
  my $best;
  for (my $i = 0; $i < $m->rows; ++$i) {
    my $w = $v->[$i] + new Rational($h->COEFFICIENTS->[$i]);
    $best = $w if !defined $best or $w > $best;
  }
  return $best;
}
sub report {
  my ($name, $h, @points) = @_;
  for my $k (0 .. $#points) { print "$name value $k: ", value($h, $points[$k]), "\\n"; }
  print "$name vertices: ", join(";", map { "$_" } @{rows($h->VERTICES)}), "\\n" if $h->MONOMIALS->rows > 1;
}
"""


@pytest.mark.slow  # polymake takes seconds to start
def test_polymake_finds_the_vertices_and_values(tmp_path: Path) -> None:
    program = needed("polymake")
    lines = [ASK]
    for i, (name, p) in enumerate(CASES.items()):
        formats.write(p, tmp_path / f"case{i}.polymake")
        (factor,) = scales(formats.text(p, "polymake"))["S"]
        asked = ", ".join('["0", ' + ", ".join(f'"{v / factor}"' for v in x) + "]" for x in points(p.dimension))
        lines.append(f'report("{name}", script("{tmp_path}/case{i}.polymake"), {asked});')
    formats.write(MAP, tmp_path / "map.polymake")
    lines.append(f'my ($tops, $bottoms) = @{{script("{tmp_path}/map.polymake")}};')
    lines.append('print "map names: ", join(" ", map { $_->name . " " . $_->MONOMIALS->rows } (@$tops, @$bottoms)), "\\n";')
    large = TropicalPolynomial({(0,): 0, (2**63 - 1,): 1})
    formats.write(large, tmp_path / "large.polymake")
    lines.append(f'print "large vertices: ", join(";", map {{ "$_" }} @{{rows(script("{tmp_path}/large.polymake")->VERTICES)}}), "\\n";')
    (tmp_path / "run.pl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = answers(output(program, "--script", str(tmp_path / "run.pl")))
    for name, p in {**CASES, "large": large}.items():
        scale = scales(formats.text(p, "polymake"))
        for k, x in enumerate(points(p.dimension) if name != "large" else []):
            shift = sum((s * v for s, v in zip(scale["s"], x, strict=True)), Fraction(0))
            assert Fraction(found[f"{name} value {k}"]) + shift == maximum(p, x), name
        if len(p) > 1:
            rows = [[Fraction(v) for v in row.split()] for row in found[f"{name} vertices"].split(";")]
            agrees(p, {tuple(scale["S"][0] * (v - h) for v in y) for first, h, *y in rows if first})
    assert found["map names"] == "P0 4 P1 6 Q0 4 Q1 4"


def test_polymake_holds_sixty_three_bits_and_no_more() -> None:
    with pytest.raises(NotRepresentable, match=r"polymake: integer exponents of at most 9223372036854775807 .* term \d of p"):
        formats.text(TropicalPolynomial({(0,): 0, (2**63,): 1}), "polymake")
