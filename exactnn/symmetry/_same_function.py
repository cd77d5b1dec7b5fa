"""Are two normal forms the same function? For all but constants of GELU neurons that is `==`."""

from __future__ import annotations

from fractions import Fraction

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.calls import helpful
from exactnn.symmetry.ridge_forms import NormalForm
from exactnn.symmetry.smooth_forms import SmoothNormalForm, assembled, is_zero


@helpful
def same_function(f: NormalForm | SmoothNormalForm, g: NormalForm | SmoothNormalForm) -> bool:
    """Whether two normal forms are the same function on R^d, for all x: f(x) = g(x).

    By theorems A and S (docs/theory.md 1, 8) the hyperplanes, or classes, with their J, and M agree if the functions do, whatever the
    activations are. What is left is a question about constants, k + sum_b C_b phi(b) against k' + sum_b C'_b phi'(b). For one activation of
    tanh, sigmoid, silu, softplus, equality of the numbers k, C_b decides it (silu against tanh, after silu(b) = b/2 + (b/2) tanh(b/2)).
    For gelu, and for other pairs of activations, enclosures may show a difference.

    Raises
    ------
    Undecided
        Where k and C differ, no theorem says whether the constants do, and enclosures at 4096 bits do not keep apart.

    Examples
    --------
    >>> from exactnn import mlp, symmetry
    >>> numbers = [(1, 1, 0), (-1, 1, 1), (2, 1, 0)]                 # b, a, c of a gelu(0 x + b) + c; gelu(1) = gelu(-1) + 1
    >>> f, g, h = (symmetry.normal_form(mlp([([[0]], [b]), ([[a]], [c])], activation="gelu")) for b, a, c in numbers)
    >>> same_function(f, g), same_function(f, h)
    (True, False)
    """
    for argument, form in (("f", f), ("g", g)):
        if not isinstance(form, (NormalForm, SmoothNormalForm)):
            raise ArgumentError(f"{argument}: a normal form (from symmetry.normal_form) is needed, got {type(form).__name__}")
    if f.slope.shape != g.slope.shape:
        raise ShapeError(f"f and g: equal numbers of outputs and inputs are needed, got {f.slope.shape} and {g.slope.shape}")
    if f == g:
        return True
    a, b = _as_part(f), _as_part(g)
    (rows, columns), (others, minus) = _terms(a), _terms(b)
    slope, offset = -b.slope, -b.offset
    if a.activation != b.activation and "identity" not in (a.activation, b.activation):
        return is_zero((a, assembled(b.activation, others, -minus, slope, offset)))
    name = b.activation if a.activation == "identity" else a.activation
    both = concatenate([rows, others]), concatenate([columns, -minus], axis=1)
    return is_zero((assembled(name, *both, a.slope + slope, a.offset + offset),))


def _as_part(form: NormalForm | SmoothNormalForm) -> SmoothNormalForm:
    """The numbers of a form with ReLU neurons in the other layout."""
    if isinstance(form, SmoothNormalForm):
        return form
    return assembled("relu" if form.hyperplanes else "identity", form.normals, form.jumps, form.slope, form.offset)


def _terms(form: SmoothNormalForm) -> tuple[RationalArray, RationalArray]:
    """The rows (w, b), and the columns J and C."""
    zero = [Fraction(0)] * form.slope.shape[1]
    biases = RationalArray.from_fractions([q for b in form.biases for q in (*zero, b)], (len(form.biases), len(zero) + 1))
    return concatenate([form.normals, biases]), concatenate([form.jumps, form.levels], axis=1)
