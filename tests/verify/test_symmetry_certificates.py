"""Every verdict about a symmetry has a certificate that the checker accepts, whatever stands between the nodes of the layer."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Network, check, mlp, symmetry, verify_symmetry
from exactnn import certificate as checker
from exactnn.certificate import building
from exactnn.claims import SymmetryClaim
from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Conv,
    Input,
    MaxPool,
    Operation,
    PRelu,
    Rational,
    Reshape,
    Scale,
    Transpose,
    activation,
)
from exactnn.network.document import document
from exactnn.network.neurons import layer_at
from exactnn.verify import _images
from tests.strategies import law

Generator = np.random.Generator
UNITS = ("relu", "relu", "abs", "leaky_relu(1/3)", "identity", "prelu", "rational", "mirrored", "tanh", "softplus")


def numbers(rng: Generator, *shape: int) -> RationalArray:
    return RationalArray(rng.choice([-3, -2, -1, -1, 0, 0, 1, 1, 2, 3], shape), int(rng.integers(1, 4)))


def norm(rng: Generator, count: int) -> BatchNorm:
    variance = RationalArray(rng.integers(1, 9, count), 4)
    return BatchNorm(numbers(rng, count), variance, numbers(rng, count), numbers(rng, count), Fraction(1, 1000), "float32")


def unit(rng: Generator, channels: int) -> Operation:
    name = str(rng.choice(UNITS))
    if name == "prelu":
        return PRelu(numbers(rng, channels))
    if name == "rational":
        return Rational.of([1], [1, 0, 1])
    return Rational.of([1, 1, 0, 1], [1, 0, 1]) if name == "mirrored" else activation(name)  # t + 1/(1 + t^2): a flip with r = 2


def drawn(rng: Generator, shape: tuple[int, ...]) -> Operation | None:
    """An operation that may stand in a layer, for a value of this shape."""
    kind = rng.choice(["affine", "unit", "unit", "unit", "reshape", "transpose", "scale", "norm", "affine", "conv", "average", "max"])
    if kind == "affine":
        height = int(rng.integers(1, 4))
        return Affine(numbers(rng, height, shape[-1]), numbers(rng, height))
    if kind == "unit":
        return unit(rng, shape[0])
    if kind == "reshape":
        size = int(np.prod(shape))
        shapes = [(size,), (1, size), (size, 1)] + ([(2, size // 2), (size // 2, 2)] if size % 2 == 0 else [])
        return Reshape(shapes[int(rng.integers(len(shapes)))])
    if kind == "transpose":
        return Transpose(tuple(rng.permutation(len(shape)).tolist()))
    if kind == "scale":
        return Scale(numbers(rng, shape[-1] if rng.integers(2) else 1))
    if kind == "norm":
        return norm(rng, shape[0])
    if len(shape) != 2:
        return None
    kernel = int(rng.integers(1, shape[1] + 1))
    padding = ((int(rng.integers(0, kernel)),) * 2,)
    if kind == "average":
        return AveragePool((kernel,), (1,), padding, bool(rng.integers(2)))
    if kind == "max":
        return MaxPool((kernel,), (1,), padding, (1,))
    groups = 2 if shape[0] % 2 == 0 and rng.integers(3) == 0 else 1
    height = int(rng.integers(1, 4)) * groups
    return Conv(numbers(rng, height, shape[0] // groups, kernel), numbers(rng, height), (1,), padding, (1,), groups)


def graph(rng: Generator) -> Network:
    """A short chain with branches: nodes read twice, or that are outputs, are common."""
    b = Builder()
    lead = [(), (), (2,), (1,)][int(rng.integers(4))]
    shape: tuple[int, ...] = (*lead, int(rng.integers(1, 4)))
    names = [(b.add("x", Input(shape)), shape)]
    for k in range(int(rng.integers(3, 9))):
        name, shape = names[-1] if rng.random() < 0.8 else names[int(rng.integers(len(names)))]
        if rng.random() < 0.08:
            same = [n for n, s in names if s == shape]
            names.append((b.add(f"n{k}", Add(), name, same[int(rng.integers(len(same)))]), shape))
            continue
        operation = drawn(rng, shape)
        if operation is None:
            continue
        try:
            names.append((b.add(f"n{k}", operation, name), operation.output_shape(shape)))
        except ShapeError:
            continue
    name, shape = names[-1]
    outputs = [b.add("out", Affine(numbers(rng, 2, shape[-1]), numbers(rng, 2)), name)]
    if rng.random() < 0.25:
        name, shape = names[int(rng.integers(len(names)))]
        outputs.append(b.add("out2", Affine(numbers(rng, 1, shape[-1]), numbers(rng, 1)), name))
    return b.build(["x"], outputs)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Network, symmetry.Transformation]:
    """A network with a hidden layer, and a transformation of it, which may be none of its symmetries."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    while True:
        f = graph(rng)
        layers = []
        for name in f.hidden_layers:
            try:
                layers.append((name, layer_at(f, name).count))
            except ArgumentError:
                continue
        if layers:
            name, count = layers[int(rng.integers(len(layers)))]
            break
    kind = draw(st.sampled_from(["permutation", "scaling", "powers", "flip", "sign flip"]))
    chosen = np.flatnonzero(rng.integers(0, 2, count)).tolist()
    if kind == "permutation":
        return f, symmetry.Permutation(name, rng.permutation(count).tolist())
    if kind == "scaling":
        return f, symmetry.Scaling(name, [Fraction(int(a), int(b)) for a, b in rng.integers(1, 4, (count, 2))])
    if kind == "powers":
        return f, symmetry.Scaling(name, [Fraction(2) ** int(k) for k in rng.integers(-2, 3, count)])
    return f, symmetry.Flip(chosen, layer=name) if kind == "flip" else symmetry.SignFlip(name, chosen)


