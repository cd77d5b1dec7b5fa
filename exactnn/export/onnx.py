"""Networks as ONNX: floats that are the weights exactly, or their nearest floats if rounding is asked for.

Every input gets a batch axis in front, of open size. Loading the file gives a network of the same nodes where ONNX has the
operation, and else of the same function: a general piecewise linear function becomes a sum of ReLUs. A batch normalisation
keeps its four tensors if a float run with this dtype means the same, and otherwise is written with its rounded scale as weight,
variance 1 and epsilon 0, which has the same exact meaning. A rational function is written as the quotient of two polynomials, by
Horner's rule; it is loaded as one node again, but for a constant and a polynomial of degree 1, which become affine. In a float run its
powers overflow for large inputs (NaN).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from exactnn import network as ops
from exactnn.errors import MissingDependency, NotRepresentable, SaveError
from exactnn.exact.array import RationalArray
from exactnn.exact.files import write_bytes
from exactnn.exact.polynomials import from_fractions
from exactnn.exact.roots import has_real_zero
from exactnn.exact.rounding import are_floats
from exactnn.export._floats import float_type, to_floats
from exactnn.network import Network, Operation, relu
from exactnn.network.graph import free_name
from exactnn.network.operations import Shape
from exactnn.network.windows import Windowed

if TYPE_CHECKING:
    import onnx

_OPSET, _OPSET_OF_GELU, _IR = 17, 20, 9
_LIMIT = (1 << 31) - 1  # bytes of a protobuf
#: of rational functions that `exactnn.load` reads
MAX_DEGREE = 64


def save_onnx(net: Network, path: str | os.PathLike[str], *, dtype: Any = "float32", rounding: bool = False) -> None:
    """Write the network as ONNX; see `exactnn.export.save`."""
    model = to_onnx(net, dtype=dtype, rounding=rounding)
    if model.ByteSize() > _LIMIT:
        raise SaveError("the network has more than 2 GB of weights, which ONNX files do not hold; save as .json")
    write_bytes(path, model.SerializeToString(deterministic=True))


def to_onnx(net: Network, *, dtype: Any = "float32", rounding: bool = False) -> onnx.ModelProto:
    """The network as an ONNX model, checked by onnx."""
    try:
        import onnx
    except ImportError:
        raise MissingDependency("writing ONNX needs the package onnx; install it with: pip install 'exactnn[onnx]'") from None
    writer = _Writer(net, float_type(dtype), rounding)
    graph = writer.graph()
    gelu = any(isinstance(op, ops.Smooth) and op.function.startswith("gelu") for op in map(net.operation, net.order))
    opset = onnx.helper.make_opsetid("", _OPSET_OF_GELU if gelu else _OPSET)
    model = onnx.helper.make_model(graph, producer_name="exactnn", opset_imports=[opset], ir_version=_IR)
    if model.ByteSize() <= _LIMIT:
        onnx.checker.check_model(model)
    return model


class _Writer:
    """The ONNX graph, node by node; a value has the name of its node in the network."""

    def __init__(self, net: Network, dtype: str, rounding: bool) -> None:
        import onnx

        self.net, self.dtype, self.rounding = net, dtype, rounding
        self._onnx = onnx
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: list[onnx.TensorProto] = []
        self._names = set(net.order)
        self._batch = ""

    def graph(self) -> onnx.GraphProto:
        """All nodes, inputs and outputs."""
        for name in self.net.order:
            operation = self.net.operation(name)
            if isinstance(operation, ops.Input):
                continue
            if type(operation) not in _WRITERS:
                raise SaveError(f"node {name!r}: ONNX has no {operation.kind} operation; save as .json, which holds every network")
            _WRITERS[type(operation)](self, name, operation, list(self.net.operands(name)))
        inputs = [self._declared(name, self.net.shape(name)) for name in self.net.inputs]
        outputs: list[onnx.ValueInfoProto] = []
        for name in self.net.outputs:
            given = name
            if name in self.net.inputs or name in (o.name for o in outputs):
                given = self.node("Identity", [name], self.fresh(f"{name}/output"))
            outputs.append(self._declared(given, self.net.shape(name)))
        return self._onnx.helper.make_graph(self._nodes, "exactnn", inputs, outputs, self._initialisers)

    def _declared(self, name: str, shape: Shape) -> onnx.ValueInfoProto:
        kind = self._onnx.TensorProto.FLOAT if self.dtype == "float32" else self._onnx.TensorProto.DOUBLE
        return self._onnx.helper.make_tensor_value_info(name, kind, ["batch", *shape])

    # --- parts -----------------------------------------------------------------------------------------------------------

    def fresh(self, wish: str) -> str:
        """A name that nothing has yet, taken from now on."""
        name = free_name(wish, self._names)
        self._names.add(name)
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """An ONNX node; the name of its output."""
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def tensor(self, array: RationalArray, owner: str, part: str) -> str:
        """An initialiser with these entries; its name."""
        return self._initialiser(self._floats(array, owner, part), f"{owner}.{part}")

    def rounded(self, array: RationalArray, owner: str, part: str) -> RationalArray:
        """The entries as an initialiser holds them."""
        return RationalArray.of(self._floats(array, owner, part))

    def _floats(self, array: RationalArray, owner: str, part: str) -> np.ndarray[Any, Any]:
        place = f"node {owner!r}, {part}"
        return to_floats(array, place, self.dtype, rounding=self.rounding, without_kernel=self._without_kernel)

    @cached_property
    def _without_kernel(self) -> str:
        """The operators of the file that onnxruntime has for float32, and not for float64."""
        found = {_float32_only(self.net.operation(name)) for name in self.net.order}
        return ", ".join(sorted(found - {""}))

    def integers(self, values: Iterable[int], owner: str, part: str) -> str:
        """An initialiser with these integers; its name."""
        return self._initialiser(np.array(list(values), dtype=np.int64), f"{owner}.{part}")

    def _initialiser(self, array: np.ndarray[Any, Any], wish: str) -> str:
        name = self.fresh(wish)
        self._initialisers.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def attribute(self, value: Fraction) -> float | None:
        """A number as an attribute, which is a float32 always; None if it is none."""
        nearest = float(np.float32(float(value))) if abs(value) < Fraction(2) ** 127 else 0.0
        return nearest if Fraction(nearest) == value else None

    def batch(self) -> str:
        """The batch size, as a list of one integer."""
        if not self._batch:
            self._batch = self.node("Shape", [self.net.inputs[0]], self.fresh("batch"), start=0, end=1)
        return self._batch

    def is_constant(self, name: str) -> bool:
        """Whether a node of the network is a constant."""
        return isinstance(self.net.operation(name), ops.Constant)

    def rank(self, name: str) -> int:
        """Number of axes of a node's value, the batch axis not counted."""
        return len(self.net.shape(name))


