"""How are two networks related: by permutations and scalings of neurons, by their function alone, or not at all?

It is `exactnn.symmetry.relate`: a question about symmetries, answered here because it needs `verify_equal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from exactnn.claims import Certificate
from exactnn.errors import Incomplete, NotOneHiddenLayer
from exactnn.exact.clock import timed
from exactnn.exact.numbers import Number
from exactnn.network import Network
from exactnn.symmetry import Fibre, Transformation, align, fibre
from exactnn.value import Value
from exactnn.verdict import Point, Verdict
from exactnn.verify.equality import check_pair, verify_equal

_STEPS = {"permutation": "permutation", "scaling": "positive scaling", "sign_flip": "sign flip", "flip": "flip"}

Detail = Literal[
    "same weights",
    "orbit",
    "flip",
    "other orbit",
    "other depth",
    "other width",
    "other activation",
    "not found",
    "different functions",
    "not decided",
]


@dataclass(frozen=True, eq=False, repr=False)
class Relation(Value):
    """What is known of two networks f and g.

    Attributes
    ----------
    kind : "same orbit": permutations and positive scalings of neurons (of tanh also sign flips) lead from f to g, and keep the function;
        "same function": f = g everywhere, and no such way was found (for one hidden layer, as `detail` says, there is none);
        "different": they differ at `point`; "unknown": whether f = g was not decided
    detail : more closely, in a word: "same weights", "orbit", "flip", "other orbit", "other width" ...; "not found": there may be a way
    words : the answer in words
    verdict : that of `verify_equal(f, g)`
    transformation : T with T.apply(f) = g up to the names of nodes, for "same orbit" and, with a `Flip`, "same function"; None without one
    leads : T with T.apply(f) = g as `align` finds it, whatever it does to the function
    point : where f and g differ, for "different"; else None
    """

    kind: Literal["same orbit", "same function", "different", "unknown"]
    detail: Detail
    words: str
    verdict: Verdict
    leads: Transformation | None = None

    @property
    def transformation(self) -> Transformation | None:
        """T, where it keeps the function."""
        return self.leads if self.kind in ("same orbit", "same function") else None

    @property
    def point(self) -> Point | None:
        """Where f and g differ."""
        return self.verdict.counterexample

    @property
    def certificate(self) -> Certificate | None:
        """That of the verdict: of f = g, or of the point."""
        found = self.verdict.certificate
        return found if isinstance(found, Certificate) else None

    def _parts(self) -> Mapping[str, object]:
        shown = ("kind", "detail", "words", "transformation", "point", "verdict")
        return {name: getattr(self, name) for name in shown}

    def _summary(self) -> str:
        return f"{self.kind}: {self.words}"

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        return f"{self.kind.upper()}: {self.words} ({self.verdict.semantics})"


@timed
def relate(f: Network, g: Network, *, time_limit: Number | None = None) -> Relation:
    """Are f and g the same up to permutations and scalings of neurons, and if not, the same function?

    Of any depth. Whether f = g is what `verify_equal` decides. Whether g lies in the orbit of f is decided for one hidden layer (relu,
    leaky_relu, prelu with one slope, abs, softplus, silu, gelu, tanh, sigmoid); for others `align` searches.

    Parameters
    ----------
    f, g : networks with equal numbers of inputs and outputs
    time_limit : seconds, then kind "unknown"; None for none but those of `verify_equal`

    Returns
    -------
    Relation
        with `kind`, `transformation` or `point`, `verdict` (`certificate`) and `words`

    Raises
    ------
    ShapeError, ArgumentError

    Examples
    --------
    >>> from exactnn import mlp, symmetry
    >>> f = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    >>> moved = symmetry.Permutation(0, [2, 0, 1]).apply(f)
    >>> found = symmetry.relate(f, moved)
    >>> found.kind, found.transformation
    ('same orbit', Permutation('relu1', [2, 0, 1]))
    >>> symmetry.relate(f, symmetry.Flip([0, 1, 2]).apply(f)).kind, symmetry.relate(f, symmetry.Flip([0]).apply(f)).kind
    ('same function', 'different')
    """
    check_pair(f, g)
    verdict = verify_equal(f, g)
    leads = _leads(f, g)
    kinds = None if leads is None else {step["kind"] for step in leads.steps(f)}
    if verdict.unknown:
        return Relation("unknown", "not decided", f"whether f = g is not decided: {verdict.reason}", verdict, leads)
    if verdict.refuted:
        return Relation("different", "different functions", "f and g are different functions", verdict, leads)
    kind, detail, how = _of_one_function(f, g, None if kinds is None else [k for k in _STEPS if k in kinds])
    return Relation(kind, detail, f"f = g, {how}", verdict, leads)


def _leads(f: Network, g: Network) -> Transformation | None:
    try:
        return align(f, g)
    except Incomplete:  # the time is over
        return None


def _of_one_function(f: Network, g: Network, kinds: list[str] | None) -> tuple[Literal["same orbit", "same function"], Detail, str]:
    """Kind, detail and words; `kinds` of the steps that lead from f to g."""
    known, other = _shallow(f), _shallow(g)
    alike = known is not None and other is not None and known.width == other.width and _activation(known) == _activation(other)
    elsewhere = known is not None and alike and known.is_elsewhere(g)
    if kinds is not None:
        if not kinds:
            return "same orbit", "same weights", "and they have the same weights"
        words = [_STEPS[k] for k in kinds]
        whole = " and ".join([", ".join(f"a {w}" for w in words[:-1]), f"a {words[-1]}"] if len(words) > 1 else [f"a {words[0]}"])
        text = f"and {whole} of neurons {'leads' if len(words) == 1 else 'lead'} from f to g"
        if "flip" not in kinds:
            return "same orbit", "orbit", text
        return "same function", *(("other orbit", f"{text}: g lies in another orbit than f") if elsewhere else ("flip", text))
    text = "but no permutation, scaling or flip was found"
    if len(f.hidden_layers) != len(g.hidden_layers):
        sizes = f"{len(f.hidden_layers)} and {len(g.hidden_layers)}"
        return "same function", "other depth", f"{text}: they have different numbers of hidden layers, {sizes}"
    if known is None or other is None:
        return "same function", "not found", f"{text} that leads from f to g"
    if _activation(known) != _activation(other):
        both = f"{_name(known)} and {_name(other)}"
        return "same function", "other activation", f"{text}: they have different activations, {both}"
    if known.width != other.width:
        return "same function", "other width", f"{text}: they have different widths, {known.width} and {other.width} neurons"
    if elsewhere:
        return "same function", "other orbit", f"{text}: g lies in another orbit than f, in the same fibre"
    how = "and g lies in the orbit of f: they differ in neurons' order and scale, and in how the affine layers are written"
    return "same orbit", "orbit", how


def _shallow(net: Network) -> Fibre | None:
    """Its fibre, for one hidden layer."""
    try:
        return fibre(net)
    except (NotOneHiddenLayer, Incomplete):
        return None


def _activation(known: Fibre) -> tuple[object, ...]:
    """phi: equal for equal functions, whatever they are called."""
    layer = known.layer
    return known.family, layer.jump, layer.ratio, None if known.family == "homogeneous" else _name(known)


def _name(known: Fibre) -> str:
    operation = known.layer.activation
    return str(getattr(operation, "name", operation.kind))
