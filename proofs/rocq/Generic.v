(* Almost all networks with one hidden layer have no other symmetries than permutations and positive scalings.

   Statement. For n neurons on d inputs with m outputs let defect be the product of |a_i|^2, |w_i|^2 over the neurons i, of the sum of
     the squared 2x2 minors of (w_i, b_i), (w_j, b_j) over the pairs, and of |sum_T a_i w_i^T|^2 over the nonempty sets T of neurons: a
     polynomial in the parameters with integer coefficients (defect_natural: it goes through every homomorphism of rings). Where it is
     not 0, the networks of the same width with the same function are the permutations and positive scalings of this one, and no others
     (generic). For all d, n, m >= 1 there are such parameters: a = 1, w = (1, ..., 1), b_i = i (generic_example). They are dense: as
     near to any parameters as you like there are some (generic_dense), so that the others lie in a proper algebraic subset.
     A reduced network has a single orbit exactly if no such sum is 0 (single_orbit).
   Assumptions. R is any real field.
   Idea. Theorem D: only T with sum_T a_i w_i^T = 0 can be flipped. On the line from the example to the parameters the defect is a
     polynomial of one variable that is not 0, so it has finitely many roots.
   Used in. exactnn/symmetry/_orbits.py, exactnn/certificate/_fibre.py
   Attacked by. tests/symmetry/test_fibre.py
   References. docs/theory.md 5, 13; Petzka, Trimmel, Sminchisescu: Notes on the symmetries of 2-layer ReLU networks *)
From mathcomp Require Import all_ssreflect all_algebra perm.
From mathcomp.algebra_tactics Require Import ring.
From Exactnn Require Import Independence Symmetries Fibre.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* --- the polynomial, over any commutative ring ------------------------------------------------------------------ *)