def _float32_only(operation: Operation) -> str:
    if isinstance(operation, ops.PiecewiseLinear):
        return "LeakyRelu" if operation.name.startswith("leaky_relu") else ""
    if isinstance(operation, ops.Smooth):
        return {"softplus": "Softplus", "gelu": "Gelu", "gelu_tanh": "Gelu"}.get(operation.function, "")
    return {ops.Conv: "Conv", ops.AveragePool: "AveragePool", ops.PRelu: "PRelu"}.get(type(operation), "")


# --- operations ------------------------------------------------------------------------------------------------------


def _constant(w: _Writer, name: str, operation: ops.Constant, operands: list[str]) -> None:
    """Repeated along the batch axis; what only sums read is written there."""
    consumers = w.net.consumers(name)
    if name not in w.net.outputs and all(isinstance(w.net.operation(c), (ops.Add, ops.Subtract)) for c in consumers):
        return
    sizes = w.fresh(f"{name}/shape")
    w.node("Concat", [w.batch(), w.integers(operation.value.shape, name, "sizes")], sizes, axis=0)
    value = operation.value.reshape(1, *operation.value.shape)
    w.node("Expand", [w.tensor(value, name, "value"), sizes], name)


def _affine(w: _Writer, name: str, operation: ops.Affine, operands: list[str]) -> None:
    bias = w.tensor(operation.bias, name, "bias")
    if w.rank(operands[0]) == 1:
        w.node("Gemm", [operands[0], w.tensor(operation.weight, name, "weight"), bias], name, transB=1)
        return
    product = w.fresh(f"{name}/product")
    w.node("MatMul", [operands[0], w.tensor(operation.weight.T, name, "weight")], product)
    w.node("Add", [product, bias], name)


def _conv(w: _Writer, name: str, operation: ops.Conv, operands: list[str]) -> None:
    inputs = [operands[0], w.tensor(operation.weight, name, "weight"), w.tensor(operation.bias, name, "bias")]
    w.node("Conv", inputs, name, **_window(operation), dilations=operation.dilation, group=operation.groups)


