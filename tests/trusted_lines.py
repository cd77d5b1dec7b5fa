"""How many lines of exactnn/certificate one must read to believe a claim, for each question and method: ``make trusted-lines``.

Counted is what is loaded to check it, blank lines, comments and docstrings left out. ``--write`` puts the table into
docs/certificate-format.md, where a test compares it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "exactnn"))  # the folder alone: nothing of exactnn is needed

from certificate import _claim, _load, _trusted  # noqa: E402

PAGE = ROOT / "docs" / "certificate-format.md"
MARKS = "<!-- trusted lines -->", "<!-- end -->"
#: what is aimed at: for the largest of a certificate's core methods, with the reader of a model file, and for everything but `extra`
CORE, MOVED = "one certificate of `equal` or `zero`, at most", "of `symmetry`, where the checker makes T(f)"
READING, ALL = "one of these that reads ONNX, at most", "all that any claim loads, but for `extra`"
#: and what is kept, besides: all that certificates of the core rest on, together
UNION, READERS = "all certificates of the core together", "these with all readers"
GOALS = {CORE: 900, MOVED: 900, READING: 1400, UNION: 3000, READERS: 3500, ALL: 3000}
#: for one certificate, by question and method
METHODS = {
    "equal": {"point": 675, "tree": 800, "forms": 800, "pass": 825, "boxes": 1075, "enclosure": 950},
    "zero": {"point": 675, "tree": 800, "forms": 800, "pass": 825, "boxes": 1075, "enclosure": 950},
    "symmetry": {"point": 775, "tree": 900, "forms": 875, "pass": 900, "boxes": 1175, "enclosure": 1050},
    "equal_at": {"values": 725, "point": 725},
    "same_decision": {"tree": 1125, "boxes": 1225, "point": 1125},
    "deviation": {"tree": 1000, "pass": 1000, "boxes": 1275},
    "execution_error": {"rounding": 1025},
    "regions": {"tree": 875},
    "orbits": {"free": 850, "odd": 850, "halves": 875, "lattice": 925, "enumeration": 950},
    "identity": {"sides": 1275},
    "pole_free": {"signs": 675, "pole": 675},
}
#: for one certificate of `equal` or `zero` that reads a model file
READ = {
    "NNET": {"point": 875, "tree": 1025, "forms": 1025, "pass": 1050},
    "ONNX": {"point": 1025, "tree": 1150, "forms": 1150, "pass": 1175},
}
#: which of the goals are not reached yet
OPEN = {ALL}
#: what no claim loads: the command line, the count of lines, and what engines ask for
LOADED_BY_NONE = ("__main__", "_command", "_trusted", "building", "telling")
_IN_FILES = "_files", "_model_files"
_CORE = ("equal", "zero", "symmetry"), ("point", "tree", "forms", "pass")
#: what networks need beside where a node of these kinds occurs, and what else the core may meet
BESIDE = {
    "reshape, transpose, slice, gather, concat and constants": ("_moving",),
    "add, subtract and scale": ("_broadcast",),
    "other kinks than those of relu": ("_bent",),
    "convolution and pooling": ("_windowed", "_maximum", "_grid"),
    "batch norms": ("_rounding",),
    "domains of lower dimension": ("_hull",),
    "forms that are >= 0": ("_above",),
    "bounds of what is inside of maxima": ("_chords",),
    "shared parts": ("_shared", "_beside"),
    "the claim in words": ("_words",),
    "a certificate in a file": ("_files",),
    "one that is no file": ("_written",),
}
#: what models in files need beside, and with ONNX
FILES = {
    "model files": ("_model_files",),
    "NNET": ("_nnet",),
    "ONNX": ("_onnx",),
    "compressed ONNX": ("_gzip",),
    "files that the caller names": ("_given",),
    "slices": ("_slice",),
}
OPERATIONS = {
    "Add and Sub": ("_onnx_sums",),
    "Flatten, Reshape, Identity and Constant": ("_onnx_moving",),
    "data in files beside it": ("_onnx_beside", "_model_data"),
}
#: networks that are not piecewise linear
CURVED = {"smooth activations": ("_curved", "_named"), "rational activations": ("_quotients", "_signs")}
#: what some methods and questions need beside
BOUNDS = {
    "sides that are proved": ("_limits",),
    "factors of entries beside affine maps and convolutions": ("_folding",),
    "other piecewise linear functions": ("_units",),
    "smooth activations": ("_curved", "_smooth"),
    "maxima": ("_pooled",),
}
BOXES = {"leaves by trees": ("_tree",), "leaves by pass": ("_difference",)}
MOVES = {
    "layers of other nodes than affine maps and activations": ("_layer",),
    "flips": ("_flip",),
    "`matched`": ("_beside", "_laws"),
}


def counts(question: str) -> dict[str, dict[str, int]]:
    """For each answer and method the lines."""
    kind = _load.load(_claim.QUESTIONS[question])
    return {
        answer: {method: _size(_trusted.modules(map(_module, (*_first(question), t)))) for method, t in methods.items()}
        for answer, methods in kind.methods.items()
    }


def reading(kind: str) -> dict[str, int]:
    """For each method of the core the lines of a certificate of `equal` that reads a model file of this kind."""
    return {method: _size(_trusted.modules([*_core("equal", method), *_IN_FILES, *FILES[kind]])) for method in _CORE[1]}


def totals() -> dict[str, int]:
    """The largest certificate of the core, without and with ONNX; all of them together, without and with readers; all modules."""
    cores = {question: [_core(question, method) for method in _CORE[1]] for question in _CORE[0]}
    each = [names for core in cores.values() for names in core]
    used = {name for names in (*BESIDE.values(), ("_folding", "_units", "_pooled", *_IN_FILES), *MOVES.values(), *each) for name in names}
    readers = {name for names in (*FILES.values(), *OPERATIONS.values()) for name in names}
    everything = [".".join(path.relative_to(_trusted.FOLDER).with_suffix("").parts) for path in Path(_trusted.FOLDER).rglob("*.py")]
    return {
        CORE: max(_size(_trusted.modules(names)) for question in ("equal", "zero") for names in cores[question]),
        MOVED: max(_size(_trusted.modules(names)) for names in cores["symmetry"]),
        READING: max(_size(_trusted.modules([*names, *_IN_FILES, *FILES["ONNX"]])) for names in each),
        UNION: _size(_trusted.modules(used)),
        READERS: _size(_trusted.modules(used | readers)),
        ALL: _size(name for name in everything if not name.startswith("extra.") and name not in LOADED_BY_NONE),
    }


def _core(question: str, method: str) -> list[str]:
    """The modules that this method of this question names."""
    kind = _load.load(_claim.QUESTIONS[question])
    targets = [table[method] for table in kind.methods.values() if method in table]
    return list(map(_module, (*_first(question), *targets)))


def _first(question: str) -> list[str]:
    """What every certificate of this question names."""
    kind = _load.load(_claim.QUESTIONS[question])
    return [_claim.QUESTIONS[question], *getattr(kind, "uses", ())]


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _size(modules: Iterable[str]) -> int:
    names = set(modules)
    known = _trusted.modules(names)
    return sum(known[name] for name in names)


def table() -> str:
    """As it stands in the page."""
    lines = ["| question | proved by | refuted by |", "|---|---|---|"]
    for question in _claim.QUESTIONS:
        found = counts(question)
        cells = (", ".join(f"{method} {count}" for method, count in found.get(answer, {}).items()) for answer in ("proved", "refuted"))
        lines.append(f"| `{question}` | {' | '.join(cell or '-' for cell in cells)} |")
    read = "; ".join(f"{kind}: {', '.join(f'{method} {count}' for method, count in reading(kind).items())}" for kind in READ)
    lines += ["", f"`equal` with networks of affine and relu nodes in files, the files' readers included: {read}."]
    core = ["_forms", "_tree", "_evaluate"]
    lines += ["", f"Beside, where they occur: {_beyond({**BESIDE, **CURVED}, core)}."]
    lines[-1] += f" Models: {_beyond(FILES, [*core, '_files'])}; ONNX with {_beyond(OPERATIONS, ['_onnx', '_files'])}."
    lines[-1] += f" Bounds of values: {_beyond(BOUNDS, ['_difference'])}. Boxes: {_beyond(BOXES, ['_boxes'])}."
    lines[-1] += f" Transformations: {_beyond(MOVES, ['_forms', '_tree', '_evaluate', '_transform'])}."
    return "\n".join([*lines, "", "; ".join(f"{name}: {count}" for name, count in totals().items()) + "."])


def _beyond(beside: Mapping[str, Sequence[str]], core: Sequence[str]) -> str:
    """What each adds to a core."""
    known = _trusted.modules(core).keys()
    return ", ".join(f"{what} {_size(_trusted.modules(names).keys() - known)}" for what, names in beside.items())


def page(text: str, shown: str) -> str:
    """The page with this table."""
    return re.sub(f"(?s){re.escape(MARKS[0])}.*{re.escape(MARKS[1])}", f"{MARKS[0]}\n{shown}\n{MARKS[1]}", text)


if __name__ == "__main__":
    print(table())
    for name, count in totals().items():
        print(f"{name}: {count} of at most {GOALS[name]}")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), table()), encoding="utf-8")