Section Defect.
Variable A : comRingType.
Variables d n m : nat.
Implicit Types (a : 'I_n -> 'I_m -> A) (w : 'I_n -> 'rV[A]_d) (b : 'I_n -> A) (i j : 'I_n) (T : {set 'I_n}).

Definition minors w b i j : A :=
  \sum_k (w i 0 k * b j - w j 0 k * b i) ^+ 2 + \sum_k \sum_l (w i 0 k * w j 0 l - w j 0 k * w i 0 l) ^+ 2.

Definition subset_sum a w T : A := \sum_k \sum_l (\sum_(i in T) a i k * w i 0 l) ^+ 2.

Definition defect a w b : A :=
  (\prod_i ((\sum_k a i k ^+ 2) * (\sum_l w i 0 l ^+ 2))) * (\prod_i \prod_(j | j != i) minors w b i j) *
  \prod_(T : {set 'I_n} | T != set0) subset_sum a w T.

End Defect.

Theorem defect_natural (A B : comRingType) (f : {rmorphism A -> B}) d n m a (w : 'I_n -> 'rV[A]_d) b :
  f (@defect A d n m a w b) = defect (fun i k => f (a i k)) (fun i => map_mx f (w i)) (fun i => f (b i)).
Proof.
rewrite /defect !rmorphM; congr (_ * _ * _).
- rewrite rmorph_prod; apply: eq_bigr => i _; rewrite rmorphM !rmorph_sum; congr (_ * _); apply: eq_bigr => k _.
    by rewrite rmorphX.
  by rewrite rmorphX mxE.
- rewrite rmorph_prod; apply: eq_bigr => i _; rewrite rmorph_prod; apply: eq_bigr => j _.
  rewrite /minors rmorphD !rmorph_sum; congr (_ + _); apply: eq_bigr => k _.
    by rewrite rmorphX rmorphB !rmorphM !mxE.
  by rewrite rmorph_sum; apply: eq_bigr => l _; rewrite rmorphX rmorphB !rmorphM !mxE.
rewrite rmorph_prod; apply: eq_bigr => T _; rewrite /subset_sum rmorph_sum; apply: eq_bigr => k _.
rewrite rmorph_sum; apply: eq_bigr => l _; rewrite rmorphX rmorph_sum; congr (_ ^+ 2).
by apply: eq_bigr => i _; rewrite rmorphM mxE.
Qed.

(* --- where it is not 0 ------------------------------------------------------------------------------------------ *)

Section Generic.
Variable R : realFieldType.
Variables d n m : nat.
Implicit Types (a : 'I_n -> 'I_m -> R) (w : 'I_n -> 'rV[R]_d) (b : 'I_n -> R) (c : 'I_m -> R).

Lemma squares_neq0 k (f : 'I_k -> R) : (\sum_i f i ^+ 2 != 0) -> exists i, f i != 0.
Proof.
move=> nz; apply/existsP; apply: contraR nz => /existsPn no; rewrite big1 // => i _.
by move/negPn: (no i) => /eqP ->; rewrite expr0n.
Qed.

Lemma defect_conditions a w b : defect a w b != 0 -> reduced a w b /\
  forall T : {set 'I_n}, T != set0 -> exists j, \sum_(i in T) a i j *: w i != 0.
Proof.
rewrite /defect !mulf_eq0 !negb_or => /andP[/andP[nz1 nz2] nz3].
move/prodf_neq0: nz1 => nz1; move/prodf_neq0: nz2 => nz2; move/prodf_neq0: nz3 => nz3.
split; [split; [split|]|].
- move=> i; have := nz1 i isT; rewrite mulf_eq0 negb_or => /andP[_ /squares_neq0[l wl]].
  by apply: contraNneq wl => ->; rewrite mxE.
- move=> i j c ij [wc bc]; have /prodf_neq0/(_ j) := nz2 i isT; rewrite eq_sym ij => /(_ isT)/negP; apply; apply/eqP.
  rewrite /minors wc bc !big1 ?addr0 // => k _.
    by apply: big1 => l _; rewrite !mxE mulrCA mulrA subrr expr0n.
  by rewrite !mxE mulrCA mulrA subrr expr0n.
- by move=> i; have := nz1 i isT; rewrite mulf_eq0 negb_or => /andP[/squares_neq0].
move=> T T0; have := nz3 T T0; rewrite /subset_sum => nz.
have /existsP[k /existsP[l kl]] : [exists k, exists l, \sum_(i in T) a i k * w i 0 l != 0].
  apply: contraR nz => /existsPn no; rewrite big1 // => k _; rewrite big1 // => l _.
  by move/existsPn: (no k) => /(_ l)/negPn/eqP ->; rewrite expr0n.
exists k; apply: contraNneq kl => /rowP/(_ l); rewrite summxE [RHS]mxE => z.
by rewrite -[X in _ == X]z; apply/eqP; apply: eq_bigr => i _; rewrite mxE.
Qed.

(* (a', w', b', c') is a permutation and positive scaling of (a, w, b, c). *)
Definition same_orbit a w b c a' w' b' c' : Prop := exists (l : 'I_n -> R) (s : 'S_n),
  [/\ forall i, 0 < l i, forall i, w' (s i) = l i *: w i, forall i, b' (s i) = l i * b i, forall i j, a' (s i) j = a i j / l i
    & forall j, c' j = c j].

Lemma orbit_function a w b c a' w' b' c' x j : same_orbit a w b c a' w' b' c' -> shallow a' w' b' c' x j = shallow a w b c x j.
Proof.
move=> [l [s [l0 ws bs as_ cs]]]; rewrite -(permutation a' w' b' c' s) -[RHS](scaling _ _ _ _ _ _ l0) /shallow cs; congr (_ + _).
by apply: eq_bigr => i _; rewrite as_ /plane ws bs.
Qed.

Lemma no_flip_orbit a w b c a' w' b' c' : reduced a w b ->
  (forall T : {set 'I_n}, T != set0 -> exists j, \sum_(i in T) a i j *: w i != 0) ->
  (forall x j, shallow a' w' b' c' x j = shallow a w b c x j) -> same_orbit a w b c a' w' b' c'.
Proof.
move=> red nz /(fibre _ _ _ _ _ red)[T [l [s [[l0 ws bs as_ cs] zero]]]].
have T0 i : T i = false.
  apply/negP => Ti; have [|j] := nz [set i | T i]; first by apply/set0Pn; exists i; rewrite inE.
  by rewrite (eq_bigl T) ?zero ?eqxx // => k; rewrite inE.
exists l, s; split=> //.
- by move=> i; rewrite ws /flipped T0.
- by move=> i; rewrite bs /flipped_bias T0.
by move=> j; rewrite cs /flipped_constant big_pred0 ?addr0.
Qed.

Theorem generic a w b c a' w' b' c' : defect a w b != 0 ->
  (forall x j, shallow a' w' b' c' x j = shallow a w b c x j) <-> same_orbit a w b c a' w' b' c'.
Proof.
move=> /defect_conditions[red nz]; split=> [|orb x j]; [exact: no_flip_orbit | exact: orbit_function].
Qed.

Theorem single_orbit a w b c : reduced a w b ->
  (forall a' w' b' c', (forall x j, shallow a' w' b' c' x j = shallow a w b c x j) -> same_orbit a w b c a' w' b' c') <->
  (forall T : {set 'I_n}, T != set0 -> exists j, \sum_(i in T) a i j *: w i != 0).
Proof.
move=> red; split=> [one T /set0Pn[i iT]|nz *]; last exact: no_flip_orbit.
apply/existsP; apply: contraT => /existsPn none.
have zero j : \sum_(i in T) a i j *: w i = 0 by apply/eqP/negPn.
have [l [s [l0 ws bs _ _]]] := one _ _ _ _ ((flip (fun k => k \in T) a w b c).2 zero).
pose k := invF (@perm_inj _ s) i; have sk : s k = i by rewrite /k f_invF.
have wk := ws k; have bk := bs k; rewrite sk /flipped /flipped_bias iT in wk bk.
have wi : w i = (- l k) *: w k by rewrite scaleNr -wk opprK.
have bi : b i = - l k * b k by rewrite mulNr -bk opprK.
case: (eqVneq i k) => [ik|ik]; last by case: (red.1.2 i k _ ik (conj wi bi)).
have: (1 + l k) *: w k = 0 by rewrite scalerDl scale1r -{1}ik wi scaleNr addNr.
move/eqP; rewrite scaler_eq0 (negbTE (red.1.1 k)) orbF.
by rewrite gt_eqF // addr_gt0 ?ltr01.
Qed.

End Generic.

(* --- there are many --------------------------------------------------------------------------------------------- *)

Section Many.
Variable R : realFieldType.
Variables d n m : nat.

Definition ones : 'I_n -> 'I_m.+1 -> R := fun _ _ => 1.
Definition one_rows : 'I_n -> 'rV[R]_d.+1 := fun _ => const_mx 1.
Definition steps : 'I_n -> R := fun i => i%:R.

Theorem generic_example : defect ones one_rows steps != 0.
Proof.
have pos k : 0 < \sum_(i < k.+1) (1 : R) ^+ 2 by rewrite sumr_const card_ord expr1n ltr0n.
rewrite /defect !mulf_neq0 //; apply/prodf_neq0 => i.
- move=> _; rewrite mulf_neq0 // gt_eqF //; first exact: pos.
  by rewrite (eq_bigr (fun _ => 1 ^+ 2)) ?pos // => l _; rewrite mxE.
- move=> _; apply/prodf_neq0 => j ji; rewrite gt_eqF // ltr_paddr //.
    by apply: sumr_ge0 => k _; apply: sumr_ge0 => l _; rewrite sqr_ge0.
  rewrite (eq_bigr (fun _ => (j%:R - i%:R) ^+ 2)); last by move=> k _; rewrite !mxE !mul1r.
  rewrite sumr_const card_ord pmulrn_lgt0 // lt_neqAle sqr_ge0 andbT eq_sym sqrf_eq0 subr_eq0 eqr_nat.
  exact: ji.
move=> T0; rewrite /subset_sum gt_eqF // (eq_bigr (fun _ => \sum_(l < d.+1) #|i|%:R ^+ 2)); last first.
  move=> k _; apply: eq_bigr => l _; congr (_ ^+ 2).
  by rewrite (eq_bigr (fun _ => 1)) ?sumr_const // => j _; rewrite mxE mul1r.
by rewrite !sumr_const !card_ord !pmulrn_lgt0 // exprn_gt0 // ltr0n card_gt0.
Qed.

(* On the line through two parameters the defect is a polynomial. *)
Lemma defect_line (a a' : 'I_n -> 'I_m.+1 -> R) (w w' : 'I_n -> 'rV[R]_d.+1) (b b' : 'I_n -> R) : exists p : {poly R}, forall t,
  p.[t] = defect (fun i k => a i k + t * (a' i k - a i k)) (fun i => w i + t *: (w' i - w i)) (fun i => b i + t * (b' i - b i)).
Proof.
pose on (u v : R) := u%:P + 'X * (v - u)%:P.
exists (defect (fun i k => on (a i k) (a' i k)) (fun i => \row_l on (w i 0 l) (w' i 0 l)) (fun i => on (b i) (b' i))) => t.
have on_t u v : (on u v).[t] = u + t * (v - u) by rewrite /on !hornerE.
pose at_t := [rmorphism of horner_eval t].
rewrite -[LHS]/(at_t _) defect_natural /defect.
have ea i k : at_t (on (a i k) (a' i k)) = a i k + t * (a' i k - a i k) by exact: on_t.
have eb i : at_t (on (b i) (b' i)) = b i + t * (b' i - b i) by exact: on_t.
have ew i l : map_mx at_t (\row_l on (w i 0 l) (w' i 0 l)) 0 l = (w i + t *: (w' i - w i)) 0 l.
  by rewrite !mxE; exact: on_t.
congr (_ * _ * _).
- by apply: eq_bigr => i _; congr (_ * _); apply: eq_bigr => k _; rewrite ?ea ?ew.
- apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite /minors; congr (_ + _); apply: eq_bigr => k _.
    by rewrite !ew !eb.
  by apply: eq_bigr => l _; rewrite !ew.
by apply: eq_bigr => T _; apply: eq_bigr => k _; apply: eq_bigr => l _; congr (_ ^+ 2); apply: eq_bigr => i _; rewrite ea ew.
Qed.

(* A small number that is no root. *)
Lemma no_root (p : {poly R}) e : p != 0 -> 0 < e -> exists t, [/\ 0 < t, t <= e & p.[t] != 0].
Proof.
move=> p0 e0; pose f k := e / k.+1%:R; pose rs := [seq f k | k <- iota 0 (size p)].
have f_inj : injective f.
  by move=> k l /(mulfI (lt0r_neq0 e0))/invr_inj/eqP; rewrite eqr_nat eqSS => /eqP.
have: ~~ all (root p) rs.
  apply/negP => all_root; have := max_poly_roots p0 all_root.
  by rewrite /rs (map_inj_uniq f_inj) iota_uniq size_map size_iota ltnn => /(_ isT).
rewrite -has_predC => /hasP[t /mapP[k _ ->] nr]; exists (f k); split=> //.
- by rewrite divr_gt0 // ltr0n.
by rewrite ler_pdivr_mulr ?ltr0n // ler_pemulr ?ler1n // ltW.
Qed.

Theorem generic_dense (a : 'I_n -> 'I_m.+1 -> R) (w : 'I_n -> 'rV[R]_d.+1) (b : 'I_n -> R) e : 0 < e -> exists a' w' b',
  [/\ defect a' w' b' != 0, forall i k, `|a' i k - a i k| <= e, forall i l, `|w' i 0 l - w i 0 l| <= e & forall i, `|b' i - b i| <= e].
Proof.
move=> e0; have [p on_line] := defect_line a ones w one_rows b steps.
pose size_a := \sum_i \sum_k `|ones i k - a i k|; pose size_w := \sum_i \sum_l `|one_rows i 0 l - w i 0 l|.
pose size_b := \sum_i `|steps i - b i|; pose top := 1 + size_a + size_w + size_b.
have ge_a : 0 <= size_a by apply: sumr_ge0 => i _; apply: sumr_ge0.
have ge_w : 0 <= size_w by apply: sumr_ge0 => i _; apply: sumr_ge0.
have ge_b : 0 <= size_b by apply: sumr_ge0.
have top0 : 0 < top by rewrite !ltr_paddr.
have p0 : p != 0.
  apply: contraNneq generic_example => p0; have := on_line 1; rewrite p0 horner0 => ->; apply/eqP; rewrite /defect.
  have e1 (u v : R) : u + 1 * (v - u) = v by ring.
  have ew i l : (w i + 1 *: (one_rows i - w i)) 0 l = one_rows i 0 l by rewrite !mxE; ring.
  congr (_ * _ * _).
  - by apply: eq_bigr => i _; congr (_ * _); apply: eq_bigr => k _; rewrite ?e1 ?ew.
  - apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite /minors; congr (_ + _); apply: eq_bigr => k _.
      by rewrite !ew !e1.
    by apply: eq_bigr => l _; rewrite !ew.
  by apply: eq_bigr => T _; apply: eq_bigr => k _; apply: eq_bigr => l _; congr (_ ^+ 2); apply: eq_bigr => i _; rewrite e1 ew.
have [t [t0 te pt]] := no_root p0 (divr_gt0 e0 top0).
have small u : `|u| <= top -> `|t * u| <= e.
  move=> u_top; rewrite normrM gtr0_norm //; apply: (@le_trans _ _ (t * top)); first by rewrite ler_pmul2l.
  by rewrite -ler_pdivl_mulr.
have part (I : finType) (F : I -> R) i : (forall i, 0 <= F i) -> F i <= \sum_i F i.
  by move=> F0; rewrite (bigD1 i) //= ler_addl sumr_ge0.
exists (fun i k => a i k + t * (ones i k - a i k)), (fun i => w i + t *: (one_rows i - w i)), (fun i => b i + t * (steps i - b i)); split.
- by rewrite -on_line.
- move=> i k; rewrite addrC addKr; apply: small; apply: (@le_trans _ _ size_a).
    by apply: le_trans (part _ (fun k => `|ones i k - a i k|) k _) (part _ (fun i => \sum_k `|ones i k - a i k|) i _) => // j; apply: sumr_ge0.
  by rewrite /top; rewrite -!addrA ler_paddl // ler_addl !addr_ge0.
- move=> i l; rewrite !mxE addrC addKr; apply: small; apply: (@le_trans _ _ size_w).
    have -> : 1 - w i 0 l = one_rows i 0 l - w i 0 l by rewrite mxE.
    by apply: le_trans (part _ (fun l => `|one_rows i 0 l - w i 0 l|) l _) (part _ (fun i => \sum_l `|one_rows i 0 l - w i 0 l|) i _) => // j; apply: sumr_ge0.
  by rewrite /top ler_paddr // ler_paddl // addr_ge0.
move=> i; rewrite addrC addKr; apply: small; apply: (@le_trans _ _ size_b); first exact: (part _ (fun i => `|steps i - b i|)).
by rewrite /top ler_addr !addr_ge0.
Qed.

End Many.
