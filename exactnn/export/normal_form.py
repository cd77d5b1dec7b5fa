"""Normal forms as JSON, and the hash that names the function they stand for.

Equal functions have equal normal forms (docs/theory.md 1, corollary C, and 8, corollary T) and so equal documents and equal hashes;
unequal functions have unequal documents. Of GELU networks with neurons without incoming weights only the latter is known.
"""

from __future__ import annotations

from typing import Any

from exactnn.exact.array import RationalArray
from exactnn.exact.writing import json_integer, json_tensor
from exactnn.network.document import canonical_hash
from exactnn.symmetry import NormalForm, SmoothNormalForm


def document(form: NormalForm | SmoothNormalForm) -> dict[str, Any]:
    """k + M x + sum_h J_h max(u_h . x + v_h, 0) as a JSON object; `hyperplanes` lists the (u_h, v_h), `jumps` has a column for each.

    For k + M x + sum_h J_h phi(w_h . x + b_h) + sum_b C_b phi(b) the `activation` is named, `classes` is a matrix with the rows (w_h, b_h),
    `jumps` has a column for each; `biases` are the b, and `levels` has a column for each.

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> from exactnn.symmetry import normal_form
    >>> document(normal_form(mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])))["hyperplanes"]
    [[1, 0]]
    """
    own: dict[str, Any]
    if isinstance(form, NormalForm):
        own = {"hyperplanes": [[json_integer(n) for n in h] for h in form.hyperplanes]}
    else:
        biases = RationalArray.from_fractions(form.biases, (len(form.biases),))
        own = {
            "activation": form.activation,
            "classes": json_tensor(form.normals),
            "biases": json_tensor(biases),
            "levels": json_tensor(form.levels),
        }
    return {
        "format": "exactnn-normal-form",
        "version": 1,
        "inputs": form.slope.shape[1],
        "outputs": form.slope.shape[0],
        **own,
        "jumps": json_tensor(form.jumps),
        "linear": json_tensor(form.slope),
        "constant": json_tensor(form.offset),
    }


def digest(form: NormalForm | SmoothNormalForm) -> str:
    """SHA-256 of the document's canonical text: the same on every machine, for every network with this function.

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> from exactnn.symmetry import normal_form
    >>> f = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
    >>> g = mlp([([[2], [-3]], [0, 0]), ([["1/2", "1/3"]], [0])])
    >>> digest(normal_form(f)) == digest(normal_form(g))
    True
    """
    return canonical_hash(document(form))
