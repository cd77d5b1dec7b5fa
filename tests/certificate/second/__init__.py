"""A second checker of the core of the format, boxes and transformations, made from the pages in docs/certificate/ alone.

It shares no code and no ideas about speed with `exactnn.certificate`. Every value of a network is a list of vectors, one for each
entry (row-major); a vector is a dict {key: Fraction} without zeros, keys ONE (the constant), (1, k) for coordinate k, others for functions.
"""

import gzip
import hashlib
import json

from tests.certificate.second.boxes import rule_boxes
from tests.certificate.second.forms import rule_forms
from tests.certificate.second.moves import moved_by
from tests.certificate.second.networks import read_network, sizes
from tests.certificate.second.passes import rule_pass
from tests.certificate.second.shared import behind
from tests.certificate.second.tree import rule_point, rule_tree
from tests.certificate.second.values import NotCovered, Rejected, need, one_of, rational, record, table, tensor
from tests.certificate.second.vectors import add, const

VERSION = 2
OTHER_QUESTIONS = ("equal_at", "same_decision", "deviation", "execution_error", "regions", "orbits", "identity", "pole_free")


def read(data):
    """The document in a file's bytes."""

    def unique(pairs):
        need(len({key for key, _ in pairs}) == len(pairs), "a key occurs twice")
        return dict(pairs)

    def refused(text):
        raise Rejected(f"the number {text}")

    try:
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
        return json.loads(text, object_pairs_hook=unique, parse_float=refused, parse_constant=refused)
    except (ValueError, OSError, EOFError, RecursionError) as error:
        raise Rejected(str(error)) from error


def check(document):
    """None, if the document supports its claim; else raises Rejected, or NotCovered."""
    if isinstance(document, bytes):
        document = read(document)
    keys = ("format", "version", "semantics", "claim", "models", "evidence")
    form, version, semantics, claim, models, evidence = record(document, *keys, maybe=("about",))
    need((form, semantics) == ("exactnn-certificate", "real arithmetic"), "another format")
    need(type(version) is int and version == VERSION, "another version")
    need(isinstance(claim, dict) and isinstance(evidence, dict), "claim and evidence are objects")
    question, method = claim.get("question"), evidence.get("method")
    if question in OTHER_QUESTIONS:
        raise NotCovered(question)
    one_of("equal", "zero", "symmetry")(question)
    answer, tolerance, domain = record(claim, "answer", "tolerance", "domain", maybe=("question", "transformation"))[:3]
    need(("transformation" in claim) == (question == "symmetry"), "a transformation, for symmetry only")
    method = one_of(*(("point", "enclosure") if one_of("proved", "refuted")(answer) == "refuted" else ("tree", "forms", "pass", "boxes")))(
        method
    )
    tolerance = rational(tolerance)
    need(tolerance >= 0, "a tolerance below 0")
    nets = [read_model(m) for m in record(models, *("fg" if question == "equal" else "f"))]
    if question == "symmetry":
        nets.append(moved_by(nets[0], claim["transformation"]))
    inputs = [sum(sizes(net, net["inputs"])) for net in nets]
    outputs = [sum(sizes(net, net["outputs"])) for net in nets]
    need(len(set(inputs)) == len(set(outputs)) == 1, "networks of other sizes")
    domain = read_domain(domain, inputs[0])
    if method == "enclosure" or "denominators" in evidence:
        raise NotCovered("enclosures and denominators")
    if "matched" in evidence:
        need(question == "equal", "matched neurons for another claim")
        nets[1] = moved_by(nets[1], evidence["matched"], keeps=True)
        evidence = {key: evidence[key] for key in evidence if key != "matched"}
    if "shared" in evidence:
        need(question != "zero" and answer == "proved", "shared nodes for another claim")
        nets, domain = behind(nets, evidence["shared"]), None
        evidence = {key: evidence[key] for key in evidence if key != "shared"}
    METHODS[method](evidence, nets, tolerance, domain, outputs[0])


def read_model(model):
    if isinstance(model, dict) and ("slice" in model or "format" in model):
        raise NotCovered("models in files, and slices")
    digest, document = record(model, "sha256", "inline")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    need(digest == hashlib.sha256(text.encode("utf-8")).hexdigest(), "another hash")
    return read_network(document)


def read_domain(domain, inputs):
    """None, or the slacks b - A x, vectors over the inputs."""
    if domain is None:
        return None
    (shape_a, entries), (shape_b, bounds) = map(tensor, record(domain, "A", "b"))
    need(len(shape_a) == 2 and shape_a[1] == inputs and shape_b == shape_a[:1], "shapes of A and b")
    rows = table((shape_a, entries))
    return [add((1, const(b)), (-1, {(1, j): a for j, a in enumerate(row)})) for row, b in zip(rows, bounds, strict=True)]


METHODS = {"point": rule_point, "tree": rule_tree, "forms": rule_forms, "pass": rule_pass, "boxes": rule_boxes}
