"""What every public value has: a repr of one line, a print of one screen, a table for notebooks, a dictionary for JSON.

All four are made of the value's parts, its public attributes by name. None of them computes anything that the value does not know yet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from html import escape
from typing import Any

from exactnn.texts import brief, fitted, plain, screen

#: characters of a repr, and of a line that is printed; rows that are looked at for a print
LINE, SCREEN, ROWS = 110, 118, 24
#: characters of a formula that is printed; of a cell of a table
FORMULA, _CELL = 1200, 400


class Value:
    """A value that people read; classes of values say what their parts are, and, where that reads better, how they are shown."""

    __slots__ = ()

    def _parts(self) -> Mapping[str, Any]:
        """Its public attributes, by name: the fields of a dataclass, if nothing else is said."""
        assert dataclasses.is_dataclass(self)
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if not f.name.startswith("_")}

    def _summary(self) -> str:
        """What stands between the brackets of the repr."""
        return ", ".join(f"{name}={brief(part, 40)}" for name, part in self._parts().items())

    def _rows(self) -> list[tuple[str, str]]:
        """The lines of a print: a name and a text."""
        return [(name.replace("_", " "), brief(part, SCREEN)) for name, part in self._parts().items()]

    def __repr__(self) -> str:
        return fitted(f"{type(self).__name__}({self._summary()}", LINE - 1) + ")"

    def __str__(self) -> str:
        return screen(repr(self), self._rows(), SCREEN)

    def _repr_html_(self) -> str:
        """The rows as a table, for notebooks; every text escaped."""
        shown = [(name, fitted(text, _CELL)) for name, text in self._rows()[:ROWS]]
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in shown)
        return f"<table><caption>{escape(repr(self))}</caption><tbody>{rows}</tbody></table>"

    def to_dict(self) -> dict[str, Any]:
        """The value in what JSON has: {"type": the class's name, ...}, its parts by name, every number exact (docs/answers.md).

        A Fraction is the text "p/q", or "p" for an integer; `fractions.Fraction` reads it.
        """
        return {"type": type(self).__name__, **plain(self._parts())}
