(* Short names and quick numbers for files that hold a network and a certificate.

   Statement. Under `Open Scope given`, a numeral (0x1f, -12) is Coq's own record of its digits, of type Number.int; the functions here turn
     such records into integers, layers, problems and certificates. They compute nothing else.
   Assumptions. None.
   Idea. Coq reads a record of digits four times as quickly as an integer, and reading is what takes the time; the virtual machine makes
     integers of them in no time (Z.of_num_int, of Coq's library).
   Used in. The files that `exactnn check CERT --to-rocq OUT.v` writes.
   Attacked by. tests/proofs/test_rocq.py
   References. exactnn/export/rocq *)
From Exactnn Require Export Graphs.
From Exactnn Require Export Certificate.
From Coq Require Export Number.

Definition numeral (n : Number.int) : Number.int := n.
Declare Scope given.
Delimit Scope given with given.
Number Notation Number.int numeral numeral : given.
Bind Scope given with Number.int.

Notation z := Z.of_num_int.
Definition pair_of (p : Number.int * Number.int) : Z * Z := (z p.1, z p.2).

(* layers *)
Definition affine (d : Number.int) (rows : seq (seq Number.int)) : layer := Affine (z d) [seq [seq z n | n <- r] | r <- rows].
Definition bent (d q r : Number.int) (kinks : seq (Number.int * Number.int)) : layer := Bend 0 (z d) (z q) (z r) [seq pair_of k | k <- kinks].
Definition relu : layer := Bend 0 1 0 0 [:: (0%Z, 1%Z)].

(* convolutions: axes with their grid, taps, stride, padding before, dilation, places; kernels with their first channel, bias and weights *)
Definition axis_of (n k s b d m : Number.int) : axis := Axis (z n) (z k) (z s) (z b) (z d) (z m).
Definition kernel (first : Number.int) (r : seq Number.int) : Z * row := (z first, [seq z n | n <- r]).
Definition conv (d channels many : Number.int) (axes : seq axis) (kernels : seq (Z * row)) : layer :=
  convolution (z d) (z channels) (z many) axes kernels.

(* values that are read more than once: which ones a piece reads, and its layers; sums and differences of two values, maxima over windows *)
Definition piece (args : seq Number.int) (net : network) : seq Z * network := ([seq z a | a <- args], net).
Definition graph_of (n : Number.int) (pieces : seq (seq Z * network)) : network := graph (z n) pieces.
Definition sum_of (n : Number.int) : layer := added (z n).
Definition difference_of (n : Number.int) : layer := subtracted (z n).
Definition pool (channels : Number.int) (axes : seq axis) : network := max_pool (z channels) axes.

(* 0 <= c + sum of a x_j *)
Definition nonnegative (c : Number.int) (terms : seq (Number.int * Number.int)) : inequality := (z c, [seq pair_of t | t <- terms]).
Definition about (n : Number.int) (f g : network) (rows : seq inequality) (tolerance : Number.int * Number.int) : problem :=
  Problem (z n) f g rows (pair_of tolerance).

(* proofs, hints, trees *)
Definition by_row (i y : Number.int) : term := G (z i) (z y).
Definition by_atom (i y : Number.int) : term := A (z i) (z y).
Definition by_mirror (i y : Number.int) : term := M (z i) (z y).
Definition farkas (factor : Number.int) (terms : seq term) : proof := (z factor, terms).
Definition on (factor : Number.int) (terms : seq term) : hint := On (farkas factor terms).
Definition off (factor : Number.int) (terms : seq term) : hint := Off (farkas factor terms).
Definition split (u : Number.int) (t1 t2 : tree) : tree := Split (z u) t1 t2.
Definition split_atom (a : Number.int) (t1 t2 : tree) : tree := SplitAtom (z a) t1 t2.
Definition settle (a : Number.int) (s : hint) (t : tree) : tree := Settle (z a) s t.
Definition chord (a k lo hi : Number.int) (p q : proof) (t : tree) : tree := Chord (z a) (z k) (z lo) (z hi) p q t.
Definition intervals (bits : Number.int) : parts := Interval (z bits).
Definition apart (bits : Number.int) : parts := Apart (z bits).
Definition reordered (orders : seq (seq Number.int)) (p : parts) : parts := Reordered [seq [seq z i | i <- order] | order <- orders] p.
Definition scale (t d : Number.int) (factors : seq Number.int) : Z * (Z * seq Z) := (z t, (z d, [seq z l | l <- factors])).
Definition rescaled (given : seq (Z * (Z * seq Z))) (p : parts) : parts := Rescaled given p.
Definition cut (r : inequality) (p q : parts) : parts := Cut r p q.
Definition at_point (d : Number.int) (point : seq Number.int) (output : Number.int) : certificate :=
  Differ (z d) [seq z n | n <- point] (z output).
