"""The tour: a trained classifier is loaded without losing a bit and asked four questions; every answer carries a certificate.

Run it with `make demo`, or `python examples/demo.py [--out FOLDER]`. It takes a few seconds and writes to out/.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pictures
import torch
from digits.data import digits

import exactnn as xn
from exactnn.errors import MissingDependency
from exactnn.exact.array import RationalArray
from exactnn.export.normal_form import digest
from exactnn.network import Affine

HERE = Path(__file__).resolve().parent
CHECKER = Path(xn.__file__).parent / "certificate"
COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
COLOURS = {"bold": "1", "green": "32", "red": "31", "yellow": "33", "dim": "2"}


def paint(text: str, colour: str) -> str:
    return f"\033[{COLOURS[colour]}m{text}\033[0m" if COLOURED else text


def heading(number: int, text: str) -> None:
    print("\n" + paint(f"{number}. {text}", "bold"))


def say(text: str) -> None:
    print(f"   {text}")


def show(verdict: xn.Verdict, expected: str, names: tuple[str, str] = ("f", "g")) -> None:
    """The verdict, and for a refutation the point and the values there."""
    colour = {"proved": "green", "refuted": "red", "unknown": "yellow"}[verdict.status]
    say(f"{paint(verdict.status.upper(), colour)}: {verdict.question}. {verdict.reason}.")
    if verdict.status != expected:
        sys.exit(f"this demo expected the verdict {expected}")
    if verdict.counterexample is None or verdict.values is None:
        return
    live = [f"x[{i}] = {exact(q)}" for i, q in enumerate(verdict.counterexample) if q]
    say(f"at the point x with {', '.join(live) or 'all coordinates 0'}" + (" and all others 0" if live else ""))
    output = next(j for j, (a, b) in enumerate(zip(*verdict.values, strict=True)) if a != b)
    first, second = (values[output] for values in verdict.values)
    common = max(first.denominator, second.denominator)
    for label, value in ((f"of {names[0]}", first), (f"of {names[1]}", second), ("difference", first - second)):
        say(f"  output {output} {label:<18} {exact(value, common):>30}   about {float(value):.6g}")


def exact(q: Fraction, denominator: int = 1) -> str:
    """p/q, with large powers of two written as such (over the denominator given, if it is one)."""
    denominator = max(q.denominator, denominator)
    k = denominator.bit_length() - 1
    if k <= 20 or denominator != 2**k or denominator % q.denominator:
        return str(q)
    return f"{q.numerator * (denominator // q.denominator)}/2^{k}"


def keep(verdict: xn.Verdict, path: Path) -> None:
    """Save the certificate and have it re-checked by the standalone checker, in a Python without site packages."""
    assert verdict.certificate is not None
    verdict.certificate.save(path)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-I", "-S", str(CHECKER), str(path)], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    answer = (done.stdout.splitlines() or [done.stderr.strip()])[0]
    say(f"certificate {path} ({path.stat().st_size / 1024:.0f} KB), re-checked by a program that trusts nothing, in {seconds:.2f} s:")
    say(f"  {paint(answer, 'green' if done.returncode == 0 else 'red')}")
    if done.returncode:
        sys.exit("the checker does not accept the certificate")


def layers(net: xn.Network) -> list[tuple[list[list[Fraction]], list[Fraction]]]:
    """The weights and biases of a chain of affine maps, as Fractions."""
    result = []
    for name in net.order:
        operation = net.operation(name)
        if isinstance(operation, Affine):
            height, width = operation.weight.shape
            flat = operation.weight.to_fractions()
            rows = [list(flat[i * width : (i + 1) * width]) for i in range(height)]
            result.append((rows, list(operation.bias.to_fractions())))
    return result


def floats(net: xn.Network, images: np.ndarray) -> np.ndarray:
    """The outputs that a float32 run gives."""
    with torch.no_grad():
        return net.to_torch(dtype=torch.float32)(torch.from_numpy(images)).numpy()


def shorter(path: Path) -> Path:
    """The path from here, where it lies below."""
    whole = path.resolve()
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE.parent / "out", help="folder for the files that are written (out/)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    out = shorter(out)
    start = time.perf_counter()

    heading(1, "A trained classifier of handwritten digits, loaded without losing a bit")
    model = HERE / "digits" / "digits.onnx"
    f = xn.load(model)
    assert f.source is not None
    say(f"{model.name}: {f.input_dim} pixels -> 32 ReLU -> {f.output_dim} classes, float32, sha256 {f.source.sha256[:16]}...")
    weight = layers(f)[0][0][0][20]
    say(f"every weight is the rational number that the file holds, for instance {exact(weight)} (printed as a float: {float(weight):.7g})")
    _, (images, labels) = digits()
    values = f.evaluate(RationalArray.of(images)).to_float()
    right = int((values.argmax(axis=1) == labels).sum())
    run = floats(f, images)
    say(
        f"{right} of {len(labels)} held-out digits right ({right / len(labels):.1%}), by exact evaluation; a float32 run decides "
        + ("the same on all of them" if (run.argmax(axis=1) == values.argmax(axis=1)).all() else "differently on some")
        + f", with values up to {abs(run - values).max():.1e} off"
    )

    heading(2, "Is a permuted and rescaled copy the same function?")
    rng = np.random.default_rng(2)
    hidden = f.hidden_layers[0]
    copying = xn.symmetry.Scaling(hidden, 2.0 ** rng.integers(-4, 5, 32)) @ xn.symmetry.Permutation(hidden, rng.permutation(32))
    xn.save(copying.apply(f), out / "digits_copy.onnx")
    g = xn.load(out / "digits_copy.onnx")
    say(f"{out / 'digits_copy.onnx'}: neurons in another order, each scaled by a power of two, which float32 does without rounding")
    equal = xn.verify_equal(f, g)
    show(equal, "proved")
    keep(equal, out / "equal.certificate.json")

    heading(3, "And a copy with one weight moved by 2^-40?")
    (w1, b1), last = layers(g)
    w1[3][20] += Fraction(1, 2**40)
    xn.save(xn.mlp([(w1, b1), last]), out / "digits_moved.onnx", dtype="float64")
    h = xn.load(out / "digits_moved.onnx")
    same = bool((floats(h, images) == floats(g, images)).all())
    say(f"{out / 'digits_moved.onnx'}: float64, since float32 cannot hold the moved weight")
    say(f"a float32 run on the {len(images)} held-out digits sees {'no difference at all' if same else 'a difference'}")
    different = xn.verify_equal(f, h)
    show(different, "refuted", ("f", "the moved copy"))
    keep(different, out / "different.certificate.json")

    heading(4, "Is flipping the sign of neuron 0 a symmetry?")
    say("a claim that is true for tanh and sometimes for ReLU: (a, w, b) -> (a, -w, -b), with the next bias corrected")
    flip = xn.verify_symmetry(f, xn.symmetry.Flip([0], layer=hidden))
    show(flip, "refuted", ("f", "T(f)"))
    keep(flip, out / "flip.certificate.json")

    heading(5, "One name for one function: the hash of the normal form")
    names = [(label, digest(xn.symmetry.normal_form(net))) for label, net in (("original", f), ("copy", g), ("moved by 2^-40", h))]
    for label, name in names:
        say(f"{label:<15} {name}")
    assert names[0][1] == names[1][1] != names[2][1]

    heading(6, "A network with every parameter non-zero that is zero everywhere")
    zero = xn.mlp([([[1], [-1], [1], [-1]], [1, -1, 2, -2]), ([[1, -1, -1, 1]], [1])])
    say("s(x + 1) - s(-x - 1) - s(x + 2) + s(-x - 2) + 1 with s = ReLU: no weight says so, the theory does (max(t, 0) - max(-t, 0) = t)")
    everywhere = xn.verify_zero(zero)
    show(everywhere, "proved")
    keep(everywhere, out / "zero.certificate.json")

    heading(7, "A picture: the plane of R^64 through three of the images")
    try:
        pictures.digits_plane(out / "digits_plane.svg")
        say(f"{out / 'digits_plane.svg'}: its linear regions, the digit that is read, and the exact boundary between digits")
    except MissingDependency as missing:
        say(f"left out: {missing}")

    print("\n" + paint("What was shown", "bold") + f" (in {time.perf_counter() - start:.1f} s)")
    say("a trained network and a rewritten copy: proved equal on all of R^64, not tested on samples")
    say("a change of 2^-40 in one weight: refuted by one exact point, although no float32 run on the digits sees it")
    say("a false symmetry: refuted; a function: named by one hash; a zero network: proved zero")
    say("every answer: re-checked by a checker of the standard library alone, from the model files and the certificate")
    print(paint("Files to look at", "bold"))
    for path in sorted(p for pattern in ("*.onnx", "*.certificate.json", "*.svg") for p in out.glob(pattern)):
        say(str(path))
    print(paint("Ask yourself", "bold"))
    python = Path(sys.executable)
    python = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python
    say(f"{python} -m exactnn equal {shorter(model)} {out / 'digits_moved.onnx'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
