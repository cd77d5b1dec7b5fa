"""JSON read strictly."""

from __future__ import annotations

import pytest

from exactnn.errors import LoadError
from exactnn.exact.reading import parse_json


def test_integers_are_exact_and_other_numbers_stay_texts() -> None:
    digits = "9" * 5000
    assert parse_json(f'[{digits}, -{digits}, 0.10, 1e5, NaN, -Infinity, {{"a": null}}]'.encode(), str) == [
        10**5000 - 1,
        1 - 10**5000,
        "0.10",
        "1e5",
        "NaN",
        "-Infinity",
        {"a": None},
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "line 1, column 1: JSON is needed"),
        (b"[1,\n 2", "line 2, column 3: JSON is needed"),
        (b'["\xff"]', "byte 2: UTF-8 is needed"),
        (b"[" * 200_000, "JSON: nested too deeply"),
        (b'{"b": {"a": 1, "c": 2, "a": 1}}', "JSON: each key once is needed, but 'a' stands twice in one object"),
    ],
)
def test_what_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(LoadError, match=f"^{words}"):
        parse_json(data, str)
