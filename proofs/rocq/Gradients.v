(* Gradients of piecewise linear networks: conserved from layer to layer, and divided by what the weights are multiplied with.

   Statement. z_i = W_i h_i + b_i for layers i = 0, 1, ..., h_{i+1} = phi_i(z_i), every unit having a slope of its own on both sides of 0
     (ReLU, leaky ReLU, |t|, t). Let D_i be the slopes at z_i and d_i = (d_{i+1} W_{i+1}) D_i for i < L: what is sent back from
     d_L = v. Then G_i = d_i h_i^T and g_i = d_i are the gradients of v . z_L by W_i and b_i where no z_i has an entry 0, i < L: along
     every polynomial curve of parameters and inputs v . z_L is near t = 0 the value of a polynomial (local_polynomial), whose
     derivative there is sum_i (<W_i', G_i> + <b_i', g_i>) + (d_0 W_0) . x' (gradient); such d exist (backward_exists).
     I14: row u of layer i, <W_i[u,:], G_i[u,:]> + b_i[u] g_i[u], equals column u of layer i+1, <W_{i+1}[:,u], G_{i+1}[:,u]> (by_unit).
     I12: <W_{i+1}, G_{i+1}> = <W_i, G_i> + <b_i, g_i> for i < L; <W_L, G_L> + <b_L, g_L> = v . z_L (conservation, output_flow).
     I13: v . z_L = <W_0, G_0> + sum_{i <= L} <b_i, g_i> (flow).
     I9, I10: W_i[u,k] -> e_{i+1}[u] W_i[u,k] / e_i[k], b_i -> e_{i+1} b_i, x -> e_0 x with e > 0 multiplies z_L by e_{L+1}; with
     v / e_{L+1} in the place of v, G_i[u,k] -> G_i[u,k] e_i[k] / e_{i+1}[u] and g_i -> g_i / e_{i+1} (rescaling, rescaling_gradient).
     One factor alpha_i for each layer, b_i -> alpha_0 ... alpha_i b_i: layer_scaling. I11: <W_i, G_i> and <b_i, g_i> stay (invariants).
   Assumptions. R is any real field; the counts of units are any. At a kink the identities hold with either slope; the gradient does not exist.
   Idea. Euler: phi(t) = phi'(t) t, so that h_{i+1} = D_i z_i. Near t = 0 no sign changes, so that the network is its own linear pieces.
   Used in. exactnn/cooling/_identities_layers.py, exactnn/cooling/reparameterise.py
   Attacked by. tests/cooling/test_identities.py
   References. docs/theory.md 20; Du, Hu, Lee 2018 (the law of conservation without biases) *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Exactnn Require Import Independence.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* --- one unit, and what is sent forwards and back ---------------------------------------------------------------- *)

Section Network.
Variable R : realFieldType.
Variable n : nat -> nat.
Variables up down : forall i, 'I_(n i.+1) -> R. (* the slopes of unit u of layer i *)

