"""Networks and certificates are bound by hashes, whether inline or in files."""

import copy
import hashlib
import json
import os
from functools import partial

import pytest

from exactnn.certificate import Rejected, _model_data, check
from exactnn.certificate._files import read_json
from tests.certificate._build import digest, mlp, proved
from tests.certificate._cases import CASES

F = mlp(([[1], [2]], [0, 1]), ([[1, 1]], [0]))
G = mlp(([[2], [1]], [1, 0]), ([[1, 1]], [0]))
OTHER = mlp(([[2], [1]], [1, 0]), ([[1, 2]], [0]))
LINES = {"r0": [["atom", 0, 1, 1], ["atom", 1, 1, 1]]}, {"r0": [["atom", 1, 1, 1], ["atom", 0, 1, 1]]}
GOOD = proved(F, G, *LINES)


def write(path, document, **options):
    path.write_text(json.dumps(document, **options))
    return path


def in_files(folder):
    """GOOD with its models in files beside it."""
    found = copy.deepcopy(GOOD)
    for name, network in (("f", F), ("g", G)):
        path = write(folder / f"{name}.json", network, indent=1)
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        found["models"][name] = {"sha256": sha, "format": "json", "path": path.name}
    return found


def test_files_beside_the_certificate(tmp_path, monkeypatch):
    path = write(tmp_path / "certificate.json", in_files(tmp_path))
    assert check(path)
    assert check(str(path))
    monkeypatch.chdir(tmp_path)
    assert check("certificate.json")
    assert check(json.loads(path.read_text()))
    assert check(json.loads(path.read_text()), folder=tmp_path)
    os.chdir("/")
    with pytest.raises(Rejected, match="cannot read"):
        check(json.loads(path.read_text()))


def test_absolute_paths(tmp_path):
    found = in_files(tmp_path)
    for model in found["models"].values():
        model["path"] = str(tmp_path / model["path"])
    assert check(found, folder="/nowhere")


def test_a_changed_file(tmp_path):
    found = in_files(tmp_path)
    write(tmp_path / "g.json", OTHER, indent=1)
    with pytest.raises(Rejected, match="certificate for other networks") as caught:
        check(found, folder=tmp_path)
    assert caught.value.step == "model g"
    assert hashlib.sha256((tmp_path / "g.json").read_bytes()).hexdigest() not in str(caught.value)


def test_given_files(tmp_path):
    found = in_files(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = [(tmp_path / f"{n}.json").rename(elsewhere / f"{n}.copy") for n in "fg"]
    with pytest.raises(Rejected, match="cannot read"):
        check(found, folder=tmp_path)
    assert check(found, folder=tmp_path, models=moved)
    assert check(found, folder=elsewhere, models=[*moved, moved[0]])
    with pytest.raises(Rejected, match="cannot read"):
        check(found, folder=tmp_path, models=moved[:1])
    other = write(tmp_path / "other.json", OTHER, indent=1)
    with pytest.raises(Rejected, match="certificate for other networks"):
        check(found, folder=tmp_path, models=[*moved, other])


def test_data_of_many_names_is_read_once(tmp_path, monkeypatch):
    """Names cost a hundred bytes each; what they stand for may be a hole of 32 MB."""
    (tmp_path / "data").write_bytes(b"weights")
    found, read = hashlib.sha256(b"weights").hexdigest(), []
    monkeypatch.setattr(_model_data, "content", lambda path, step, digest: read.append(path) or b"weights")
    for given in ({}, {found: [tmp_path / "data"]}):
        names = {f"n{k}": found for k in range(1000)}
        assert _model_data.beside(names, "model f: data", [tmp_path / "m.onnx"], given) == dict.fromkeys(names, b"weights")
        assert len(read) == 1
        read.clear()


def test_given_files_for_inline_models(tmp_path):
    files = [write(tmp_path / "f", F, indent=3), write(tmp_path / "g", G, sort_keys=True)]
    assert check(GOOD, models=files)
    assert check(GOOD, models=files[:1])
    for content in (json.dumps(OTHER), "no JSON", '{"a": 1.5}', "", "[" * 100_000):
        (tmp_path / "other").write_text(content)
        with pytest.raises(Rejected, match="certificate for other networks"):
            check(GOOD, models=[*files, tmp_path / "other"])
    for path in (tmp_path / "nowhere", tmp_path, "/dev/zero", "a\0b", "\ud800"):
        with pytest.raises(Rejected, match="cannot read"):
            check(GOOD, models=[path])


def test_unreadable_certificates(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path, "/dev/zero", "a\0b", "\ud800"):
        with pytest.raises(OSError):
            check(path)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": digest(OTHER)},
        {"sha256": digest(F).upper()},
        {"sha256": digest(F)[:-1]},
        {"sha256": digest(F) + "\n"},
        {"sha256": None},
        {"inline": OTHER},
        {"inline": None},
        {"path": "f.json"},
        {"format": "json"},
        {"raw": True},
    ],
)
def test_bad_inline_models(change):
    found = copy.deepcopy(GOOD)
    found["models"]["f"].update(change)
    with pytest.raises(Rejected, match="model f"):
        check(found)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "onnx"},
        {"format": "nnet"},
        {"format": "pickle"},
        {"format": None},
        {"path": "g.json"},
        {"path": ""},
        {"path": "a\0b"},
        {"path": "\ud800"},
        {"path": "."},
        {"path": "/dev/zero"},
        {"path": None},
        {"raw": True},
        {"more": 1},
    ],
)
def test_bad_file_models(tmp_path, change):
    found = in_files(tmp_path)
    found["models"]["f"].update(change)
    with pytest.raises(Rejected, match="model f"):
        check(found, folder=tmp_path)


