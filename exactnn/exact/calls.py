"""Calls that do not fit a function: a sentence that names the argument and says what it is, in the place of Python's TypeError."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from exactnn.errors import CallError

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LONG = 160  # characters of a description


def helpful(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same function, or `__init__` of a class; a call with an argument missing, misspelt or too many is a CallError that helps.

    Examples
    --------
    >>> @helpful
    ... def area(width: int, *, height: int = 1) -> int:
    ...     "width : metres, of the longer side"
    ...     return width * height
    >>> area()
    Traceback (most recent call last):
    exactnn.errors.CallError: width: area needs it, and it was not given (width: metres, of the longer side); call area(width)
    >>> area(3, hight=2)
    Traceback (most recent call last):
    exactnn.errors.CallError: hight: area has no argument of that name; did you mean height?
    """

    @functools.wraps(function)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except TypeError:
            misfit(function, args, kwargs)
            raise

    return told


def misfit(function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """CallError if the function cannot be called so; called where a TypeError was raised, which may have another reason."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        raise CallError(_said(function, signature, args, kwargs)) from None


def _said(function: Callable[..., object], signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    name, documented, given = function.__name__, function.__doc__ or "", list(signature.parameters.values())
    if name == "__init__":
        name, documented = type(args[0]).__name__, type(args[0]).__doc__ or documented
    if given[0].name == "self":
        given, args = given[1:], args[1:]
    named = [p.name for p in given if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    placed = [p.name for p in given if p.kind is p.POSITIONAL_OR_KEYWORD]
    for unknown in kwargs:
        if unknown not in named and not any(p.kind is p.VAR_KEYWORD for p in given):
            return f"{unknown}: {name} has no argument of that name; {_meant(unknown, named)}"
    if len(args) > len(placed):
        others = ", ".join(f"{n}=" for n in named if n not in placed)
        advice = f"; give the others by name: {others}" if others else ""
        return f"{name}: {len(placed)} values without a name are taken ({', '.join(placed)}), got {len(args)}{advice}"
    twice = [n for n in placed[: len(args)] if n in kwargs]
    if twice:
        return f"{twice[0]}: it was given twice, by its place and by its name; leave one out"
    needed = [p.name for p in given if p.default is p.empty and p.name in named]
    missing = next(n for n in needed if n not in kwargs and n not in placed[: len(args)])
    call = ", ".join(n if n in placed else f"{n}=..." for n in needed)
    return f"{missing}: {name} needs it, and it was not given{_described(missing, documented)}; call {name}({call})"


def _meant(word: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1) or [name for name in known if word[:3] and name.startswith(word[:3])]
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"


def _described(argument: str, documented: str) -> str:
    """What the docstring's list of parameters says of it, the first sentence."""
    found = re.search(rf"^ *((?:\w+, )*{argument}(?:, \w+)*) : ?(.*(?:\n +(?![\w, ]+ :).+)*)", documented, re.MULTILINE)
    if found is None:
        return ""
    text = re.split(r"[.;](?: |$)(?![^(]*\))", " ".join(found[2].split()))[0]
    return f" ({found[1]}: {text if len(text) <= _LONG else text[: _LONG - 3] + '...'})" if text else ""
