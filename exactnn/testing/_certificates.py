"""Where the certificate of a failure is written: beside the test, unless told otherwise."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from exactnn.errors import ArgumentError, ExactnnError
from exactnn.testing._running import near, note_certificate, running_test

#: what says where certificates go
Folder = str | os.PathLike[str] | None
#: the environment variable with a folder for certificates; empty for none
VARIABLE = "EXACTNN_CERTIFICATES"
#: the folder beside a test
FOLDER = "exactnn-certificates"


def certificate_folder(given: Folder) -> Path | None:
    """The folder given, or that of the test that runs, or the environment's, or `exactnn-certificates` beside pytest's test; else none."""
    if given is not None:
        if not isinstance(given, (str, os.PathLike)):
            raise ArgumentError(f"certificates: a folder or None is needed, got {type(given).__name__}")
        return Path(given) if os.fspath(given) else None
    test = running_test()
    if test is not None and test.folder is not None:
        return test.folder
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE]) if os.environ[VARIABLE] else None
    file = Path(_test_running().partition("::")[0])
    return file.parent / FOLDER if file.suffix == ".py" and file.is_file() else None


def write_certificate(certificate: Any, given: Folder) -> tuple[list[str], str | None]:
    """Write the certificate under a name of the test and the claim: what a report says of it, and its file, if there is one.

    A folder that cannot be written to is told in the report, which is about something else.
    """
    folder = certificate_folder(given)
    if certificate is None or folder is None:
        return [], None
    name = re.sub(r"\W+", "-", _test_running().rpartition("::")[2]).strip("-")[:60] or "failure"
    claim = {key: value for key, value in certificate.document.items() if key != "about"}
    digest = hashlib.sha256(json.dumps(claim, sort_keys=True).encode()).hexdigest()[:8]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = str(certificate.save(folder / f"{name}-{digest}.json"))
    except (OSError, ValueError, ExactnnError) as error:
        return [f"certificate: not written: {error}"], None
    note_certificate(path)
    return [f"to re-check the certificate: exactnn check {near(path)}"], path


def _test_running() -> str:
    """pytest's name for it, "tests/test_a.py::test_b", or nothing."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