def _max_pool(w: _Writer, name: str, operation: ops.MaxPool, operands: list[str]) -> None:
    w.node("MaxPool", operands, name, **_window(operation), dilations=operation.dilation)


def _average_pool(w: _Writer, name: str, operation: ops.AveragePool, operands: list[str]) -> None:
    w.node("AveragePool", operands, name, **_window(operation), count_include_pad=int(operation.count_padding))


def _window(op: Windowed) -> dict[str, Any]:
    pads = [begin for begin, _ in op.padding] + [end for _, end in op.padding]
    return {"kernel_shape": op.kernel, "strides": op.stride, "pads": pads}


def _piecewise_linear(w: _Writer, name: str, operation: ops.PiecewiseLinear, operands: list[str]) -> None:
    source, slope, constant, kinks = operands[0], operation.slope, operation.constant, operation.kinks
    if operation == relu():
        w.node("Relu", [source], name)
    elif not kinks and slope == 1 and not constant:
        w.node("Identity", [source], name)
    elif operation.name == "abs":
        w.node("Abs", [source], name)
    elif not constant and kinks == ((Fraction(0), 1 - slope),):
        _leaky(w, name, source, slope)
    else:
        bounds = _bounds(operation)
        if bounds is None:
            _sum_of_relus(w, name, source, operation)
        else:
            tensors = [
                "" if b is None else w.tensor(RationalArray.of(b), name, part) for b, part in zip(bounds, ("min", "max"), strict=True)
            ]
            w.node("Clip", [source, *tensors[: 1 if bounds[1] is None else 2]], name)


def _leaky(w: _Writer, name: str, source: str, slope: Fraction) -> None:
    """LeakyRelu has a float32 as slope; PRelu takes one of the network's dtype."""
    alpha = w.attribute(slope)
    if alpha is not None:
        w.node("LeakyRelu", [source], name, alpha=alpha)
    else:
        w.node("PRelu", [source, w.tensor(RationalArray.of([slope]), name, "slope")], name)


def _bounds(operation: ops.PiecewiseLinear) -> tuple[Fraction | None, Fraction | None] | None:
    """(low, high) if the function is min(max(t, low), high), either bound possibly missing."""
    slope, constant, kinks = operation.slope, operation.constant, operation.kinks
    if slope == 1 and not constant and len(kinks) == 1 and kinks[0][1] == -1:
        return None, kinks[0][0]
    if not slope and kinks and kinks[0] == (constant, Fraction(1)):
        if len(kinks) == 1:
            return constant, None
        if len(kinks) == 2 and kinks[1][1] == -1:
            return constant, kinks[1][0]
    return None


def _sum_of_relus(w: _Writer, name: str, source: str, operation: ops.PiecewiseLinear) -> None:
    """slope t + constant + sum p max(t - at, 0), term by term."""
    terms: list[str] = []
    if operation.slope or not operation.kinks:
        factor = w.tensor(RationalArray.of(operation.slope), name, "slope")
        terms.append(w.node("Mul", [source, factor], w.fresh(f"{name}/linear")))
    for number, (at, jump) in enumerate(operation.kinks):
        shifted = source
        if at:
            place = w.tensor(RationalArray.of(at), name, f"kink{number}")
            shifted = w.node("Sub", [source, place], w.fresh(f"{name}/shifted{number}"))
        term = w.node("Relu", [shifted], w.fresh(f"{name}/relu{number}"))
        if jump != 1:
            factor = w.tensor(RationalArray.of(jump), name, f"jump{number}")
            term = w.node("Mul", [term, factor], w.fresh(f"{name}/term{number}"))
        terms.append(term)
    if operation.constant:
        terms.append(w.tensor(RationalArray.of(operation.constant), name, "constant"))
    total = terms[0]
    for number, term in enumerate(terms[1:], 2):
        total = w.node("Add", [total, term], name if number == len(terms) else w.fresh(f"{name}/sum{number}"))
    if len(terms) == 1:
        w.node("Identity", [total], name)


def _prelu(w: _Writer, name: str, operation: ops.PRelu, operands: list[str]) -> None:
    slopes = operation.slopes.reshape(-1, *(1,) * (w.rank(name) - 1))
    w.node("PRelu", [operands[0], w.tensor(slopes, name, "slopes")], name)


