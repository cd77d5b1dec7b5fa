"""Operators that are not read, each with its reason and what helps; docs/onnx.md has the same list."""

from __future__ import annotations

_IRRATIONAL = "its values are no rational numbers"
_JUMPS = "it is not continuous"
_PIECES = "it is piecewise a polynomial, or a quotient, for which a network has no operation here"
_PRODUCT = "it multiplies values that depend on the input"
_LOGITS = "export the model up to the values in front of it"
_REPLACE = "replace it by an activation that is known (docs/onnx.md), and train again"
_SPLIT = "ask about the parts of the network in front of it and behind it"
_FLOATS = "load the model as it was before quantisation"
_EVAL = "export the model in eval mode"
_FLAT = "export the model with the loop unrolled (torch.onnx.export traces a module)"

#: operator -> why, and what helps
REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("Elu", "Selu", "Celu", "Mish"), (_IRRATIONAL, _REPLACE)),
    **dict.fromkeys(("Softsign", "HardSwish"), (_PIECES, _REPLACE)),
    **dict.fromkeys(
        ("Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
        (_IRRATIONAL, _REPLACE),
    ),
    **dict.fromkeys(("ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "LpNormalization", "LpPool", "GlobalLpPool"), (_IRRATIONAL, _LOGITS)),
    **dict.fromkeys(
        ("LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization", "MeanVarianceNormalization", "LRN"),
        ("it divides by a root of values that depend on the input", "use batch normalisation, which is affine in eval mode"),
    ),
    **dict.fromkeys(
        ("ArgMin", "TopK", "NonMaxSuppression", "Unique", "OneHot"),
        (_JUMPS, _LOGITS),
    ),
    **dict.fromkeys(("RNN", "GRU", "LSTM", "Attention"), (_PRODUCT, _SPLIT)),
    **dict.fromkeys(
        ("QuantizeLinear", "DynamicQuantizeLinear"),
        ("it is part of a quantised model, whose values jump", "load the model as it was before quantisation"),
    ),
    **dict.fromkeys(("If", "Loop", "Scan"), ("its graph depends on values", _FLAT)),
    **dict.fromkeys(
        ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"), ("it is random", _EVAL)
    ),
    **dict.fromkeys(("MaxUnpool", "GridSample", "RoiAlign", "DeformConv"), (_JUMPS, _SPLIT)),
}


def reason(operator: str) -> str:
    """Why it is not read, and what helps; empty if nothing is known about it."""
    if operator not in REFUSED:
        return ""
    why, help_ = REFUSED[operator]
    return f": {why}; {help_}"
