"""Models on slices: the checker builds the network on the slice from the file, as the package does; other slices and files are rejected."""

from __future__ import annotations

import copy
import json
import time
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

import exactnn as xn
from exactnn.certificate import Rejected, check, examine
from exactnn.certificate._network import read_network
from exactnn.certificate._slice import sliced
from exactnn.certificate.telling import sentence
from exactnn.exact.array import RationalArray
from exactnn.exact.writing import json_tensor
from exactnn.network import Add, Affine, Builder, Input, Network, Reshape, relu
from exactnn.network.document import document
from exactnn.regions import restrict
from exactnn.verify import certified_region_count

DEEP = xn.mlp([([[1, 2, 0], [3, 4, -1], [0, 1, 1]], [0, 1, "1/3"]), ([[1, -1, 1], [2, 1, 0]], [0, 0]), ([[1, 1]], [0])])
ORIGIN, DIRECTIONS = [0, "1/2", 1], [[1, 0, "1/3"], [0, 1, 0]]


def several() -> Network:
    """Two inputs, one with axes, an unused node, and names that a slice would like to have."""
    b = Builder()
    x = b.add("x", Input((2, 2)))
    t = b.add("t", Input((4,)))
    b.add("x.flat", Reshape((4,)), x)
    h = b.add("h", relu(), b.add("sum", Add(), "x.flat", t))
    unused = b.add("unused", relu(), h)
    y = b.add("y", Affine(RationalArray.of([[1, -2, 3, "1/7"]]), RationalArray.of([1])), h)
    return b.build([t, x], [y], keep=[unused])


def saved(net: Network, path: Path) -> Network:
    xn.save(net, path)
    return xn.load(path)


@pytest.mark.parametrize(("net", "k"), [(DEEP, 1), (DEEP, 2), (DEEP, 3), (several(), 1), (several(), 3)])
def test_both_build_the_same_network(net: Network, k: int, tmp_path: Path) -> None:
    n = net.input_dim
    origin = [Fraction(i * i - 3, i + 2) for i in range(n)]
    directions = [[Fraction(int(i == j) + (j > i) * (i + 2 * j), 3) for j in range(n)] for i in range(k)]
    written = {"origin": json_tensor(RationalArray.of(origin)), "directions": json_tensor(RationalArray.of(directions))}
    part = restrict(saved(net, tmp_path / "net.json"), origin, directions)
    own = sliced(read_network(document(net), "model"), written, "slice")
    assert own == read_network(document(part), "slice")
    assert part.source is not None
    assert part.source.checkable


def test_a_slice_of_many_inputs_takes_no_hours() -> None:
    """The names are looked up, not gathered again for each input: 20,000 inputs are a small file, and their square is not."""
    count = 20_000
    names = [f"x{i}" for i in range(count)]
    nodes = [{"name": name, "op": "input", "operands": [], "shape": [1, 1]} for name in names]
    nodes.append({"name": "y", "op": "concat", "operands": names, "axis": 0})
    many = read_network({"format": "exactnn-network", "version": 1, "inputs": names, "outputs": ["y"], "nodes": nodes}, "model")
    start = time.perf_counter()
    line = sliced(many, {"origin": _tensor([count], [0] * count), "directions": _tensor([1, count], list(range(count)))}, "slice")
    assert time.perf_counter() - start < 30  # else more than ten minutes
    assert [node.name for node in line.nodes[:5]] == ["t", "x0.flat", "x0", "x1.flat", "x1"]
    assert line.nodes[2 * 7 + 1].fields["weight"].numerators == [7]


def made(folder: Path) -> dict:
    """A count on a plane: seven numbers of the slice and the file's hash stand behind it."""
    net = saved(DEEP, folder / "net.json")
    found = certified_region_count(restrict(net, ORIGIN, DIRECTIONS), xn.Box(-2, 2))
    found.certificate.save(folder / "count.json")
    return json.loads((folder / "count.json").read_text())


def test_a_count_on_a_slice_names_file_and_slice(tmp_path: Path) -> None:
    certificate = made(tmp_path)
    model = certificate["models"]["f"]
    assert (model["path"], "inline" in model, set(model["slice"])) == ("net.json", False, {"origin", "directions"})
    accepted = examine(tmp_path / "count.json", [tmp_path / "net.json"], None)
    assert sentence(accepted).endswith("; f(t) = model f at (0, 1/2, 1) + t_0 (1, 0, 1/3) + t_1 (0, 1, 0)")
    assert accepted.models["f"].source.endswith("net.json")
    whole = certified_region_count(DEEP, xn.Box(-2, 2))
    assert whole.value != certificate["claim"]["count"]


@pytest.mark.parametrize(("key", "place"), [("origin", (1,)), ("directions", (0, 2)), ("directions", (1, 1)), ("origin", (0,))])
@pytest.mark.parametrize("by", [Fraction(1), Fraction(-2, 3)])
def test_another_slice_is_rejected(key: str, place: tuple[int, ...], by: Fraction, tmp_path: Path) -> None:
    """Of another slice the tree is no proof: its cells have other facets, or its points lie elsewhere."""
    certificate = made(tmp_path)
    origin, directions = [Fraction(v) for v in ORIGIN], [[Fraction(v) for v in row] for row in DIRECTIONS]
    if key == "origin":
        origin[place[0]] += by
    else:
        directions[place[0]][place[1]] += by
    certificate["models"]["f"]["slice"] = {
        "origin": json_tensor(RationalArray.of(origin)),
        "directions": json_tensor(RationalArray.of(directions)),
    }
    counted = certified_region_count(restrict(DEEP, origin, directions), xn.Box(-2, 2)).value
    try:
        accepted = check(certificate, folder=tmp_path)
    except Rejected:
        return
    assert accepted
    assert counted == certificate["claim"]["count"]  # then the claim is true all the same


