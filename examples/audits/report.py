"""The tables: what became of each pass, what changed, by how much, and what was refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from study.tables import table, up

OUTCOMES = ("kept", "rounding", "changed", "failed", "refused", "not decided")
#: how the drawn ones are called
DRAWN = ("drawn models", "drawn modules")


def tables(results: Sequence[dict[str, Any]]) -> str:
    """Everything, in Markdown."""
    done = [r for r in results if "trials" in r]
    kept, lossy = [r for r in done if not r["lossy"]], [r for r in done if r["lossy"]]
    without = _without(results)
    parts = [_versions(done)]
    whole = [r for r in kept if all(t["outcome"] == "kept" for t in r["trials"]) and "broken" not in r]
    if whole:
        parts += [f"Kept exactly, all of them (drawn + planted ones): {'; '.join(map(_sizes, whole))}."]
    others = [r for r in kept if r not in whole]
    if others:
        parts += [table(("pass", "drawn", *OUTCOMES), [_line(r) for r in others])]
    found = _findings(kept)
    if found:
        parts += ["### What was changed", table(("model", "by", "x", "right", "found"), found)]
    broken = _broken(kept)
    if broken:
        parts += ["### What failed, or was refused", "\n".join(broken)]
    if lossy:
        parts += [
            "### Passes that mean to change the function",
            table(("pass", "outcomes", "smallest change found, or reason"), [_loss(r) for r in lossy]),
            "Right values are exact. Where a result cannot be read, what was found is what it gives when it is run.",
        ]
    return "\n\n".join([*parts, *(["\n".join(without)] if without else [])])


def _without(results: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each reason why rows are missing, and one for those that broke."""
    by: dict[str, list[str]] = {}
    for result in results:
        if "missing" in result:
            by.setdefault(result["missing"], []).append(result["title"])
    lines = [f"- Left out, {why}: {'; '.join(titles)}." for why, titles in by.items()]
    broke = [f"{r['title']} ({r['broken']})" for r in results if "broken" in r]
    return [*lines, *([f"- Broke off: {'; '.join(broke)}."] if broke else [])]


def _versions(results: Sequence[dict[str, Any]]) -> str:
    known = {name: version for r in results for name, version in r["packages"].items() if version}
    return "With " + ", ".join(f"{name} {known[name]}" for name in sorted(known)) + "." if known else "No row was run."


def _sizes(result: dict[str, Any]) -> str:
    drawn = [t["examples"] for t in result["trials"] if t["model"] in DRAWN]
    return f"{result['title']} ({sum(drawn)} + {len(result['trials']) - len(drawn)})"


def _line(result: dict[str, Any]) -> list[str]:
    """A row of the first table; rounding with its largest bound."""
    planted = [t for t in result["trials"] if t["model"] not in DRAWN]
    counts = []
    for outcome in OUTCOMES:
        chosen = [t for t in planted if t["outcome"] == outcome]
        bounds = [Fraction(t["bound"]) for t in chosen if t["bound"]]
        counts.append(f"{len(chosen)}, <= {up(max(bounds))}" if bounds else str(len(chosen) or ""))
    return [result["title"], "; ".join(_drawn(t) for t in result["trials"] if t["model"] in DRAWN), *counts]


def _drawn(trial: dict[str, Any]) -> str:
    if trial["outcome"] == "kept":
        return f"{trial['exactly']} of {trial['examples']} kept"
    if trial["outcome"] == "rounding" and trial["examples"] > 1 and trial["bound"]:
        return f"{trial['exactly']} of {trial['examples']} kept, others <= {trial['bound']}"
    return str(trial["outcome"])


def _findings(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A line for each model that was changed: by which passes alone, and what the first of them does at its point."""
    by: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for result in results:
        for trial in result["trials"]:
            if trial["outcome"] == "changed" and not result["name"].startswith("pair_"):
                by.setdefault(trial["model"], []).append((result["name"], trial))
    return [[model, ", ".join(name for name, _ in found), *_values(found[0][1])] for model, found in by.items()]


def _values(trial: dict[str, Any]) -> list[str]:
    if not trial["exact"]:
        return ["", reason(trial["reason"].partition("; what ")[0]), ""]
    f, g = ([Fraction(q) for q in side] for side in trial["exact"])
    i = max(range(len(f)), key=lambda j: abs(f[j] - g[j]))
    where = f"y{i} = " if len(f) > 1 else ""
    return [f"({', '.join(map(_short, map(Fraction, trial['point'])))})", f"{where}{_short(f[i])}", f"{where}{_short(g[i])}"]


def _short(value: Fraction) -> str:
    exact = str(value)
    return exact if len(exact) <= 9 else f"{float(value):.6g}"


def _broken(results: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each reason, with the passes and models that met it."""
    by: dict[str, tuple[list[str], list[str]]] = {}
    for result in results:
        for trial in result["trials"]:
            if trial["outcome"] in ("failed", "refused", "not decided") and not result["name"].startswith("pair_"):
                names, models = by.setdefault(f"{trial['outcome']}: {reason(trial['reason'])}", ([], []))
                names += [result["name"]] * (result["name"] not in names)
                models += [trial["model"]] * (trial["model"] not in models)
    return [f"- {text} ({', '.join(names)}; {', '.join(models)})" for text, (names, models) in by.items()]


def reason(text: str) -> str:
    """In short, without the names of this run: of the pass, of temporary files, of places in libraries."""
    text = re.sub(r"^what \w+ returned", "the result", text)
    text = re.sub(r"^\w+ raised", "raised", text)
    text = re.sub(r"/\S*/(\S+?)(?=[:\s'\"]|$)", r"\1", text)
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "onnxruntime: ", text)
    return text[:160].strip().replace("|", "\\|").replace("<", "&lt;")


def _loss(result: dict[str, Any]) -> list[str]:
    counts = [f"{n} {outcome}" for outcome in OUTCOMES if (n := sum(t["outcome"] == outcome for t in result["trials"]))]
    trial = next((t for t in result["trials"] if t["outcome"] == "changed"), result["trials"][0])
    what = reason(trial["reason"])
    if trial["exact"]:
        x, right, found = _values(trial)
        where = "" if trial["deviation"] else ", when it is run"
        what = f"at x = {x} {right} became {found}{where}"
    if trial["deviation"]:
        what += f"; {trial['deviation'][0]} <= max \\|f - g\\| <= {trial['deviation'][1]} on [-1, 1]^n"
    return [result["title"], ", ".join(counts), what + _network(trial["report"])]


def _network(report: str) -> str:
    """The smallest model of the report as code, if it is short, without the settings that hold for all of them."""
    lines = [line for line in report.splitlines() if line.startswith(("f = ", "f.load_state_dict("))]
    code = "; ".join(line.removesuffix(", strict=False)") + ")" * line.endswith(", strict=False)") for line in lines)
    code = code.replace(".to(torch.float32).eval()", "").replace("|", "\\|")
    return f"; `{code}`" if 0 < len(code) <= 400 else ""
