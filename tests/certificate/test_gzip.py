"""Certificates compressed by gzip: what is written by which name, what is read by which content, and what is refused quickly."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import time
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
import exactnn.certificate
from exactnn.certificate import BudgetExceeded, Rejected, _budget, _gzip, check
from exactnn.claims import Certificate, EqualClaim, _certificate
from exactnn.cli import main
from tests.certificate._cases import CASES
from tests.strategies import law

FOLDER = Path(exactnn.certificate.__file__).parent
MAGIC = b"\x1f\x8b"  # RFC 1952
GOOD = json.dumps(CASES["T6"]).encode()
F = xn.mlp([([[1], [-1]], [0, 1]), ([[1, 1]], [0])])


def zeros(megabytes: int) -> bytes:
    """So many megabytes, all zero, compressed to a thousandth."""
    packer = zlib.compressobj(9, wbits=31)
    piece = bytes(2**20)
    return b"".join(packer.compress(piece) for _ in range(megabytes)) + packer.flush()


def rejection(path: Path, data: bytes) -> Rejected:
    path.write_bytes(data)
    with pytest.raises(Rejected) as caught:
        check(path)
    return caught.value


# --- writing ---------------------------------------------------------------------------------------------------------------


def test_the_name_says_what_is_written(tmp_path: Path) -> None:
    certificate = xn.verify_equal(F, F).certificate
    assert certificate is not None
    plain = certificate.save(tmp_path / "c.json").read_bytes()
    assert json.loads(plain)["format"] == "exactnn-certificate"
    for name in ("c.json.gz", "C.GZ"):
        path = certificate.save(tmp_path / name)
        assert path.read_bytes()[:2] == MAGIC
        assert gzip.decompress(path.read_bytes()) == plain
        assert xn.check(path)
    assert len(list(tmp_path.iterdir())) == 3  # nothing is left beside them


def test_equal_texts_are_equal_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = xn.verify_equal(F, F).certificate
    assert certificate is not None
    first = certificate.save(tmp_path / "one.json.gz").read_bytes()
    monkeypatch.setattr(time, "time", lambda: 2.0**31)
    assert certificate.save(tmp_path / "another.gz").read_bytes() == first
    assert first[3:8] == bytes(5)  # no name, no time


def test_model_files_are_named_relative_to_it(tmp_path: Path) -> None:
    xn.save(F, tmp_path / "f.json")
    f = xn.load(tmp_path / "f.json")
    certificate = xn.verify_equal(f, f).certificate
    assert certificate is not None
    (tmp_path / "proofs").mkdir()
    path = certificate.save(tmp_path / "proofs" / "c.json.gz")
    assert json.loads(gzip.decompress(path.read_bytes()))["models"]["f"]["path"] == os.path.join("..", "f.json")
    assert xn.check(path)


def test_what_compresses_too_well_is_compressed_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pruned network, nearly all zeros: the checker refuses what expands out of proportion, so that this must not."""
    for module, name in (("exactnn.certificate._gzip", "_UNSUSPICIOUS"), ("exactnn.claims._certificate", "_UNSUSPICIOUS")):
        monkeypatch.setattr(f"{module}.{name}", 2**10)
    pruned = xn.mlp([(np.zeros((300, 1000)), np.zeros(300)), (np.zeros((1, 300)), [0])])
    path = Certificate(EqualClaim(pruned, pruned, None, Fraction(0)), "proved", {"method": "forms"}).save(tmp_path / "c.gz")
    data = path.read_bytes()
    text = gzip.decompress(data)
    assert len(gzip.compress(text, mtime=0)) * 100 < len(text)
    assert _gzip.decompressed(data, "certificate") == text
    assert 4 * len(data) < len(text)


# --- reading ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c.json.gz", "c.json", "c"])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_the_content_says_what_is_read(tmp_path: Path, name: str, level: int) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(GOOD, level, mtime=0))
    assert check(path)
    assert xn.check(path)
    assert main(["check", str(path), "--quiet"]) == 0
    path.write_bytes(GOOD)
    assert check(path)


