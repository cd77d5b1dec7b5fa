(* Rows of integers, and what they are worth at a list of numbers.

   Statement. A row (a_0, ..., a_k) is worth a_0 e_0 + ... + a_k e_k at e = (e_0, e_1, ...); missing entries count as 0.
     Sums, multiples and products with matrices of rows are worth what they say (stable_add, stable_scale, stable_lin).
   Assumptions. R is any real field: an ordered field such as the rationals or the reals. Integers are Coq's binary ones, so that all
     this runs in the virtual machine.
   Idea. A row is "stable" at e with the value v if it is worth v at e ++ t for every t: so it keeps its value when further functions
     are put behind e, and nobody has to talk about lengths.
   Used in. Networks.v and all files behind it; exactnn/export/rocq writes rows.
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("Tree", "Cells") *)
From mathcomp Require Export all_ssreflect all_algebra ssrZ.
From Coq Require Export ZArith Lia.
From mathcomp.algebra_tactics Require Export ring.
#[global] Delimit Scope nat_scope with N.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Integers are computed in the end, by the virtual machine, and not on the way. *)
#[global] Arguments Z.eqb : simpl never.
#[global] Arguments Z.leb : simpl never.
#[global] Arguments Z.ltb : simpl never.
#[global] Arguments Z.add : simpl never.
#[global] Arguments Z.mul : simpl never.
#[global] Arguments Z.opp : simpl never.
#[global] Arguments Z.sub : simpl never.
#[global] Arguments Z.div : simpl never.

Notation row := (seq Z).

(* --- what is computed ------------------------------------------------------------------------------------------- *)

Fixpoint add_row (r s : row) : row :=
  match r, s with
  | [::], _ => s
  | _, [::] => r
  | a :: r', b :: s' => (a + b)%Z :: add_row r' s'
  end.

Definition scale_row (c : Z) (r : row) : row := [seq (c * a)%Z | a <- r].

(* c times s, added to r; nothing is done where c = 0 *)
Definition add_scaled (c : Z) (s r : row) : row := if Z.eqb c 0 then r else add_row (scale_row c s) r.

(* the sum of w_j row_j *)
Fixpoint lin_row (ws : seq Z) (rows : seq row) : row :=
  match ws, rows with
  | w :: ws', r :: rows' => add_scaled w r (lin_row ws' rows')
  | _, _ => [::]
  end.

(* c at place k *)
Definition unit_row (k : nat) (c : Z) : row := nseq k 0%Z ++ [:: c].

Definition zero_row (r : row) : bool := all (Z.eqb 0) r.

Fixpoint same_row (r s : row) : bool :=
  match r, s with
  | [::], _ => zero_row s
  | _, [::] => zero_row r
  | a :: r', b :: s' => Z.eqb a b && same_row r' s'
  end.

(* --- what it means ---------------------------------------------------------------------------------------------- *)

Section Meaning.
Variable R : realFieldType.
Implicit Types (r s : row) (e t : seq R) (v w : R).

(* The integer z as a number of R. *)
Definition zr (z : Z) : R := (int_of_Z z)%:~R.

Lemma zrD a b : zr (a + b)%Z = zr a + zr b.
Proof. by rewrite /zr (rmorphD ZInstances.int_of_Z_rmorphism) rmorphD. Qed.

Lemma zrM a b : zr (a * b)%Z = zr a * zr b.
Proof. by rewrite /zr (rmorphM ZInstances.int_of_Z_rmorphism) rmorphM. Qed.

Lemma zrN a : zr (- a)%Z = - zr a.
Proof. by rewrite /zr (rmorphN ZInstances.int_of_Z_rmorphism) rmorphN. Qed.

Lemma zrB a b : zr (a - b)%Z = zr a - zr b.
Proof. by rewrite -[(a - b)%Z]/(a + - b)%Z zrD zrN. Qed.

Lemma zr0 : zr 0 = 0. Proof. by []. Qed.
Lemma zr1 : zr 1 = 1. Proof. by []. Qed.
Lemma zrN1 : zr (-1) = -1. Proof. by []. Qed.

Lemma zr_ge0 a : (0 <= zr a) = Z.leb 0 a.
Proof. by rewrite /zr ler0z; case: a => //= p; rewrite ?lez_nat. Qed.

Lemma zr_le a b : (zr a <= zr b) = Z.leb a b.
Proof. by rewrite -subr_ge0 -zrB zr_ge0; apply/Z.leb_spec0/Z.leb_spec0; lia. Qed.

Lemma zr_gt0 a : (0 < zr a) = Z.ltb 0 a.
Proof. by rewrite ltNge -zr0 zr_le Z.ltb_antisym. Qed.

Lemma zr_eq0 a : (zr a == 0) = Z.eqb a 0.
Proof. rewrite eq_le zr_ge0 -zr0 zr_le; lia. Qed.

