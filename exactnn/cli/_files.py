"""`exactnn info`, `check` and `convert`: what is in a model file, a certificate re-checked, a model in another format."""

from __future__ import annotations

import argparse
import os
import re
import time
from collections import Counter
from typing import Any

from exactnn.cli._options import add_output, add_raw, check_target, load
from exactnn.cli._outcome import DONE, REJECTED, UNKNOWN, Outcome, line, listed, log, report
from exactnn.cli._questions import models
from exactnn.cli._weights import parameters, weights
from exactnn.errors import ArgumentError, LoadError
from exactnn.exact.progress import doing
from exactnn.network import Network

#: what the name of a file must be for coqc, which makes it the name of a module
_ROCQ_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.v")


def add_info(parser: argparse.ArgumentParser) -> None:
    """info F."""
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_info)


def add_check(parser: argparse.ArgumentParser) -> None:
    """check CERT [MODEL...]."""
    parser.add_argument("certificate", metavar="CERT", help="a certificate (JSON, or that compressed by gzip)")
    parser.add_argument(
        "model", metavar="MODEL", nargs="*", default=[], help="model files to use instead of those that the certificate names"
    )
    parser.add_argument("--budget", metavar="N", type=int, default=1, help="N times the work that a certificate may usually ask for (1)")
    parser.add_argument(
        "--to-rocq", metavar="OUT.v", help="write the certificate as a theorem for Rocq (Coq), to be compiled with proofs/rocq"
    )
    add_output(parser)
    parser.set_defaults(run=_check)


def add_convert(parser: argparse.ArgumentParser) -> None:
    """convert IN OUT."""
    parser.add_argument("source", metavar="IN", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("target", metavar="OUT", help="a file ending in .json, .onnx or .nnet")
    parser.add_argument("--dtype", choices=("float32", "float64"), help="numbers of an ONNX file (float32)")
    parser.add_argument("--rounding", action="store_true", help="round weights that the file cannot hold, instead of refusing")
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_convert)


def _info(options: argparse.Namespace) -> Outcome:
    (f,) = load(options, options.f)
    kind = weights(f)
    sizes: Counter[str] = Counter()
    for name, array in parameters(f):
        sizes[name] += array.size
    nodes = [
        {
            "name": name,
            "op": f.operation(name).kind,
            "function": getattr(f.operation(name), "name", None),
            "operands": list(f.operands(name)),
            "shape": list(f.shape(name)),
            "parameters": sizes[name],
        }
        for name in f.order
    ]
    hidden = [
        {"layer": i, "name": n, "function": nodes[f.order.index(n)]["function"], "shape": list(f.shape(n))}
        for i, n in enumerate(f.hidden_layers)
    ]
    document = report(
        options,
        "done",
        inputs=[{"name": n, "shape": list(f.shape(n))} for n in f.inputs],
        outputs=[{"name": n, "shape": list(f.shape(n))} for n in f.outputs],
        input_dim=f.input_dim,
        output_dim=f.output_dim,
        nodes=nodes,
        hidden_layers=hidden,
        piecewise_linear=f.is_piecewise_linear,
        parameters=kind.count,
        numbers={"format": kind.format, "numerator_bits": kind.numerator_bits, "denominator_bits": kind.denominator_bits},
        models=models({"f": f}),
        reading=list(f.reading),
    )
    return Outcome(DONE, f"{f!r}", document, _info_lines(f, nodes, str(kind)))


def _info_lines(f: Network, nodes: list[dict[str, Any]], numbers: str) -> list[str]:
    functions = Counter(str(getattr(f.operation(n), "name", "")) for n in f.hidden_layers)
    lines = [
        f"  inputs: {listed([f'{n} {_shape(f.shape(n))}' for n in f.inputs])}",
        f"  outputs: {listed([f'{n} {_shape(f.shape(n))}' for n in f.outputs])}",
        f"  hidden layers: {len(f.hidden_layers)}" + (f" ({listed([f'{n} x{c}' for n, c in functions.items()])})" if functions else ""),
        f"  {numbers}",
    ]
    if f.source is not None:
        lines.append(f"  sha256: {f.source.sha256}")
        lines += [f"  data: {line(d.path)}, sha256 {d.sha256}" for d in f.source.data]
        lines.append(f"  the standalone checker reads this file {'itself' if f.source.checkable else 'only inside a certificate'}")
    lines += [f"  {sentence}" for sentence in f.reading]
    width = max(len(node["name"]) for node in nodes)
    for node in nodes if len(nodes) <= 40 else nodes[:39]:
        reads = f" of {', '.join(node['operands'])}" if node["operands"] else ""
        count = f", {node['parameters']} parameters" if node["parameters"] else ""
        lines.append(f"  {node['name']:<{width}}  {node['function'] or node['op']} {_shape(node['shape'])}{reads}{count}")
    if len(nodes) > 40:
        lines.append(f"  ... ({len(nodes)} nodes in all; --json lists them)")
    return lines


