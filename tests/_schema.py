"""Validation by a JSON Schema: the few keywords that the schemas of this repository use; any other is an error here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parents[1] / "exactnn" / "cli" / "output.schema.json"
SCHEMA: dict[str, Any] = json.loads(PATH.read_text())
_NUMBERS: dict[str, Any] = {"integer": int, "number": (int, float), "boolean": bool}
_TYPES: dict[str, Any] = {**_NUMBERS, "string": str, "null": type(None), "object": dict, "array": list}
_NOTES = {"$schema", "title", "description", "$defs"}


def problems(value: Any, schema: dict[str, Any] = SCHEMA, place: str = "$", root: dict[str, Any] = SCHEMA) -> list[str]:
    """What is wrong with a value, by place; nothing if it is valid. References are to definitions of the root."""
    found: list[str] = []
    for keyword, wanted in schema.items():
        if keyword in _NOTES:
            continue
        if keyword == "properties":
            inside = [(k, s) for k, s in wanted.items() if isinstance(value, dict) and k in value]
            found += [e for k, s in inside for e in problems(value[k], s, f"{place}.{k}", root)]
        elif keyword == "additionalProperties":
            more = set(value) - set(schema.get("properties", ())) if isinstance(value, dict) else set()
            if wanted is False:
                found += [f"{place}.{k}: not in the schema" for k in sorted(more)]
            else:
                found += [e for k in sorted(more) for e in problems(value[k], wanted, f"{place}.{k}", root)]
        elif keyword == "items":
            entries = [] if not isinstance(value, list) or _are_plain(value, wanted) else list(enumerate(value))
            found += [e for i, v in entries for e in problems(v, wanted, f"{place}[{i}]", root)]
        elif keyword == "prefixItems":
            first = zip(value, wanted, strict=False) if isinstance(value, list) else ()
            found += [e for i, (v, s) in enumerate(first) for e in problems(v, s, f"{place}[{i}]", root)]
        elif keyword == "$ref":
            found += problems(value, root["$defs"][wanted.removeprefix("#/$defs/")], place, root)
        elif keyword in ("anyOf", "oneOf"):
            results = [problems(value, option, place, root) for option in _likely(value, wanted)]
            fitting = sum(not r for r in results)
            if fitting == 0:
                found += min(results, key=len)
            elif keyword == "oneOf" and fitting > 1:
                found.append(f"{place}: {fitting} of the alternatives fit")
        elif not _holds(keyword, wanted, value):
            found.append(f"{place}: {json.dumps(value)[:80]} does not fit {keyword} {wanted}")
    return found


def _are_plain(value: list[Any], wanted: dict[str, Any]) -> bool:
    """Whether all are integers where integers fit: of these there are many."""
    return wanted.get("$ref") in ("#/$defs/integer", "#/$defs/rational", "#/$defs/count") and set(map(type, value)) <= {int}


def _likely(value: Any, options: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alternatives without those that speak of another method, operation or question."""
    if not isinstance(value, dict):
        return options
    tags = {key: value[key] for key in ("method", "op", "question") if isinstance(value.get(key), str)}
    fitting = [o for o in options if all(o.get("properties", {}).get(k, {}).get("const", v) == v for k, v in tags.items())]
    return fitting or options


def _holds(keyword: str, wanted: Any, value: Any) -> bool:
    if keyword == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return any(isinstance(value, _TYPES[k]) and (k == "boolean" or not isinstance(value, bool)) for k in kinds)
    if keyword == "const":
        return bool(value == wanted)
    if keyword == "enum":
        return value in wanted
    if keyword == "pattern":
        return not isinstance(value, str) or re.search(wanted, value) is not None
    if keyword in ("minItems", "maxItems"):
        return not isinstance(value, list) or (len(value) >= wanted if keyword == "minItems" else len(value) <= wanted)
    if keyword == "required":
        return not isinstance(value, dict) or set(wanted) <= set(value)
    raise AssertionError(f"a keyword that is not known here: {keyword}")
