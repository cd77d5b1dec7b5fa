"""TropEx in float64: the own terms of whole data sets, and maxima of many terms at many points. It decides nothing.

The pass is that of the exact terms (`exactnn.tropical`): the pattern of each point is read off a float run, rows are carried backwards
through it. A term is right up to rounding; a point within rounding of a kink may get the pattern of the other side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from exactnn.errors import ArgumentError, NotFiniteError
from exactnn.exact.array import RationalArray
from exactnn.floats._units import unit
from exactnn.floats.backend import FLOATS
from exactnn.network import Affine, Constant, Input, MaxPool, Network
from exactnn.network.pieces import levels
from exactnn.network.points import check_shape

Floats = np.ndarray[Any, np.dtype[np.float64]]
Pair = tuple[RationalArray, RationalArray]

_FLOAT = torch.float64
_EXACT = "use exact arithmetic: extract_at(..., arithmetic='exact'), and G(x) or G.values(points)"


def _finite(numbers: torch.Tensor, what: str) -> torch.Tensor:
    if not torch.isfinite(numbers).all():
        raise NotFiniteError(f"{what} beyond float64; {_EXACT}")
    return numbers


def _rounded(array: RationalArray) -> torch.Tensor:
    return _finite(torch.from_numpy(array.to_float()), "net: a number of the network, or of its denominator, is")


def float_points(net: Network, points: Any) -> Floats:
    """Points (n, input_dim) rounded to float64; ShapeError, NotFiniteError, ArgumentError as for exact ones."""
    if isinstance(points, torch.Tensor) and points.is_floating_point() and points.layout is torch.strided:
        points = points.detach().cpu().double().numpy()
    if isinstance(points, np.ndarray) and not isinstance(points, np.ma.MaskedArray) and points.dtype.kind == "f":
        array = np.asarray(points, dtype=np.float64)
        if not np.isfinite(array).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise NotFiniteError(f"points: finite numbers are needed, got {array[index]} at index {index}; no rational equals it")
    else:
        array = _finite(torch.from_numpy(RationalArray.of(points, "points").to_float()), "points: a number is").numpy()
    return array.reshape(len(array), -1) if check_shape(net, array.shape) else array


class FloatTerms:
    """The own terms of points, which are added block by block; kept are the points, their patterns and constants.

    Parameters
    ----------
    net : a piecewise linear network
    units, windows, inputs : the denominator Q node by node, as `exactnn.tropical` gives it exactly
    first : the affine node by which alone the network reads its input, if there is one
    """

    def __init__(
        self, net: Network, units: Mapping[str, Pair], windows: Mapping[str, Pair], inputs: RationalArray, first: str | None
    ) -> None:
        self.net = net
        self._parts: list[Floats] = []
        self._units = {n: (_rounded(slopes), _rounded(constants)) for n, (slopes, constants) in units.items()}
        self._windows = {n: (_rounded(low), _rounded(at)) for n, (low, at) in windows.items()}
        self._inputs = _rounded(inputs)
        self._modules: dict[str, nn.Module] = {}
        self._levels: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._index: dict[str, torch.Tensor] = {}
        for name in net.order:
            operation, shapes = net.operation(name), tuple(net.shape(o) for o in net.operands(name))
            if operation.is_affine:
                try:
                    self._modules[name] = unit(operation, shapes, _FLOAT).requires_grad_(False)
                except ArgumentError:
                    raise NotFiniteError(f"node {name!r}: a number is beyond float64; {_EXACT}") from None
            elif isinstance(operation, MaxPool):
                self._index[name] = torch.from_numpy(operation.index(shapes[0][1:]))
            elif not isinstance(operation, Input):
                slopes, constants = (_rounded(a) for a in levels(operation))
                self._levels[name] = slopes, constants
        self._first = first
        self._pieces: dict[str, list[torch.Tensor]] = {name: [] for name in (*self._levels, *self._index)}
        self._constants: list[torch.Tensor] = []

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, points: Floats) -> None:
        """Run the network at more points (n, input_dim); NotFiniteError where a value or a constant is beyond float64."""
        pieces: dict[str, torch.Tensor] = {}
        _finite(self._run(torch.from_numpy(points), pieces), "points: values of the network there, or of its denominator, are")
        for name, found in pieces.items():
            self._pieces[name].append(found)
        constants = self._run(torch.zeros(1, self.net.input_dim, dtype=_FLOAT), pieces)
        self._constants.append(_finite(constants, "net: constants of its terms are").expand(len(points), -1))
        self._parts.append(points)

    def close(self) -> FloatTerms:
        """To be called when all points are there."""
        self._parts = [np.concatenate(self._parts)]
        self._pieces = {name: [torch.cat(parts)] for name, parts in self._pieces.items()}
        self._constants = [torch.cat(self._constants)]
        return self

    @property
    def points(self) -> Floats:
        """The points (n, input_dim)."""
        return self._parts[0]

    @property
    def patterns(self) -> list[bytes]:
        """For each point a text that points share exactly if all their units and windows are in the same pieces."""
        found = [np.ascontiguousarray(parts[0].reshape(len(self), -1).numpy()).view(np.uint8) for parts in self._pieces.values()]
        if not found:
            return [b""] * len(self)
        return [row.tobytes() for row in np.concatenate(found, axis=1)]

    @torch.no_grad()
    def _run(self, x: torch.Tensor, pieces: dict[str, torch.Tensor]) -> torch.Tensor:
        """Values (n, outputs + 1) of the affine maps of numerators and denominator in these pieces; where a node has none, those at x.

        One point for the pieces of many is carried as one until pieces make it many.
        """
        net = self.net
        sizes = [math.prod(net.shape(n)) for n in net.inputs]
        parts = torch.split(x, sizes, dim=1)
        values = {n: p.reshape(len(x), *net.shape(n)) for n, p in zip(net.inputs, parts, strict=True)}
        total = x @ self._inputs
        for name in net.order:
            if name in values:
                continue
            operands = [values[o] for o in net.operands(name)]
            count = max((len(o) for o in operands), default=1)
            operands = [o if len(o) == count else o.expand(count, *o.shape[1:]) for o in operands]
            if name in self._modules:
                values[name] = self._modules[name](*(operands or [x]))
            elif name in self._index:
                values[name] = self._pool(name, operands[0], pieces)
                if name in self._windows:
                    low, at = self._windows[name]
                    total = (
                        total
                        + operands[0].reshape(len(operands[0]), -1) @ at.reshape(-1)
                        - values[name].reshape(len(values[name]), -1) @ low.reshape(-1)
                    )
            else:
                (before,) = operands
                operation: Any = net.operation(name)
                if name not in pieces:
                    kinks = operation.expansion().kinks
                    pieces[name] = torch.zeros(before.shape, dtype=torch.uint8 if len(kinks) < 256 else torch.int64)
                    for at_kink, _ in kinks:
                        pieces[name] += before > float(at_kink)
                below = pieces[name]
                slopes, constants = (self._looked_up(table, below) for table in self._levels[name])
                values[name] = slopes * before + constants
                if name in self._units:
                    slopes, constants = (self._by_entry(table, below) for table in self._units[name])
                    total = total + (slopes * before.reshape(len(before), -1) + constants).sum(dim=1)
        count = max(len(total), *(len(values[n]) for n in net.outputs))
        outputs = torch.cat([values[n].reshape(len(values[n]), -1).expand(count, -1) for n in net.outputs], dim=1)
        column = total[:, None].expand(count, 1)
        return torch.cat([outputs + column, column], dim=1)

    def _pool(self, name: str, before: torch.Tensor, pieces: dict[str, torch.Tensor]) -> torch.Tensor:
        index = self._index[name]
        flat = before.reshape(*before.shape[:2], -1)
        if name not in pieces:
            windows = flat[:, :, index.clamp(min=0)].masked_fill(index < 0, -math.inf)
            pieces[name] = windows.argmax(dim=3).to(torch.uint8 if index.shape[1] < 256 else torch.int32)
        places = index[torch.arange(len(index)), pieces[name].long()]
        return flat.expand(len(places), -1, -1).gather(2, places).reshape(len(places), *self.net.shape(name))

    @staticmethod
    def _looked_up(table: torch.Tensor, pieces: torch.Tensor) -> torch.Tensor:
        if len(table) == 1:
            return table[0].reshape(-1, *(1,) * (pieces.ndim - 2))
        if table.shape[1] == 1:
            if len(table) == 2:  # one kink: two numbers are faster put together than looked up
                return torch.where(pieces.bool(), table[1, 0], table[0, 0])
            return table[:, 0][pieces.long()]
        channels = torch.arange(table.shape[1]).reshape(-1, *(1,) * (pieces.ndim - 2))
        return table[pieces.long(), channels]

    @staticmethod
    def _by_entry(table: torch.Tensor, pieces: torch.Tensor) -> torch.Tensor:
        """Entries of a table (pieces, entries), (n, entries)."""
        flat = pieces.reshape(len(pieces), -1)
        if len(table) == 2:
            return torch.where(flat.bool(), table[1], table[0])
        return table[flat.long(), torch.arange(table.shape[1])]

    @torch.no_grad()
    def table(self, output: int, points: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
        """Rows (constant, exponents) of the own terms of these points; of the denominator where `output` is the number of outputs.

        NotFiniteError where one is beyond float64.
        """
        return np.asarray(_finite(self._table(output, points), "net: exponents of its terms are").numpy())

    def _table(self, output: int, points: np.ndarray[Any, np.dtype[np.int64]]) -> torch.Tensor:
        net, chosen = self.net, torch.from_numpy(points)
        count = len(points)
        rows: dict[str, torch.Tensor] = {}
        start = 0
        for name in net.outputs:
            size = math.prod(net.shape(name))
            own = torch.zeros(count, size, dtype=_FLOAT)
            if start <= output < start + size:
                own[:, output - start] = 1
            own = own.reshape(count, *net.shape(name))
            rows[name] = rows[name] + own if name in rows else own
            start += size
        found = torch.empty(count, 1 + net.input_dim, dtype=_FLOAT)
        found[:, 0] = self._constants[0][chosen, output]
        for name in reversed(net.order):
            if name not in rows or not net.operands(name):
                continue
            if name == self._first:  # the large product of many networks, written where it is to stand
                weight: Any = self._modules[name].weight
                torch.addmm(self._inputs, rows.pop(name), weight, out=found[:, 1:])
                return found
            for operand, more in zip(net.operands(name), self._back(name, rows.pop(name), chosen), strict=True):
                rows[operand] = rows[operand] + more if operand in rows else more
        parts = [rows[n].reshape(count, -1) if n in rows else torch.zeros(count, math.prod(net.shape(n)), dtype=_FLOAT) for n in net.inputs]
        torch.add(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1), self._inputs, out=found[:, 1:])
        return found

    def _back(self, name: str, rows: torch.Tensor, chosen: torch.Tensor) -> Sequence[torch.Tensor]:
        operation, shapes = self.net.operation(name), [self.net.shape(o) for o in self.net.operands(name)]
        if isinstance(operation, Affine):
            weight: Any = self._modules[name].weight
            return (rows @ weight,)
        if name in self._modules:
            return self._adjoint(name, rows, shapes)
        pieces = self._pieces[name][0][chosen]
        if name in self._index:
            low, at = self._windows[name]
            index = self._index[name]
            places = index[torch.arange(len(index)), pieces.long()]
            back = torch.zeros(len(rows), shapes[0][0], math.prod(shapes[0][1:]), dtype=_FLOAT)
            back.scatter_add_(2, places, rows.reshape(places.shape) - low)
            return ((back + at).reshape(len(rows), *shapes[0]),)
        back = rows * self._looked_up(self._levels[name][0], pieces)
        return (back + self._by_entry(self._units[name][0], pieces).reshape(back.shape),)

    def _adjoint(self, name: str, rows: torch.Tensor, shapes: Sequence[tuple[int, ...]]) -> Sequence[torch.Tensor]:
        """Of an affine node, by torch's own derivative of its module (at any point: it is affine)."""
        if isinstance(self.net.operation(name), Constant):
            return ()
        with torch.enable_grad():
            zeros = [torch.zeros(len(rows), *s, dtype=_FLOAT, requires_grad=True) for s in shapes]
            return torch.autograd.grad(self._modules[name](*zeros), zeros, rows)


