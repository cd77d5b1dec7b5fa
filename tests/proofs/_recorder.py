"""Certificates that the checker was asked about, with its answers, in files: what `make agreement` compares with the verified checker.

A line for each: [document, null] if it was accepted, else [document, [step, reason]]. Only the questions that a theorem can be about, and
only documents whose networks stand in them: those of certificates that were made are put there.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from exactnn.claims import Certificate
from exactnn.export.rocq import QUESTIONS
from exactnn.network.document import canonical_hash, document

#: a folder; nothing is recorded without it
VARIABLE = "EXACTNN_CERTIFICATES"
LONGEST = 2**21  # characters; longer documents are counted, by their first words

_seen: set[bytes] = set()


def record(source: Any, rejected: Any = None) -> None:
    """One more, if they are wanted and it is one of these."""
    if VARIABLE not in os.environ:
        return
    if isinstance(source, Certificate):
        inline = {name: document(network) for name, network in source.models.items()}
        source = {**source.document, "models": {name: {"sha256": canonical_hash(found), "inline": found} for name, found in inline.items()}}
    if not _about_networks(source):
        return
    try:
        text = json.dumps([{**source, "about": {}}, rejected and [str(part) for part in rejected]])
    except (TypeError, ValueError, RecursionError):  # a test's own: no JSON, and no certificate
        return
    digest = hashlib.sha256(text.encode()).digest()
    if digest in _seen:
        return
    _seen.add(digest)
    if len(text) > LONGEST:
        text = json.dumps([None, [len(text), source["claim"].get("question"), source["evidence"].get("method")]])
    with (Path(os.environ[VARIABLE]) / f"{os.getpid()}.jsonl").open("a") as lines:
        lines.write(text + "\n")


def _about_networks(source: Any) -> bool:
    if not isinstance(source, dict) or not all(isinstance(source.get(key), dict) for key in ("claim", "models", "evidence")):
        return False
    models = source["models"].values()
    return source["claim"].get("question") in QUESTIONS and all(isinstance(m, dict) and "inline" in m and "slice" not in m for m in models)
