"""Value numbering: every node of a network as rational combinations of atoms, which several networks share."""

from exactnn.forms._atoms import Atom, Atoms, Decide, Fact, Line, NotTreated, TooLarge
from exactnn.forms._forms import Dense, Forms, Row, Selection, make_row, stack
from exactnn.forms._numbering import Numbering

__all__ = [
    "Atom",
    "Atoms",
    "Decide",
    "Dense",
    "Fact",
    "Forms",
    "Line",
    "NotTreated",
    "Numbering",
    "Row",
    "Selection",
    "TooLarge",
    "make_row",
    "stack",
]
