"""A torch module as Python code that makes it again: Sequentials of plain layers, which is what `torch_modules` draws."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from typing import Any

_CODE = 1500  # characters
#: what torch's layers say of themselves, and are without
_DEFAULTS = ("in_features=", "out_features=", ", bias=True", ", momentum=0.1", ", affine=True", ", track_running_stats=True")
_ORDERED = "from collections import OrderedDict"


def module_code(module: Any, name: str = "f") -> str | None:
    """Lines of code that define the module, or None where it is not made of plain layers, or of too many numbers for a screen.

    A layer that is used twice is made once, and so is a tensor that two layers have. The weights follow as a state dict, without rounding.
    """
    made = _Constructors(module, name)
    layers = made.of(module)
    own = dict([*module.named_parameters(), *module.named_buffers()])  # each tensor by its first name
    tensors = [(key, value) for key, value in module.state_dict().items() if key in own and not key.endswith("num_batches_tracked")]
    if layers is None or any(value.is_floating_point() and not value.isfinite().all() for _, value in tensors):
        return None
    dtypes = {str(value.dtype) for _, value in tensors if value.is_floating_point()}
    only = dtypes.pop() if len(dtypes) == 1 else ""
    kept = "" if only == "torch.float32" else ", dtype="  # decimals of a float32 become that number again, whatever the default
    state = ", ".join(f"{key!r}: torch.tensor({value.tolist()!r}{kept and f'{kept}{value.dtype}'})" for key, value in tensors)
    dtype = f".to({only})" if only else ""
    lines = [*made.lines, f"{name} = {layers}{dtype}.eval()", *_tied(module, name)]
    if tensors:
        lines.append(f"{name}.load_state_dict({{{state}}}, strict=False)")
    shape = getattr(module, "input_shape", None)
    if shape is not None:
        lines.append(f"{name}.input_shape = {shape!r}")
    code = "\n".join(lines)
    return code if len(code) <= _CODE else None


class _Constructors:
    """Calls that make modules, and the lines that come first: of those that are used more than once, each under a name."""

    def __init__(self, module: Any, name: str) -> None:
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        uses = Counter[int]()
        self._count(module, uses)
        self._shared = [key for key, count in uses.items() if count > 1]
        self._name = "shared" if name != "shared" else "used"

    def _count(self, module: Any, uses: Counter[int]) -> None:
        uses[id(module)] += 1
        if uses[id(module)] == 1 and module is not None:
            for child in module._modules.values():  # children() leaves out a layer's second use
                self._count(child, uses)

    def of(self, module: Any) -> str | None:
        """The call, or the name of what was made before; None for what is no plain layer."""
        if id(module) in self._names:
            return self._names[id(module)]
        call = self._call(module)
        if call is None or id(module) not in self._shared:
            return call
        number = len(self._names) + 1 if len(self._shared) > 1 else ""
        self._names[id(module)] = f"{self._name}{number}"
        self.lines.append(f"{self._name}{number} = {call}")
        return self._names[id(module)]

    def _call(self, module: Any) -> str | None:
        kind = type(module)
        if "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
            return None  # it computes something else than its class, as layers do that are about to be pruned
        if kind.__module__.startswith("exactnn.testing") and kind.__name__ == "Residual":
            return self._around("xn.testing.Residual", module)
        if not kind.__module__.startswith("torch.nn.modules"):
            return None
        if kind.__name__ == "Sequential":
            return self._around("nn.Sequential", module)
        return None if module._modules else f"nn.{_plain(module)}"

    def _around(self, name: str, module: Any) -> str | None:
        children = {key: self.of(child) for key, child in module._modules.items()}
        if None in children.values():
            return None
        if name == "nn.Sequential" and list(children) != [str(i) for i in range(len(children))]:
            if _ORDERED not in self.lines:
                self.lines.insert(0, _ORDERED)
            return f"{name}(OrderedDict([{', '.join(f'({key!r}, {call})' for key, call in children.items())}]))"
        return f"{name}({', '.join(map(str, children.values()))})"


def _plain(layer: Any) -> str:
    """The call that makes the layer: what it says of itself, in short, and the arguments that it says nothing of."""
    text = re.sub(r"\b(padding|padding_mode)=([a-z]+)", r"\1='\2'", repr(layer))
    for default in _DEFAULTS:
        text = text.replace(default, "")
    for name, argument in inspect.signature(type(layer).__init__).parameters.items():
        value = getattr(layer, name, None)
        if argument.default is inspect.Parameter.empty or f"{name}=" in text or not isinstance(value, (bool, int, float, str, tuple)):
            continue
        if value != argument.default and set(value if isinstance(value, tuple) else ()) != {argument.default}:
            text = f"{text[:-1]}{'' if text.endswith('()') else ', '}{name}={value!r})"
    return text


def _tied(module: Any, name: str) -> list[str]:
    """Lines that give a layer the tensor of another one; a layer that is used twice has it anyway."""
    first = {id(tensor): key for key, tensor in [*module.named_parameters(), *module.named_buffers()]}
    lines = []
    for path, layer in module.named_modules():  # each once
        for own, tensor in [*layer._parameters.items(), *layer._buffers.items()]:
            key = f"{path}.{own}" if path else own
            if tensor is not None and first[id(tensor)] != key:
                lines.append(f"{_place(name, key)} = {_place(name, first[id(tensor)])}")
    return lines


def _place(name: str, key: str) -> str:
    """An expression for a tensor of the module: f[2].body[0].weight."""
    return name + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in key.split("."))
