(* All networks of the same width that are a given reduced network: permutations, positive scalings, and flips that sum to zero.

   Statement. (Theorem D) Let f(x) = c + sum_i a_i max(w_i . x + b_i, 0) have n neurons and be reduced: a_i != 0, w_i != 0, no (w_i, b_i) a
     multiple of another one. A network (a', w', b', c') with n neurons is the same function exactly if it arises from f by flipping some
     set T of neurons with sum_T a_i w_i^T = 0 (then c' = c + sum_T a_i b_i), by positive scalings, and by a permutation (fibre).
   Assumptions. R is any real field; all numbers d, n, m of inputs, neurons, outputs.
   Idea. Across hyperplane i of f the jumps add up to a_i != 0, so that some neuron of the other network is on it; there are n of each, so
     there is one for each. What is left is affine, and decides T and c'.
   Used in. exactnn/symmetry/_orbits.py, exactnn/certificate/_fibre.py
   Attacked by. tests/symmetry/test_fibre.py
   References. docs/theory.md; Petzka, Trimmel, Sminchisescu: Notes on the symmetries of 2-layer ReLU networks *)
From mathcomp Require Import all_ssreflect all_algebra perm.
From mathcomp.algebra_tactics Require Import ring.
From Exactnn Require Import Independence Symmetries.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Fibre.
Variable R : realFieldType.
Variables d n m : nat.
Variables (a a' : 'I_n -> 'I_m -> R) (w w' : 'I_n -> 'rV[R]_d) (b b' : 'I_n -> R) (c c' : 'I_m -> R).

Definition reduced : Prop := distinct w b /\ forall i, exists j, a i j != 0.

(* (a', w', b', c') is what flipping T, scaling by l and the permutation s make of (a, w, b, c). *)
Definition arises (T : pred 'I_n) (l : 'I_n -> R) (s : 'S_n) : Prop :=
  [/\ forall i, 0 < l i,
      forall i, w' (s i) = l i *: flipped T w i,
      forall i, b' (s i) = l i * flipped_bias T b i,
      forall i j, a' (s i) j = a i j / l i
    & forall j, c' j = flipped_constant T a b c j].

Hypothesis red : reduced.

(* How often (w_i, b_i) goes into neuron g of the other network; 0 if it is not on that hyperplane. *)
Definition factor i g : R :=
  let e := dot (w' g) (w i) / dot (w i) (w i) in
  if (w' g == e *: w i) && (b' g == e * b i) then e else 0.

Lemma factor_on i g : factor i g != 0 -> w' g = factor i g *: w i /\ b' g = factor i g * b i.
Proof. by rewrite /factor; case: ifP => [/andP[/eqP ? /eqP ?]|]; rewrite ?eqxx. Qed.

Lemma factor_off i g e : factor i g = 0 -> w' g = e *: w i -> b' g = e * b i -> e = 0.
Proof.
have wi := lt0r_neq0 (dot_gt0 (red.1.1 i)) => f0 we be; move: f0; rewrite /factor we dotC dotZr mulfK //.
by rewrite eqxx be eqxx.
Qed.

(* Both networks as one family. *)
Definition both_w (k : 'I_n + 'I_n) := match k with inl i => w i | inr g => w' g end.
Definition both_b (k : 'I_n + 'I_n) := match k with inl i => b i | inr g => b' g end.

Hypothesis same : forall x j, shallow a' w' b' c' x j = shallow a w b c x j.

Lemma jump i j : a i j = \sum_g a' g j * `|factor i g|.
Proof.
pose J (k : 'I_n + 'I_n) := match k with inl i => a i j | inr g => - a' g j end.
pose e (k : 'I_n + 'I_n) := match k with inl g => (g == i)%:R | inr g => factor i g end.
have zero x : network both_w both_b J 0 (c j - c' j) x = 0.
  have := same x j; rewrite /shallow /network => eq.
  rewrite big_sumType /= dotC dot0r addr0.
  have -> : \sum_(g < n) - a' g j * relu (plane both_w both_b (inr g) x) = - \sum_g a' g j * relu (plane w' b' g x).
    by rewrite -sumrN; apply: eq_bigr => g _; rewrite mulNr.
  move: eq; rewrite /plane /=; set s := \sum_(g < n) a' g j * _; set t := \sum_(g < n) a g j * _ => eq.
  have -> : t - s + (c j - c' j) = (c j + t) - (c' j + s) by ring.
  by rewrite eq subrr.
have := @jumps _ _ _ both_w both_b J e 0 (c j - c' j) (inl i) (red.1.1 i) zero.
rewrite big_sumType /= (bigD1 i) //= eqxx normr1 mulr1.
have -> : \sum_(g < n | g != i) a g j * `|(g == i)%:R| = 0 :> R.
  by apply: big1 => g /negbTE ->; rewrite normr0 mulr0.
have -> : \sum_g - a' g j * `|factor i g| = - \sum_g a' g j * `|factor i g|.
  by rewrite -sumrN; apply: eq_bigr => g _; rewrite mulNr.
rewrite addr0 => h; apply/eqP; rewrite -subr_eq0; apply/eqP; apply: h.
- case=> g /=; last exact: factor_on.
  by case: (eqVneq g i) => [->|_]; rewrite ?eqxx // scale1r mul1r.
case=> g /= eg [k [/= uk vk]]; last by have k0 := factor_off eg uk vk; rewrite uk vk k0 scale0r mul0r.
case: (eqVneq g i) => [gi|gi]; last by case: (red.1.2 g i k gi).
by move: eg; rewrite gi eqxx => /eqP; rewrite oner_eq0.
Qed.

Lemma someone i : exists g, factor i g != 0.
Proof.
have [j aj] := red.2 i; case: (pickP (fun g => factor i g != 0)) => [g gi|none]; first by exists g.
move: aj; rewrite (jump i j) big1 ?eqxx // => g _.
by have /negbFE/eqP -> := none g; rewrite normr0 mulr0.
Qed.

Definition on i : 'I_n := xchoose (someone i).

Lemma on_factor i : factor i (on i) != 0. Proof. exact: (xchooseP (someone i)). Qed.

Lemma one_plane i k g : factor i g != 0 -> factor k g != 0 -> i = k.
Proof.
move=> fi fk; apply/eqP/negPn/negP => ik; have [wi bi] := factor_on fi; have [wk bk] := factor_on fk.
apply: (red.1.2 i k (factor k g / factor i g) ik); split.
  by rewrite mulrC -scalerA -wk wi scalerA mulVf // scale1r.
by rewrite mulrAC -bk bi mulrAC mulfV // mul1r.
Qed.

Lemma on_inj : injective on.
Proof. by move=> i k eq; apply: (@one_plane i k (on i)); rewrite ?on_factor // eq on_factor. Qed.

Lemma alone i g : factor i g != 0 -> g = on i.
Proof.
by move=> fg; have fk := on_factor (invF on_inj g); rewrite f_invF in fk; rewrite (one_plane fg fk) f_invF.
Qed.

Theorem fibre_only_if : exists T l s, arises T l s /\ forall j, \sum_(i | T i) a i j *: w i = 0.
Proof.
pose s := perm on_inj; pose l i := `|factor i (on i)|; pose T i := factor i (on i) < 0.
have l0 i : 0 < l i by rewrite normr_gt0 on_factor.
have ws i : w' (s i) = l i *: flipped T w i.
  rewrite permE /l /flipped /T; have [-> _] := factor_on (on_factor i); case: ltrP => f0.
    by rewrite ltr0_norm // scalerN scaleNr opprK.
  by rewrite ger0_norm.
have bs i : b' (s i) = l i * flipped_bias T b i.
  rewrite permE /l /flipped_bias /T; have [_ ->] := factor_on (on_factor i); case: ltrP => f0.
    by rewrite ltr0_norm // mulrNN.
  by rewrite ger0_norm.
have as_ i j : a' (s i) j = a i j / l i.
  have aj : a i j = a' (on i) j * l i.
    rewrite (jump i j) (bigD1 (on i)) //= big1 => [|g gi]; first exact: addr0.
    by have [->|fg] := eqVneq (factor i g) 0; [rewrite normr0 mulr0 | move: gi; rewrite (alone fg) eqxx].
  by rewrite permE aj mulfK // gt_eqF.
have moved x j : shallow a' w' b' c' x j = c' j + \sum_i a i j * relu (plane (flipped T w) (flipped_bias T b) i x).
  rewrite -(permutation a' w' b' c' s) -[RHS]/(shallow a (flipped T w) (flipped_bias T b) c' x j).
  rewrite -[RHS](scaling _ _ _ _ _ _ l0).
  rewrite /shallow; congr (_ + _); apply: eq_bigr => i _; rewrite as_; congr (_ * relu _).
  by rewrite /plane ws bs.
have total x j : c' j - flipped_constant T a b c j = dot (\sum_(i | T i) a i j *: w i) x.
  have := same x j; rewrite moved -[shallow a w b c x j](subrK (dot (\sum_(i | T i) a i j *: w i) x)) -flip_difference /shallow.
  set t := \sum_i _; set y := dot _ _ => eq.
  by apply/eqP; rewrite -subr_eq0; apply/eqP; rewrite -(subrr (c' j + t)) {2}eq; ring.
have cs j : c' j = flipped_constant T a b c j by apply/eqP; rewrite -subr_eq0 (total 0) dot0r.
exists T, l, s; split=> // j; apply: dot_eq0; rewrite -(total _ j) cs subrr //.
Qed.

End Fibre.

Theorem fibre (R : realFieldType) d n m (a a' : 'I_n -> 'I_m -> R) (w w' : 'I_n -> 'rV[R]_d) b b' (c c' : 'I_m -> R) : reduced a w b ->
  (forall x j, shallow a' w' b' c' x j = shallow a w b c x j) <->
  exists T l s, arises a a' w w' b b' c c' T l s /\ forall j, \sum_(i | T i) a i j *: w i = 0.
Proof.
move=> red; split=> [|[T [l [s [[l0 ws bs as_ cs] zero]]]] x j]; first exact: fibre_only_if.
have -> := esym ((flip T a w b c).2 zero x j).
rewrite -(permutation a' w' b' c' s) -[RHS](scaling _ _ _ _ _ _ l0) /shallow cs; congr (_ + _); apply: eq_bigr => i _.
by rewrite as_ /plane ws bs.
Qed.