def test_models_must_be_those_of_the_question():
    for models in ({"f": GOOD["models"]["f"]}, {**GOOD["models"], "h": GOOD["models"]["f"]}, {}, None, []):
        with pytest.raises(Rejected, match="models"):
            check({**GOOD, "models": models})
    with pytest.raises(Rejected, match="models"):
        check({**CASES["T1"], "models": {**CASES["T1"]["models"], "g": GOOD["models"]["g"]}})


def test_sizes_must_agree():
    wide = mlp(([[1, 0], [2, 0]], [0, 1]), ([[1, 1]], [0]))
    tall = mlp(([[1], [2]], [0, 1]), ([[1, 1], [0, 0]], [0, 0]))
    for g in (wide, tall):
        with pytest.raises(Rejected, match="inputs and outputs"):
            check(proved(F, g, *LINES))


def test_the_domain_must_have_the_dimension_of_the_input():
    domain = {"A": {"shape": [1, 2], "denominator": 1, "numerators": [1, 0]}, "b": {"shape": [1], "denominator": 1, "numerators": [1]}}
    with pytest.raises(Rejected, match="domain"):
        check(proved(F, G, *LINES, domain=domain))
    domain["A"]["shape"] = [2]
    with pytest.raises(Rejected, match="domain"):
        check(proved(F, G, *LINES, domain=domain))


def test_a_method_must_fit_the_answer():
    for method in ("point", "search", None, [], "forms "):
        with pytest.raises(Rejected, match="evidence"):
            check({**GOOD, "evidence": {**GOOD["evidence"], "method": method}})
    with pytest.raises(Rejected, match="evidence"):
        check({**CASES["T7"], "evidence": {"method": "tree"}})


# --- what stands in a file is hashed as it is written there only where that is the one text of the network ---------------------------


def written_otherwise():
    """Texts of one certificate, and of it with a hash that is that of such a text and not that of the network."""
    good = CASES["T26 tree"]
    inline = good["models"]["f"]["inline"]
    compact = partial(json.dumps, separators=(",", ":"))
    whole = compact(good, sort_keys=True)
    body = compact(inline, sort_keys=True)
    assert f'"inline":{body}' in whole
    yield "as the engines write it", whole, True
    bodies = {
        "other order of keys": compact(dict(reversed(inline.items()))),
        "a space": json.dumps(inline, sort_keys=True),
        "a line": body[:-1] + "\n}",
        "an escape": body.replace('"affine"', '"\\u0061ffine"', 1),
        "-0": body.replace("[0", "[-0", 1),
    }
    for name, other in bodies.items():
        assert other != body
        assert json.loads(other) == inline
        changed = whole.replace(f'"inline":{body}', f'"inline":{other}')
        assert f'"inline":{other}' in changed
        yield name, changed, True
        digest = hashlib.sha256(other.encode()).hexdigest()
        yield f"{name}, hashed as it is", changed.replace(good["models"]["f"]["sha256"], digest), False


@pytest.mark.parametrize(("text", "holds"), [pytest.param(t, h, id=n) for n, t, h in written_otherwise()])
def test_an_inline_model_in_another_text(tmp_path, text, holds):
    path = tmp_path / "c.json"
    path.write_text(text, encoding="ascii")
    for source in (path, json.loads(text)):
        if holds:
            assert check(source)
        else:
            with pytest.raises(Rejected, match="the inline network has another hash"):
                check(source)


@pytest.mark.parametrize(
    "text",
    [
        '{"inline":{"a":1},"inline":{"a":2}}',
        '{"inline":{"inline":{"b":[1,2]}},"c":[{"inline":{}}]}',
        '{"x\\"inline":{"a":{"inline":{}}}}',
        '{"x":"\\"inline\\":{","inline":{"y":"\\"inline\\":{"}}',
        '{"inline":Infinity,"b":{"inline":{"a":1}}}',
        '{"inline":{"a":Infinity},"inline":1}',
        '{"a":-Infinity,"inline":{"a":1}}',
        '{"a":NaN,"inline":{"a":1}}',
        '{"inline":{"a":1}',
        '{"inline":{"a":1}}}',
        '{"inline":{"a":1}"b":1}',
        '"inline":{}',
        '{"a"inline":{}}',
        '{"inline":{"a":1,"a":2}}',
        '{"inline":{},"b":1.5}',
        "{}",
    ],
)
def test_reading_around_what_stands_inside(text):
    """Reading the objects "inline" by themselves gives what reading the whole gives, or the rejection."""
    texts = {}
    try:
        expected = read_json(text.encode(), "x")
    except Rejected:
        with pytest.raises(Rejected):
            read_json(text.encode(), "x", texts)
        return
    found = read_json(text.encode(), "x", texts)
    assert found == expected
    bodies = {id(body): body for body in inside(found)}
    for identity, written in texts.items():
        assert json.dumps(bodies[identity], sort_keys=True, separators=(",", ":")) == written


def inside(value):
    """All objects in a document."""
    if isinstance(value, dict):
        yield value
    for v in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(v)
