"""Value numbering: every node of a network as rational combinations of atoms, which several networks share."""

from exactnn.forms._atoms import Atom, Atoms, Decide, Fact, Line, NotTreated
from exactnn.forms._forms import Dense, Forms, Row, Selection, stack
from exactnn.forms._numbering import Numbering
from exactnn.forms._sparse import Sparse, TooLarge

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
    "Sparse",
    "TooLarge",
    "stack",
]
