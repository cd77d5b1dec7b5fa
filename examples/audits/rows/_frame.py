"""What a row needs; it stands beside the rows, so that each of them can be run alone."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from audits.means import by_files, example, exported, loaded, neighbours, optimised, through_memory, weighted
from audits.models import Samples, drawn_modules, drawn_onnx, modules, onnx_models
from audits.row import audit, library

__all__ = [
    "Samples",
    "audit",
    "by_files",
    "drawn_modules",
    "drawn_onnx",
    "example",
    "exported",
    "library",
    "loaded",
    "modules",
    "neighbours",
    "onnx_models",
    "optimised",
    "through_memory",
    "weighted",
]
