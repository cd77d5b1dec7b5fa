"""One transformation applied to one model: what it returns, and every way in which it misbehaves, told apart."""

from __future__ import annotations

import copy
import math
import os
import sys
import traceback
import unittest
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from exactnn.errors import ExactnnError, PropertyFailed
from exactnn.network import Network
from exactnn.network.document import document
from exactnn.testing._models import KINDS, RETURNED, Model, file_shapes, kind_of, read_model, unbound
from exactnn.testing._weights import weight_changes

Pass = Callable[[Any], Any]


def called(transformation: Pass) -> str:
    """The name of the transformation."""
    return str(getattr(transformation, "__name__", None) or type(transformation).__name__)


def transformed(transformation: Pass, model: Model, *, inplace: bool, repeat: bool, returns: str | None = None) -> Model:
    """The model that the transformation makes of a copy; PropertyFailed, without a report of the model, where it misbehaves.

    `inplace`: it may change its argument, and what it returns may be None for it. `repeat`: it is run twice, and must do the same.
    `returns`: a key of RETURNED, for another kind than that of the model.
    """
    name = called(transformation)
    wanted = RETURNED[returns] if returns else ((model.kind,), KINDS[model.kind])
    given = _once(transformation, model, name, inplace, wanted)
    result = _read(given, model, name)
    if repeat:
        content = _snapshot(given)
        again = _once(transformation, model, name, inplace, wanted)
        if not content or _snapshot(again) != content:
            other = _read(again, model, name).net
            if other != result.net:
                changes = weight_changes(result.net, other, result.precision or "float64")
                where = "the two results have different structures" if changes is None else str(changes)
                message = f"{name} is not deterministic: run twice on equal models it made different networks; {where}"
                raise _misbehaved("not deterministic", message)
    return result


def _once(transformation: Pass, model: Model, name: str, inplace: bool, wanted: tuple[tuple[str, ...], str]) -> Any:
    """What the transformation returns for a copy of the model: a model of the kinds wanted."""
    __tracebackhide__ = True
    argument = _copy(model)
    before, outside = {} if inplace else _snapshot(argument), _globals()
    try:
        result = transformation(argument)
    except (Exception, SystemExit) as error:
        if isinstance(error, unittest.SkipTest) or type(error).__module__.startswith("hypothesis"):
            raise  # a skip, or assume(), of the transformation
        raise _misbehaved("raised", f"{name} raised {type(error).__name__}: {_first_line(error)}{_place(error)}") from error
    if changed := _put_back(outside):
        raise _misbehaved("mutated", f"{name} changed {changed} (which is put back)")
    if inplace:
        result = argument if result is None else result
    elif (after := _snapshot(argument)) != before:
        raise _misbehaved("mutated", f"{name} changed its argument: {_what_changed(before, after)} (if it may, say inplace=True)")
    kind = kind_of(result)
    if kind not in wanted[0]:
        got = KINDS[kind] if kind else _a(result)
        hint = f' (if it exports, say returns="{other}")' if (other := _exported(kind)) and other != _exported(model.kind) else ""
        raise _misbehaved("type", f"{name} took {KINDS[model.kind]} and returned {got}, not {wanted[1]}{hint}")
    return result


def _a(value: object) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _exported(kind: str | None) -> str | None:
    """The key of RETURNED that has this kind."""
    return next((name for name, (kinds, _) in RETURNED.items() if kind in kinds), None)


def _read(result: Any, model: Model, name: str) -> Model:
    """What the transformation made of the model, as a network of the same shapes."""
    try:
        made = read_model(result, "g", _shape(model))
    except ExactnnError as error:
        raise _misbehaved("refused", f"what {name} returned cannot be read: {error}") from None
    _check_shapes(model, made, name)
    return replace(made, net=unbound(made.net))


