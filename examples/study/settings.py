"""Settings in TOML, checked: a file becomes frozen values, or one line says which key is wrong, what is needed and what is there."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

Made = TypeVar("Made")
Check = Callable[[Any, str], Any]


class Refused(Exception):
    """What the user gave cannot be used; the message is one line."""


@dataclass(frozen=True)
class Claim:
    """What is claimed, what is measured for it, and the number that decides."""

    sentence: str
    metric: str
    threshold: float


def digest(settings: Mapping[str, Any]) -> str:
    """A hash of all settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def read_toml(path: Path) -> dict[str, Any]:
    """The document; Refused if it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: cannot be read as TOML: {error}") from error


def table(kind: Callable[..., Made], checks: Mapping[str, Check]) -> Callable[[Any, str], Made]:
    """A table of exactly these keys, as a value of this kind."""
    assert {f.name for f in fields(kind)} == set(checks)  # type: ignore[arg-type]

    def check(value: Any, where: str) -> Made:
        return kind(**_entries(value, where, checks))

    return check


def named(names: tuple[str, ...], check: Check) -> Check:
    """A table whose keys are these names."""
    return lambda value, where: _entries(value, where, dict.fromkeys(names, check))


def _entries(value: Any, where: str, checks: Mapping[str, Check]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{where}: a table is needed, got {value!r}")
    for key in checks:
        if key not in value:
            raise Refused(f"{where}: the key {key!r} is missing")
    for key in value:
        if key not in checks:
            raise Refused(f"{where}: unknown key {key!r}; known are {', '.join(checks)}")
    return {key: check(value[key], f"{where}: {key}" if ": " not in where else f"{where}.{key}") for key, check in checks.items()}


def several(check: Check, least: int = 1) -> Check:
    """A list of so many different entries, as a tuple."""

    def entries(value: Any, where: str) -> Any:
        if not isinstance(value, list) or len(value) < least or len(set(map(repr, value))) < len(value):
            raise Refused(f"{where}: a list of {least} or more different entries is needed, got {value!r}")
        return tuple(check(entry, where) for entry in value)

    return entries


def one_of(names: tuple[str, ...]) -> Check:
    """One of these texts."""
    return checked(lambda v: v in names, f"one of {', '.join(names)}")


def checked(right: Callable[[Any], bool], needed: str) -> Check:
    """A value of which this is right."""

    def check(value: Any, where: str) -> Any:
        if not right(value):
            raise Refused(f"{where}: {needed} is needed, got {value!r}")
        return value

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


whole = checked(lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 1, "a whole number >= 1")
seed_number = checked(lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 2**31, "a whole number >= 0")
number = checked(_is_number, "a number")
positive = checked(lambda v: _is_number(v) and v > 0, "a positive number")
text = checked(lambda v: isinstance(v, str) and bool(v.strip()), "a text")
yes_or_no = checked(lambda v: isinstance(v, bool), "true or false")
CLAIM = table(Claim, {"sentence": text, "metric": text, "threshold": number})
