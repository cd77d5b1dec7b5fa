"""The command line, and the checker alone: copied anywhere, without site packages, in little time."""

import ast
import copy
import json
import random
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

import exactnn.certificate
from exactnn.certificate._command import main
from tests.certificate._build import atom, digest, mlp, proved, shallow, tensor
from tests.certificate._cases import CASES

FOLDER = Path(exactnn.certificate.__file__).parent


@pytest.fixture
def files(tmp_path):
    """A good and a bad certificate."""
    good = tmp_path / "good.json"
    good.write_text(json.dumps(CASES["T6"]))
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({**CASES["T6"], "evidence": {**CASES["T6"]["evidence"], "output": []}}))
    return good, bad


def test_accepted(files, capsys):
    assert main([str(files[0])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "accepted: proved: f = g on all of R^1 (real arithmetic)"
    assert CASES["T6"]["models"]["f"]["sha256"] in lines[1]


def test_rejected(files, capsys):
    assert main([str(files[1])]) == 4
    assert capsys.readouterr().out.startswith("rejected: forms: output: ")


def test_json(files, capsys):
    assert main([str(files[0]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "accepted"
    assert found["models"]["g"]["sha256"] == CASES["T6"]["models"]["g"]["sha256"]
    assert main([str(files[1]), "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["step"]) == ("rejected", "forms: output")


def test_unreadable(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert (
        said == f"cannot read {str(tmp_path / 'nowhere')!r}: No such file or directory\ncannot read {str(tmp_path)!r}: not a regular file\n"
    )
    certificate = tmp_path / "certificate.json"
    certificate.write_text(json.dumps(CASES["T6"]))
    assert main([str(certificate), str(tmp_path / "gone.onnx")]) == 2
    assert "gone.onnx" in capsys.readouterr().err
    for arguments in ([], ["--what"], [str(tmp_path), "--model"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_given_models(files, tmp_path, capsys):
    for name in "fg":
        (tmp_path / name).write_text(json.dumps(CASES["T6"]["models"][name]["inline"]))
    assert main([str(files[0]), "--model", str(tmp_path / "f"), "--model", str(tmp_path / "g")]) == 0
    assert main([str(files[0]), "--model", str(tmp_path / "f"), str(tmp_path / "g")]) == 0
    assert main([str(files[0]), "--model", str(files[1])]) == 4
    assert "other networks" in capsys.readouterr().out


def test_sentences(tmp_path, capsys):
    expected = {
        "T7": "accepted: refuted: at a point of R^1, f differs from g (real",
        "T10 tolerance": "accepted: proved: |f_j - (0)_j| <= 1/(an integer of 100 bits)",
        "hull": "accepted: proved: f = g on all of the polyhedron A x <= b in R^2 given by 2 rows",
        "flip": "accepted: proved: f = T(f) on all of R^2; T: flip [",
    }
    for name, sentence in expected.items():
        path = tmp_path / "certificate.json"
        path.write_text(json.dumps(CASES[name]))
        assert main([str(path)]) == 0
        assert capsys.readouterr().out.startswith(sentence.replace("(an integer of 100 bits)", str(10**30)))


def shown(tmp_path, capsys, certificate, *options):
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(certificate))
    assert main([str(path), *options]) == 0
    return capsys.readouterr().out


X = shallow([(1, [1, 0], 0)])
ROW = "; the rows: x_0 - 1/2 x_1 <= {}"


@pytest.mark.parametrize(
    ("rows", "bounds", "note", "has_points"),
    [
        ([[1, "-1/2"]], [0], "" + ROW.format(0), True),
        ([[1, "-1/2"]], [-1], " (which may be empty)" + ROW.format(-1), None),
        ([[1, 0], [-1, 0]], [-1, 1], "; the rows: x_0 <= -1, -x_0 <= 1", True),
        ([[1, 0], [-1, 0]], [-1, -1], " (which is empty); the rows: x_0 <= -1, -x_0 <= -1", False),
        ([[0, 0]], [-1], " (which is empty); the rows: 0 <= -1", False),
    ],
)
def test_domains_are_shown(tmp_path, capsys, rows, bounds, note, has_points):
    domain = {"A": tensor(rows), "b": tensor(bounds)}
    certificate = proved(X, X, {"r0": [atom(0)]}, {"r0": [atom(0)]}, domain=domain)
    first = shown(tmp_path, capsys, certificate).splitlines()[0]
    assert first == f"accepted: proved: f = g on all of the polyhedron A x <= b in R^2 given by {len(rows)} rows{note} (real arithmetic)"
    found = json.loads(shown(tmp_path, capsys, certificate, "--json"))
    assert found["domain_has_points"] is has_points
    assert found["claim"] == certificate["claim"]
    assert found["claim_sha256"] == digest(certificate["claim"])


def test_long_domains_and_steps_are_shown_by_the_hash_of_the_claim(tmp_path, capsys):
    many = {"A": tensor([[1, k] for k in range(99)]), "b": tensor(list(range(99)))}
    for domain in (many, {"A": tensor([[1, 0]]), "b": tensor([2**300])}):
        certificate = proved(X, X, {"r0": [atom(0)]}, {"r0": [atom(0)]}, domain=domain)
        first = shown(tmp_path, capsys, certificate).splitlines()[0]
        assert first.endswith(f"rows; the claim has the sha256 {digest(certificate['claim'])} (real arithmetic)")
    certificate = copy.deepcopy(CASES["flip"])
    steps = certificate["claim"]["transformation"]
    assert f"T: flip {steps[0]['neurons']} at '{steps[0]['layer']}' (real" in shown(tmp_path, capsys, certificate)
    certificate["claim"]["transformation"] = [s for _ in range(11) for s in steps]  # flips cancel in pairs
    first = shown(tmp_path, capsys, certificate).splitlines()[0]
    assert f"f = T(f) on all of R^2; the claim has the sha256 {digest(certificate['claim'])}" in first


def test_a_copy_of_the_folder_runs_alone(files, tmp_path):
    copy = tmp_path / "some where-else"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for certificate, code in zip(files, (0, 4), strict=True):
        run = subprocess.run([sys.executable, "-I", "-S", copy, certificate], capture_output=True, text=True, cwd="/")
        assert run.returncode == code, run.stderr
        assert run.stdout.startswith("rejected" if code else "accepted")
        assert run.stderr == ""
    here = FOLDER.parents[1]
    run = subprocess.run([sys.executable, "-m", "exactnn.certificate", files[0]], capture_output=True, text=True, cwd=here)
    assert run.returncode == 0
    assert run.stdout.startswith("accepted")


def test_odd_names_are_printed(tmp_path):
    text = json.dumps(CASES["T6"]).replace('"r0"', '"\\ud800\\n\\u0007"')
    path = tmp_path / "odd.json"
    path.write_text(text)
    run = subprocess.run([sys.executable, "-I", "-S", FOLDER, path], capture_output=True, cwd="/", check=False)
    assert run.returncode == 4  # the hash is another one
    assert run.stderr == b""


def test_only_the_standard_library():
    for path in FOLDER.glob("*.py"):
        for item in ast.walk(ast.parse(path.read_text())):
            if isinstance(item, ast.Import):
                assert all(a.name.split(".")[0] in sys.stdlib_module_names for a in item.names), path
            elif isinstance(item, ast.ImportFrom):
                assert item.level == 1 or item.module.split(".")[0] in sys.stdlib_module_names, path
            assert not (isinstance(item, ast.Constant) and isinstance(item.value, float)), path


@pytest.mark.slow
def test_a_large_certificate_in_little_time(tmp_path):
    """784-1000-10 with float32 weights, and a permuted and scaled copy."""
    generator = random.Random(0)

    def weights(m, n):
        numbers = [generator.gauss(0, n**-0.5) for _ in range(m * n)]
        floats = struct.unpack(f"<{m * n}f", struct.pack(f"<{m * n}f", *numbers))
        whole = [int(v * 2**40) for v in floats]
        return [whole[i * n : (i + 1) * n] for i in range(m)]

    def stored(rows, shift):
        shape = [len(rows), len(rows[0])]
        return {"shape": shape, "denominator": 2 ** (40 + shift), "numerators": [n for row in rows for n in row]}

    first, second = weights(1000, 784), weights(10, 1000)
    order = generator.sample(range(1000), 1000)
    shifts = [generator.randint(0, 6) for _ in order]
    f = mlp(([[1]], [0]), ([[1]], [0]))
    f["nodes"][0]["shape"] = [784]
    for name, size in (("h0", 1000), ("h1", 10)):
        bias = {"shape": [size], "denominator": 3, "numerators": list(range(size))}
        next(n for n in f["nodes"] if n["name"] == name)["bias"] = bias
    g = json.loads(json.dumps(f))
    f["nodes"][1]["weight"], f["nodes"][3]["weight"] = stored(first, 0), stored(second, 0)
    g["nodes"][1]["weight"] = stored([[n << s for n in first[i]] for i, s in zip(order, shifts, strict=True)], 0)
    g["nodes"][1]["bias"]["numerators"] = [i << s for i, s in zip(order, shifts, strict=True)]
    columns = [[row[i] << (6 - s) for i, s in zip(order, shifts, strict=True)] for row in second]
    g["nodes"][3]["weight"] = stored(columns, 6)
    lines_f = {"r0": [["atom", i, 1, 1] for i in range(1000)]}
    lines_g = {"r0": [["atom", i, 1, 2**s] for i, s in zip(order, shifts, strict=True)]}
    path = tmp_path / "large.json"
    path.write_text(json.dumps(proved(f, g, lines_f, lines_g)))
    start = time.monotonic()
    run = subprocess.run([sys.executable, "-I", "-S", FOLDER, path], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert time.monotonic() - start < 30
    g["nodes"][1]["weight"]["numerators"][12345] += 1
    path.write_text(json.dumps(proved(f, g, lines_f, lines_g)))
    run = subprocess.run([sys.executable, "-I", "-S", FOLDER, path], capture_output=True, text=True, check=False)
    assert run.returncode == 4
    assert "g: node r0, line 15" in run.stdout  # 12345 // 784


def test_a_long_name_is_not_printed_in_full(tmp_path, capsys):
    certificate = tmp_path / "certificate.json"
    document = copy.deepcopy(CASES["T6"])
    for name in ("a" * 100_000, "a\0" * 50_000):
        document["models"]["f"] = {"sha256": "0" * 64, "format": "json", "path": name}
        certificate.write_text(json.dumps(document))
        assert main([str(certificate)]) == 2
        assert len(capsys.readouterr().err) < 300


def test_what_a_file_should_have_been(tmp_path, capsys):
    """The limit of a number's digits, and the version, with what to do."""
    certificate = tmp_path / "certificate.json"
    for document, said in (
        ('{"version": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"version": ' + "9" * 5000 + "}", "write it in hexadecimal"),
        (json.dumps(CASES["T6"] | {"version": 1}), "version 2 is needed, found 1"),
        (json.dumps(CASES["T6"] | {"version": 3}), "version 2 is needed, found 3"),
    ):
        certificate.write_text(document)
        assert main([str(certificate)]) == 4
        out = capsys.readouterr().out
        assert said in out
        assert "sys." not in out