def test_a_point_that_tells_slices_apart(tmp_path: Path) -> None:
    """Refuted by a point, whose values bind every number of the slice."""
    f, g = saved(DEEP, tmp_path / "f.json"), saved(xn.mlp([([[1, 1, 1]], [0])]), tmp_path / "g.json")
    verdict = xn.verify_equal(restrict(f, ORIGIN, DIRECTIONS), restrict(g, ORIGIN, DIRECTIONS))
    assert verdict.refuted
    verdict.certificate.save(tmp_path / "c.json")
    good = json.loads((tmp_path / "c.json").read_text())
    assert check(good, folder=tmp_path)
    point = [Fraction(v) for v in good["evidence"]["point"]]
    rejected = 0
    for name, key, step in product("fg", ("origin", "directions"), (1, -1)):
        for i in range(len(good["models"][name]["slice"][key]["numerators"])):
            bad = copy.deepcopy(good)
            bad["models"][name]["slice"][key]["numerators"][i] += step
            moved = {k: RationalArray.of(ORIGIN if k == "origin" else DIRECTIONS) for k in ("origin", "directions")}
            flat = [Fraction(n, bad["models"][name]["slice"][key]["denominator"]) for n in bad["models"][name]["slice"][key]["numerators"]]
            moved[key] = RationalArray.of(flat).reshape(*moved[key].shape)
            before, after = {"f": f, "g": g}[name], restrict({"f": f, "g": g}[name], moved["origin"], moved["directions"])
            if restrict(before, ORIGIN, DIRECTIONS)(point) == after(point):
                assert check(bad, folder=tmp_path)
                continue
            with pytest.raises(Rejected):
                check(bad, folder=tmp_path)
            rejected += 1
    assert rejected >= 8


def _tensor(shape: list[int], numbers: list[int]) -> dict:
    return {"shape": shape, "denominator": 1, "numerators": numbers}


@pytest.mark.parametrize(
    "slice_",
    [
        None,
        [],
        {},
        {"origin": _tensor([3], [0, 0, 0])},
        {"origin": _tensor([3], [0, 0, 0]), "directions": _tensor([1, 3], [1, 0, 0]), "more": 1},
        {"origin": _tensor([2], [0, 0]), "directions": _tensor([1, 3], [1, 0, 0])},
        {"origin": _tensor([1, 3], [0, 0, 0]), "directions": _tensor([1, 3], [1, 0, 0])},
        {"origin": _tensor([3], [0, 0, 0]), "directions": _tensor([3], [1, 0, 0])},
        {"origin": _tensor([3], [0, 0, 0]), "directions": _tensor([1, 2], [1, 0])},
        {"origin": _tensor([3], [0, 0, 0]), "directions": _tensor([1, 1, 3], [1, 0, 0])},
        {"origin": [0, 0, 0], "directions": [[1, 0, 0]]},
    ],
)
def test_malformed_slices(slice_: object, tmp_path: Path) -> None:
    certificate = made(tmp_path)
    certificate["models"]["f"]["slice"] = slice_
    with pytest.raises(Rejected, match="model f: slice"):
        check(certificate, folder=tmp_path)


@pytest.mark.changes_models
def test_without_the_slice_or_of_another_file(tmp_path: Path) -> None:
    certificate = made(tmp_path)
    assert check(certificate, folder=tmp_path)
    bare = copy.deepcopy(certificate)
    del bare["models"]["f"]["slice"]
    with pytest.raises(Rejected, match="columns"):
        check(bare, folder=tmp_path)
    xn.save(xn.mlp([([[1, 2, 0], [3, 4, -1]], [0, 1]), ([[1, -1]], [0])]), tmp_path / "net.json")
    with pytest.raises(Rejected, match="certificate for other networks"):
        check(certificate, folder=tmp_path)


def test_an_inline_model_on_a_slice(tmp_path: Path) -> None:
    """The format allows it: the hash is that of the whole network, so that its file fits."""
    certificate = made(tmp_path)
    whole = document(DEEP)
    from exactnn.network.document import canonical_hash

    certificate["models"]["f"] = {"sha256": canonical_hash(whole), "inline": whole, "slice": certificate["models"]["f"]["slice"]}
    assert check(certificate, models=[tmp_path / "net.json"])


def test_a_long_slice_is_named_by_its_hash(tmp_path: Path) -> None:
    net = saved(xn.mlp([([[1] * 300], [0]), ([[1]], [0])]), tmp_path / "net.json")
    part = restrict(net, [0] * 300, [[1] * 300])
    certified_region_count(part).certificate.save(tmp_path / "c.json")
    said = sentence(examine(tmp_path / "c.json", [], None))
    assert "; f(t) = model f at origin + sum t_i direction_i, 1 of R^300; the slice has the sha256 " in said


def test_a_slice_of_a_slice_stands_in_the_certificate(tmp_path: Path) -> None:
    part = restrict(restrict(saved(DEEP, tmp_path / "net.json"), ORIGIN, DIRECTIONS), [0, 0], [[1, 1]])
    assert part.source is None
    found = certified_region_count(part)
    assert "inline" in found.certificate.document["models"]["f"]