Notation weights := (forall i, 'M[R]_(n i.+1, n i)).
Notation biases := (forall i, 'cV[R]_(n i.+1)).

(* the slope at t, and the unit itself *)
Definition slope (i : nat) (u : 'I_(n i.+1)) (t : R) : R := if 0 <= t then up u else down u.
Definition unit (i : nat) (u : 'I_(n i.+1)) (t : R) : R := slope u t * t.

(* Both sides are lines through 0. ReLU is up = 1, down = 0. *)
Lemma unit_relu i (u : 'I_(n i.+1)) t : up u = 1 -> down u = 0 -> unit u t = relu t.
Proof.
move=> u1 d0; rewrite /unit /slope /relu; by case: leP => _; rewrite ?u1 ?d0 ?mul1r ?mul0r.
Qed.

Section Values.
Variables (W : weights) (b : biases) (x : 'cV[R]_(n 0)).

Fixpoint value i : 'cV[R]_(n i) :=
  if i is j.+1 then \col_u unit u ((W j *m value j + b j) u 0) else x.

Definition before i : 'cV[R]_(n i.+1) := W i *m value i + b i.
Definition slopes i : 'I_(n i.+1) -> R := fun u => slope u (before i u 0).

Lemma euler i u : value i.+1 u 0 = slopes u * before i u 0.
Proof. by rewrite mxE. Qed.

(* delta is what v, sent back from layer L, is at each layer *)
Definition backward (L : nat) (v : 'rV[R]_(n L.+1)) (delta : forall i, 'rV[R]_(n i.+1)) : Prop :=
  delta L = v /\ forall i, (i < L)%N -> forall u, delta i 0 u = (delta i.+1 *m W i.+1) 0 u * slopes u.

Variables (L : nat) (v : 'rV[R]_(n L.+1)) (delta : forall i, 'rV[R]_(n i.+1)).
Hypothesis back : backward v delta.

Definition by_weight i : 'M[R]_(n i.+1, n i) := \matrix_(u, k) (delta i 0 u * value i k 0).
Definition by_bias i : 'cV[R]_(n i.+1) := \col_u delta i 0 u.

Definition inner p q (A B : 'M[R]_(p, q)) : R := \sum_u \sum_k A u k * B u k.

Lemma inner_col p (A B : 'cV[R]_p) : inner A B = \sum_u A u 0 * B u 0.
Proof. by apply: eq_bigr => u _; rewrite big_ord1. Qed.

Lemma by_row i u : \sum_k W i u k * by_weight i u k + b i u 0 * by_bias i u 0 = delta i 0 u * before i u 0.
Proof.
rewrite !mxE mulrDr [b i u 0 * _]mulrC big_distrr /=; congr (_ + _).
by apply: eq_bigr => k _; rewrite mxE mulrCA.
Qed.

(* I14 *)
Theorem by_unit i u : (i < L)%N ->
  \sum_k W i u k * by_weight i u k + b i u 0 * by_bias i u 0 = \sum_k W i.+1 k u * by_weight i.+1 k u.
Proof.
move=> lt; rewrite by_row back.2 // -mulrA -euler mxE big_distrl /=; apply: eq_bigr => k _.
by rewrite [by_weight _ _ _]mxE mulrCA mulrA.
Qed.

Lemma inner_by_row i : inner (W i) (by_weight i) + inner (b i) (by_bias i) = \sum_u delta i 0 u * before i u 0.
Proof. by rewrite inner_col -big_split /=; apply: eq_bigr => u _; rewrite by_row. Qed.

(* I12 *)
Theorem conservation i : (i < L)%N ->
  inner (W i.+1) (by_weight i.+1) = inner (W i) (by_weight i) + inner (b i) (by_bias i).
Proof.
move=> lt; rewrite inner_col -big_split /= [LHS]exchange_big /=; apply: eq_bigr => u _.
by rewrite -by_unit.
Qed.

Theorem output_flow : inner (W L) (by_weight L) + inner (b L) (by_bias L) = (v *m before L) 0 0.
Proof. by rewrite inner_by_row back.1 mxE. Qed.

(* I13 *)
Theorem flow : (v *m before L) 0 0 = inner (W 0%N) (by_weight 0) + \sum_(i < L.+1) inner (b i) (by_bias i).
Proof.
rewrite -output_flow big_ord_recr /= addrA; congr (_ + _).
suff main i : (i <= L)%N -> inner (W i) (by_weight i) = inner (W 0%N) (by_weight 0) + \sum_(j < i) inner (b j) (by_bias j) by exact: main.
elim: i => [|i IH] lt; first by rewrite big_ord0 addr0.
by rewrite conservation // IH 1?ltnW // big_ord_recr /= addrA.
Qed.

End Values.

(* --- other weights for the same function -------------------------------------------------------------------------- *)

Section Rescaling.
Variables (W W' : weights) (b b' : biases) (x x' : 'cV[R]_(n 0)) (e : forall i, 'I_(n i) -> R).
Hypothesis e0 : forall i k, 0 < @e i k.
Hypothesis eW : forall i u k, W' i u k = e u * W i u k / e k.
Hypothesis eb : forall i u, b' i u 0 = e u * b i u 0.
Hypothesis ex : forall k, x' k 0 = e k * x k 0.

Lemma slope_scale i (u : 'I_(n i.+1)) c t : 0 < c -> slope u (c * t) = slope u t.
Proof. by move=> c0; rewrite /slope pmulr_rge0. Qed.

Lemma rescaled_before i : (forall k, value W' b' x' i k 0 = e k * value W b x i k 0) ->
  forall u, before W' b' x' i u 0 = e u * before W b x i u 0.
Proof.
move=> h u; rewrite !mxE eb mulrDr big_distrr /=; congr (_ + _); apply: eq_bigr => k _.
by rewrite eW h -!mulrA mulKf ?gt_eqF.
Qed.

Lemma rescaled_value i k : value W' b' x' i k 0 = e k * value W b x i k 0.
Proof.
elim: i k => [|i IH] k; first exact: ex.
by rewrite !euler /slopes (rescaled_before IH) slope_scale // mulrCA.
Qed.

(* I9, I10 *)
Theorem rescaling i u : before W' b' x' i u 0 = e u * before W b x i u 0.
Proof. exact/rescaled_before/rescaled_value. Qed.

Variables (L : nat) (v v' : 'rV[R]_(n L.+1)) (delta delta' : forall i, 'rV[R]_(n i.+1)).
Hypothesis back : backward W b x v delta.
Hypothesis back' : backward W' b' x' v' delta'.
Hypothesis ev : forall u, v' 0 u = v 0 u / e u.

Lemma rescaled_delta i u : (i <= L)%N -> delta' i 0 u = delta i 0 u / e u.
Proof.
move=> le; have [k eq] : exists k, (i + k)%N = L by exists (L - i)%N; rewrite subnKC.
elim: k i u eq {le} => [|k IH] i u eq.
  by move: u; rewrite addn0 in eq; rewrite eq back.1 back'.1.
have lt : (i < L)%N by rewrite -eq addnS ltnS leq_addr.
rewrite back.2 // back'.2 // /slopes rescaling slope_scale // !mxE mulrAC; congr (_ * _).
rewrite big_distrl /=; apply: eq_bigr => p _; rewrite IH ?addSnnS // eW.
by rewrite mulrA mulrA [_ / e p * e p]mulfVK ?gt_eqF.
Qed.

Theorem rescaling_gradient i : (i <= L)%N ->
  (forall u k, by_weight W' b' x' delta' i u k = by_weight W b x delta i u k * e k / e u) /\
  (forall u, by_bias delta' i u 0 = by_bias delta i u 0 / e u).
Proof.
move=> le; split=> [u k|u]; rewrite !mxE rescaled_delta // rescaled_value.
by ring.
Qed.

(* I11 *)
Theorem invariants i : (i <= L)%N ->
  inner (W' i) (by_weight W' b' x' delta' i) = inner (W i) (by_weight W b x delta i) /\
  inner (b' i) (by_bias delta' i) = inner (b i) (by_bias delta i).
Proof.
move=> le; have [gW gb] := rescaling_gradient le.
split; apply: eq_bigr => u _; apply: eq_bigr => k _.
  rewrite eW gW; have -> : e u * W i u k / e k * (by_weight W b x delta i u k * e k / e u) =
    W i u k * by_weight W b x delta i u k * (e u / e u) * (e k / e k) by ring.
  by rewrite !mulfV ?gt_eqF // !mulr1.
rewrite [k]ord1 eb gb; have -> : e u * b i u 0 * (by_bias delta i u 0 / e u) = b i u 0 * by_bias delta i u 0 * (e u / e u) by ring.
by rewrite mulfV ?gt_eqF // mulr1.
Qed.

End Rescaling.

(* I9, one factor for each layer: gamma_i is the product of the factors before layer i. *)
Theorem layer_scaling W b x (alpha : nat -> R) L (v : 'rV[R]_(n L.+1)) delta delta' :
  let gamma i := \prod_(j < i) alpha j in
  let W' i := alpha i *: W i in let b' i := gamma i.+1 *: b i in
  (forall i, 0 < alpha i) -> backward W b x v delta -> backward W' b' x ((gamma L.+1)^-1 *: v) delta' ->
  before W' b' x L = gamma L.+1 *: before W b x L /\
  forall i, (i <= L)%N -> by_weight W' b' x delta' i = (alpha i)^-1 *: by_weight W b x delta i /\
    by_bias delta' i = (gamma i.+1)^-1 *: by_bias delta i.
Proof.
move=> gamma W' b' a0 back back'.
have g0 i : 0 < gamma i by apply: prodr_gt0.
have gS i : gamma i.+1 = gamma i * alpha i by rewrite /gamma big_ord_recr.
pose e i (k : 'I_(n i)) := gamma i.
have eW i u k : W' i u k = e _ u * W i u k / e _ k by rewrite mxE /e gS -[gamma i * _ * _]mulrA mulrAC mulfV ?mul1r ?gt_eqF.
have eb i u : b' i u 0 = e _ u * b i u 0 by rewrite mxE.
have ex k : x k 0 = e 0%N k * x k 0 by rewrite /e /gamma big_ord0 mul1r.
split; first by apply/colP => u; rewrite (rescaling (fun i k => g0 i) eW eb ex) [RHS]mxE.
have ev u : ((gamma L.+1)^-1 *: v) 0 u = v 0 u / e _ u by rewrite mxE mulrC.
move=> i le; have [gW gb] := rescaling_gradient (fun i k => g0 i) eW eb ex back back' ev le.
split; [apply/matrixP => u k | apply/colP => u]; rewrite [RHS]mxE; last by rewrite gb mulrC.
by rewrite gW /e gS invfM mulrA mulfK ?gt_eqF // mulrC.
Qed.

Theorem backward_exists W b x L (v : 'rV[R]_(n L.+1)) : exists delta, backward W b x v delta.
Proof.
have at_place L' (w : 'rV[R]_(n L'.+1)) (delta : forall i, 'rV[R]_(n i.+1)) :
    exists delta' : forall i, 'rV[R]_(n i.+1), delta' L' = w /\ forall i, (i < L')%N -> delta' i = delta i.
  exists (fun i => if @eqP _ i L' is ReflectT e then ecast k 'rV[R]_(n k.+1) (esym e) w else delta i).
  split=> [|i lt]; last by case: eqP => // e; have := ltn_eqF lt; rewrite {1}e eqxx.
  by case: eqP => // e; rewrite (eq_axiomK e).
elim: L v => [|L IH] v; first by have [delta [d0 _]] := at_place 0%N v (fun _ => 0); exists delta.
have [delta [dL rec]] := IH (\row_u ((v *m W L.+1) 0 u * slopes W b x u)).
have [delta' [d' same]] := at_place L.+1 v delta.
exists delta'; split=> // i; rewrite ltnS leq_eqVlt => /orP[/eqP eq|lt] u.
  by move: u; rewrite eq => u; rewrite same // dL d' mxE.
by rewrite !same ?ltnS // 1?ltnW // rec.
Qed.

(* --- gradients along curves of parameters and inputs -------------------------------------------------------------- *)

Lemma sign_near (p : {poly R}) : p.[0] != 0 -> exists2 e, 0 < e & forall t, `|t| < e -> (0 <= p.[t]) = (0 <= p.[0]).
Proof.
move=> p0; have /factor_theorem[r pr] : root (p - p.[0]%:P) 0 by rewrite /root !hornerE subrr.
have [M bound] := poly_disk_bound r 1.
have M0 : 0 <= M by apply: le_trans (bound 0 _); rewrite ?normr0.
have top0 : 0 < 1 + M by rewrite ltr_paddr.
exists (Num.min 1 (`|p.[0]| / (1 + M))); first by rewrite lt_minr ltr01 divr_gt0 // normr_gt0.
move=> t; rewrite lt_minr ltr_pdivl_mulr // => /andP[/ltW t1 small].
have near : `|p.[t] - p.[0]| < `|p.[0]|.
  have -> : p.[t] - p.[0] = r.[t] * t.
    by have := congr1 (fun q => q.[t]) pr; rewrite hornerM !hornerD !hornerN !hornerC hornerX subr0.
  apply: le_lt_trans small; rewrite normrM mulrC ler_wpmul2l //.
  by apply: le_trans (bound t t1) _; rewrite ler_addr ler01.
case: (ltrgt0P p.[0]) p0 near => // s _; rewrite ltr_distl.
  by rewrite subrr => /andP[/ltW ->].
by rewrite subrr => /andP[_]; rewrite leNgt => ->.
Qed.

Lemma common (I : finType) (P : I -> R -> Prop) : (forall i, exists2 e, 0 < e & forall t, `|t| < e -> P i t) ->
  exists2 e, 0 < e & forall t, `|t| < e -> forall i, P i t.
Proof.
move=> each; suff main (s : seq I) : exists2 e, 0 < e & forall t, `|t| < e -> forall i, i \in s -> P i t.
  by have [e e0 all_] := main (index_enum I); exists e => // t te i; apply: all_; rewrite ?mem_index_enum.
elim: s => [|i s [e e0 IH]]; first by exists 1.
have [e' e'0 at_i] := each i; exists (Num.min e e'); first by rewrite lt_minr e0.
by move=> t; rewrite lt_minr => /andP[te te'] j; rewrite inE => /orP[/eqP -> |/(IH t te)//]; exact: at_i.
Qed.

Section Curve.
Variables (W : forall i, 'M[{poly R}]_(n i.+1, n i)) (b : forall i, 'cV[{poly R}]_(n i.+1)) (x : 'cV[{poly R}]_(n 0)).

Definition at_ p q (t : R) (A : 'M[{poly R}]_(p, q)) : 'M[R]_(p, q) := map_mx (horner_eval t) A.
Definition slope_of p q (A : 'M[{poly R}]_(p, q)) : 'M[R]_(p, q) := map_mx (fun f => f^`().[0]) A.

Notation W_at t := (fun i => at_ t (W i)).
Notation b_at t := (fun i => at_ t (b i)).
Notation value_at t := (value (W_at t) (b_at t) (at_ t x)).
Notation before_at t := (before (W_at t) (b_at t) (at_ t x)).
Notation D i u := (slopes (W_at 0) (b_at 0) (at_ 0 x) (i := i) u).

(* the network with the slopes that it has at t = 0 *)
Fixpoint curve i : 'cV[{poly R}]_(n i) :=
  if i is j.+1 then \col_u ((D j u)%:P * (W j *m curve j + b j) u 0) else x.

Definition curve_before i : 'cV[{poly R}]_(n i.+1) := W i *m curve i + b i.

Lemma at_before t i : at_ t (curve i) = value_at t i -> at_ t (curve_before i) = before_at t i.
Proof. by move=> eq; rewrite /before -eq /at_ -map_mxM -map_mxD. Qed.

Lemma at_curve t i u : at_ t (curve i.+1) u 0 = D i u * at_ t (curve_before i) u 0.
Proof. by rewrite ![at_ _ _ _ _]mxE /horner_eval mxE hornerM hornerC. Qed.

Lemma curve0 i : at_ 0 (curve i) = value_at 0 i.
Proof.
by elim: i => [|i IH] //; apply/colP => u; rewrite at_curve (at_before IH) euler.
Qed.

Definition regular L : Prop := forall i u, (i < L)%N -> before_at 0 i u 0 != 0.

Lemma local_value L : regular L -> exists2 e, 0 < e & forall t, `|t| < e -> forall i, (i <= L)%N -> value_at t i = at_ t (curve i).
Proof.
elim: L => [|L IH] reg; first by exists 1 => // t _ i; rewrite leqn0 => /eqP ->.
have [|e e0 near] := IH; first by move=> i u lt; apply: reg; rewrite ltnS ltnW.
have [|e' e'0 signs] := @common _ (fun u t => (0 <= (curve_before L u 0).[t]) = (0 <= (curve_before L u 0).[0])).
  move=> u; apply: sign_near; have := reg L u (ltnSn L).
  by rewrite -(at_before (curve0 L)) mxE.
exists (Num.min e e'); first by rewrite lt_minr e0.
move=> t; rewrite lt_minr => /andP[te te'] i; rewrite leq_eqVlt => /orP[/eqP ->|]; last by rewrite ltnS; exact: near.
apply/colP => u; rewrite at_curve euler.
have eq := at_before (esym (near t te L (leqnn L))).
rewrite -eq; congr (_ * _); rewrite /slopes -eq -(at_before (curve0 L)) /slope.
by have := signs t te' u; rewrite ![at_ _ _ u 0]mxE /horner_eval => ->.
Qed.

Variables (L : nat) (v : 'rV[R]_(n L.+1)).

Definition along : {poly R} := \sum_u (v 0 u)%:P * curve_before L u 0.

Theorem local_polynomial : regular L -> exists2 e, 0 < e & forall t, `|t| < e -> (v *m before_at t L) 0 0 = along.[t].
Proof.
move=> /local_value[e e0 near]; exists e => // t te.
rewrite -(at_before (esym (near t te L (leqnn L)))) mxE /along horner_sum; apply: eq_bigr => u _.
by rewrite hornerM hornerC !mxE.
Qed.

Variable delta : forall i, 'rV[R]_(n i.+1).
Hypothesis back : backward (W_at 0) (b_at 0) (at_ 0 x) v delta.

Notation G i := (by_weight (W_at 0) (b_at 0) (at_ 0 x) delta i).
Notation g i := (by_bias delta i).
Notation dz i u := ((curve_before i u 0)^`().[0]).
Notation dh i k := ((curve i k 0)^`().[0]).

Lemma deriv_sum (I : finType) (F : I -> {poly R}) : (\sum_i F i)^`() = \sum_i (F i)^`().
Proof. exact: (raddf_sum [additive of @deriv R]). Qed.

Lemma step_before i u : dz i u =
  \sum_k slope_of (W i) u k * value_at 0 i k 0 + \sum_k at_ 0 (W i) u k * dh i k + slope_of (b i) u 0.
Proof.
rewrite !mxE derivD hornerD; congr (_ + _); rewrite deriv_sum horner_sum -big_split; apply: eq_bigr => k _.
by rewrite derivM hornerD !hornerM -curve0 !mxE.
Qed.

Lemma step_value i u : dh i.+1 u = D i u * dz i u.
Proof. by rewrite mxE -/(curve_before i) derivM derivC mul0r add0r hornerM hornerC. Qed.

Lemma layer_sum i : \sum_u delta i 0 u * dz i u =
  inner (slope_of (W i)) (G i) + inner (slope_of (b i)) (g i) + \sum_k (delta i *m at_ 0 (W i)) 0 k * dh i k.
Proof.
have -> : \sum_k (delta i *m at_ 0 (W i)) 0 k * dh i k = \sum_u delta i 0 u * \sum_k at_ 0 (W i) u k * dh i k.
  rewrite (eq_bigr (fun k => \sum_u delta i 0 u * at_ 0 (W i) u k * dh i k)); last by move=> k _; rewrite mxE big_distrl.
  rewrite exchange_big /=; apply: eq_bigr => u _; rewrite big_distrr /=; apply: eq_bigr => k _.
  by rewrite mulrA.
rewrite inner_col -!big_split; apply: eq_bigr => u _; rewrite step_before.
have -> : \sum_k slope_of (W i) u k * G i u k = delta i 0 u * \sum_k slope_of (W i) u k * value_at 0 i k 0.
  by rewrite big_distrr /=; apply: eq_bigr => k _; rewrite [G i u k]mxE mulrCA.
by rewrite [g i u 0]mxE /=; ring.
Qed.

Theorem gradient : along^`().[0] =
  \sum_(i < L.+1) (inner (slope_of (W i)) (G i) + inner (slope_of (b i)) (g i)) + (delta 0%N *m at_ 0 (W 0%N) *m slope_of x) 0 0.
Proof.
have -> : along^`().[0] = \sum_u delta L 0 u * dz L u.
  rewrite /along deriv_sum horner_sum back.1; apply: eq_bigr => u _.
  by rewrite derivM derivC mul0r add0r hornerM hornerC.
suff main i : (i <= L)%N -> \sum_u delta i 0 u * dz i u =
    \sum_(j < i.+1) (inner (slope_of (W j)) (G j) + inner (slope_of (b j)) (g j)) + (delta 0%N *m at_ 0 (W 0%N) *m slope_of x) 0 0 by exact: main.
elim: i => [|i IH] lt; rewrite layer_sum big_ord_recr /=.
  by rewrite big_ord0 add0r mxE; congr (_ + _); apply: eq_bigr => k _; rewrite [slope_of x k 0]mxE.
rewrite [RHS]addrAC -IH 1?ltnW // [LHS]addrC; congr (_ + _); apply: eq_bigr => k _.
by rewrite step_value back.2 // mulrA.
Qed.

End Curve.
End Network.