class MaxPlusMap(nn.Module):
    """x (n, d) -> max_i (A_j x + a_j)_i - max_i (B_j x + b_j)_i for outputs j, the tables (constant, exponents) as buffers.

    Parameters
    ----------
    tables : (terms, 1 + d) arrays, those that several polynomials share once
    numerators, denominators : numbers of tables, for each output
    """

    def __init__(self, tables: Sequence[Floats], numerators: Sequence[int], denominators: Sequence[int], dtype: Any = None) -> None:
        super().__init__()
        dtype = _FLOAT if dtype is None else dtype
        if dtype not in FLOATS:
            raise ArgumentError(f"dtype: {', '.join(map(str, FLOATS))}, or None for float64, is needed, got {dtype!r}")
        for number, table in enumerate(tables):
            rounded = torch.from_numpy(table).to(dtype)
            if not torch.isfinite(rounded).all():
                raise NotFiniteError(f"dtype: {dtype} holds not all numbers of the terms; choose a wider dtype, or {_EXACT}")
            self.register_buffer(f"table{number}", rounded)
        self.numerators, self.denominators, self.count = tuple(numerators), tuple(denominators), len(tables)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tables = [self.get_buffer(f"table{number}") for number in range(self.count)]
        maxima = [torch.addmm(t[:, 0], x, t[:, 1:].T).max(dim=1).values for t in tables]
        return torch.stack([maxima[p] - maxima[q] for p, q in zip(self.numerators, self.denominators, strict=True)], dim=1)


def difference(above: Floats, below: Floats) -> Floats:
    """above - below; NotFiniteError where it is beyond float64."""
    return np.asarray(_finite(torch.from_numpy(above) - torch.from_numpy(below), "points: values of the map there are").numpy())


@torch.no_grad()
def maxima(tables: Iterable[Floats], points: Floats) -> tuple[Floats, np.ndarray[Any, np.dtype[np.int64]]]:
    """The maximum over the terms of all tables at each point, and the number of the first term that attains it; table by table."""
    x = torch.from_numpy(points)
    best = torch.full((len(x),), -math.inf, dtype=_FLOAT)
    winner = torch.full((len(x),), -1, dtype=torch.int64)
    start = 0
    for table in tables:
        rows = torch.from_numpy(table)
        found = torch.addmm(rows[:, 0], x, rows[:, 1:].T).max(dim=1)
        _finite(found.values, "points: values of terms there are")
        better = found.values > best
        best, winner = torch.where(better, found.values, best), torch.where(better, found.indices + start, winner)
        start += len(rows)
    return best.numpy(), winner.numpy()
