"""Which of 0, 1, ..., n - 1 belong together."""

from __future__ import annotations

from collections.abc import Iterator


class DisjointSets:
    """Disjoint sets of 0, 1, ..., n - 1."""

    def __init__(self, count: int = 0) -> None:
        self.parent = list(range(count))

    def extend(self, count: int) -> int:
        """`count` more elements; the first one's number."""
        first = len(self.parent)
        self.parent += range(first, first + count)
        return first

    def find(self, i: int) -> int:
        """The representative of an element's set."""
        parent = self.parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Make one set of two."""
        self.parent[self.find(i)] = self.find(j)

    def roots(self) -> Iterator[int]:
        """One element of each set."""
        return (i for i in range(len(self.parent)) if self.parent[i] == i)