Fixpoint dot r e : R :=
  match r, e with
  | a :: r', v :: e' => zr a * v + dot r' e'
  | _, _ => 0
  end.

Lemma dot_nil e : dot [::] e = 0. Proof. by case: e. Qed.

Lemma dot_add r s e : dot (add_row r s) e = dot r e + dot s e.
Proof.
elim: r s e => [|a r IH] [|b s] [|v e] //=; rewrite ?dot_nil ?addr0 ?add0r //.
by rewrite zrD IH; ring.
Qed.

Lemma dot_scale c r e : dot (scale_row c r) e = zr c * dot r e.
Proof. by elim: r e => [|a r IH] [|v e] //=; rewrite ?mulr0 // zrM IH; ring. Qed.

Lemma dot_zero r e : zero_row r -> dot r e = 0.
Proof.
elim: r e => [|a r IH] [|v e] //= /andP[/Z.eqb_eq <- zero].
by rewrite IH // zr0 mul0r addr0.
Qed.

Lemma dot_same r s e : same_row r s -> dot r e = dot s e.
Proof.
elim: r s e => [|a r IH] [|b s] [|v e] //=.
- by move=> z; rewrite -(@dot_zero (b :: s) (v :: e) z).
- by move=> z; rewrite -(@dot_zero (a :: r) (v :: e) z).
by move=> /andP[/Z.eqb_eq -> /IH IHe]; rewrite IHe.
Qed.

Lemma dot_add_scaled c r s e : dot (add_scaled c s r) e = zr c * dot s e + dot r e.
Proof.
rewrite /add_scaled; case: Z.eqb_spec => [->|_]; first by rewrite zr0 mul0r add0r.
by rewrite dot_add dot_scale.
Qed.

Lemma dot_unit k c e : (k < size e)%N -> dot (unit_row k c) e = zr c * nth 0 e k.
Proof.
rewrite /unit_row; elim: k e => [|k IH] [|v e] //= ke; first by rewrite addr0.
by rewrite IH // zr0 mul0r add0r.
Qed.

(* --- rows that keep their value --------------------------------------------------------------------------------- *)

Definition stable e r v := forall t, dot r (e ++ t) = v.

Lemma stable_ext e t r v : stable e r v -> stable (e ++ t) r v.
Proof. by move=> s u; rewrite -catA. Qed.

Lemma stable_unique e r v w : stable e r v -> stable e r w -> v = w.
Proof. by move=> /(_ [::]) <- /(_ [::]). Qed.

Lemma stable_nil e : stable e [::] 0.
Proof. by move=> t; rewrite dot_nil. Qed.

Lemma stable_add e r s v w : stable e r v -> stable e s w -> stable e (add_row r s) (v + w).
Proof. by move=> p q t; rewrite dot_add p q. Qed.

Lemma stable_scale e c r v : stable e r v -> stable e (scale_row c r) (zr c * v).
Proof. by move=> p t; rewrite dot_scale p. Qed.

Lemma stable_add_scaled e c r s v w : stable e r v -> stable e s w -> stable e (add_scaled c r s) (zr c * v + w).
Proof. by move=> p q t; rewrite dot_add_scaled p q. Qed.

Lemma stable_same e r s v : same_row r s -> stable e r v -> stable e s v.
Proof. by move=> same p t; rewrite -(dot_same _ same) p. Qed.

Lemma stable_zero e r v : zero_row r -> stable e r v -> v = 0.
Proof. by move=> z /(_ [::]) <-; rewrite dot_zero. Qed.

Lemma stable_unit e k c : (k < size e)%N -> stable e (unit_row k c) (zr c * nth 0 e k).
Proof. by move=> ke t; rewrite dot_unit ?size_cat ?ltn_addr // nth_cat ke. Qed.

Lemma stable_one e c : stable (1 :: e) [:: c] (zr c).
Proof. by move=> t /=; rewrite mulr1 addr0. Qed.

(* Rows over a denominator d: each is worth d times its number. *)
Definition stable_rows e (d : Z) (rows : seq row) (vs : seq R) := List.Forall2 (fun r v => stable e r (zr d * v)) rows vs.

Lemma stable_rows_ext e t d rows vs : stable_rows e d rows vs -> stable_rows (e ++ t) d rows vs.
Proof. by elim=> [|r v rs ws p _ IH]; constructor=> //; apply: stable_ext. Qed.

Lemma stable_lin e d ws rows vs : stable_rows e d rows vs -> stable e (lin_row ws rows) (zr d * dot ws vs).
Proof.
move=> srs; elim: srs ws => [|r v rs ws' p _ IH] [|w ws] /=; rewrite ?mulr0; try exact: stable_nil.
have -> : zr d * (zr w * v + dot ws ws') = zr w * (zr d * v) + zr d * dot ws ws' by ring.
by apply: stable_add_scaled.
Qed.

End Meaning.
