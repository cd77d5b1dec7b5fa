"""Small files that ask for very much, each with the exit status of the checker and the step that it names.

A kilobyte of certificate and models, or little more: what they are about to take is hours, gigabytes, or has no end.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.certificate._build import act, box, certificate, forms, mlp, network, node, tensor
from tests.certificate._onnx_bytes import field, initializer, model, operation, value_info

CASES: dict[str, tuple[Callable[[Path], Path], int, str]] = {}
NOT_DECIDED, REJECTED, UNREADABLE = 3, 4, 2
SQUARE = {"numerator": [0, 0, 1], "denominator": [1]}
ONE = {"shape": [1], "denominator": 1, "numerators": [1]}
ZERO = {"shape": [1], "denominator": 1, "numerators": [0]}


def case(name: str, code: int, says: str = "") -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    """A maker gets an empty folder, and returns the path of a certificate, or its JSON object."""

    def added(maker: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def made(folder: Path) -> Path:
            found = maker(folder)
            if isinstance(found, Path):
                return found
            path = folder / "certificate.json"
            path.write_text(json.dumps(found), encoding="ascii")
            return path

        assert name not in CASES
        CASES[name] = made, code, says
        return maker

    return added


def of_file(folder: Path, name: str, content: bytes | None, kind: str, **more: Any) -> dict[str, Any]:
    """f = f by forms, for a model file with this content; None: it is there already."""
    if content is not None:
        (folder / name).write_bytes(content)
    digest = hashlib.sha256(content or b"").hexdigest()
    document = certificate("equal", "proved", (), forms({}, {}))
    document["models"] = {f: {"sha256": digest, "format": kind, "path": name, **more} for f in "fg"}
    return document


# --- files ----------------------------------------------------------------------------------------------------------------

for _device in ("/dev/zero", "/dev/urandom", "/dev/stdin", "/dev/null", "/proc/self/mem", "/proc/kmsg"):
    for _kind in ("json", "onnx", "nnet", "onnx.gz"):
        case(f"{_device} as {_kind}", -1 if _device.startswith("/proc") else UNREADABLE)(
            lambda folder, _device=_device, _kind=_kind: of_file(folder, _device, None, _kind)
        )


@case("a pipe as a model", UNREADABLE, "not a regular file")
def _(folder: Path) -> Any:
    os.mkfifo(folder / "pipe")
    return of_file(folder, "pipe", None, "onnx")


@case("a pipe as a certificate", UNREADABLE, "not a regular file")
def _(folder: Path) -> Any:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


@case("a link to a device", UNREADABLE, "not a regular file")
def _(folder: Path) -> Any:
    (folder / "link").symlink_to("/dev/zero")
    return of_file(folder, "link", None, "json")


@case("a folder as a model", UNREADABLE, "not a regular file")
def _(folder: Path) -> Any:
    return of_file(folder, ".", None, "json")


def hole(path: Path, size: int, first: bytes = b"") -> Path:
    with open(path, "wb") as file:
        file.write(first)
        file.truncate(size)
    return path


for _kind in ("json", "onnx", "nnet", "onnx.gz"):

    @case(f"a hole of 1 TB as {_kind}", NOT_DECIDED, "bytes")
    def _(folder: Path, _kind: str = _kind) -> Any:
        hole(folder / "hole", 2**40)
        return of_file(folder, "hole", None, _kind)

    @case(f"a hole of 500 MB as {_kind}", NOT_DECIDED, "bytes")
    def _(folder: Path, _kind: str = _kind) -> Any:
        hole(folder / "hole", 500 * 2**20)
        return of_file(folder, "hole", None, _kind)


@case("a hole of 1 TB as a certificate", NOT_DECIDED, "bytes")
def _(folder: Path) -> Any:
    return hole(folder / "hole", 2**40, b"{")


@case("a hole of 500 MB as a certificate", NOT_DECIDED, "bytes")
def _(folder: Path) -> Any:
    return hole(folder / "hole", 500 * 2**20, b"{")


def outside(location: str) -> bytes:
    """y = W x, W in another file."""
    entries = b"".join(field(13, field(1, k) + field(2, v)) for k, v in {"location": location}.items())
    weight = field(1, 2) + field(1, 2) + field(2, 1) + field(8, "W") + entries + field(14, 1)
    return model([operation("MatMul", ["x", "W"], ["y"])], [weight], [value_info("x", [1, 2])], [value_info("y", [1, 2])])


@case("external data in a device", UNREADABLE, "not a regular file")
def _(folder: Path) -> Any:
    (folder / "data").symlink_to("/dev/zero")
    return of_file(folder, "m.onnx", outside("data"), "onnx", data={"data": "0" * 64})


@case("external data in a pipe", UNREADABLE, "not a regular file")
def _(folder: Path) -> Any:
    os.mkfifo(folder / "data")
    return of_file(folder, "m.onnx", outside("data"), "onnx", data={"data": "0" * 64})


@case("external data by a path to a device", REJECTED, "no name within a folder")
def _(folder: Path) -> Any:
    return of_file(folder, "m.onnx", outside("/dev/zero"), "onnx", data={"/dev/zero": "0" * 64})


@case("external data that a thousand tensors share", -1)
def _(folder: Path) -> Any:
    size, times = 256, 1000
    (folder / "data").write_bytes(b"\0\0\0\x3f" * size**2)
    where = field(13, field(1, "location") + field(2, "data")) + field(14, 1)
    weights = [field(1, size) + field(1, size) + field(2, 1) + field(8, f"w{k}") + where for k in range(times)]
    nodes = [operation("MatMul", [f"v{k}" if k else "x", f"w{k}"], [f"v{k + 1}"]) for k in range(times)]
    data = model(nodes, weights, [value_info("x", [1, size])], [value_info(f"v{times}", [1, size])])
    return of_file(folder, "m.onnx", data, "onnx", data={"data": hashlib.sha256((folder / "data").read_bytes()).hexdigest()})


@case("external data in a hole", NOT_DECIDED, "bytes")
def _(folder: Path) -> Any:
    hole(folder / "data", 2**40)
    return of_file(folder, "m.onnx", outside("data"), "onnx", data={"data": "0" * 64})


# --- what is compressed ------------------------------------------------------------------------------------------------------


def bomb(piece: bytes, count: int) -> bytes:
    """gzip of a piece many times over, made a megabyte at a time."""
    import zlib

    packer = zlib.compressobj(9, wbits=31)
    many = piece * (2**20 // len(piece))
    out = b"".join(packer.compress(many) for _ in range(count))
    return out + packer.flush()


for _name, _piece in {"spaces": b" ", "lists": b"[],", "brackets": b"[", "numbers": b"1,", "quotes": b'"a",'}.items():

    @case(f"a certificate of compressed {_name}", NOT_DECIDED, "gzip: more than")
    def _(folder: Path, _piece: bytes = _piece) -> Any:
        path = folder / "bomb.json.gz"
        path.write_bytes(bomb(_piece, 1024))
        return path


@case("a certificate of 4 MB of compressed lists", -1)
def _(folder: Path) -> Any:
    path = folder / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"[" + b"[]," * (2**22 // 3 - 2) + b"[]]"))
    return path


@case("a certificate of 4 MB of compressed objects", -1)
def _(folder: Path) -> Any:
    path = folder / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"[" + b"{}," * (2**22 // 3 - 2) + b"{}]"))
    return path


@case("a compressed model of nothing", NOT_DECIDED, "gzip: more than")
def _(folder: Path) -> Any:
    return of_file(folder, "m.onnx.gz", bomb(b"\0", 2048), "onnx.gz")


@case("a compressed model of small fields", NOT_DECIDED, "")
def _(folder: Path) -> Any:
    return of_file(folder, "m.onnx.gz", gzip.compress(field(7, field(1, b"") * 2**27)), "onnx.gz")


# --- JSON -------------------------------------------------------------------------------------------------------------------


@case("lists within lists", NOT_DECIDED, "too deep")
def _(folder: Path) -> Any:
    (folder / "c.json").write_bytes(b"[" * 10**5)
    return folder / "c.json"


@case("objects within objects", NOT_DECIDED, "too deep")
def _(folder: Path) -> Any:
    (folder / "c.json").write_bytes(b'{"a":' * 10**5)
    return folder / "c.json"


def nested(depth: int, inner: Any = 0) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


@case("a claim of nested lists", REJECTED)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    return certificate("equal", "proved", (net, net), forms({}, {}), tolerance=0, transformation=nested(800))


def replaced(document: Any, *path: Any, by: Any) -> Any:
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = by
    return document


@case("evidence of nested lists", REJECTED)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    return certificate("equal", "proved", (net, net), {"method": "tree", "hull": None, "tree": nested(800)})


@case("an identity of nested sums", -1)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    inner: Any = ["output", "f"]
    for _ in range(300):
        inner = ["*", inner, inner] if isinstance(inner, str) else ["+", inner, 1]
    document = certificate(
        "identity", "proved", (net,), {"method": "sides", "bits": 64}, points=tensor([[1]]), definitions=[], equations=[[inner, "=", 301]]
    )
    del document["claim"]["domain"]
    return document


@case("a decimal integer of a million digits", REJECTED)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    document = json.dumps(certificate("equal", "proved", (net, net), forms({}, {}), tolerance=0))
    (folder / "c.json").write_text(document.replace('"tolerance": 0', '"tolerance": 1' + "0" * 10**6), encoding="ascii")
    return folder / "c.json"


@case("a fraction of a million hexadecimal digits", -1)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    document = certificate("equal", "proved", (net, net), forms({}, {}))
    document["claim"]["tolerance"] = "0x" + "f" * 500_000 + "/0x" + "7" * 500_000
    return document


@case("a hundred fractions of ten thousand hexadecimal digits", -1)
def _(folder: Path) -> Any:
    d = 100
    fractions = [f"0x{'f' * 5000}{i:x}/0x{'7' * 5000}{2 * i + 1:x}" for i in range(d)]
    net = network([node("x", "input", shape=[d]), node("y", "scale", "x", factor=ONE)])
    return certificate("equal", "refuted", (net, net), {"method": "point", "point": fractions, "f": [0] * d, "g": [0] * d})


# --- sizes ------------------------------------------------------------------------------------------------------------------


def on(net: Any, evidence: Any, question: str = "equal", answer: str = "proved", **more: Any) -> Any:
    models = (net,) if question in ("zero", "symmetry", "regions", "orbits", "execution_error") else (net, net)
    return certificate(question, answer, models, evidence, **more)


def wide(size: int, *nodes: Any) -> Any:
    return network([node("x", "input", shape=[size]), *nodes])


def by_every_method(name: str, net: Callable[[], Any], inputs: int, code: Any = -1, says: str = "") -> None:
    """The same networks under every method that could read them."""
    few = inputs <= 2**12
    methods: dict[str, Callable[[], Any]] = {
        "forms": lambda: on(net(), forms({}, {})),
        "forms by entries": lambda: on(net(), forms({}, {}, elements=True)),
        "line": lambda: on(net(), {"method": "line"}),
        "tree": lambda: on(net(), {"method": "tree", "hull": None, "tree": [["leaf", [], None]]}),
        "regions": lambda: on(net(), {"method": "tree", "hull": None, "tree": [["leaf", [], [1, [0]]]]}, "regions", count=1),
        "decision": lambda: on(net(), {"method": "tree", "hull": None, "tree": [["leaf", [], None]]}, "same_decision"),
        "shared": lambda: on(net(), forms({}, {}, shared=[[["x"], ["x"]]])),
        "orbits": lambda: on(net(), {"method": "free", "prime": 101, "columns": [0], "free": []}, "orbits", flips=[[]]),
        "symmetry": lambda: on(net(), forms({}, {}), "symmetry", transformation=[{"kind": "scaling", "layer": "r", "factors": [1]}]),
    }
    box_of = {"A": {"shape": [1, inputs], "denominator": 1, "numerators": [1] * (inputs if few else 1)}, "b": tensor([1])}
    whole = box(*[(0, 1)] * inputs) if inputs <= 64 else box_of
    point = [0] * (inputs if few else 1)
    methods |= {
        "pass": lambda: on(net(), {"method": "pass", "bits": 64}, domain=whole, tolerance=1),
        "boxes": lambda: on(net(), {"method": "boxes", "bits": 64, "tree": [["leaf", "0x0"]]}, domain=whole, tolerance=1),
        "deviation": lambda: on(net(), {"method": "pass", "bits": 64}, "deviation", domain=whole, tolerance=1),
        "point": lambda: on(net(), {"method": "point", "point": point, "f": [0], "g": [0]}, answer="refuted"),
        "enclosure": lambda: on(net(), {"method": "enclosure", "point": point, "output": 0, "bits": 4096}, answer="refuted"),
        "values": lambda: certificate(
            "equal_at",
            "proved",
            (net(), net()),
            {"method": "values", "values": tensor([[0]])},
            points={"shape": [1, inputs], "denominator": 1, "numerators": point},
        ),
    }
    for method, document in methods.items():

        def made(_: Path, document: Callable[[], Any] = document) -> Any:
            found = document()
            claim = found["claim"]
            drop = {
                "equal_at": ("tolerance", "domain"),
                "orbits": ("tolerance",),
                "regions": ("tolerance",),
                "same_decision": ("tolerance",),
            }
            for key in drop.get(claim["question"], ()):
                del claim[key]
            return found

        case(f"{name}: {method}", code, says)(made)


by_every_method("2^25 inputs", lambda: wide(2**25), 2**25)
by_every_method("2^22 inputs", lambda: wide(2**22, act("r", "x")), 2**22)
by_every_method("2^18 inputs", lambda: wide(2**18, act("r", "x")), 2**18)
by_every_method("a grid of 2^22 places", lambda: network([node("x", "input", shape=[1, 2**11, 2**11]), act("r", "x")]), 2**22)


def doubled(times: int, *behind: Any) -> Any:
    nodes = [node("x", "input", shape=[1])]
    for k in range(times):
        nodes.append(node(f"c{k}", "concat", nodes[-1]["name"], nodes[-1]["name"], axis=0))
    for n in behind:
        nodes.append({**n, "operands": [nodes[-1]["name"]]})
    return network(nodes)


def squares(times: int, count: int) -> Any:
    return doubled(times, *(node(f"s{k}", "rational", "", **SQUARE) for k in range(count)))


by_every_method("x, doubled 23 times", lambda: doubled(23), 1)
by_every_method("x, doubled 20 times, kinked", lambda: doubled(20, act("r", "")), 1)
by_every_method("x^2 18 times on 2^18 entries", lambda: squares(18, 18), 1)
by_every_method("x^2 40 times", lambda: squares(0, 40), 1)
by_every_method("x^2 25 times on 16 entries", lambda: squares(4, 25), 1)
by_every_method("tanh of 2^20 entries", lambda: doubled(20, node("t", "smooth", "", function="tanh")), 1)
by_every_method("gelu of 2^10 entries", lambda: doubled(10, node("t", "smooth", "", function="gelu")), 1)


def convolved(sizes: list[int], kernel: list[int], padding: int, *, op: str = "conv", dilation: int = 1) -> Any:
    shape = [1, *sizes]
    taps = 1
    for k in kernel:
        taps *= k
    window = {"stride": [1] * len(kernel), "padding": [[padding, padding]] * len(kernel)}
    if op == "conv":
        weight = {"shape": [1, 1, *kernel], "denominator": 1, "numerators": [1] * taps}
        one = node("r", "conv", "x", weight=weight, bias=ZERO, **window, dilation=[dilation] * len(kernel), groups=1)
    elif op == "max_pool":
        one = node("r", "max_pool", "x", kernel=kernel, **window, dilation=[dilation] * len(kernel))
    else:
        one = node("r", "average_pool", "x", kernel=kernel, **window, count_padding=True)
    return network([node("x", "input", shape=shape), one])


by_every_method("a convolution with padding of 2^22", lambda: convolved([1], [1], 2**22), 1)
by_every_method("a convolution with padding of 2^18", lambda: convolved([1], [1], 2**18), 1)
by_every_method("a maximum over 2^12 of 2^13 places", lambda: convolved([2**13], [2**12], 0, op="max_pool"), 2**13)
by_every_method("a maximum over 2^11 of 2^12 places", lambda: convolved([2**12], [2**11], 0, op="max_pool"), 2**12)
by_every_method("a mean over 2^11 of 2^12 places", lambda: convolved([2**12], [2**11], 0, op="average_pool"), 2**12)
by_every_method("a mean over 64 x 64 of 128 x 128 places", lambda: convolved([128, 128], [64, 64], 0, op="average_pool"), 2**14)
by_every_method("a maximum of all of 2^11 entries, four million pairs", lambda: convolved([2**11], [2**11], 0, op="max_pool"), 2**11)


def outer(size: int) -> Any:
    """x_i + x_j for all i, j."""
    return wide(
        size, node("c", "reshape", "x", shape=[size, 1]), node("s", "add", "x", "c"), node("f", "reshape", "s", shape=[size * size])
    )


by_every_method("2^24 sums of 2^12 inputs", lambda: outer(2**12), 2**12)
by_every_method("2^20 sums of 2^10 inputs", lambda: outer(2**10), 2**10)
by_every_method("2^16 sums of 2^8 inputs", lambda: outer(2**8), 2**8)


def deep(rank: int) -> Any:
    return network([node("x", "input", shape=[1] * rank), node("t", "transpose", "x", axes=list(range(rank)))])


by_every_method("ten thousand axes", lambda: deep(10**4), 1)


def summed(times: int) -> Any:
    """2^times x, as x + x over and over."""
    nodes = [node("x", "input", shape=[1])]
    for k in range(times):
        nodes.append(node(f"s{k}", "add", nodes[-1]["name"], nodes[-1]["name"]))
    return network(nodes)


by_every_method("2^2000 x by sums", lambda: summed(2000), 1)


def kinks(count: int, layers: int) -> Any:
    """Each layer multiplies the pieces."""
    fields = {"slope": 0, "constant": 0, "kinks": [[i, (-1) ** i * (2 if i else 1)] for i in range(count)]}
    nodes = [node("x", "input", shape=[1])]
    for k in range(layers):
        nodes.append(act(f"r{k}", nodes[-1]["name"], fields))
    return network(nodes)


by_every_method("tents of tents", lambda: kinks(2, 60), 1)
by_every_method("thirty kinks, twenty times", lambda: kinks(30, 20), 1)


def fibonacci(layers: int) -> Any:
    """Two neurons, a hundred layers: 2^layers cells."""
    sides = [([["1/3", "2/3"], ["-2/3", "1/3"]], ["1/7", "-1/5"])] * layers
    return mlp(*sides)


by_every_method("a hundred small layers", lambda: fibonacci(100), 2)


def rational_of(degree: int, size: int) -> Any:
    """1 / (x^n + ... + 1), n even: no real zero, but to know it takes a chain of long polynomials."""
    coefficients = [size + i * i % 7 for i in range(degree + 1)]
    return network([node("x", "input", shape=[1]), node("q", "rational", "x", numerator=[1], denominator=coefficients)])


by_every_method("a denominator of degree 600", lambda: rational_of(600, 1), 1)
by_every_method("a denominator of degree 120, long coefficients", lambda: rational_of(120, 10**40), 1)
by_every_method("200 denominators of degree 60", lambda: many_rational(200, 60), 1)


def many_rational(count: int, degree: int) -> Any:
    nodes = [node("x", "input", shape=[1])]
    for k in range(count):
        nodes.append(node(f"q{k}", "rational", nodes[-1]["name"], numerator=[1], denominator=[1 + i * i % 7 for i in range(degree + 1)]))
    return network(nodes)


def folding(count: int, size: int) -> Any:
    """One wide map, and many factors behind it, each of which may be folded with all before it."""
    weight = {"shape": [size, 1], "denominator": 1, "numerators": [1] * size}
    nodes = [node("x", "input", shape=[1]), node("a", "affine", "x", weight=weight, bias=tensor([0] * size))]
    for k in range(count):
        nodes.append(node(f"s{k}", "scale", nodes[-1]["name"], factor={"shape": [1], "denominator": 3**40, "numerators": [3**40 + 2]}))
    return network(nodes)


by_every_method("factors behind a map", lambda: folding(60, 200), 1)


def diagonals(count: int, size: int) -> Any:
    """Constants added to a vector of this size, each of which may become a dense identity."""
    nodes = [node("x", "input", shape=[1]), node("w", "reshape", "x", shape=[1])]
    while 2 ** (len(nodes) - 2) < size:
        nodes.append(node(f"c{len(nodes)}", "concat", nodes[-1]["name"], nodes[-1]["name"], axis=0))
    for k in range(count):
        nodes.append(node(f"k{k}", "constant", value={"shape": [1], "denominator": 7, "numerators": [k + 1]}))
        nodes.append(node(f"a{k}", "add", f"a{k - 1}" if k else nodes[-2]["name"], f"k{k}"))
    return network(nodes)


by_every_method("20 constants added to 1024 entries", lambda: diagonals(20, 1024), 1)
by_every_method("two constants added to 4096 entries", lambda: diagonals(2, 4096), 1)


# --- ONNX and NNET ------------------------------------------------------------------------------------------------------------


def onnx_case(name: str, data: Callable[[], bytes], code: Any = -1, says: str = "") -> None:
    case(name, code, says)(lambda folder: of_file(folder, "m.onnx", data(), "onnx"))


def added(size: int, times: int) -> bytes:
    nodes = [operation("Add", [f"v{k}" if k else "x", "c"], [f"v{k + 1}"]) for k in range(times)]
    return model(nodes, [initializer("c", [1], [0.5])], [value_info("x", [1, size])], [value_info(f"v{times}", [1, size])])


onnx_case("ONNX: a constant added to 4096 values, twice", lambda: added(4096, 2))
onnx_case("ONNX: a constant added to 1000 values, forty times", lambda: added(1000, 40))
onnx_case("ONNX: 2^25 inputs", lambda: added(2**25, 1))
onnx_case("ONNX: 2^40 inputs", lambda: added(2**40, 1))


def reused(size: int, times: int) -> bytes:
    """One matrix, multiplied by over and over: each time some bytes name it."""
    nodes = [operation("Gemm", [f"v{k}" if k else "x", "w"], [f"v{k + 1}"]) for k in range(times)]
    weight = initializer("w", [size, size], [0.5] * size**2)
    return model(nodes, [weight], [value_info("x", [1, size])], [value_info(f"v{times}", [1, size])])


onnx_case("ONNX: one matrix in a thousand nodes", lambda: reused(64, 1000))


def spread_numbers(size: int) -> bytes:
    """Doubles from 2^-1074 to 2^1023: each takes 2,000 bits over their one denominator."""
    weight = initializer("w", [1, size], [5e-324, 1e308] * (size // 2), kind=11)
    return model([operation("MatMul", ["x", "w"], ["y"])], [weight], [value_info("x", [1, 1])], [value_info("y", [1, size])])


onnx_case("ONNX: doubles of all sizes", lambda: spread_numbers(2**10))


def reshaped(*sizes: int) -> bytes:
    shape = initializer("s", [len(sizes)], list(sizes), kind=7)
    return model([operation("Reshape", ["x", "s"], ["y"])], [shape], [value_info("x", [1, 4])], [value_info("y", [1, 4])])


onnx_case("ONNX: a reshape to 2^60", lambda: reshaped(1, 2**60), REJECTED)
onnx_case("ONNX: a reshape to thousands of axes", lambda: reshaped(1, 4, *[1] * 4000), -1)


def reshaped_again(axes: int, times: int) -> bytes:
    """One long list of sizes, each a byte, in many nodes."""
    nodes = [operation("Reshape", [f"v{k}" if k else "x", "s"], [f"v{k + 1}"]) for k in range(times)]
    sizes = initializer("s", [axes], [1] * (axes - 1) + [4], kind=7, raw=False)
    return model(nodes, [sizes], [value_info("x", [1, 4])], [value_info(f"v{times}", [1, 4])])


onnx_case("ONNX: a reshape to thousands of axes, over and over", lambda: reshaped_again(2**15, 4000), NOT_DECIDED, "axes")
onnx_case("ONNX: many empty fields", lambda: field(7, field(1, b"") * 2**10), -1)
onnx_case("ONNX: a tensor of 2^24 entries without data", lambda: model([], [initializer("w", [2**24], [])], [], []), -1)


def nnet(inputs: int, ranges: int, cell: str = "1") -> bytes:
    """One layer from so many inputs, normalised."""
    lines = [f"1,{inputs},1,{inputs},", f"{inputs},1,", "0,", "0," * inputs, "1," * inputs]
    lines += ["1," * (inputs + 1), f"{ranges}," * (inputs + 1), ",".join([cell] * inputs), "0,"]
    return "\n".join(lines).encode()


case("NNET: 4096 inputs, normalised", -1)(lambda folder: of_file(folder, "m.nnet", nnet(4096, 2), "nnet"))
case("NNET: 5000 inputs, normalised", -1)(lambda folder: of_file(folder, "m.nnet", nnet(5000, 2), "nnet"))
case("NNET: decimals with large exponents", -1)(lambda folder: of_file(folder, "m.nnet", nnet(256, 1, "1e999,1e-999"[:5]), "nnet"))
case("NNET: a decimal of a million digits", REJECTED)(lambda folder: of_file(folder, "m.nnet", nnet(2, 1, "1" * 10**6), "nnet"))


# --- evidence ------------------------------------------------------------------------------------------------------------------


@case("a pole of a function of degree 1500", -1)
def _(folder: Path) -> Any:
    document = certificate("pole_free", "proved", (), {"method": "sturm"})
    coefficients = [1 + i * i % 7 for i in range(1501)]
    document["claim"] = {
        "question": "pole_free",
        "answer": "proved",
        "functions": [{"numerator": [1], "denominator": coefficients}],
        "interval": None,
    }
    return document


@case("derivatives of products of powers", -1)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    definitions: list[Any] = [["a", ["+", "t", 1]]]
    for k in range(40):
        definitions.append([f"a{k}", ["*", definitions[-1][0], definitions[-1][0]]])
    document = certificate("identity", "proved", (net,), {"method": "sides", "bits": 64}, points=tensor([[1]]), definitions=definitions)
    document["claim"]["equations"] = [[["derivative", 8, definitions[-1][0]], "=", 0]]
    del document["claim"]["domain"]
    return document


@case("a value of 2^24 entries in an identity", -1)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    row, column = tensor([[1] * 4000]), tensor([[1]] * 4000)
    document = certificate("identity", "proved", (net,), {"method": "sides", "bits": 64}, points=tensor([[1]]), definitions=[])
    document["claim"]["equations"] = [[["sum", ["*", row, column]], "=", 0]]
    del document["claim"]["domain"]
    return document


@case("exp of large numbers", -1)
def _(folder: Path) -> Any:
    net = mlp(([[1]], [0]))
    inner: Any = 4000
    for _ in range(3):
        inner = ["exp", inner]
    document = certificate("identity", "proved", (net,), {"method": "sides", "bits": 64}, points=tensor([[1]]), definitions=[])
    document["claim"]["equations"] = [[inner, "=", 0]]
    del document["claim"]["domain"]
    return document


@case("forty free neurons", -1)
def _(folder: Path) -> Any:
    rows = [[1, i] for i in range(42)]
    net = mlp((rows, list(range(42))), ([[1] * 42], [0]))
    document = certificate("orbits", "proved", (net,), {"method": "enumeration"}, flips=[[]])
    del document["claim"]["tolerance"]
    return document


@case("a bit precision of a thousand on many entries", -1)
def _(folder: Path) -> Any:
    net = doubled(12, node("t", "smooth", "", function="gelu"))
    return on(net, {"method": "enclosure", "point": ["1/3"], "output": 0, "bits": 4096}, answer="refuted")


@case("a run of a wide network", -1)
def _(folder: Path) -> Any:
    net = doubled(20, act("r", ""))
    document = certificate(
        "execution_error", "proved", (net,), {"method": "rounding", "bits": 64}, domain=box((0, 1)), dtype="float32", accumulation=None
    )
    document["claim"]["bounds"] = [1]
    del document["claim"]["tolerance"]
    return document


# --- long numbers ----------------------------------------------------------------------------------------------------------------


def primes(count: int) -> list[int]:
    found = [2]
    while len(found) < count:
        n = found[-1] + 1
        while any(n % p == 0 for p in found if p * p <= n):
            n += 1
        found.append(n)
    return found


INVERSE = [f"1/{p}" for p in primes(300)]
LONG = "0x" + "7" * 100_000 + "1"


def long_kink(layers: int) -> Any:
    kink = {"slope": 0, "constant": f"1/{LONG}", "kinks": [[f"1/{LONG}", f"3/{LONG}"]]}
    nodes = [node("x", "input", shape=[1])]
    for k in range(layers):
        nodes.append(act(f"r{k}", nodes[-1]["name"], kink))
    return network(nodes)


by_every_method("three kinks at long numbers", lambda: long_kink(3), 1)


def normed() -> Any:
    fields = {key: {"shape": [1], "denominator": LONG, "numerators": [LONG]} for key in ("mean", "variance", "weight", "bias")}
    norm = node("r", "batch_norm", "x", **fields, epsilon=f"1/{LONG}3", precision="float64")
    return network([node("x", "input", shape=[1]), norm])


by_every_method("a batch norm of long numbers", normed, 1)


def divided() -> Any:
    """A quotient at 1/p, for each of many primes p."""
    kinks = {"slope": 0, "constant": 0, "kinks": [[t, 1] for t in reversed(INVERSE)]}
    return network([node("x", "input", shape=[1]), act("r", "x", kinks)])


by_every_method("kinks at 1/p for 300 primes p", divided, 1)


@case("a point of 1/p for 300 primes p", -1)
def _(folder: Path) -> Any:
    d = len(INVERSE)
    net = wide(d, act("r", "x"), act("s", "r"))
    return on(net, {"method": "point", "point": INVERSE, "f": [0] * d, "g": [0] * d}, answer="refuted")


@case("a domain of long numbers", -1)
def _(folder: Path) -> Any:
    rows = {"shape": [4, 1], "denominator": LONG, "numerators": [LONG, 1, -1, 7]}
    bounds = {"shape": [4], "denominator": LONG, "numerators": [1, LONG, LONG, 1]}
    tree = [["leaf", [], None]]
    return on(mlp(([[1]], [0])), {"method": "tree", "hull": None, "tree": tree}, domain={"A": rows, "b": bounds})


@case("proofs with long multipliers", -1)
def _(folder: Path) -> Any:
    net = mlp(([[1], [2]], [1, 3]), ([[1, 1]], [0]))
    facts = [[0, 1, [LONG, [[0, LONG], [1, LONG]] * 50]]]
    return on(net, {"method": "tree", "hull": None, "tree": [["leaf", facts, None]]}, domain=box((0, 1)))


def steps(count: int, kind: str, **listed: Any) -> Any:
    net = mlp(([[1] * 50] * 50, [0] * 50), ([[1] * 50], [0]))
    return on(net, forms({}, {}), "symmetry", transformation=[{"kind": kind, "layer": "r0", **listed}] * count)


case("ten thousand scalings", -1)(lambda folder: steps(10_000, "scaling", factors=["3/2"] * 50))
case("a thousand scalings by 1/p", -1)(lambda folder: steps(1000, "scaling", factors=INVERSE[:50]))
case("five scalings by long numbers", -1)(lambda folder: steps(5, "scaling", factors=[f"3/{LONG}"] * 50))


# --- a kilobyte of gzip ---------------------------------------------------------------------------------------------------------


def compressed(folder: Path, document: Any, **long: str) -> Path:
    """A compressed certificate; each text "@name" in the document stands for the JSON given under the name."""
    text = json.dumps(document)
    for name, piece in long.items():
        text = text.replace(f'"@{name}"', piece)
    path = folder / "certificate.json.gz"
    path.write_bytes(gzip.compress(text.encode("ascii"), 9))
    return path


def many(piece: str, count: int) -> str:
    return "[" + ",".join([piece] * count) + "]"


def without(document: Any, *keys: str) -> Any:
    for key in keys:
        del document["claim"][key]
    return document


def inline_of(document: Any, name: str, net: Any, **long: str) -> dict[str, Any]:
    """The model with the hash of what stands behind its long pieces."""
    text = json.dumps(net, sort_keys=True, separators=(",", ":"))
    for key, piece in long.items():
        text = text.replace(f'"@{key}"', piece)
    document["models"][name] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "inline": net}
    return document


ID = mlp(([[1]], [0]))


@case("compressed: splits in a stage of 2^15 units", -1)
def _(folder: Path) -> Any:
    """Each split copies what is known of the units of its stage."""
    net = doubled(15, act("r", ""))
    nodes = "[" + ",".join(f'["split",[],{k}]' for k in range(3000)) + "]"
    return compressed(folder, on(net, {"method": "tree", "hull": None, "tree": "@t"}), t=nodes)


@case("compressed: a chain of splits of other units", -1)
def _(folder: Path) -> Any:
    net = doubled(12, act("r", ""))
    nodes = "[" + ",".join(f'["split",[],{k}]' for k in range(4000)) + "]"
    return compressed(folder, on(net, {"method": "tree", "hull": None, "tree": "@t"}), t=nodes)


@case("compressed: facts about one unit after another", -1)
def _(folder: Path) -> Any:
    net = doubled(12, act("r", ""))
    facts = "[" + ",".join(f"[{k},1,[1,[[1,1]]]]" for k in range(4000)) + "]"
    return compressed(folder, on(net, {"method": "tree", "hull": None, "tree": [["leaf", "@f", None]]}, domain=box((0, 1))), f=facts)


@case("compressed: a proof of many terms", -1)
def _(folder: Path) -> Any:
    net = doubled(4, act("r", ""))
    fact = [0, 1, [1, "@y"]]
    document = on(net, {"method": "tree", "hull": None, "tree": [["leaf", [fact], None]]}, domain=box((0, 1)))
    return compressed(folder, document, y=many("[0,1]", 600_000))


def with_many_rows(folder: Path, evidence: Any, **claim: Any) -> Any:
    """The identity on x <= 1/7, said 400,000 times."""
    rows = 400_000
    domain = {
        "A": {"shape": [rows, 1], "denominator": 1, "numerators": "@n"},
        "b": {"shape": [rows], "denominator": 7, "numerators": "@n"},
    }
    return compressed(folder, on(ID, evidence, domain=domain, **claim), n=many("1", rows))


@case("compressed: a domain of many rows", -1)
def _(folder: Path) -> Any:
    return with_many_rows(folder, {"method": "tree", "hull": None, "tree": [["leaf", [], None]]})


@case("compressed: bounds by a domain of many rows", -1)
def _(folder: Path) -> Any:
    return with_many_rows(folder, {"method": "pass", "bits": 16}, tolerance=1)


@case("compressed: a box by many sides", -1)
def _(folder: Path) -> Any:
    document = on(ID, {"method": "pass", "bits": 4096, "box": "@s"}, domain=box((0, 1)), tolerance=1)
    return compressed(folder, document, s=many("[0,1,[[0,1]]]", 280_000))


@case("compressed: many cuts of a box", -1)
def _(folder: Path) -> Any:
    document = on(ID, {"method": "boxes", "bits": 4096, "tree": "@t"}, domain=box((0, 1)), tolerance=1)
    nodes = [f'["split",0,{2**20 - k}]' for k in range(1, 3000)]
    return compressed(folder, document, t="[" + ",".join(nodes) + "]")


@case("compressed: cuts of a wide box", -1)
def _(folder: Path) -> Any:
    """Each part has two lists of the sides."""
    d = 60
    net = network([node("x", "input", shape=[d]), act("r", "x")])
    document = on(net, {"method": "boxes", "bits": 64, "tree": "@t"}, domain=box(*[(0, 1)] * d), tolerance=1)
    nodes = [f'["split",0,{2**63 - k}]' for k in range(1, 3000)]
    return compressed(folder, document, t="[" + ",".join(nodes) + "]")


@case("compressed: leaves of boxes", -1)
def _(folder: Path) -> Any:
    net = doubled(6, act("r", ""))
    nodes = [f'["split",0,{2**20 - k}],["pass"]' for k in range(1, 3000)]
    document = on(net, {"method": "boxes", "bits": 20, "tree": "@t"}, domain=box((0, 1)), tolerance=1)
    return compressed(folder, document, t="[" + ",".join(nodes) + "]")


@case("compressed: values at a million points", -1)
def _(folder: Path) -> Any:
    count = 10**6
    both = {"shape": [count, 1], "denominator": 7, "numerators": "@n"}
    document = certificate("equal_at", "proved", (ID, ID), {"method": "values", "values": both}, points=both)
    return compressed(folder, without(document, "tolerance", "domain"), n=many("1", count))


@case("compressed: an identity at a million points", -1)
def _(folder: Path) -> Any:
    points = {"shape": [10**6, 1], "denominator": 7, "numerators": "@n"}
    equations = [[["sum", ["output", "f"]], "=", 0]]
    document = certificate("identity", "proved", (ID,), {"method": "sides", "bits": 64}, points=points, definitions=[], equations=equations)
    return compressed(folder, without(document, "domain"), n=many("1", 10**6))


@case("compressed: many definitions", -1)
def _(folder: Path) -> Any:
    pieces = ",".join(f'["a{k}",["*",["+","t",{k}],["exp",{k}]]]' for k in range(900))
    document = certificate("identity", "proved", (ID,), {"method": "sides", "bits": 4096}, points=tensor([[1]]), definitions="@d")
    document["claim"]["equations"] = [[["derivative", 8, "a899"], "=", 0]]
    return compressed(folder, without(document, "domain"), d=f"[{pieces}]")


@case("compressed: a sum of many terms", -1)
def _(folder: Path) -> Any:
    terms = '["+",' + ",".join(f'["exp","1/{k}"]' for k in range(1, 2000)) + "]"
    document = certificate("identity", "proved", (ID,), {"method": "sides", "bits": 64}, points=tensor([[1]]), definitions=[])
    document["claim"]["equations"] = [["@e", "=", 0]]
    return compressed(folder, without(document, "domain"), e=terms)


@case("compressed: functions without poles", -1)
def _(folder: Path) -> Any:
    document = certificate("pole_free", "proved", (), {"method": "signs", "functions": "@e"})
    document["claim"] = {"question": "pole_free", "answer": "proved", "functions": "@f", "interval": None}
    one = many('{"numerator":[1],"denominator":[2,1]}', 80_000)
    return compressed(folder, document, f=one, e=many('{"cuts":[0]}', 80_000))


@case("compressed: cuts of a polynomial", -1)
def _(folder: Path) -> Any:
    document = certificate("pole_free", "proved", (), {"method": "signs", "functions": [{"cuts": "@c"}]})
    function = {"numerator": [1], "denominator": "@q"}
    document["claim"] = {"question": "pole_free", "answer": "proved", "functions": [function], "interval": None}
    return compressed(folder, document, q=many("1", 301), c="[" + ",".join(map(str, range(3000))) + "]")


@case("compressed: a polynomial of degree a million", -1)
def _(folder: Path) -> Any:
    document = certificate("pole_free", "proved", (), {"method": "signs", "functions": [{"cuts": [0]}]})
    function = {"numerator": [1], "denominator": "@q"}
    document["claim"] = {"question": "pole_free", "answer": "proved", "functions": [function], "interval": None}
    return compressed(folder, document, q=many("1", 10**6))


@case("compressed: coefficients 1/2, 1/3, 1/4, ...", -1)
def _(folder: Path) -> Any:
    document = certificate("pole_free", "proved", (), {"method": "signs", "functions": [{"cuts": [0]}]})
    function = {"numerator": [1], "denominator": "@q"}
    document["claim"] = {"question": "pole_free", "answer": "proved", "functions": [function], "interval": None}
    return compressed(folder, document, q="[" + ",".join(f'"1/{k}"' for k in range(1, 3000)) + "]")


@case("compressed: orbits with many flips", -1)
def _(folder: Path) -> Any:
    n = 14
    net = mlp(([[1, k] for k in range(n)], list(range(n))), ([[1] * n], [0]))
    document = certificate("orbits", "proved", (net,), {"method": "free", "prime": 101, "columns": [[0, 0]], "free": list(range(13))})
    document["claim"]["flips"] = [[i for i in range(n) if mask >> i & 1] for mask in range(2**n)]
    return compressed(folder, without(document, "tolerance"))


@case("compressed: thousands of moves of a long network", -1)
def _(folder: Path) -> Any:
    nodes = mlp(([[1], [1]], [0, 0]), ([[1, 1]], [0]))["nodes"]
    nodes += [node(f"s{k}", "scale", f"s{k - 1}" if k else "h1", factor=ONE) for k in range(1000)]
    net = network(nodes)
    evidence = {"method": "forms", "hull": None, "f": {}, "g": {}, "output": None, "matched": "@m"}
    steps = many('{"kind":"permutation","layer":"r0","order":[1,0]}', 30_000)
    return compressed(folder, on(net, evidence), m=steps)


@case("compressed: a thousand functions of one value", -1)
def _(folder: Path) -> Any:
    """Whether any two of them are the same is looked at pair by pair."""
    nodes = [node("x", "input", shape=[1])]
    nodes += [act(f"r{k}", "x", {"slope": 0, "constant": k, "kinks": []}) for k in range(1500)]
    net = network([*nodes, node("y", "concat", "r0", "r1", axis=0)])
    return compressed(folder, on(net, forms({}, {}, shared=[[["x"], ["x"]]])))


@case("compressed: all pairs of nodes", -1)
def _(folder: Path) -> Any:
    """Any node of f may correspond to any of g."""
    first, second = ([node("x", "input", shape=[1])] for _ in range(2))
    for k in range(400):
        last = first[-1]["name"]
        first.append(node(f"s{k}", "add", last, last))
        second.append(node(f"s{k}", "add", second[-1]["name"], second[max(0, len(second) - 2)]["name"]))
    evidence = {"method": "pass", "bits": 64}
    return compressed(folder, certificate("equal", "proved", (network(first), network(second)), evidence, domain=box((0, 1)), tolerance=1))


@case("compressed: lines of forms", -1)
def _(folder: Path) -> Any:
    net = doubled(16, act("r", ""))
    document = on(net, forms({"r": "@l"}, {"r": "@l"}))
    return compressed(folder, document, l=many('["atom",0,1,1]', 2**16))


@case("compressed: proofs of forms", -1)
def _(folder: Path) -> Any:
    net = doubled(0, act("r", ""))
    document = on(net, forms({"r": [["on", "@p"]]}, {"r": [["on", "@p"]]}), domain=box((0, 1)))
    return compressed(folder, document, p=many('["slack",1,"1/3"]', 90_000))


@case("compressed: a proof by slacks of other sizes", -1)
def _(folder: Path) -> Any:
    net = doubled(0, act("r", ""))
    terms = "[" + ",".join(f'["slack",1,"1/{2 * k + 1}"]' for k in range(3000)) + "]"
    return compressed(folder, on(net, forms({"r": [["on", "@p"]]}, {}), domain=box((0, 1))), p=terms)


@case("compressed: factors of forms without a common denominator", -1)
def _(folder: Path) -> Any:
    net = doubled(10, act("r", ""), node("y", "affine", "", weight={"shape": [1, 2**10], "denominator": 1, "numerators": "@w"}, bias=ZERO))
    lines = "[" + ",".join(f'["atom",{k},1,"{k + 1}/{3**60 + 2 * k}"]' for k in range(2**10)) + "]"
    document = certificate("equal", "proved", (ID, ID), forms({"r": "@l"}, {"r": "@l"}))
    for name in "fg":
        inline_of(document, name, net, w=many("1", 2**10))
    return compressed(folder, document, w=many("1", 2**10), l=lines)


@case("compressed: a hull of many directions", -1)
def _(folder: Path) -> Any:
    count = 3000
    hull = {"origin": [0], "directions": "@d", "coordinates": "@d", "equalities": []}
    document = on(ID, {"method": "tree", "hull": hull, "tree": [["leaf", [], None]]}, domain=box((0, 1)))
    return compressed(folder, document, d="[" + ",".join(f'["1/{2 * k + 1}"]' for k in range(count)) + "]")


@case("compressed: equalities of a hull", -1)
def _(folder: Path) -> Any:
    hull = {"origin": [0], "directions": [], "coordinates": [], "equalities": "@e"}
    document = on(ID, {"method": "tree", "hull": hull, "tree": [["leaf", [], None]]}, domain=box((0, 0)))
    return compressed(folder, document, e=many('{"row":0,"coefficients":["1/3"],"farkas":[1,[[1,1]]]}', 60_000))


@case("compressed: one long denominator of many numbers", -1)
def _(folder: Path) -> Any:
    """As fractions each number has the denominator."""
    count = 4000
    points = {"shape": [count, 1], "denominator": LONG, "numerators": "@n"}
    equations = [[["sum", ["output", "f"]], "=", 0]]
    document = certificate("identity", "proved", (ID,), {"method": "sides", "bits": 64}, points=points, definitions=[], equations=equations)
    return compressed(folder, without(document, "domain"), n=many("1", count))


@case("compressed: a run of many nodes", -1)
def _(folder: Path) -> Any:
    nodes = [node("x", "input", shape=[1])]
    nodes += [act(f"r{k}", nodes[-1]["name"] if not k else f"r{k - 1}") for k in range(800)]
    document = certificate("execution_error", "proved", (network(nodes),), {"method": "rounding", "bits": 4096}, domain=box((0, 1)))
    document["claim"] |= {"dtype": "float32", "accumulation": None, "bounds": [1]}
    return compressed(folder, without(document, "tolerance"))


@case("compressed: regions of many cells", -1)
def _(folder: Path) -> Any:
    net = doubled(0, act("r", "", {"slope": 0, "constant": 0, "kinks": [[k, 1] for k in range(5000)]}))
    leaf = '["leaf",[],[1,[1]]]'
    nodes = "[" + ",".join(f'["split",[],{k}],{leaf}' for k in range(5000)) + f",{leaf}]"
    document = on(net, {"method": "tree", "hull": None, "tree": "@t"}, "regions", count=5001)
    return compressed(folder, without(document, "tolerance"), t=nodes)


@case("compressed: decisions of many outputs", -1)
def _(folder: Path) -> Any:
    net = doubled(11)
    document = on(net, {"method": "tree", "hull": None, "tree": [["leaf", [], "@e"]]}, "same_decision")
    return compressed(folder, without(document, "tolerance"), e=many("[[1,0,[]],[1,0,[]]]", 2**11))


@case("compressed: a slice along many directions", -1)
def _(folder: Path) -> Any:
    count = 300_000
    document = on(ID, forms({}, {}))
    for part in document["models"].values():
        part["slice"] = {
            "origin": tensor([0]),
            "directions": {"shape": [count, 1], "denominator": 1, "numerators": "@n"},
        }
    return compressed(folder, document, n=many("1", count))
