(* Permutations, positive scalings and flips of the neurons of one hidden layer.

   Statement. For f(x) = c + sum_i a_i max(w_i . x + b_i, 0) with d inputs, n neurons, m outputs: renumbering neurons keeps f (permutation);
     so does (a, w, b) -> (a / L, L w, L b) with L > 0 (scaling); and (w, b) -> (-w, -b) for the neurons in T, with c -> c + sum_T a_i b_i,
     keeps f exactly if sum_T a_i w_i^T = 0 (flip).
   Assumptions. R is any real field; all sizes d, n, m; no condition on the weights.
   Idea. max(-t, 0) = max(t, 0) - t, so that a flip subtracts the linear map sum_T a_i w_i^T.
   Used in. exactnn/symmetry/transformations.py, exactnn/certificate/_transform.py
   Attacked by. tests/symmetry/test_transformations.py
   References. docs/theory.md; Petzka, Trimmel, Sminchisescu: Notes on the symmetries of 2-layer ReLU networks *)
From mathcomp Require Import all_ssreflect all_algebra perm.
From mathcomp.algebra_tactics Require Import ring.
From Exactnn Require Import Independence.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Symmetries.
Variable R : realFieldType.
Variables d n m : nat.
Implicit Types (x : 'rV[R]_d) (a : 'I_n -> 'I_m -> R) (w : 'I_n -> 'rV[R]_d) (b : 'I_n -> R) (c : 'I_m -> R).

Definition shallow a w b c x (j : 'I_m) : R := c j + \sum_i a i j * relu (plane w b i x).

Theorem permutation a w b c (s : 'S_n) x j :
  shallow (fun i => a (s i)) (fun i => w (s i)) (fun i => b (s i)) c x j = shallow a w b c x j.
Proof. by rewrite /shallow [in RHS](reindex_inj (@perm_inj _ s)). Qed.

Theorem scaling a w b c (l : 'I_n -> R) x j : (forall i, 0 < l i) ->
  shallow (fun i k => a i k / l i) (fun i => l i *: w i) (fun i => l i * b i) c x j = shallow a w b c x j.
Proof.
move=> l0; rewrite /shallow; congr (_ + _); apply: eq_bigr => i _.
have -> : plane (fun i => l i *: w i) (fun i => l i * b i) i x = l i * plane w b i x.
  by rewrite /plane dotC dotZr [dot x _]dotC mulrDr.
by rewrite relu_scale ?ltW // mulrA mulfVK // gt_eqF.
Qed.

Definition flipped (T : pred 'I_n) (w : 'I_n -> 'rV[R]_d) i : 'rV[R]_d := if T i then - w i else w i.
Definition flipped_bias (T : pred 'I_n) b i : R := if T i then - b i else b i.
Definition flipped_constant (T : pred 'I_n) a b c j : R := c j + \sum_(i | T i) a i j * b i.

Lemma flip_difference (T : pred 'I_n) a w b c x j :
  shallow a (flipped T w) (flipped_bias T b) (flipped_constant T a b c) x j =
  shallow a w b c x j - dot (\sum_(i | T i) a i j *: w i) x.
Proof.
rewrite /shallow /flipped_constant.
have -> : dot (\sum_(i | T i) a i j *: w i) x = \sum_(i | T i) a i j * dot (w i) x.
  rewrite dotC; elim/big_rec2: _ => [|i y z _ IH]; first by rewrite dot0r.
  by rewrite dotDr IH dotZr dotC.
have -> : \sum_i a i j * relu (plane (flipped T w) (flipped_bias T b) i x) =
    \sum_i a i j * relu (plane w b i x) - \sum_(i | T i) a i j * plane w b i x.
  rewrite (big_mkcond T) /= -sumrB; apply: eq_bigr => i _.
  rewrite /plane /flipped /flipped_bias; case: (T i); last by rewrite subr0.
  have -> : dot (- w i) x + - b i = - (dot (w i) x + b i) by rewrite dotC dotNr dotC opprD.
  by rewrite relu_opp mulrBr.
have -> : \sum_(i | T i) a i j * plane w b i x = \sum_(i | T i) a i j * dot (w i) x + \sum_(i | T i) a i j * b i.
  by rewrite -big_split /=; apply: eq_bigr => i _; rewrite /plane mulrDr.
by rewrite opprD !addrA; ring.
Qed.

Theorem flip (T : pred 'I_n) a w b c :
  (forall x j, shallow a (flipped T w) (flipped_bias T b) (flipped_constant T a b c) x j = shallow a w b c x j) <->
  (forall j, \sum_(i | T i) a i j *: w i = 0).
Proof.
split=> [same j|zero x j].
  apply: dot_eq0; set s := \sum_(i | T i) _.
  by have := same s j; rewrite flip_difference -/s => /eqP; rewrite -subr_eq0 addrAC subrr add0r oppr_eq0 => /eqP.
by rewrite flip_difference zero dotC dot0r subr0.
Qed.

End Symmetries.
