"""What long work is doing and how far it is: bars on a terminal, and words for whoever asks (`reached`).

Steps under way form a stack: a step within a step stands behind it. It is of the whole process, so that another thread can read it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")
_under_way: list[Step] = []
_ended: list[str] = [""]


def reached() -> str:
    """The steps under way, the outermost first, with what is done of each; "" for none.

    Examples
    --------
    >>> with doing("comparing f and g"), Progress("", unit="cells", total=7) as cells:
    ...     cells.update(3)
    ...     reached()
    'comparing f and g, 3 of 7 cells'
    >>> reached()
    ''
    """
    return ", ".join(text for text, _ in itertools.groupby(map(str, list(_under_way))))


def ended() -> str:
    """The step that ended last, in its words without what was counted; "" for none."""
    return _ended[0]


def refreshed() -> bool:
    """Draw the innermost bar anew, so that its time runs on; False where no bar is drawn."""
    return any(isinstance(step, Progress) and step.draw() for step in reversed(list(_under_way)))


class Step:
    """Work under way while its `with` block runs."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> Any:
        _under_way.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        if self in _under_way:
            del _under_way[len(_under_way) - 1 - _under_way[::-1].index(self)]
            _ended[0] = self.what or _ended[0]

    def __str__(self) -> str:
        return self.what


class doing(Step):
    """A step in words: a `with` block, or, as a decorator, every call of a function."""

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        import functools

        @functools.wraps(function)
        def told(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with self:
                return function(*args, **kwargs)

        return told


class Progress(Step):
    """A step that counts, by `update`; `counted` is a loop that does.

    On a terminal it is a bar on stderr, for work that takes longer than two seconds.

    Parameters
    ----------
    what : what is being done, in the words of users; "" where the step around it says so
    total : how many there are, if that is known
    unit : what is counted, in the plural
    """

    def __init__(self, what: str, *, total: int | None = None, unit: str = "steps") -> None:
        super().__init__(what)
        self.total, self.unit, self.done, self.note = total, unit, 0, ""
        self._bar: Any = None

    def __enter__(self) -> Progress:
        from tqdm import tqdm

        self._bar = tqdm(desc=self.what or None, total=self.total, unit=f" {self.unit}", delay=2, disable=None, leave=False)
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._bar.close()

    def update(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        self._bar.update(count)

    def tell(self, note: str) -> None:
        """More about what is reached."""
        self.note = note
        self._bar.set_postfix_str(note, refresh=False)

    def draw(self) -> bool:
        """Draw the bar anew, if there is one."""
        if self._bar.disable:
            return False
        self._bar.refresh()
        return True

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        head = f"{self.what}: " if self.what else ""
        return f"{head}{self.done}{of} {self.unit}" + (f" ({self.note})" if self.note else "")


def counted(what: str, work: Iterable[_T], *, total: int | None = None, unit: str = "steps") -> Iterator[_T]:
    """A loop over `work` that is told as it goes along, as `Progress` is."""
    with Progress(what, total=len(work) if total is None and isinstance(work, Sized) else total, unit=unit) as progress:
        for item in work:
            yield item
            progress.update()
