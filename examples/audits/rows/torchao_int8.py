"""torchao, weights of linear layers as 8-bit integers."""

from _frame import audit, drawn_modules, library

quantization = library("torchao.quantization")


def quantise(module):
    quantization.quantize_(module, quantization.Int8WeightOnlyConfig())
    return module


if __name__ == "__main__":
    audit(quantise, drawn_modules(), packages="torchao", inplace=True, lossy=True)
