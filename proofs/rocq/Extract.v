(* The verified checker as a program.

   Statement. The functions `check` of Certificate.v, `convolution` of Windows.v and those of Graphs.v, written in OCaml by Rocq itself, into checker.ml.
   Assumptions. That Rocq's extraction and OCaml are right; the parser main.ml is not verified.
   Idea. Integers stay Rocq's binary ones: nothing is replaced by a library.
   Used in. main.ml; `make proofs` builds proofs/rocq/build/check, which reads the same files as Rocq.
   Attacked by. tests/proofs/test_rocq.py: it agrees with Rocq and with the Python checker
   References. - *)
From Exactnn Require Import Literals.
From Coq Require Extraction ExtrOcamlBasic.

Set Warnings "-extraction-reserved-identifier".
Extraction Language OCaml.
Extraction "checker.ml" check convolution graph added subtracted max_pool.
