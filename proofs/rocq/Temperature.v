(* The loss is convex in the temperature: its second derivative is a variance.

   Statement. Let p_j >= 0 with sum 1 and E x = sum_j p_j x_j. Then (E x)^2 <= E x^2, and Var x = E (x - E x)^2 = E x^2 - (E x)^2 is not
     negative (square_of_mean, variance_ge0); it is 0 exactly if x_j = E x wherever p_j > 0 (variance_eq0).
     I3: let e_j be functions of tau with derivatives z_j e_j, z_j constants, sum_k e_k invertible, p_j = e_j / sum_k e_k (softmax with
     e_j = exp(tau z_j)). The first derivative of the loss, E z - z_y, has the derivative Var z (second_derivative), and this the third
     central moment E (z - E z)^3 (third_derivative). So the loss is convex in tau.
   Assumptions. The inequalities: any real field. The derivatives: any commutative ring with a map D that is additive and has D(fg) = f' g + f g',
     as the differentiable functions of tau with d/dtau.
   Idea. Sums of p_j (x_j - E x)^2; (e_j / S)' = p_j (z_j - E z), and sum_j p_j (z_j - E z) = 0.
   Used in. exactnn/cooling/_identities_softmax.py, exactnn/cooling/temperature.py
   Attacked by. tests/cooling/test_identities.py
   References. docs/theory.md 20 *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Definition mean (A : ringType) (I : finType) (p x : I -> A) : A := \sum_j p j * x j.
Definition variance (A : ringType) (I : finType) (p x : I -> A) : A := mean p (fun j => (x j - mean p x) ^+ 2).

Lemma deviation0 (A : comRingType) (I : finType) (p x : I -> A) : \sum_j p j = 1 -> mean p (fun j => x j - mean p x) = 0.
Proof.
move=> p1; rewrite {1}/mean (eq_bigr (fun j => p j * x j - p j * mean p x)); last by move=> j _; rewrite mulrBr.
by rewrite sumrB -mulr_suml p1 mul1r subrr.
Qed.

Section Variance.
Variable R : realFieldType.
Variables (I : finType) (p x : I -> R).
Hypothesis p0 : forall j, 0 <= p j.
Hypothesis p1 : \sum_j p j = 1.

Theorem variance_ge0 : 0 <= variance p x.
Proof. by apply: sumr_ge0 => j _; rewrite mulr_ge0 // sqr_ge0. Qed.

Lemma variance_squares : variance p x = mean p (fun j => x j ^+ 2) - mean p x ^+ 2.
Proof.
have [m mx] : exists m, m = mean p x by exists (mean p x).
rewrite /variance -mx {1}/mean (eq_bigr (fun j => p j * x j ^+ 2 - (p j * x j * (m *+ 2) - p j * m ^+ 2))); last by move=> j _; ring.
by rewrite sumrB sumrB -!mulr_suml p1 -/(mean p x) -mx; rewrite /mean; ring.
Qed.

Theorem square_of_mean : mean p x ^+ 2 <= mean p (fun j => x j ^+ 2).
Proof. by rewrite -subr_ge0 -variance_squares variance_ge0. Qed.

Theorem variance_eq0 : variance p x = 0 <-> forall j, 0 < p j -> x j = mean p x.
Proof.
split=> [/eqP|const].
  rewrite /variance {1}/mean psumr_eq0 => [/allP each j pj|j _]; last by rewrite mulr_ge0 // sqr_ge0.
  have := each j; rewrite mem_index_enum => /(_ isT); rewrite mulf_eq0 gt_eqF //= sqrf_eq0 subr_eq0.
  by move/eqP.
apply: big1 => j _; have := p0 j; rewrite le_eqVlt => /orP[/eqP <-|/const ->]; first by rewrite mul0r.
by rewrite subrr expr0n mulr0.
Qed.

End Variance.

Section Derivatives.
Variable A : comUnitRingType.
Variable D : A -> A.
Hypothesis D_add : {morph D : f g / f + g}.
Hypothesis D_mul : forall f g, D (f * g) = D f * g + f * D g.
Variables (I : finType) (e z : I -> A).
Hypothesis De : forall j, D (e j) = z j * e j.
Hypothesis Dz : forall j, D (z j) = 0.

Definition total : A := \sum_j e j.
Definition softmax j : A := e j / total.
Hypothesis unit_total : total \is a GRing.unit.
Notation E := (mean softmax).

Lemma D0 : D 0 = 0. Proof. by apply: (addIr (D 0)); rewrite -D_add !add0r. Qed.
Lemma D1 : D 1 = 0. Proof. by apply: (addIr (D 1)); rewrite add0r -[in RHS](mulr1 1) D_mul mulr1 mul1r. Qed.
Lemma D_opp f : D (- f) = - D f. Proof. by apply/eqP; rewrite -addr_eq0 -D_add addNr D0. Qed.
Lemma D_sum (F : I -> A) : D (\sum_j F j) = \sum_j D (F j). Proof. exact: (big_morph D D_add D0). Qed.

Lemma softmax1 : \sum_j softmax j = 1. Proof. by rewrite -mulr_suml -/total divrr. Qed.

Lemma D_total : D total = E z * total.
Proof.
rewrite D_sum /mean mulr_suml; apply: eq_bigr => j _.
by rewrite De /softmax mulrAC divrK // mulrC.
Qed.

Lemma D_softmax j : D (softmax j) = softmax j * (z j - E z).
Proof.
apply: (mulIr unit_total).
have : D (softmax j * total) = z j * (softmax j * total) by rewrite divrK // De.
rewrite D_mul D_total => eq; rewrite -[LHS](addrK (softmax j * (E z * total))) eq; ring.
Qed.

(* I3 *)
Theorem second_derivative (y : I) : D (E z - z y) = variance softmax z.
Proof.
have dev := deviation0 z softmax1.
rewrite D_add D_opp Dz oppr0 addr0 [in LHS]/mean D_sum.
move: dev D_softmax; rewrite /variance; move: (E z) => m dev Dp.
rewrite -[RHS]addr0 -[X in _ + X](mulr0 m) -[X in m * X]dev /mean mulr_sumr -big_split; apply: eq_bigr => j _ /=.
by rewrite D_mul Dp Dz; ring.
Qed.

Theorem third_derivative : D (variance softmax z) = E (fun j => (z j - E z) ^+ 3).
Proof.
have dev := deviation0 z softmax1.
have Dd j : D (z j - E z) = - D (E z) by rewrite D_add D_opp Dz add0r.
move: dev Dd D_softmax; rewrite /variance; move: (E z) => m dev Dd Dp.
rewrite -[RHS]subr0 -[X in _ - X](mulr0 (D m *+ 2)) -[X in _ *+ 2 * X]dev /mean mulr_sumr -sumrB D_sum; apply: eq_bigr => j _.
by rewrite D_mul Dp expr2 D_mul Dd; ring.
Qed.

End Derivatives.
