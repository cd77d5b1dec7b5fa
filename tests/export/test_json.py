"""Exact JSON: what is written is read back equal, and the hash names the network."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from exactnn.errors import ArgumentError, SaveError
from exactnn.exact.files import write_bytes, write_text
from exactnn.export import save
from exactnn.load import load
from exactnn.load.json import network_from_document
from exactnn.network import Network, mlp
from exactnn.network.document import canonical_hash, document

from ._zoo import DYADIC, EXACT

ALL = {**DYADIC, **EXACT}
SMALL = mlp([([[1, "1/2"], [-3, 0]], [0, "1/3"]), ([[1, 1]], [0])])


@pytest.mark.parametrize("name", ALL)
def test_round_trip(name: str, tmp_path: Path) -> None:
    net = ALL[name]()
    path = tmp_path / "net.json"
    save(net, path)
    again = load(path)
    assert again == net
    assert again.order == net.order
    assert again.source is not None
    assert again.source.checkable
    assert again.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert document(again) == document(net)
    assert network_from_document(json.loads(json.dumps(document(net)))) == net


@pytest.mark.parametrize("name", ALL)
def test_the_checker_reads_it_and_has_the_same_hash(name: str) -> None:
    from exactnn.certificate import _models, _network

    net = ALL[name]()
    assert [n.name for n in _network.read_network(document(net), "f").nodes] == list(net.order)
    assert hashlib.sha256(_models.canonical(document(net), "f")).hexdigest() == canonical_hash(document(net))


def test_the_document_is_the_one_of_the_format() -> None:
    assert document(SMALL) == {
        "format": "exactnn-network",
        "version": 1,
        "inputs": ["input"],
        "outputs": ["layer2"],
        "nodes": [
            {"name": "input", "op": "input", "operands": [], "shape": [2]},
            {
                "name": "layer1",
                "op": "affine",
                "operands": ["input"],
                "weight": {"shape": [2, 2], "denominator": 2, "numerators": [2, 1, -6, 0]},
                "bias": {"shape": [2], "denominator": 3, "numerators": [0, 1]},
            },
            {"name": "relu1", "op": "piecewise_linear", "operands": ["layer1"], "slope": 0, "constant": 0, "kinks": [[0, 1]]},
            {
                "name": "layer2",
                "op": "affine",
                "operands": ["relu1"],
                "weight": {"shape": [1, 2], "denominator": 1, "numerators": [1, 1]},
                "bias": {"shape": [1], "denominator": 1, "numerators": [0]},
            },
        ],
    }


def test_long_integers_are_hexadecimal() -> None:
    nodes = document(ALL["long kinks"]())["nodes"][1]
    assert nodes["constant"] == hex(10**4400)
    assert nodes["slope"] == "1/" + hex(3**10000)
    assert nodes["kinks"] == [["-1/" + hex(7**6000), 5]]


def test_canonical_hash_does_not_see_the_order_of_keys() -> None:
    whole = document(SMALL)
    turned = {key: whole[key] for key in reversed(whole)}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    assert canonical_hash(turned) == canonical_hash(whole) == hashlib.sha256(text.encode()).hexdigest()
    assert canonical_hash(document(mlp([([[1]], [0])]))) != canonical_hash(whole)


@pytest.mark.parametrize("name", ["net.txt", "net", "net.pt", "net.jsonx"])
def test_an_unknown_suffix(name: str, tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="suffix"):
        save(SMALL, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="Network"):
        save("net", tmp_path / "net.json")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="path"):
        save(SMALL, 5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="dtype"):
        save(SMALL, tmp_path / "net.json", dtype="float32")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(SaveError, match="folder"):
        save(SMALL, tmp_path / "folder.json")
    with pytest.raises(SaveError, match=r"cannot be written: there is no folder '.*missing'; make it first"):
        save(SMALL, tmp_path / "missing" / "net.json")


# --- atomic writing --------------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_text(path, "before")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(SaveError, match="No space left"):
        write_text(path, "after")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    mask = os.umask(0o027)
    try:
        write_bytes(path, b"1")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    link.symlink_to(path)
    write_bytes(link, b"2")
    assert link.is_symlink()
    assert path.read_bytes() == b"2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    write_bytes(os.devnull, b"nothing")
    assert not Path(os.devnull).is_file()


def test_equal_networks_from_their_files(tmp_path: Path) -> None:
    """A file written, loaded and written again is the same file."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    net: Network = DYADIC["residual"]()
    save(net, first)
    save(load(first), second)
    assert first.read_bytes() == second.read_bytes()
