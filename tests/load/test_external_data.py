"""ONNX models whose weights lie in other files: read from the model's folder only, hashed, and bound by certificates."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import exactnn as xn
from exactnn.certificate import Rejected, examine
from exactnn.certificate._evaluate import evaluate
from exactnn.certificate._onnx import read_onnx
from exactnn.cli import main
from exactnn.errors import CertificateRejected, LoadError
from exactnn.exact.array import RationalArray
from exactnn.load import from_torch, load
from exactnn.network import DataFile

from ._onnx_models import model, node

WEIGHT = np.arange(-6, 6, dtype=np.float32).reshape(3, 4)
BIAS = np.array([1, -2, 0.5, 3], dtype=np.float32)
LAST = np.array([[1], [-1], [2], [0.25]], dtype=np.float32)


def chain() -> onnx.ModelProto:
    nodes = [node("Gemm", "x w b", "h"), node("Relu", "h", "r"), node("MatMul", "r v")]
    return model(nodes, {"x": ("n", 3)}, {"w": WEIGHT, "b": BIAS, "v": LAST})


def saved(folder: Path, proto: onnx.ModelProto | None = None, **options: Any) -> Path:
    """The model in folder/m.onnx, its data in other files."""
    path = folder / "m.onnx"
    options = {"location": "weights.bin", "size_threshold": 0, **options}
    (folder / "weights.bin").unlink(missing_ok=True)  # onnx writes behind what is there
    onnx.save_model(proto or chain(), path, save_as_external_data=True, **options)
    return path


def stated(path: Path, *, tensor: int = 0, drop: tuple[str, ...] = (), **keys: Any) -> Path:
    """The same file with other keys in the header of one tensor."""
    proto = onnx.load(path, load_external_data=False)
    entries = proto.graph.initializer[tensor].external_data
    old = {e.key: e.value for e in entries if e.key not in drop}
    del entries[:]
    for key, value in {**old, **keys}.items():
        entry = entries.add()
        entry.key, entry.value = key, str(value)
    path.write_bytes(proto.SerializeToString())
    return path


def refused(path: Path) -> str:
    with pytest.raises(LoadError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- read ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one_file", [True, False])
def test_weights_beside_the_model(one_file: bool, tmp_path: Path) -> None:
    options: dict[str, Any] = {} if one_file else {"all_tensors_to_one_file": False, "location": None}
    path = saved(tmp_path, **options)
    (tmp_path / "inside.onnx").write_bytes(chain().SerializeToString())
    net = load(path)
    assert net == load(tmp_path / "inside.onnx")
    assert net.source is not None
    assert net.source.sha256 == sha(path)
    names = ["weights.bin"] if one_file else ["b", "v", "w"]
    assert net.source.data == tuple(DataFile(name, sha(tmp_path / name)) for name in names)
    assert net.source.checkable
    assert all(f"{name}, sha256 {sha(tmp_path / name)}" in net.info for name in names)


def test_a_constant_node_and_every_element_type(tmp_path: Path) -> None:
    kinds = [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE]
    for kind in kinds:
        tensor = numpy_helper.from_array(numpy_helper.to_array(helper.make_tensor("c", kind, (3,), [0.1, -3.0, 2.0**-14])), "c")
        inside = model([node("Constant", "", "c", value=tensor), node("Add", "x c")], {"x": ("n", 3)}, kind=kind)
        (tmp_path / "inside.onnx").write_bytes(inside.SerializeToString())
        wanted = load(tmp_path / "inside.onnx")
        assert load(saved(tmp_path, inside, convert_attribute=True)) == wanted
        assert onnx.load(tmp_path / "m.onnx", load_external_data=False).graph.node[0].attribute[0].t.data_location == 1


def export(module: nn.Module, path: Path, *inputs: torch.Tensor) -> onnx.ModelProto:
    """As torch writes it by default: the weights in a file beside it."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), inputs, path, dynamo=True, external_data=True, verbose=False)
    return onnx.load(path, load_external_data=False)


def test_the_default_export_of_torch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 2))
    proto = export(module, tmp_path / "net.onnx", torch.randn(1, 12))
    outside = [t for t in proto.graph.initializer if t.data_location == 1]
    assert outside  # small tensors stay inside
    net, wanted = load(tmp_path / "net.onnx"), from_torch(module, (12,))
    points = RationalArray(np.random.default_rng(0).integers(-9, 9, (5, 12)), 7)
    assert net.evaluate(points) == wanted.evaluate(points)
    assert net.source is not None
    assert net.source.data == (DataFile("net.onnx.data", sha(tmp_path / "net.onnx.data")),)
    assert net.source.checkable
    verdict = xn.verify_equal(net, wanted)
    assert verdict.proved
    assert xn.check(verdict.certificate)


