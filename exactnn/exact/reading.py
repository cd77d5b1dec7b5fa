"""JSON read strictly: integers exact and of any size, each key once, nothing rounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flint import fmpz

from exactnn.errors import LoadError
from exactnn.exact.numbers import shown


def parse_json(data: bytes, no_integer: Callable[[str], Any]) -> Any:
    """The document in these bytes, UTF-8; LoadError for what is no JSON, and for a key that stands twice in one object.

    Parameters
    ----------
    data : the bytes of a file
    no_integer : what is made of the text of a number that is no integer (a decimal, NaN, Infinity)

    Examples
    --------
    >>> parse_json(b'{"a": [1, 0.5]}', str)
    {'a': [1, '0.5']}
    """
    try:
        text = data.decode("utf-8")
        try:
            return _loads(text, int, no_integer)
        except json.JSONDecodeError:
            raise
        except ValueError:  # Python's own limit of 4,300 digits; FLINT reads them, and quickly
            return _loads(text, lambda digits: int(fmpz(digits)), no_integer)
    except UnicodeDecodeError as error:
        raise LoadError(f"byte {error.start}: UTF-8 is needed, but {error.reason}") from None
    except json.JSONDecodeError as error:
        raise LoadError(f"line {error.lineno}, column {error.colno}: JSON is needed, but: {error.msg}") from None
    except RecursionError:
        raise LoadError("JSON: nested too deeply") from None


def _loads(text: str, parse_int: Callable[[str], int], no_integer: Callable[[str], Any]) -> Any:
    return json.loads(text, parse_int=parse_int, parse_float=no_integer, parse_constant=no_integer, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise LoadError(f"JSON: each key once is needed, but {shown(key)} stands twice in one object")
            seen.add(key)
    return found
