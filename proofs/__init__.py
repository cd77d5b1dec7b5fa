"""Theorems that computer algebra or an SMT solver proves for general symbols; `python -m proofs era` proves those of one file."""
