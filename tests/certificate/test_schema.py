"""The schema of certificates: what is accepted fits it, everywhere (conftest.py), and it tells what is no certificate."""

import copy
import random

import pytest

from tests.certificate._cases import CASES
from tests.certificate._schema import SCHEMA, misfits
from tests.certificate.test_mutations import at, paths
from tests.certificate.test_poles import RIGHT

ALL = {**CASES, **RIGHT}


@pytest.mark.parametrize("name", ALL)
def test_certificates_fit(name):
    assert misfits(ALL[name]) == []


@pytest.mark.parametrize("name", random.Random(1).sample(sorted(ALL), 12))
def test_unknown_keys_missing_keys_and_floats_do_not(name):
    places = [p for p in paths(ALL[name]) if p and isinstance(at(ALL[name], p), dict) and p != ("about",)]
    for place in places:
        for key in (None, *at(ALL[name], place)):
            changed = copy.deepcopy(ALL[name])
            found = at(changed, place)
            if key is None:
                found["more"] = 1
            elif place == ("models",) or place[-1:] in (("f",), ("g",)) or key in ("data", "elements", "bounds", "name", "output"):
                continue
            else:
                found[key] = 1.5
            assert misfits(changed), (place, key)


def test_every_definition_is_used():
    text = str(SCHEMA)
    assert [name for name in SCHEMA["$defs"] if f"#/$defs/{name}'" not in text] == []