def _check_shapes(model: Model, made: Model, name: str) -> None:
    """PropertyFailed unless they are the same. A batch axis of size 1 may be read as an axis of one and not of the other: files decide."""
    ours, theirs = _shapes(model.net), _shapes(made.net)
    if ours == theirs:
        return
    files = file_shapes(model)
    same_files = files is not None and files == file_shapes(made)
    sizes = [[[math.prod(shape) for shape in part] for part in side] for side in (ours, theirs)]
    if same_files and sizes[0] == sizes[1]:
        return
    message = f"{name} took a model of shapes {_arrow(ours)} and returned one of {_arrow(theirs)}"
    if same_files:
        message += (
            "; the files have the same shapes, but one is read for each row of a batch: give them an open batch axis, or one of size 1"
        )
    raise _misbehaved("shape", message)


def _misbehaved(kind: str, message: str) -> PropertyFailed:
    return PropertyFailed(message, kind)


def _copy(model: Model) -> Any:
    """An argument of its own for the transformation; networks, bytes and files are not copied: they are values, or watched."""
    return copy.deepcopy(model.given) if model.kind in ("module", "proto") else model.given


def _snapshot(given: Any) -> dict[str, Any]:
    """The model's content by parts, to be compared with what it is later."""
    kind = kind_of(given)
    if kind == "network":
        written = document(given)
        return {"inputs and outputs": (written["inputs"], written["outputs"]), **{f"node {n['name']!r}": n for n in written["nodes"]}}
    if kind == "path":
        path = Path(os.fspath(given))
        return {"the file": path.read_bytes()} if path.is_file() else {}
    if kind == "proto":
        return {"the model": given.SerializeToString(deterministic=True)}
    if kind == "bytes":
        return {"the bytes": bytes(given)}
    if not hasattr(given, "named_buffers") or not hasattr(given, "modules"):
        return {}  # an ExportedProgram
    parts: dict[str, Any] = {f"{path or 'the module'}: its settings": (repr(m), m.training) for path, m in given.named_modules()}
    for name, tensor in [*given.named_parameters(), *given.named_buffers()]:
        parts[name] = (str(tensor.dtype), tuple(tensor.shape), _bits(tensor))
    return parts


def _bits(tensor: Any) -> Any:
    """All that a tensor holds; one that is made of other tensors, as quantised weights are, says which."""
    if hasattr(tensor, "__tensor_flatten__"):
        names, settings = tensor.__tensor_flatten__()
        return repr(settings), {name: _bits(getattr(tensor, name)) for name in names}
    torch: Any = sys.modules["torch"]
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _globals() -> dict[str, Any]:
    """What holds for all of torch, and which a pass is to leave alone."""
    torch: Any = sys.modules.get("torch")
    return {} if torch is None else {"torch's default dtype": torch.get_default_dtype(), "torch's grad mode": torch.is_grad_enabled()}


def _put_back(before: dict[str, Any]) -> str:
    """Names what a pass changed of that, and undoes it."""
    changed = [f"{name} from {before[name]} to {now}" for name, now in _globals().items() if name in before and before[name] != now]
    if changed:
        torch: Any = sys.modules["torch"]
        torch.set_default_dtype(before["torch's default dtype"])
        torch.set_grad_enabled(before["torch's grad mode"])
    return " and ".join(changed)


def _what_changed(before: dict[str, Any], after: dict[str, Any]) -> str:
    parts = [name for name in before if name in after and before[name] != after[name]]
    parts += [f"{name} is gone" for name in before if name not in after] + [f"{name} is new" for name in after if name not in before]
    return ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")


def _shape(model: Model) -> Any:
    """What `from_torch` needs to know for the transformed module."""
    if model.kind != "module":
        return None
    shapes = tuple(model.net.shape(name) for name in model.net.inputs)
    return shapes[0] if len(shapes) == 1 else shapes


def _shapes(net: Network) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    return [net.shape(n) for n in net.inputs], [net.shape(n) for n in net.outputs]


def _arrow(shapes: tuple[list[tuple[int, ...]], list[tuple[int, ...]]]) -> str:
    return " -> ".join(", ".join(map(str, side)) for side in shapes)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["(no message)"])[0][:300]


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if len(frames) > 1 else ""
