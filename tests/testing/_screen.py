"""How much of a screen a report takes."""

from __future__ import annotations

import math

#: rows and columns of the screen on which every report has to fit
ROWS, COLUMNS = 40, 120


def fits(text: str) -> bool:
    """Whether it does, long lines wrapped."""
    return sum(math.ceil(len(line) / COLUMNS) for line in text.splitlines()) <= ROWS
