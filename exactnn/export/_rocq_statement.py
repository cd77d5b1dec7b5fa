"""What a file for Rocq begins with, and the theorem that it ends with."""

from __future__ import annotations

from typing import Any

from exactnn.certificate import Accepted
from exactnn.certificate.telling import sentence

_OPENING = """Set Warnings "-notation-overridden,-ambiguous-paths".
From Exactnn Require Import Literals.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Local Open Scope given.
"""


def header(accepted: Accepted) -> str:
    """What the file is about, as a comment that no text of a certificate can end, and the theory that it opens."""
    about = [sentence(accepted), *(f"{name}: sha256 {model.sha256}" for name, model in accepted.models.items())]
    lines = [
        "A certificate of exactnn as a theorem. Compile proofs/rocq of exactnn first, then this file: coqc -Q proofs/rocq Exactnn FILE",
        "Certified: " + about[0],
        *about[1:],
    ]
    if accepted.claim.question != "equal":
        lines.append("Here g stands for 0." if accepted.claim.question == "zero" else "Here g stands for T(f).")
    text = "\n   ".join(line.replace('"', "'").replace("(*", "( *").replace("*)", "* )") for line in lines)
    return f"(* {text} *)\n{_OPENING}"


def statement(claim: Any, inputs: int) -> list[str]:
    """The theorem, in words of proofs/rocq/Networks.v."""
    tolerance = claim.tolerance
    numbers = f"zr R {_number(tolerance.numerator)}%Z / zr R {_number(tolerance.denominator)}%Z"
    where = "" if claim.domain is None else " inside domain_rows x ->"
    ins, facts = ("", "(fun _ => False_ind _)") if claim.domain is None else (" xD", "xD")
    lines = ["(* Over every ordered field R, the rationals and the reals among them. *)"]
    if claim.answer == "refuted":
        inside = "" if claim.domain is None else " inside domain_rows x /\\"
        lines += [
            f"Theorem f_and_g_differ (R : realFieldType) : exists x : seq R, size x = {inputs}%N /\\{inside}",
            f"  exists j, {numbers} < `|nth 0%R (run f x) j - nth 0%R (run g x) j|%R.",
            "Proof. by have [x [sx xD [j far]]] := check_sound R accepted; exists x; repeat split=> //; exists j. Qed.",
            "Print Assumptions f_and_g_differ.",
        ]
    elif tolerance:
        lines += [
            f"Theorem f_is_near_g (R : realFieldType) (x : seq R) : size x = {inputs}%N ->{where}",
            f"  size (run f x) = size (run g x) /\\ forall j, (`|nth 0%R (run f x) j - nth 0%R (run g x) j|%R <= {numbers})%R.",
            f"Proof. move=> sx{ins}; exact: (@check_sound R question (Equal evidence) accepted x sx {facts}). Qed.",
            "Print Assumptions f_is_near_g.",
        ]
    else:
        lines += [
            f"Theorem f_equals_g (R : realFieldType) (x : seq R) : size x = {inputs}%N ->{where} run f x = run g x.",
            f"Proof. move=> sx{ins}; exact: (@check_equal R question evidence (erefl 0%Z) accepted x sx {facts}). Qed.",
            "Print Assumptions f_equals_g.",
        ]
    return lines


def _number(n: int) -> str:
    """In decimals, as people read it, unless it is so long that nobody does."""
    return str(n) if n < 10**30 else hex(n)
