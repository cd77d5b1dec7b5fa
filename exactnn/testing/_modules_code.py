"""A torch module as Python code that makes it again: Sequentials of plain layers, which is what `torch_modules` draws."""

from __future__ import annotations

from typing import Any

_CODE = 1500  # characters
#: what torch's layers say of themselves, and are without
_DEFAULTS = ("in_features=", "out_features=", ", bias=True", ", momentum=0.1", ", affine=True", ", track_running_stats=True")


def module_code(module: Any, name: str = "f") -> str | None:
    """Lines of code that define the module, or None where it is not made of plain layers, or of too many numbers for a screen.

    The weights follow as a state dict, without rounding.
    """
    layers = _constructor(module)
    if layers is None:
        return None
    tensors = [(key, value) for key, value in module.state_dict().items() if not key.endswith("num_batches_tracked")]
    if any(value.is_floating_point() and not value.isfinite().all() for _, value in tensors):
        return None
    dtypes = {str(value.dtype) for _, value in tensors if value.is_floating_point()}
    only = dtypes.pop() if len(dtypes) == 1 else ""
    kept = "" if only == "torch.float32" else ", dtype="  # decimals of a float32 become that number again, whatever the default
    state = ", ".join(f"{key!r}: torch.tensor({value.tolist()!r}{kept and f'{kept}{value.dtype}'})" for key, value in tensors)
    dtype = f".to({only})" if only else ""
    lines = [f"{name} = {layers}{dtype}.eval()"]
    if tensors:
        lines.append(f"{name}.load_state_dict({{{state}}}, strict=False)")
    shape = getattr(module, "input_shape", None)
    if shape is not None:
        lines.append(f"{name}.input_shape = {shape!r}")
    code = "\n".join(lines)
    return code if len(code) <= _CODE else None


def _constructor(module: Any) -> str | None:
    kind = type(module)
    children = [_constructor(child) for child in module._modules.values()]  # children() leaves out a layer's second use
    if kind.__module__.startswith("exactnn.testing") and kind.__name__ == "Residual":
        return None if None in children else f"xn.testing.Residual({', '.join(map(str, children))})"
    if not kind.__module__.startswith("torch.nn.modules"):
        return None
    if kind.__name__ == "Sequential":
        return None if None in children else f"nn.Sequential({', '.join(map(str, children))})"
    text = repr(module)
    for default in _DEFAULTS:
        text = text.replace(default, "")
    return None if children else f"nn.{text}"