def _smooth(w: _Writer, name: str, operation: ops.Smooth, operands: list[str]) -> None:
    function = operation.function
    if function == "silu":
        sigmoid = w.node("Sigmoid", operands, w.fresh(f"{name}/sigmoid"))
        w.node("Mul", [operands[0], sigmoid], name)
    elif function in ("gelu", "gelu_tanh"):
        w.node("Gelu", operands, name, approximate="none" if function == "gelu" else "tanh")
    else:
        w.node(function.capitalize(), operands, name)


def _rational(w: _Writer, name: str, operation: ops.Rational, operands: list[str]) -> None:
    """P/Q by Horner's rule, as they are, or both times a number that makes floats of them if they came from polynomials with floats.

    A constant P over x + q is written as 0 x + p: the whole is read as a function of the nearest value that all paths to it go through,
    which is to be x, and not x + q.
    """
    source, top, bottom = operands[0], operation.numerator, operation.denominator
    degree = max(len(top), len(bottom)) - 1
    if degree > MAX_DEGREE:
        raise SaveError(f"node {name!r}: degrees of at most {MAX_DEGREE} are read from ONNX files, got {degree}; save as .json")
    if len(bottom) == 1:
        top = (*top, Fraction(0))[: max(2, len(top))]  # a constant, too, is written as a function of x
        if are_floats(RationalArray.of(top), w.dtype):
            _polynomial(w, name, "numerator", source, RationalArray.of(top), name)
            return
    sides = {"numerator": RationalArray.of(top), "denominator": RationalArray.of(bottom)}
    if not all(are_floats(side, w.dtype) for side in sides.values()):
        sides = {part: w.rounded(side, name, part) for part, side in _scaled(sides).items()}
        rounded = from_fractions(sides["denominator"].to_fractions())
        if not has_real_zero(from_fractions(bottom)) and has_real_zero(rounded):
            raise NotRepresentable(f"node {name!r}: with its coefficients rounded to {w.dtype} it has a real pole; save as .json")
    if len(top) == 1 and len(bottom) == 2 and sides["denominator"] != RationalArray.of([0, 1]):
        sides["numerator"] = RationalArray.of([*sides["numerator"].to_fractions(), 0])
    w.node("Div", [_polynomial(w, name, part, source, side) for part, side in sides.items()], name)


def _scaled(sides: dict[str, RationalArray]) -> dict[str, RationalArray]:
    """P and Q times a number: as integers without a common divisor, and those times the power of 2 that makes those of Q at most 1."""
    fractions = [q for side in sides.values() for q in side.to_fractions()]
    factor = Fraction(math.lcm(*(q.denominator for q in fractions)))
    factor /= math.gcd(*((q * factor).numerator for q in fractions))
    factor /= 1 << int(max(abs(q) for q in sides["denominator"].to_fractions()) * factor).bit_length()
    return {part: side * factor for part, side in sides.items()}


def _polynomial(w: _Writer, name: str, part: str, source: str, coefficients: RationalArray, output: str = "") -> str:
    """(...(c_n x + c_{n-1}) x + ...) x + c_0 under the name `output`, or one of its own; c_n = 1 is left out, but for x under a name."""
    numbers = coefficients.to_fractions()
    n = len(numbers) - 1
    steps: list[tuple[str, str]] = []
    first = n
    if numbers[n] == 1 and (n > 1 or (n == 1 and (numbers[0] or not output))):
        first, value = n - 1, source
        steps += [("Add", w.tensor(coefficients[first], name, f"{part}{first}"))] if numbers[first] else []
    else:
        value = w.tensor(coefficients[n], name, f"{part}{n}")
    for k in range(first - 1, -1, -1):
        steps.append(("Mul", source))
        if numbers[k]:
            steps.append(("Add", w.tensor(coefficients[k], name, f"{part}{k}")))
    for count, (kind, other) in enumerate(steps, 1):
        value = w.node(kind, [value, other], output if output and count == len(steps) else w.fresh(f"{name}/{part}{count}"))
    return value


