"""The operations beyond those of plain networks."""

from ._operations import Operation

_SLIDING = "stride", "padding", "dilation"
_NORM = "mean", "variance", "weight", "bias", "epsilon", "precision"
OTHERS = {
    "prelu": Operation(("slopes",), 1, "_bent.read_prelu"),
    "smooth": Operation(("function",), 1, "_curved.read_smooth"),
    "rational": Operation(("numerator", "denominator"), 1, "_quotients.read_rational"),
    "max_pool": Operation(("kernel", *_SLIDING), 1, "_windowed.read_pool"),
    "average_pool": Operation(("kernel", "stride", "padding", "count_padding"), 1, "_windowed.read_pool", "_windowed.average"),
    "conv": Operation(("weight", "bias", *_SLIDING, "groups"), 1, "_windowed.read_conv", "_windowed.convolution"),
    "batch_norm": Operation(_NORM, 1, "_rounding.read_batch_norm", "_rounding.scaled"),
    "constant": Operation(("value",), 0, "_moving.read_constant", "_moving.constant"),
    "reshape": Operation(("shape",), 1, "_moving.read_reshape", "_moving.reshaped"),
    "transpose": Operation(("axes",), 1, "_moving.read_transpose", "_moving.transposed"),
    "slice": Operation(("starts", "stops", "steps"), 1, "_moving.read_slice", "_moving.sliced"),
    "gather": Operation(("index",), 1, "_moving.read_gather", "_moving.gathered"),
    "concat": Operation(("axis",), None, "_moving.read_concat", "_moving.joined"),
    "add": Operation((), 2, "_broadcast.read_sum", "_broadcast.added"),
    "subtract": Operation((), 2, "_broadcast.read_sum", "_broadcast.added"),
    "scale": Operation(("factor",), 1, "_broadcast.read_scale", "_broadcast.scaled"),
}
