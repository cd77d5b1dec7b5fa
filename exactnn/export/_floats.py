"""Rationals as floats: exactly, or rounded to nearest if that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, NotRepresentable
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import rational_text
from exactnn.exact.rounding import round_rational

_LEAST_NORMAL = {"float32": 2.0**-126, "float64": 2.0**-1022}
_TAIL = (1 << 29) - 1  # the bits of a float64 that a float32 lacks
_MIDDLE = 1 << 28


def float_type(dtype: Any) -> str:
    """ "float32" or "float64", from a text, or numpy's or torch's dtype."""
    name = str(dtype).removeprefix("torch.")
    if name not in ("float32", "float64"):
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = ""
    if name not in ("float32", "float64"):
        raise ArgumentError(f"dtype: 'float32' or 'float64' is needed, got {dtype!r}")
    return name


def to_floats(array: RationalArray, name: str, dtype: str, *, rounding: bool, without_kernel: str = "") -> np.ndarray[Any, Any]:
    """The entries as floats of this type.

    Raises NotRepresentable, naming `name`, the first index and the number of such entries, for entries that are no
    such floats (unless `rounding`) or beyond the largest one. `without_kernel` names operators of the file that common runtimes do
    not have in float64.
    """
    wide = array.to_float()  # each the nearest float64
    with np.errstate(over="ignore"):
        narrow = wide.astype(dtype)
    infinite = ~np.isfinite(narrow)
    if infinite.any():
        at = _first(infinite)
        raise NotRepresentable(f"{name}: {_entry(array, at)} is beyond the largest {dtype}; save as .json, which holds every number")
    if RationalArray.of(narrow) == array:
        return narrow
    wrong = (array - RationalArray.of(narrow)).nonzero()
    if not rounding:
        at, count = _first(wrong), int(wrong.sum())
        others = f", nor are {count - 1} more of its {array.size} entries" if count > 1 else ""
        if dtype == "float32" and without_kernel:
            advice = (
                "save with dtype='float32', rounding=True, which takes the nearest ones and runs everywhere, or as .json, which holds "
                f"every number; dtype='float64' may hold it, but common runtimes have no float64 kernel for {without_kernel}"
            )
        else:
            wider = ", or dtype='float64' if that holds it" if dtype == "float32" else ""
            advice = f"allow the nearest ones with rounding=True, or save as .json, which holds every number{wider}"
        raise NotRepresentable(f"{name}: {_entry(array, at)} is no {dtype}{others}; {advice}")
    return _nearest(array, wide, narrow, wrong, dtype)


def _nearest(
    array: RationalArray, wide: np.ndarray[Any, Any], narrow: np.ndarray[Any, Any], wrong: np.ndarray[Any, Any], dtype: str
) -> np.ndarray[Any, Any]:
    """Rounded once: where rounding to float64 first may have led astray, the exact value decides."""
    doubtful = wrong & (np.abs(wide) < 2 * _LEAST_NORMAL[dtype])
    if dtype == "float32":
        doubtful |= wrong & ((wide.view(np.int64) & _TAIL) == _MIDDLE)
    result = narrow.copy()
    for index in map(tuple, np.argwhere(doubtful)):
        result[index] = float(round_rational(array[index].item(), dtype))
    return result


def _first(mask: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _entry(array: RationalArray, at: tuple[int, ...]) -> str:
    text = rational_text(array[at].item())
    return (text if len(text) <= 60 else text[:57] + "...") + (f" at index {at}" if at else "")
