"""Arrays in .npy files: nothing pickled is read, and no header is believed that promises more than the file has."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exactnn.errors import ExactnnError, LoadError

if TYPE_CHECKING:
    import numpy as np

#: what numpy and Python raise for damaged headers, numbers and texts
_DAMAGED = (OSError, ValueError, OverflowError, EOFError, TypeError, SyntaxError, RecursionError, tokenize.TokenError)


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Errors name this place; LoadError for damaged files."""
    try:
        yield
    except ExactnnError as error:
        raise type(error)(f"{place}: {error}") from None
    except _DAMAGED as error:
        raise LoadError(f"{place}: cannot be read: {error}") from None


def npy_array(path: str) -> np.ndarray[Any, Any]:
    """The integers or floats in a .npy file, as they are. Mapped first, so that its size is compared with the header."""
    import numpy as np

    with open(path, "rb") as file:
        if file.read(6) != np.lib.format.MAGIC_PREFIX:
            raise LoadError("this is no .npy file (numpy.save writes them)")
    array = np.lib.format.open_memmap(path, mode="r")
    if array.dtype.kind not in "iuf":
        raise LoadError(f"an array of real numbers is needed, got dtype {array.dtype}")
    return np.array(array)


def read_array(path: str, option: str) -> np.ndarray[Any, Any]:
    """The same for a command; LoadError, with the path, if there is none."""
    with reading(path):
        if not Path(path).is_file():
            raise LoadError(f"{option}: a .npy file is needed, but {path!r} is no file")
        return npy_array(path)