def _shape(shape: Any) -> str:
    return "x".join(map(str, shape)) if shape else "scalar"


def _check(options: argparse.Namespace) -> Outcome:
    from exactnn.certificate import BudgetExceeded, Rejected, Unreadable, examine, telling

    if options.budget < 1:
        raise ArgumentError(f"--budget: a whole number >= 1 is needed, got {options.budget}")
    check_target(options.to_rocq, "--to-rocq", [options.certificate, *options.model])
    if options.to_rocq is not None and not _ROCQ_NAME.fullmatch(os.path.basename(options.to_rocq)):
        raise ArgumentError(
            f"--to-rocq: a file that coqc can compile is needed, its name ASCII letters, digits and '_', no digit first, "
            f"then '.v' (half_precision.v), got {options.to_rocq!r}"
        )
    start = time.perf_counter()
    try:
        with doing(f"checking {options.certificate}"):
            accepted = examine(options.certificate, options.model, None, options.budget)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _other_file(options) or LoadError(f"{options.certificate}: the certificate cannot be read: {why}") from None
    except Unreadable as error:
        raise LoadError(f"{error.step}: {error.reason}") from None
    except Rejected as rejected:
        other = _other_file(options)
        if other is not None:
            raise other from None
        document = report(options, "rejected", start, certificate=options.certificate, step=rejected.step, reason=rejected.reason)
        return Outcome(REJECTED, f"REJECTED: {rejected.step}: {rejected.reason}", document)
    except BudgetExceeded as ended:
        document = report(options, "not decided", start, certificate=options.certificate, step=ended.step, reason=ended.reason)
        details = ["  this is no rejection: the checker ended at a limit; --budget 10 gives it ten times as much work and memory"]
        return Outcome(UNKNOWN, f"NOT DECIDED: {ended.step}: {ended.reason}", document, details)
    log(options, f"checked in {time.perf_counter() - start:.2f} s")
    if options.to_rocq is not None:
        from exactnn.export.rocq import save_rocq

        save_rocq(options.certificate, accepted, options.to_rocq)
    used = {name: telling.told(model) for name, model in accepted.models.items()}
    document = report(
        options,
        "accepted",
        start,
        certificate=options.certificate,
        question=accepted.claim.question,
        answer=accepted.claim.answer,
        claim=accepted.claim.written,
        **telling.about(accepted),
        statement=telling.sentence(accepted),
        models=used,
        trusted=telling.trusted(accepted),
        theorem=None if options.to_rocq is None else os.path.abspath(options.to_rocq),
    )
    details = [f"  {name}: {line(m['source'])}, sha256 {m['sha256']}" for name, m in used.items()]
    details.append(f"  {telling.trusted(accepted)}")
    if options.to_rocq is not None:
        details.append(f"  theorem: {line(options.to_rocq)} (coqc -Q proofs/rocq Exactnn {line(options.to_rocq)}, after make proofs)")
    return Outcome(DONE, f"ACCEPTED: {telling.sentence(accepted)} (real arithmetic)", document, details)


def _other_file(options: argparse.Namespace) -> LoadError | None:
    from exactnn.claims import no_certificate  # it loads numpy, which an accepted certificate does without

    return no_certificate(options.certificate)


def _convert(options: argparse.Namespace) -> Outcome:
    from exactnn.export import save

    check_target(options.target, "OUT", [options.source])
    (net,) = load(options, options.source)
    with doing(f"writing {options.target}"):
        save(net, options.target, dtype=options.dtype, rounding=options.rounding)
    dtype = (options.dtype or "float32") if options.target.lower().endswith(".onnx") else None
    rounded = dtype is not None and not weights(net).fit(dtype)
    target = os.path.abspath(options.target)
    document = report(options, "done", models=models({"in": net}), target=target, dtype=dtype, rounded=rounded)
    how = f"weights rounded to {dtype}" if rounded else "without rounding"
    return Outcome(DONE, f"CONVERTED: {options.source} to {options.target}, {how}", document)
