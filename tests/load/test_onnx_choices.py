"""Choices by a comparison in ONNX: read where they are continuous, which is proved, and refused where they jump."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._curves import at, between, plus
from exactnn.network import PiecewiseLinear, clip, leaky_relu, relu

from ..strategies import law
from ._onnx_models import disagreement, model, node, read

N = "n"
ZERO, ONE = {"zero": 0.0}, {"one": 1.0}


def whole(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).integers(-4, 5, shape).astype(np.float32)


def chosen(comparison: str, yes: str, no: str, *before: onnx.NodeProto, of: str = "x t", **constants: Any) -> onnx.ModelProto:
    return model([*before, node(comparison, of, "m"), node("Where", f"m {yes} {no}")], {"x": (N, 3)}, {"t": 0.0, **constants})


# what is one piecewise linear function of x
CURVES: dict[str, tuple[onnx.ModelProto, PiecewiseLinear]] = {
    "relu": (chosen("Greater", "x", "c", c=0.0), relu()),
    "relu, from below": (chosen("Less", "c", "x", c=0.0), relu()),
    "relu, with equality": (chosen("GreaterOrEqual", "x", "c", c=0.0), relu()),
    "relu, turned": (chosen("LessOrEqual", "x", "c", of="t x", c=0.0), relu()),
    "leaky": (chosen("Greater", "x", "h", node("Mul", "x s", "h"), s=0.25), leaky_relu("1/4")),
    "hard tanh, above": (chosen("Greater", "t", "x", t=1.0), clip(None, 1)),
    "shifted": (chosen("Less", "c", "h", node("Sub", "x t", "h"), t=2.0, c=0.0), PiecewiseLinear.of(0, 0, [(2, 1)])),
    "hard tanh, twice": (
        model(
            [
                node("Greater", "x hi", "m"),
                node("Where", "m hi x", "h"),
                node("Less", "x lo", "k"),
                node("Where", "k lo h"),
            ],
            {"x": (N, 3)},
            {"hi": 1.0, "lo": -1.0},
        ),
        clip(-1, 1),
    ),
    "one after the other": (
        model(
            [
                node("Greater", "x hi", "m"),
                node("Where", "m hi x", "h"),
                node("Less", "h lo", "k"),
                node("Where", "k lo h"),
            ],
            {"x": (N, 3)},
            {"hi": 1.0, "lo": -1.0},
        ),
        PiecewiseLinear.of(0, -1, [(-1, 1)]),  # of the value in the middle
    ),
    "a threshold of another value": (
        chosen("Greater", "b", "c", node("Mul", "x s", "a"), node("Relu", "x", "b"), of="a t", s=-2.0, c=0.0),
        PiecewiseLinear.of(0, 0, []),
    ),
    "not": (
        model([node("Greater", "x t", "m"), node("Not", "m", "k"), node("Where", "k t x")], {"x": (N, 3)}, {"t": 0.5}),
        PiecewiseLinear.of(0, "1/2", [("1/2", 1)]),
    ),
    "times a mask": (
        model([node("Greater", "x t", "m"), node("Cast", "m", "f", to=1), node("Mul", "x f")], {"x": (N, 3)}, {"t": 0.0}),
        relu(),
    ),
    "a mask times": (
        model([node("Less", "x t", "m"), node("Cast", "m", "f", to=1), node("Mul", "f x")], {"x": (N, 3)}, {"t": 0.0}),
        PiecewiseLinear.of(1, 0, [(0, -1)]),
    ),
    "times the rest": (
        model(
            [node("Greater", "x t", "m"), node("Cast", "m", "f", to=1), node("Sub", "one f", "g"), node("Mul", "x g")],
            {"x": (N, 3)},
            {"t": 0.0, **ONE},
        ),
        PiecewiseLinear.of(1, 0, [(0, -1)]),
    ),
    "joined masks": (
        model(
            [node("Greater", "x t", "m"), node("Less", "x t", "k"), node("Or", "m k", "o"), node("Where", "o x t")],
            {"x": (N, 3)},
            {"t": 0.0},
        ),
        PiecewiseLinear.of(1, 0, []),
    ),
    "parts that jump": (  # x (x > 1) + 1 (1 >= x)
        model(
            [
                node("Greater", "x one", "m"),
                node("Cast", "m", "f", to=1),
                node("Mul", "x f", "p"),
                node("Sub", "one f", "g"),
                node("Add", "p g"),
            ],
            {"x": (N, 3)},
            ONE,
        ),
        PiecewiseLinear.of(0, 1, [(1, 1)]),
    ),
    "soft threshold": (
        model(
            [
                node("Sign", "x", "s"),
                node("Abs", "x", "a"),
                node("Sub", "a one", "d"),
                node("Relu", "d", "r"),
                node("Mul", "s r"),
            ],
            {"x": (N, 3)},
            ONE,
        ),
        PiecewiseLinear.of(1, 1, [(-1, -1), (1, 1)]),
    ),
    "soft shrink, as torch exports it": (
        model(
            [
                node("Abs", "x", "a"),
                node("Greater", "a one", "m"),
                node("Sign", "x", "s"),
                node("Mul", "s one", "t"),
                node("Sub", "x t", "d"),
                node("Where", "m d zero"),
            ],
            {"x": (N, 3)},
            {**ONE, **ZERO},
        ),
        PiecewiseLinear.of(1, 1, [(-1, -1), (1, 1)]),
    ),
    "a kink besides": (
        chosen("Greater", "a", "x", node("Abs", "x", "a"), t=0.0),
        PiecewiseLinear.of(1, 0, []),
    ),
}


@pytest.mark.parametrize("name", CURVES)
def test_choices_that_are_one_function(name: str, tmp_path: Path) -> None:
    proto, function = CURVES[name]
    net = read(proto, tmp_path)
    assert net.operation("y") == function
    assert disagreement(proto, net, batch=3) == 0


# what is a sum with a rectifier
SUMS: dict[str, Callable[[int | str], onnx.ModelProto]] = {
    "the larger one": lambda b: model([node("Greater", "x z", "m"), node("Where", "m x z")], {"x": (b, 3), "z": (b, 3)}),
    "the smaller one": lambda b: model([node("Greater", "x z", "m"), node("Where", "m z x")], {"x": (b, 3), "z": (b, 3)}),
    "a bound for each entry": lambda b: model([node("Greater", "x c", "m"), node("Where", "m x c")], {"x": (b, 3)}, {"c": whole(3)}),
    "slopes of channels": lambda b: model(
        [node("Mul", "x s", "h"), node("GreaterOrEqual", "x zero", "m"), node("Where", "m x h")],
        {"x": (b, 2, 3)},
        {"s": [[0.5], [-2.0]], **ZERO},
    ),
    "of sums": lambda b: model(
        [
            node("Add", "x z", "s"),
            node("Sub", "x z", "d"),
            node("Greater", "z zero", "m"),
            node("Where", "m s d"),
        ],
        {"x": (b, 3), "z": (b, 3)},
        ZERO,
    ),
    "a value that is broadcast": lambda b: model([node("Greater", "x z", "m"), node("Where", "m x z")], {"x": (b, 2, 3), "z": (b, 1, 3)}),
    "masks of a difference": lambda b: model(
        [node("Sub", "x z", "d"), node("Greater", "x z", "m"), node("Cast", "m", "f", to=1), node("Mul", "d f")],
        {"x": (b, 3), "z": (b, 3)},
    ),
}


@pytest.mark.parametrize("batch", [N, 1])
@pytest.mark.parametrize("name", SUMS)
def test_choices_between_values(name: str, batch: int | str, tmp_path: Path) -> None:
    proto = SUMS[name](batch)
    net = read(proto, tmp_path)
    assert net.is_piecewise_linear
    assert disagreement(proto, net, batch=2 if batch == N else 1) == 0


# each with words of the message, and the node it names
JUMPS: dict[str, tuple[onnx.ModelProto, str]] = {
    "a hole": (chosen("Greater", "x", "c", t=2.0, c=0.0), r"'y' \(Where\) jumps at 2 from 0 to 2, by 2"),
    "a step": (chosen("Greater", "a", "b", a=1.0, b=0.0), "'y'"),
    "a jump of 2^-20": (chosen("Greater", "x", "c", t=2.0**-20, c=0.0), "by 1/1048576"),
    "hard shrink": (chosen("Greater", "x", "c", node("Abs", "x", "a"), of="a t", t=0.5, c=0.0), r"'y' \(Where\)"),
    "two sides that differ by a constant": (
        model([node("Add", "z c", "s"), node("Greater", "x z", "m"), node("Where", "m x s")], {"x": (N, 3), "z": (N, 3)}, {"c": 0.125}),
        "jumps, by 1/8",
    ),
    "two sides that have nothing to do with it": (
        model([node("Greater", "x z", "m"), node("Where", "m x zero")], {"x": (N, 3), "z": (N, 3)}, ZERO),
        "not seen to be equal",
    ),
    "a bound of one entry that is another": (
        model([node("Greater", "x c", "m"), node("Where", "m x d")], {"x": (N, 3)}, {"c": [0.0, 1.0, 2.0], "d": [0.0, 1.0, 1.5]}),
        "jumps, by 1/2",
    ),
    "slopes of a value that is another": (
        model([node("Mul", "x s", "h"), node("Greater", "x t", "m"), node("Where", "m x h")], {"x": (N, 2)}, {"s": [0.5, 2.0], "t": 1.0}),
        "not|jumps",
    ),
    "x times a mask": (
        model([node("Greater", "x t", "m"), node("Cast", "m", "f", to=1), node("Mul", "x f")], {"x": (N, 3)}, {"t": 1.0}),
        r"'y' \(Mul\) jumps at 1 from 0 to 1, by 1",
    ),
    "a mask of other values": (
        model([node("Greater", "z t", "m"), node("Cast", "m", "f", to=1), node("Mul", "x f")], {"x": (N, 3), "z": (N, 3)}, {"t": 0.0}),
        r"'y' \(Mul\): the two choices are not seen to be equal",
    ),
    "a mask alone": (
        model([node("Greater", "x t", "m"), node("Cast", "m", to=1)], {"x": (N, 3)}, {"t": 0.0}),
        "output 'y': it reads the comparison",
    ),
    "a mask added": (
        model([node("Greater", "x t", "m"), node("Cast", "m", "f", to=1), node("Add", "x f")], {"x": (N, 3)}, {"t": 0.0}),
        r"'y' \(Add\) jumps at 0 from 0 to 1, by 1",
    ),
    "masks of two values joined": (
        model(
            [node("Greater", "x t", "m"), node("Less", "z t", "k"), node("Or", "m k", "o"), node("Where", "o x t")],
            {"x": (N, 3), "z": (N, 3)},
            {"t": 0.0},
        ),
        r"'o' \(Or\): .*nest a Where",
    ),
    "joined masks that leave a step": (
        model(
            [node("Greater", "x t", "m"), node("Less", "x u", "k"), node("And", "m k", "o"), node("Where", "o x t")],
            {"x": (N, 3)},
            {"t": 0.0, "u": 1.0},
        ),
        r"'y' \(Where\) jumps at 1 from 1 to 0, by -1",
    ),
    "a sign alone": (
        model([node("Sign", "x", "s"), node("Relu", "s")], {"x": (N, 3)}),
        r"'y' \(Relu\): 's' \(Sign\) jumps at 0 from -1 to 1, by 2",
    ),
    "one point apart": (
        model([node("Sign", "x", "s"), node("Mul", "s s")], {"x": (N, 3)}),
        r"'y' \(Mul\) jumps at 0 from 1 to 0, by -1",
    ),
    "a square": (
        model([node("Greater", "x t", "m"), node("Where", "m x t", "h"), node("Mul", "h x")], {"x": (N, 3)}, {"t": 0.0}),
        r"'y' \(Mul\)",
    ),
    "equality": (model([node("Equal", "x t", "m"), node("Where", "m x t")], {"x": (N, 3)}, {"t": 0.0}), r"'m' \(Equal\): .*jumps"),
    "integers of a mask": (
        model([node("Greater", "x t", "m"), node("Cast", "m", "i", to=7), node("Cast", "i", to=1)], {"x": (N, 3)}, {"t": 0.0}),
        r"'i' \(Cast\)",
    ),
}


@pytest.mark.parametrize("name", JUMPS)
def test_choices_that_jump_are_refused(name: str, tmp_path: Path) -> None:
    proto, words = JUMPS[name]
    with pytest.raises(UnsupportedOperation, match=words) as caught:
        read(proto, tmp_path)
    assert "ERA" not in str(caught.value)


def test_a_choice_that_nothing_needs_is_no_matter(tmp_path: Path) -> None:
    proto = model([node("Greater", "x t", "m"), node("Where", "m x t", "dead"), node("Relu", "x")], {"x": (N, 3)}, {"t": 5.0})
    assert read(proto, tmp_path).order == ("x", "y")


# --- what jumps, or is curved, by its name ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node("Shrink", "x", lambd=0.5)], "jumps at 0.5 from 0 to 0.5"),
        ([node("ThresholdedRelu", "x", alpha=1.5)], "jumps at 1.5"),
        ([node("Floor", "x")], "not continuous"),
        ([node("Sign", "x")], "jumps at 0 from -1 to 1, by 2"),
        ([node("Round", "x")], "not continuous"),
        ([node("Mod", "x t", fmod=1)], "not continuous"),
        ([node("Sqrt", "x")], "no rational numbers"),
        ([node("Exp", "x")], "no rational numbers"),
        ([node("Sin", "x")], "no rational numbers"),
        ([node("Elu", "x")], "no rational numbers.*train again"),
        ([node("HardSwish", "x")], "piecewise a polynomial.*train again"),
        ([node("Softsign", "x")], "piecewise"),
        ([node("LayerNormalization", "x s")], "batch normalisation"),
        ([node("ReduceL2", "x", axes=[1])], "no rational numbers"),
        ([node("ReduceProd", "x", axes=[1])], "product"),
        ([node("TopK", "x k", "y i")], "not continuous"),
        ([node("Erf", "x")], "gelu"),
        ([node("HardSigmoid", "x", "h"), node("Mul", "x h")], "product of two values"),
        ([node("Relu", "x", "h"), node("Mul", "x h")], "piecewise"),
        ([node("Optional", "x")], "not known"),
    ],
)
def test_refusals_say_why(nodes: list[onnx.NodeProto], words: str, tmp_path: Path) -> None:
    proto = model(nodes, {"x": (N, 4)}, {"s": np.ones(4, np.float32), "t": 2.0, "k": np.array([1])}, opset=17)
    with pytest.raises(UnsupportedOperation, match=words) as caught:
        read(proto, tmp_path)
    assert f"'y' ({nodes[-1].op_type})" in str(caught.value)
    assert "ERA" not in str(caught.value)


@pytest.mark.slow
def test_long_thresholds_are_refused(tmp_path: Path) -> None:
    """A thousand scalings by 10^300 between the value and the choice."""
    nodes = [node("Mul", f"{'x' if not i else f'v{i}'} c", f"v{i + 1}") for i in range(900)]
    nodes += [node("Add", "x d", "s"), node("Greater", "s v900", "m"), node("Where", "m s v900")]
    proto = model(nodes, {"x": (N, 1)}, {"c": np.array(1.2345e300), "d": np.array(1.0)}, kind=onnx.TensorProto.DOUBLE)
    with pytest.raises(LoadError, match="bits"):
        read(proto, tmp_path)


# --- laws ------------------------------------------------------------------------------------------------------------


def numbers() -> st.SearchStrategy[Fraction]:
    return st.sampled_from([Fraction(k, 4) for k in range(-12, 13)])


def curves() -> st.SearchStrategy[PiecewiseLinear]:
    return st.builds(PiecewiseLinear.of, numbers(), numbers(), st.lists(st.tuples(numbers(), numbers()), max_size=3))


@law(80)
@given(curves(), curves(), numbers(), numbers())
def test_curves_are_what_their_values_are(f: PiecewiseLinear, g: PiecewiseLinear, c: Fraction, t: Fraction) -> None:
    assert at(f, t) == f.evaluate(RationalArray.of([[t]])).item()
    assert at(plus(f, g, c), t) == at(f, t) + c * at(g, t)
    assert between(lambda s: at(f, s), [k for k, _ in f.kinks]) == f


@law(60)
@given(curves(), curves(), numbers(), st.sampled_from([Fraction(1), Fraction(-1), Fraction(1, 2)]), st.booleans())
def test_a_choice_is_read_exactly_if_it_is_continuous(
    tmp_path_factory: pytest.TempPathFactory, f: PiecewiseLinear, g: PiecewiseLinear, threshold: Fraction, slope: Fraction, meet: bool
) -> None:
    """Where(slope x + ... > t, f(x), g(x)) with f and g spelled out as sums of rectifiers."""
    place = threshold / slope
    if meet:  # g moved so that both are equal at the threshold
        g = PiecewiseLinear.of(g.slope, g.constant + at(f, place) - at(g, place), g.kinks)
    constants: dict[str, Any] = {"t": float(threshold), "d": float(slope)}
    nodes = [node("Mul", "x d", "u"), node("Greater", "u t", "m")]
    for name, curve in (("f", f), ("g", g)):
        constants |= {f"{name}s": float(curve.slope), f"{name}c": float(curve.constant)}
        nodes += [node("Mul", f"x {name}s", f"{name}0"), node("Add", f"{name}0 {name}c", f"{name}1")]
        for i, (kink, jump) in enumerate(curve.kinks):
            constants |= {f"{name}k{i}": float(kink), f"{name}p{i}": float(jump)}
            nodes += [node("Sub", f"x {name}k{i}", f"{name}a{i}"), node("Relu", f"{name}a{i}", f"{name}b{i}")]
            nodes += [node("Mul", f"{name}b{i} {name}p{i}", f"{name}e{i}"), node("Add", f"{name}{i + 1} {name}e{i}", f"{name}{i + 2}")]
    nodes.append(node("Where", f"m f{len(f.kinks) + 1} g{len(g.kinks) + 1}"))
    proto = model(nodes, {"x": (N, 2)}, constants)
    jump = at(f, place) - at(g, place)
    folder = tmp_path_factory.mktemp("law")
    if jump:
        with pytest.raises(UnsupportedOperation, match="jumps"):
            read(proto, folder)
        return
    assert disagreement(proto, read(proto, folder), batch=3) == 0


@st.composite
def programs(draw: st.DrawFn) -> list[onnx.NodeProto]:
    """Comparisons, signs, products and choices of one value; the last node is the result."""
    numbers_, masks, nodes = ["x"], [], []
    for i in range(draw(st.integers(2, 8))):
        kinds = ["Greater", "LessOrEqual", "Sign", "Add", "Sub", "Mul", "Relu"] + (
            ["Where", "Where", "Not", "And", "Cast"] if masks else []
        )
        kind, name = draw(st.sampled_from(kinds)), f"v{i}"
        number = st.sampled_from([*numbers_, "zero", "one", "two", "half"])
        if kind in ("Greater", "LessOrEqual"):
            nodes.append(node(kind, f"{draw(st.sampled_from(numbers_))} {draw(number)}", name))
            masks.append(name)
        elif kind in ("Not", "And"):
            nodes.append(node(kind, " ".join(draw(st.sampled_from(masks)) for _ in range(1 if kind == "Not" else 2)), name))
            masks.append(name)
        else:
            operands = {"Sign": 1, "Relu": 1, "Cast": 0}.get(kind, 2)
            texts = [draw(st.sampled_from(masks))] if kind in ("Where", "Cast") else []
            texts += [draw(st.sampled_from(numbers_)), draw(number)][:operands]
            nodes.append(node(kind, " ".join(texts), name, **({"to": 1} if kind == "Cast" else {})))
            numbers_.append(name)
    nodes.append(node("Add", f"{numbers_[-1]} x", "y"))
    return nodes


@law(150)
@given(programs())
def test_programs_of_comparisons_are_read_exactly_or_refused(tmp_path_factory: pytest.TempPathFactory, nodes: list[onnx.NodeProto]) -> None:
    proto = model(nodes, {"x": (N, 4)}, {"zero": 0.0, "one": 1.0, "two": 2.0, "half": 0.5})
    try:
        net = read(proto, tmp_path_factory.mktemp("law"))
    except UnsupportedOperation:
        return
    # powers of the inputs do not fit into float32, in which the programs run
    assert disagreement(proto, net, batch=4, rounds=2) <= (0 if net.is_piecewise_linear else 1e-5)
