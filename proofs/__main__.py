"""`python -m proofs [NAME ...]`: prove the theorems of these files, or of all, and say so.

Exit status 1 if one could not be proved, 2 for an unknown name.
"""

import importlib
import sys
from pathlib import Path

from proofs._prover import prove

#: the files with theorems
NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))

if __name__ == "__main__":
    chosen = sys.argv[1:] or NAMES
    if {"-h", "--help"} & set(chosen):
        print(f"usage: python -m proofs [NAME ...]\n\nProve the theorems of these files, or of all: {', '.join(NAMES)}")
        sys.exit(0)
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"proofs: no file is called {unknown[0]!r}; there are {', '.join(NAMES)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(prove(importlib.import_module(f"proofs.{name}") for name in chosen))