def test_a_checksum_is_compared(tmp_path: Path) -> None:
    path = saved(tmp_path)
    digest = hashlib.sha1((tmp_path / "weights.bin").read_bytes()).hexdigest()
    assert load(stated(path, checksum=digest)) == load(saved(tmp_path))
    assert "SHA-1" in refused(stated(path, checksum=digest[::-1]))


def test_a_file_in_a_folder_below(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "below").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "below" / "w.bin")
    for i in range(3):
        stated(path, tensor=i, location="below/w.bin")
    net = load(path)
    assert net.source is not None
    assert (net.source.data[0].path, net.source.checkable) == ("below/w.bin", True)
    for i in range(3):
        stated(path, tensor=i, location="./below//w.bin")
    net = load(path)
    assert net.source is not None
    assert (net.source.data[0].path, net.source.checkable) == ("below/w.bin", False)


def test_a_length_that_is_left_out_is_what_is_left(tmp_path: Path) -> None:
    path = saved(tmp_path)
    last = max(range(3), key=lambda i: int(onnx.load(path, load_external_data=False).graph.initializer[i].external_data[1].value))
    assert load(stated(path, tensor=last, drop=("length",))) == load(saved(tmp_path))
    assert "bytes" in refused(stated(saved(tmp_path), tensor=(last + 1) % 3, drop=("length",)))


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    [
        "/etc/passwd",
        "../weights.bin",
        "below/../../weights.bin",
        "..",
        ".",
        "",
        "./",
        "C:/weights.bin",
        "C:weights.bin",
        "\\\\host\\w",
        "a\\b",
    ],
)
def test_locations_that_lead_out(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    path = saved(folder)
    shutil.copy(folder / "weights.bin", tmp_path)
    (folder / "below").mkdir()
    message = refused(stated(path, location=location))
    assert "folder of the model" in message or "cannot be read" in message or "regular file" in message
    assert "save the model as one file" in message or "regular file" in message


def test_a_null_byte_and_a_line_break(tmp_path: Path) -> None:
    for location in ("weights.bin\0", "weights\n.bin"):
        assert "folder of the model" in refused(stated(saved(tmp_path), location=location))


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_links_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    (folder / "below").mkdir(parents=True)
    path = saved(folder)
    (folder / "weights.bin").rename(tmp_path / "weights.bin")
    (folder / "weights.bin").symlink_to(tmp_path / "weights.bin")
    assert "link" in refused(path)
    (folder / "weights.bin").unlink()
    (tmp_path / "weights.bin").rename(folder / "below" / "weights.bin")
    (folder / "weights.bin").symlink_to("below/weights.bin")  # even one that stays inside
    assert "link" in refused(path)
    (folder / "way").symlink_to("below", target_is_directory=True)
    for i in range(3):
        stated(path, tensor=i, location="way/weights.bin")
    assert "link" in refused(path)
    link = tmp_path / "folder"
    for i in range(3):
        stated(path, tensor=i, location="below/weights.bin")
    link.symlink_to(folder, target_is_directory=True)  # the folder itself is the user's choice
    assert load(link / "m.onnx") == load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_special_files(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "weights.bin").unlink()
    os.mkfifo(tmp_path / "weights.bin")
    assert "regular file" in refused(path)
    (tmp_path / "weights.bin").unlink()
    (tmp_path / "weights.bin").mkdir()
    assert "regular file" in refused(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "weights.bin").unlink()
    message = refused(path)
    assert "weights.bin" in message
    assert "tensor 'w'" in message
    assert "put the file there" in message


@pytest.mark.parametrize("key", ["offset", "length"])
@pytest.mark.parametrize("value", ["-4", "-0", "", "4.0", "0x4", "1e3", " 4", "\u0664", "9" * 30, "9" * 5000])
def test_numbers_that_are_none(key: str, value: str, tmp_path: Path) -> None:
    message = refused(stated(saved(tmp_path), **{key: value}))
    assert f"{key}: a number" in message
    assert len(message) < 600


def test_ranges_that_do_not_fit(tmp_path: Path) -> None:
    for keys in ({"length": 44}, {"length": 0}, {"length": 52}, {"length": 10**18 - 1}):
        assert "48 bytes are needed" in refused(stated(saved(tmp_path), **keys))
    for keys in ({"offset": 1 << 40}, {"offset": 10**18 - 1}, {"offset": 78}):
        assert "truncated" in refused(stated(saved(tmp_path), **keys))
    data = (tmp_path / "weights.bin").read_bytes()
    for content in (data[:-1], b""):
        path = saved(tmp_path)
        (tmp_path / "weights.bin").write_bytes(content)
        assert "truncated" in refused(path)


def test_headers_that_contradict_themselves(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert "keys" in refused(stated(path, basepath="/tmp"))
    assert "keys" in refused(stated(saved(tmp_path), drop=("location",)))
    proto = onnx.load(saved(tmp_path), load_external_data=False)
    twice = proto.graph.initializer[0].external_data.add()
    twice.key, twice.value = "offset", "0"
    path.write_bytes(proto.SerializeToString())
    assert "keys" in refused(path)

    def raw(tensor: onnx.TensorProto) -> None:
        tensor.raw_data = b"\0" * 48

    def inside(tensor: onnx.TensorProto) -> None:
        tensor.data_location = TensorProto.DEFAULT

    def listed(tensor: onnx.TensorProto) -> None:
        tensor.float_data.append(1)

    def nameless(tensor: onnx.TensorProto) -> None:
        del tensor.external_data[:]

    changes: dict[Callable[[onnx.TensorProto], None], str] = {raw: "both", inside: "both", listed: "both", nameless: "keys"}
    for change, word in changes.items():
        proto = onnx.load(saved(tmp_path), load_external_data=False)
        change(proto.graph.initializer[0])
        path.write_bytes(proto.SerializeToString())
        assert word in refused(path)


def test_files_that_are_too_large(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with (tmp_path / "weights.bin").open("r+b") as file:
        file.truncate(1 << 43)  # nothing of it is on the disk
    assert "at most" in refused(path)
    (tmp_path / "large.onnx").write_bytes(b"\x08\x09")
    with (tmp_path / "large.onnx").open("r+b") as file:
        file.truncate(1 << 43)
    assert "at most" in refused(tmp_path / "large.onnx")


def test_every_mutation_of_a_header_is_an_error_or_a_network(tmp_path: Path) -> None:
    path = saved(tmp_path)
    data = path.read_bytes()
    rng = np.random.default_rng(3)
    start = data.index(b"location")
    outcomes = set()
    for _ in range(400):
        changed = bytearray(data)
        changed[int(rng.integers(start - 20, start + 60))] = int(rng.choice([rng.integers(256), rng.integers(48, 58)]))
        path.write_bytes(changed)
        try:
            net = load(path)
        except LoadError:
            outcomes.add("error")
            continue
        assert net.source is not None
        outcomes.add("checkable" if net.source.checkable else "network")
        if net.source.checkable:  # then the checker reads the same
            theirs = read_onnx(path.read_bytes(), "f", {d.path: (tmp_path / d.path).read_bytes() for d in net.source.data})
            point = [Fraction(k, 3) for k in range(net.input_dim)]
            assert list(net(point)) == list(evaluate(theirs, point, "f"))
    assert {"checkable", "error"} <= outcomes


@pytest.mark.parametrize(
    ("drop", "keys"),
    [
        ((), {"location": "other.bin"}),
        ((), {"offset": "-1"}),
        ((), {"offset": 70}),
        ((), {"length": 44}),
        ((), {"length": 10**17}),
        ((), {"key": "value"}),
        (("location",), {}),
        (("length",), {}),
    ],
)
def test_the_checker_refuses_headers_as_the_loader_does(drop: tuple[str, ...], keys: dict[str, Any], tmp_path: Path) -> None:
    path = saved(tmp_path)
    data = (tmp_path / "weights.bin").read_bytes()
    assert read_onnx(path.read_bytes(), "f", {"weights.bin": data}).input_size == 3
    with pytest.raises(Rejected):
        read_onnx(path.read_bytes(), "f", {})
    stated(path, drop=drop, **keys)
    refused(path)
    with pytest.raises(Rejected):
        read_onnx(path.read_bytes(), "f", {"weights.bin": data})


def test_the_checker_refuses_compressed_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx.gz"
    good = gzip.compress(chain().SerializeToString())
    path.write_bytes(good)
    document = json.loads(json.dumps(xn.verify_zero(load(path)).certificate.document))
    entry = document["models"]["f"]
    for content in (
        good[:-1],
        good + b"rest",
        good[:20] + b"\0" + good[21:],
        good * 2,
        gzip.compress(b"") * 2000,
        chain().SerializeToString(),
        b"x",
    ):
        path.write_bytes(content)
        entry["sha256"] = sha(path)
        with pytest.raises(CertificateRejected):
            xn.check(document)
    path.write_bytes(good)
    entry["sha256"] = sha(path)
    assert xn.check(document)


# --- certificates ----------------------------------------------------------------------------------------------------


def certified(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """f = 0 refuted, by a certificate in a file that names the model."""
    cert = folder / "cert.json"
    assert main(["zero", str(folder / "m.onnx"), "--certificate", str(cert)]) == 1
    capsys.readouterr()
    entry = json.loads(cert.read_text())["models"]["f"]
    assert entry["path"] == "m.onnx"
    assert entry["data"] == {"weights.bin": sha(folder / "weights.bin")}
    return cert


def test_certificates_bind_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path)
    cert = certified(tmp_path, capsys)
    for models in ([], [path], [tmp_path / "weights.bin"], [path, tmp_path / "weights.bin"]):
        assert xn.check(cert, models=models)
        assert main(["check", str(cert), *map(str, models)]) == 0
    out = capsys.readouterr().out
    assert sha(path) in out
    assert sha(tmp_path / "weights.bin") in out


def test_the_command_line_names_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path)
    digest = sha(tmp_path / "weights.bin")
    assert main(["info", str(path)]) == 0
    assert f"data: weights.bin, sha256 {digest}" in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"]["f"]["data"] == {"weights.bin": digest}


@pytest.mark.changes_models
@pytest.mark.parametrize("name", ["m.onnx", "weights.bin"])
def test_a_change_of_either_file_is_noticed(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path)
    verdict = xn.verify_zero(load(path))
    assert xn.check(verdict.certificate)
    cert = certified(tmp_path, capsys)
    old = (tmp_path / name).read_bytes()
    for changed in (old[:-1] + bytes([old[-1] ^ 1]), old + b"\0", old[:-1], b""):
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(CertificateRejected, match="another hash"):
            xn.check(verdict.certificate)
        with pytest.raises(CertificateRejected, match="another hash"):
            xn.check(cert)
        assert main(["check", str(cert)]) == 4
        assert main(["check", str(cert), str(path)]) == 4
        assert main(["check", str(cert), str(path), str(tmp_path / "weights.bin")]) == 4
    (tmp_path / name).unlink()
    assert main(["check", str(cert)]) == 2
    capsys.readouterr()


@pytest.mark.changes_models
def test_moved_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, away, apart = (tmp_path / name for name in ("home", "away", "apart"))
    for folder in (home, away, apart):
        folder.mkdir()
    path = saved(home)
    cert = certified(home, capsys)
    shutil.move(path, away / "renamed.onnx")
    shutil.move(home / "weights.bin", away / "weights.bin")
    assert main(["check", str(cert)]) == 2
    assert main(["check", str(cert), str(away / "renamed.onnx")]) == 0
    shutil.move(away / "weights.bin", apart / "other.bin")
    assert main(["check", str(cert), str(away / "renamed.onnx")]) == 2
    assert main(["check", str(cert), str(away / "renamed.onnx"), str(apart / "other.bin")]) == 0
    capsys.readouterr()


def test_equal_models_with_other_data(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, factor in zip(folders, (1, 2), strict=True):
        folder.mkdir()
        proto = chain()
        proto.graph.initializer[2].CopyFrom(numpy_helper.from_array(LAST * factor, "v"))
        saved(folder, proto)
    paths = [folder / "m.onnx" for folder in folders]
    assert sha(paths[0]) == sha(paths[1])
    f, g = map(load, paths)
    assert f != g
    verdict = xn.verify_equal(f, g)
    assert verdict.refuted
    assert xn.check(verdict.certificate)
    assert xn.check(verdict.certificate, models=paths)
    assert xn.check(verdict.certificate, models=paths[::-1])
    with pytest.raises(CertificateRejected, match="another hash"):
        xn.check(verdict.certificate, models=paths[:1])


@pytest.mark.parametrize(
    "data", [{}, {"weights.bin": "00"}, {"": 0}, {"../weights.bin": 0}, {"/weights.bin": 0}, {"a//b": 0}, {"./w": 0}, None, 5]
)
def test_bad_entries_for_data(data: Any, tmp_path: Path) -> None:
    path = saved(tmp_path)
    document = json.loads(json.dumps(xn.verify_zero(load(path)).certificate.document))
    entry = document["models"]["f"]
    digest = entry["data"]["weights.bin"]
    entry["data"] = {k: v or digest for k, v in data.items()} if isinstance(data, dict) else data
    with pytest.raises(CertificateRejected):
        xn.check(document)
    del entry["data"]
    with pytest.raises(CertificateRejected, match="does not bind"):
        xn.check(document)


def test_networks_that_the_checker_does_not_read_stand_in_the_certificate(tmp_path: Path) -> None:
    path = saved(tmp_path, model([node("Add", "x c", "h"), node("Abs", "h")], {"x": ("n", 4)}, {"c": BIAS}))
    net = load(path)
    assert net.source is not None
    assert not net.source.checkable
    certificate = xn.verify_zero(net).certificate
    assert "inline" in certificate.document["models"]["f"]


@pytest.mark.changes_models
def test_tensors_that_share_their_bytes(tmp_path: Path) -> None:
    path = stated(stated(saved(tmp_path), tensor=1, offset=0), tensor=2, offset=0)
    data = (tmp_path / "weights.bin").read_bytes()
    for content in (data, data[:48]):
        (tmp_path / "weights.bin").write_bytes(content)
        net = load(path)
        assert net.source is not None
        assert net.source.checkable
        assert xn.check(xn.verify_zero(net).certificate)


# --- compressed ------------------------------------------------------------------------------------------------------


def test_compressed_models(tmp_path: Path) -> None:
    data = chain().SerializeToString()
    (tmp_path / "m.onnx").write_bytes(data)
    for content in (gzip.compress(data), gzip.compress(data[:50]) + gzip.compress(data[50:])):
        path = tmp_path / "m.ONNX.gz"
        path.write_bytes(content)
        net = load(path)
        assert net == load(tmp_path / "m.onnx")
        assert net.source is not None
        assert (net.source.sha256, net.source.format, net.source.checkable) == (sha(path), "onnx.gz", True)
        verdict = xn.verify_zero(net)
        assert xn.check(verdict.certificate)
        assert examine(verdict.certificate.document, [path], None).models["f"].sha256 == sha(path)
        assert net([1, 2, 3]) == load(tmp_path / "m.onnx")([1, 2, 3])
        assert isinstance(net([1, 2, 3])[0], Fraction)


@pytest.mark.changes_models
def test_a_change_of_a_compressed_model_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx.gz"
    path.write_bytes(gzip.compress(chain().SerializeToString(), 9))
    verdict = xn.verify_zero(load(path))
    path.write_bytes(gzip.compress(chain().SerializeToString(), 1))
    with pytest.raises(CertificateRejected, match="another hash"):
        xn.check(verdict.certificate)


def test_a_compressed_model_with_data_in_another_file(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "m.onnx.gz").write_bytes(gzip.compress(path.read_bytes()))
    net = load(tmp_path / "m.onnx.gz")
    assert net == load(path)
    assert xn.check(xn.verify_zero(net).certificate)


def test_suffixes_and_contents(tmp_path: Path) -> None:
    data = chain().SerializeToString()
    cases = {
        "a.onnx": (gzip.compress(data), "rename it to .onnx.gz"),
        "b.json": (gzip.compress(b"{}"), "gunzip"),
        "c.onnx.gz": (data, "rename it to .onnx"),
        "d.onnx.gz": (b"nothing known", "does not begin like that"),
        "e.json.gz": (gzip.compress(b"{}"), "looks like gzip"),
        "f.onnx.gz": (gzip.compress(data)[:-5], "truncated"),
        "g.onnx.gz": (gzip.compress(data)[:-8] + b"\0" * 8, "damaged"),
        "h.onnx.gz": (gzip.compress(data) + b"rest", "damaged"),
        "i.onnx.gz": (gzip.compress(b"{}"), "truncated or of another kind"),
        "j.gz": (gzip.compress(data), "suffix"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        assert words in refused(tmp_path / name), name
