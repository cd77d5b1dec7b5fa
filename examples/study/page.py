"""A page of the documentation with blocks that the command of a study fills. A block is of one configuration and one task:

    <!-- config.toml digits: claims -->
    what is replaced
    <!-- end -->

Its name ends with a part, or some with commas between. What is outside of blocks is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from study.settings import Refused

from exactnn.errors import SaveError
from exactnn.exact.files import write_bytes, write_text

BLOCK = re.compile(r"^<!-- (\S+ \S+): ([^\n]+) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^<!-- (?:\S+ \S+: .+|end) -->$", re.MULTILINE)


def checked(page: Path, owners: Mapping[str, Collection[str]]) -> str:
    """The page's text; Refused unless each owner, "configuration task", has blocks, and these have parts that there are."""
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"--page {page}: cannot be read: {error}") from error
    blocks = BLOCK.findall(text)
    if len(MARK.findall(text)) != 2 * len(blocks):
        raise Refused(f"--page {page}: a mark is missing: a line <!-- CONFIGURATION TASK: PART --> needs a line <!-- end -->")
    for owner, known in owners.items():
        named = [part for who, parts, _ in blocks if who == owner for part in parts.split(", ")]
        if not named:
            raise Refused(f"--page {page}: there is no mark <!-- {owner}: PART -->, which these runs need")
        for part in named:
            if part not in known:
                raise Refused(f"--page {page}: <!-- {owner}: {part} -->: no such part; there are {', '.join(known)}")
    return text


def put(page: Path, owners: Mapping[str, Mapping[str, Callable[[], str]]], pictures: Mapping[str, Path]) -> None:
    """Fill the blocks of these owners, part by part, and write those pictures that the page has; all else stays."""

    def fill(block: re.Match[str]) -> str:
        who, parts, _ = block.groups()
        texts = [owners[who][part]() for part in parts.split(", ")] if who in owners else []
        return "\n".join([f"<!-- {who}: {parts} -->", *texts, "<!-- end -->"]) if texts else block[0]

    text = BLOCK.sub(fill, checked(page, owners))
    try:
        for name, file in pictures.items():
            if f"({name})" in text:
                write_bytes(page.parent / name, file.read_bytes())
        write_text(page, text)
    except SaveError as error:
        raise Refused(f"--page {page}: {error}") from error
