"""Theorems that computer algebra or an SMT solver proves for general symbols: `python -m proofs`, or `python -m proofs era` for one file."""