def _batch_norm(w: _Writer, name: str, operation: ops.BatchNorm, operands: list[str]) -> None:
    epsilon = w.attribute(operation.epsilon)
    weight, variance = operation.weight, operation.variance
    if operation.precision != w.dtype or epsilon is None or not (are_floats(weight, w.dtype) and are_floats(variance, w.dtype)):
        weight, variance, epsilon = operation.scale, RationalArray.of([1] * operation.mean.size), 0.0
    parts = {"weight": weight, "bias": operation.bias, "mean": operation.mean, "variance": variance}
    tensors = [w.tensor(array, name, part) for part, array in parts.items()]
    w.node("BatchNormalization", [operands[0], *tensors], name, epsilon=epsilon)


def _reshape(w: _Writer, name: str, operation: ops.Reshape, operands: list[str]) -> None:
    if len(operation.shape) == 1 and w.rank(operands[0]):
        w.node("Flatten", operands, name, axis=1)
    else:
        w.node("Reshape", [operands[0], w.integers((0, *operation.shape), name, "shape")], name)


def _transpose(w: _Writer, name: str, operation: ops.Transpose, operands: list[str]) -> None:
    w.node("Transpose", operands, name, perm=[0, *(a + 1 for a in operation.axes)])


def _slice(w: _Writer, name: str, operation: ops.Slice, operands: list[str]) -> None:
    axes = range(1, len(operation.starts) + 1)
    if not axes:
        w.node("Identity", operands, name)
        return
    lists = {"starts": operation.starts, "stops": operation.stops, "axes": axes, "steps": operation.steps}
    w.node("Slice", [operands[0], *(w.integers(values, name, part) for part, values in lists.items())], name)


def _gather(w: _Writer, name: str, operation: ops.Gather, operands: list[str]) -> None:
    shape = operation.index.shape
    source = operands[0]
    if w.rank(source) != 1:
        source = w.node("Flatten", operands, w.fresh(f"{name}/flat"), axis=1)
    places = w.integers(operation.places.tolist(), name, "index")
    if len(shape) == 1:
        w.node("Gather", [source, places], name, axis=1)
    else:
        flat = w.node("Gather", [source, places], w.fresh(f"{name}/entries"), axis=1)
        w.node("Reshape", [flat, w.integers((0, *shape), name, "shape")], name)


def _concat(w: _Writer, name: str, operation: ops.Concat, operands: list[str]) -> None:
    w.node("Concat", operands, name, axis=operation.axis + 1)


def _sum(w: _Writer, name: str, operation: Operation, operands: list[str]) -> None:
    """Axes of size 1 go in behind the batch axis where the operands have unequal numbers of axes."""
    rank = w.rank(name)
    inputs = []
    for number, operand in enumerate(operands):
        value = w.net.operation(operand)
        if isinstance(value, ops.Constant):
            inputs.append(w.tensor(value.value.reshape(1, *_padded(value.value.shape, rank)), name, f"constant{number}"))
        elif w.rank(operand) == rank:
            inputs.append(operand)
        else:
            shape = w.integers((0, *_padded(w.net.shape(operand), rank)), name, f"shape{number}")
            inputs.append(w.node("Reshape", [operand, shape], w.fresh(f"{name}/operand{number}")))
    if all(w.is_constant(o) for o in operands):
        sizes = w.node("Concat", [w.batch(), w.integers(w.net.shape(name), name, "sizes")], w.fresh(f"{name}/shape"), axis=0)
        inputs[0] = w.node("Expand", [inputs[0], sizes], w.fresh(f"{name}/repeated"))
    w.node("Add" if isinstance(operation, ops.Add) else "Sub", inputs, name)


def _padded(shape: Shape, rank: int) -> Shape:
    return (*(1,) * (rank - len(shape)), *shape)


def _scale(w: _Writer, name: str, operation: ops.Scale, operands: list[str]) -> None:
    w.node("Mul", [operands[0], w.tensor(operation.factor, name, "factor")], name)


_WRITERS: dict[type[Operation], Callable[[_Writer, str, Any, list[str]], None]] = {
    ops.Add: _sum,
    ops.Affine: _affine,
    ops.AveragePool: _average_pool,
    ops.BatchNorm: _batch_norm,
    ops.Concat: _concat,
    ops.Constant: _constant,
    ops.Conv: _conv,
    ops.Gather: _gather,
    ops.MaxPool: _max_pool,
    ops.PiecewiseLinear: _piecewise_linear,
    ops.PRelu: _prelu,
    ops.Rational: _rational,
    ops.Reshape: _reshape,
    ops.Scale: _scale,
    ops.Slice: _slice,
    ops.Smooth: _smooth,
    ops.Subtract: _sum,
    ops.Transpose: _transpose,
}
