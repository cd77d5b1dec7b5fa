(* Networks of affine and piecewise linear layers and maxima, and what is claimed of two of them.

   Statement. The definitions in which every theorem about given weights is stated: `run net x` is the value of the network at x,
     `inside domain x` says that x satisfies the domain's inequalities, `equal_within p` that |f_j(x) - g_j(x)| <= tolerance for all x in
     the domain and all outputs j, `differ p` that some x of the domain and some j violate that. With tolerance 0, f x = g x (equal_exactly).
   Assumptions. R is any real field, so that x may have rational or real entries.
   Idea. All numbers of a layer are integers over one denominator; a row of weights has its bias in front.
   Used in. Tree.v, Pass.v, Point.v, Certificate.v; exactnn/export/rocq writes problems.
   Attacked by. tests/proofs/test_rocq.py
   References. docs/network-format.md (`affine`, `piecewise_linear`), docs/certificate-format.md (`equal`, `zero`, `symmetry`) *)
From Exactnn Require Export Rows.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Affine d rows: x -> (b_i + w_i . x) / d, the rows being (b_i, w_i).
   Bend n d q r kinks: the first n entries stay, and each other entry e -> (q e + r + sum of p max(e - t/d, 0)) / d over the kinks (t, p).
     ReLU is Bend 0 1 0 0 [:: (0, 1)].
   Larger pairs: max(x_i, x_j) for each pair (i, j), counted from 0; (i, i) is x_i itself. *)
Inductive layer := Affine (d : Z) (rows : seq row) | Bend (n d q r : Z) (kinks : seq (Z * Z)) | Larger (pairs : seq (Z * Z)).

Notation network := (seq layer).

(* 0 <= c + sum of a x_j, for the pairs (j, a): c in front *)
Notation inequality := (Z * seq (Z * Z))%type.

Record problem := Problem {
  inputs : Z;
  first : network;
  second : network;
  domain : seq inequality;
  tolerance : Z * Z (* numerator and denominator *) }.

(* Denominators are positive, and no row is longer than the layer before says (weights that are missing are 0); the number of outputs. *)
Fixpoint shaped (n : nat) (net : network) : option nat :=
  match net with
  | [::] => Some n
  | Affine d rows :: rest => if Z.ltb 0 d && all (fun r => (size r <= n.+1)%N) rows then shaped (size rows) rest else None
  | Bend m d _ _ _ :: rest => if [&& Z.leb 0 m, (Z.to_nat m <= n)%N & Z.ltb 0 d] then shaped n rest else None
  | Larger pairs :: rest =>
      if all (fun p => [&& Z.leb 0 p.1, (Z.to_nat p.1 < n)%N, Z.leb 0 p.2 & (Z.to_nat p.2 < n)%N]) pairs then shaped (size pairs) rest else None
  end.

Definition well_formed (p : problem) : bool :=
  let n := Z.to_nat (inputs p) in
  [&& Z.leb 0 (inputs p), Z.leb 0 (tolerance p).1, Z.ltb 0 (tolerance p).2,
      all (fun row : inequality => all (fun t => Z.leb 0 t.1 && Z.ltb t.1 (inputs p)) row.2) (domain p)
    & match shaped n (first p), shaped n (second p) with Some a, Some b => a == b | _, _ => false end].

Section Meaning.
Variable R : realFieldType.
Implicit Types (x v w : seq R) (e : R).

Definition kink_sum (d : Z) (kinks : seq (Z * Z)) e : R :=
  foldr (fun k s => zr R k.2 * Num.max 0 (e - zr R k.1 / zr R d) + s) 0 kinks.

Definition bend (d q r : Z) (kinks : seq (Z * Z)) e : R := (zr R q * e + zr R r + kink_sum d kinks e) / zr R d.

Definition apply (l : layer) x : seq R :=
  match l with
  | Affine d rows => [seq dot r (1 :: x) / zr R d | r <- rows]
  | Bend n d q r kinks => take (Z.to_nat n) x ++ [seq bend d q r kinks e | e <- drop (Z.to_nat n) x]
  | Larger pairs => [seq Num.max (nth 0 x (Z.to_nat p.1)) (nth 0 x (Z.to_nat p.2)) | p <- pairs]
  end.

Definition run (net : network) x : seq R := foldl (fun v l => apply l v) x net.

Definition slack (row : inequality) x : R := foldr (fun t s => zr R t.2 * nth 0 x (Z.to_nat t.1) + s) (zr R row.1) row.2.

Definition inside (rows : seq inequality) x : Prop := forall row, List.In row rows -> 0 <= slack row x.

(* |v_j - w_j| <= tolerance for all j, and equally many of them *)
Definition close (tol : R) v w : Prop := size v = size w /\ forall j, `|nth 0 v j - nth 0 w j| <= tol.

Definition bound (p : problem) : R := zr R (tolerance p).1 / zr R (tolerance p).2.

Definition equal_within (p : problem) : Prop :=
  forall x, size x = Z.to_nat (inputs p) -> inside (domain p) x -> close (bound p) (run (first p) x) (run (second p) x).

Definition differ (p : problem) : Prop :=
  exists x, [/\ size x = Z.to_nat (inputs p), inside (domain p) x
    & exists j, bound p < `|nth 0 (run (first p) x) j - nth 0 (run (second p) x) j| ].

Lemma close0 v w : close 0 v w -> v = w.
Proof.
move=> [sz near]; apply: (@eq_from_nth _ 0 _ _ sz) => j _.
by apply/eqP; rewrite -subr_eq0 -normr_le0.
Qed.

(* Without a tolerance the functions are the same on the domain. *)
Theorem equal_exactly (p : problem) : (tolerance p).1 = 0%Z -> equal_within p ->
  forall x, size x = Z.to_nat (inputs p) -> inside (domain p) x -> run (first p) x = run (second p) x.
Proof.
move=> t0 eq x sx dx; apply: close0.
by have := eq x sx dx; rewrite /bound t0 zr0 mul0r.
Qed.

(* A pair cannot do both, so that no problem has both kinds of certificates. *)
Theorem not_both (p : problem) : equal_within p -> differ p -> False.
Proof. by move=> eq [x [sx dx [j far]]]; have [_ /(_ j)] := eq x sx dx; rewrite leNgt far. Qed.

End Meaning.