@given(cases())
@law(200)
def test_every_verdict_has_a_certificate_that_is_accepted(case: tuple[Network, symmetry.Transformation]) -> None:
    f, transformation = case
    try:
        transformation.apply(f)
    except ArgumentError:
        return
    verdict = verify_symmetry(f, transformation)
    if verdict.unknown:
        assert verdict.certificate is None
        return
    assert check(verdict.certificate)


@given(cases())
@law(100)
def test_no_comparison_is_left_out_that_would_fail(case: tuple[Network, symmetry.Transformation]) -> None:
    f, transformation = case
    try:
        image, steps = transformation.apply(f), transformation.steps(f)
    except ArgumentError:
        return
    if all(_images._is_plain(f, step) for step in steps):
        built = building.transformed(building.read_network(document(f), "f"), steps)
        assert built == building.read_network(document(image), "g")


# --- the layers that once had no certificate --------------------------------------------------------------------------------


def chain(*operations: Operation, outputs: tuple[int, ...] = (), width: int = 1) -> Network:
    b = Builder()
    names = [b.add("n0", Input((width,)))]
    for i, operation in enumerate(operations, 1):
        names.append(b.add(f"n{i}", operation, names[-1]))
    return b.build(["n0"], [names[-1], *(names[k] for k in outputs)])


def affine(weight: Any, bias: Any) -> Affine:
    return Affine(RationalArray.of(weight), RationalArray.of(bias))


def plain_norm(count: int) -> BatchNorm:
    ones = RationalArray.of([1] * count)
    return BatchNorm(ones * 0, ones, ones, ones, Fraction(0), "float32")


def asked(f: Network, t: symmetry.Transformation) -> tuple[str, str]:
    verdict = verify_symmetry(f, t)
    assert check(verdict.certificate)
    return verdict.status, verdict.certificate.document["claim"]["question"]


