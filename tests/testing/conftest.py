"""Failures are what these tests ask for; their certificates go to a folder of the test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "certificates"
    monkeypatch.setenv("EXACTNN_CERTIFICATES", str(folder))
    return folder
