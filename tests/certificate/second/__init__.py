"""A second checker, made from the pages in docs/certificate/ alone; it shares no code with `exactnn.certificate`.

`core` is a checker of docs/certificate/core.md by itself, in one file. Here stands what is beyond that page: `functions` (nodes smooth and
rational), `grids` (forms.md), `bounds` (bounds.md but for enclosures and boxes), `boxes` (bounds.md, "Rule boxes"), `moves` and `shared`
(transformations.md).
"""

from tests.certificate.second import core
from tests.certificate.second.bounds import rule_pass
from tests.certificate.second.boxes import rule_boxes
from tests.certificate.second.core import NotCovered, Rejected, need, not_covered, read_domain, rule_forms
from tests.certificate.second.functions import rule_point, rule_tree
from tests.certificate.second.grids import Grids
from tests.certificate.second.moves import moved_by
from tests.certificate.second.shared import behind

__all__ = ["NotCovered", "Rejected", "check", "read_domain"]


def forms_on_grids(*about):
    rule_forms(*about, kind=Grids)


RULES = {"point": rule_point, "tree": rule_tree, "forms": forms_on_grids, "pass": rule_pass, "boxes": rule_boxes}


def check(document):
    """None, if the document supports its claim; else raises Rejected, or NotCovered."""
    core.check(document, {**core.RULES, **RULES}, moved_by, prepared)


def prepared(question, answer, evidence, nets, domain):
    """What the rest of the evidence is about, without matched and shared nodes."""
    if "denominators" in evidence:
        not_covered("denominators")
    if "matched" in evidence:
        need(question == "equal", "matched neurons for another claim")
        nets = [nets[0], moved_by(nets[1], evidence["matched"], keeps=True)]
    if "shared" in evidence:
        need(question != "zero" and answer == "proved", "shared nodes for another claim")
        nets, domain = behind(nets, evidence["shared"]), []
    return {key: evidence[key] for key in evidence if key not in ("matched", "shared")}, nets, domain