@pytest.mark.parametrize("rows", [[[1]], [[1], [-1]]])
@pytest.mark.parametrize("between", [Scale(RationalArray.of([2])), Transpose((0,))])
def test_a_scale_or_transpose_between_source_and_batch_norm(rows: list[list[int]], between: Operation) -> None:
    count = len(rows)
    f = chain(affine(rows, [1, 5][:count]), between, plain_norm(count), activation("relu"), affine([[1] * count], [0]))
    status = "proved" if count == 2 else "refuted"
    assert asked(f, symmetry.Flip(range(count), layer="n4")) == (status, "equal")
    assert asked(f, symmetry.SignFlip("n4", [0])) == ("refuted", "equal")


def test_the_checker_refuses_scale_and_transpose_after_the_source() -> None:
    """Its source would else be the batch norm behind them, where the engine's is the affine node before."""
    flip = [{"kind": "flip", "layer": "n4", "neurons": [0]}]
    for between in (Scale(RationalArray.of([2])), Transpose((0,))):
        f = chain(affine([[1]], [1]), between, plain_norm(1), activation("relu"), affine([[1]], [0]))
        with pytest.raises(checker.Rejected, match=r"node n2 .* stands between"):
            building.transformed(building.read_network(document(f), "f"), flip)
    f = chain(
        Scale(RationalArray.of([2])), plain_norm(1), activation("relu"), affine([[1]], [0])
    )  # before the source: nothing to do with it
    assert asked(f, symmetry.Flip([0], layer="n3")) == ("refuted", "symmetry")


def test_an_affine_map_that_is_read_twice() -> None:
    b = Builder()
    x = b.add("x", Input((1,)))
    h = b.add("h", affine([[1], [1]], [0, 0]), x)
    r, s = b.add("r", activation("relu"), h), b.add("s", activation("abs"), h)
    f = b.build([x], [b.add("o", affine([[1, 1]], [0]), r), b.add("p", affine([[1, 1]], [0]), s)])
    assert asked(f, symmetry.Permutation("r", [1, 0])) == ("proved", "equal")
    assert asked(f, symmetry.Scaling("r", [2, 3])) == ("proved", "equal")


def test_an_affine_map_that_feeds_an_output() -> None:
    b = Builder()
    x = b.add("x", Input((1,)))
    h = b.add("h", affine([[1], [1]], [0, 0]), x)
    o = b.add("o", affine([[1, 1]], [0]), b.add("r", activation("relu"), h))
    f = b.build([x], [o, b.add("p", affine([[1, 1]], [0]), h)])
    assert asked(f, symmetry.Permutation("r", [1, 0])) == ("proved", "equal")


def test_flips_of_rational_activations() -> None:
    f = mlp([([[1], [2]], [1, 0]), ([[1, 1]], [0])], activation=Rational.of([1, 1, 0, 1], [1, 0, 1]))
    assert asked(f, symmetry.Flip([1])) == ("refuted", "equal")
    assert asked(f, symmetry.Flip([])) == ("proved", "equal")
    assert asked(f, symmetry.Permutation(0, [1, 0])) == ("proved", "symmetry")


def test_plain_layers_are_claims_about_symmetries() -> None:
    f = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    assert asked(f, symmetry.Flip([0, 1, 2])) == ("proved", "symmetry")
    assert asked(f, symmetry.Permutation(0, [1, 2, 0]) @ symmetry.Scaling(0, [2, 3, "1/2"])) == ("proved", "symmetry")


def test_the_network_that_the_checker_builds_is_compared() -> None:
    f = chain(affine([[1], [2]], [0, 1]), plain_norm(2), activation("relu"), affine([[1, 1]], [0]))
    t = symmetry.Scaling("n3", [2, 4])
    claim = SymmetryClaim(f, t.apply(f), None, Fraction(0), tuple(t.steps(f)))
    assert _images.checker_builds(claim)
    other = chain(affine([[1], [2]], [0, 1]), plain_norm(2), activation("relu"), affine([["1/2", "1/4"]], [0]))
    assert not _images.checker_builds(replace(claim, g=other))
    assert not _images.checker_builds(replace(claim, g=f))