def test_several_members(tmp_path: Path) -> None:
    """They are the pieces of one text, as RFC 1952 has it."""
    (tmp_path / "c.json").write_bytes(gzip.compress(GOOD[:50], mtime=0) + gzip.compress(b"") * 99 + gzip.compress(GOOD[50:]))
    assert check(tmp_path / "c.json")


def test_the_checker_alone_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "c.json.gz"
    path.write_bytes(gzip.compress(GOOD, mtime=0))
    run = subprocess.run([sys.executable, "-I", "-S", FOLDER, path], capture_output=True, text=True, cwd="/", check=True)
    assert run.stdout.startswith("accepted: proved: f = g on all of R^1")
    path.write_bytes(gzip.compress(GOOD, mtime=0)[:-9])
    run = subprocess.run([sys.executable, "-I", "-S", FOLDER, path], capture_output=True, text=True, cwd="/", check=False)
    assert (run.returncode, run.stderr) == (4, "")
    assert run.stdout.startswith("rejected: certificate: gzip: the file is damaged (Compressed file ended")


@law(30)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_content_in_pieces_of_any_size(content: bytes, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_gzip, "_PIECE", piece)
        assert _gzip.decompressed(gzip.compress(content, mtime=0), "x") == content
        assert _gzip.decompressed(gzip.compress(content, mtime=0) + gzip.compress(b"more", mtime=0), "x") == content + b"more"
        with pytest.raises(Rejected, match="is damaged"):
            _gzip.decompressed(gzip.compress(content, mtime=0) * 2 + b"more", "x")


# --- refusing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (MAGIC, "ended before the end"),
        (gzip.compress(GOOD, mtime=0)[:10], "ended before the end"),
        (gzip.compress(GOOD, mtime=0)[:-1], "ended before the end"),
        (gzip.compress(GOOD, mtime=0)[:-8] + bytes(8), "is damaged"),  # its checksum
        (MAGIC + b"\x07" + gzip.compress(GOOD, mtime=0)[3:], "is damaged"),  # a method that there is not
        (gzip.compress(GOOD, mtime=0) + b"\n", "is damaged"),
        (gzip.compress(GOOD, mtime=0) + GOOD, "is damaged"),
        (gzip.compress(GOOD, mtime=0) + gzip.compress(GOOD, mtime=0), "JSON"),
        (gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0), "utf-8"),
        (gzip.compress(GOOD[:-1], mtime=0), "JSON"),
    ],
)
def test_damaged_files(tmp_path: Path, data: bytes, said: str) -> None:
    found = rejection(tmp_path / "c.json", data)
    assert found.step == "certificate"
    assert said in found.reason


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    """Unless it stands in the header, which says nothing about the content, the checksum sees it."""
    good = gzip.compress(GOOD, mtime=0)
    for place in range(10, len(good), 7):
        found = rejection(tmp_path / "c.json", good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert found.step == "certificate"


def test_a_file_that_expands_out_of_proportion(tmp_path: Path) -> None:
    """400 KB that would become 400 MB, with memory for 256: counted up to its limit, and nothing of it kept."""
    path = tmp_path / "c.json.gz"
    path.write_bytes(zeros(400))

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))

    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-I", "-S", FOLDER, path], capture_output=True, text=True, preexec_fn=little_memory, check=False)
    assert time.perf_counter() - start < 5
    assert (run.returncode, run.stderr) == (3, "")
    assert run.stdout.startswith("NOT DECIDED: certificate: gzip: more than")
    assert "too large for this checker" in run.stdout


def test_the_limit() -> None:
    assert (_certificate._UNSUSPICIOUS, _certificate._TIMES) == (_gzip._UNSUSPICIOUS, _gzip._TIMES)  # written by one, read by the other
    data = zeros(4)
    assert len(_gzip.decompressed(data, "x")) == 2**22
    longer = zeros(5)
    with (
        _budget.opened(),
        pytest.raises(BudgetExceeded, match=rf"^x: gzip: more than {2**22} bytes are compressed in {len(longer)}: too large"),
    ):
        _gzip.decompressed(longer, "x")
    with _budget.opened(2) as account:
        assert len(_gzip.decompressed(longer, "x")) == 5 * 2**20
        assert account.bytes == 7 * len(longer)  # with those of the file itself eight times
