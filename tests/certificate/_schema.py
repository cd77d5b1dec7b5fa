"""The JSON Schema of certificates, which everything that is accepted fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests._schema import problems

PATH = Path(__file__).resolve().parents[2] / "docs" / "certificate" / "format.schema.json"
SCHEMA: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))


def misfits(document: Any) -> list[str]:
    """What does not fit, by place."""
    return problems(document, SCHEMA, "$", SCHEMA)
