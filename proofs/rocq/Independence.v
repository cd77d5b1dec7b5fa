(* Ridge functions of distinct hyperplanes are linearly independent: the classification of one hidden layer.

   Statement. (Theorem A) Let u_i != 0 in R^d and v_i in R, no (u_i, v_i) being a multiple of another one. If
     sum_i J_i max(u_i . x + v_i, 0) + m . x + k = 0 for all x in R^d, then all J_i = 0, m = 0 and k = 0 (independence).
     The same for terms on a common hyperplane: their jumps add up to 0 (jumps). So two networks over the same hyperplanes are one function exactly if their jumps J_i, their m and their k agree (normal_form).
   Assumptions. R is any real field, d any dimension, also 0.
   Idea. A point p of hyperplane i lies off all the others: the line from a point off the first few to a point off the next one leaves all of
     them behind but at finitely many places (off_all). Around p, across i, all other terms are affine, so that the second difference is
     J_i times something positive.
   Used in. exactnn/symmetry/ridge_forms.py, exactnn/forms/_numbering.py
   Attacked by. tests/symmetry/test_normal_form.py
   References. docs/theory.md; Petzka, Trimmel, Sminchisescu: Notes on the symmetries of 2-layer ReLU networks *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Independence.
Variable R : realFieldType.
Implicit Types (t a b c : R).

Definition relu t : R := Num.max t 0.

(* --- the laws of the rectifier ---------------------------------------------------------------------------------- *)

Lemma relu_opp t : relu (- t) = relu t - t.
Proof.
rewrite /relu; case/orP: (le_total 0 t) => s; first by rewrite max_r ?oppr_le0 // max_l // subrr.
by rewrite max_l ?oppr_ge0 // max_r // sub0r.
Qed.

Lemma relu_scale c t : 0 <= c -> relu (c * t) = c * relu t.
Proof. by move=> c0; rewrite /relu maxr_pmulr // mulr0. Qed.

Lemma relu_pos t : 0 <= t -> relu t = t. Proof. exact: max_l. Qed.
Lemma relu_neg t : t <= 0 -> relu t = 0. Proof. exact: max_r. Qed.
Lemma relu0 : relu 0 = 0. Proof. exact: relu_neg (lexx 0). Qed.

(* Where both ends have one sign, the second difference is 0. *)
Lemma second_difference_flat t s : `|s| <= `|t| -> relu (t + s) + relu (t - s) = relu t + relu t.
Proof.
case/orP: (le_total 0 t) => t0.
  rewrite (ger0_norm t0) ler_norml => /andP[l u].
  have above : 0 <= t + s by rewrite addrC -ler_subl_addr sub0r.
  by rewrite !relu_pos ?subr_ge0 //; ring.
rewrite (ler0_norm t0) ler_norml opprK => /andP[l u].
have below : t + s <= 0 by rewrite addrC -ler_subr_addr sub0r.
by rewrite !relu_neg ?subr_le0.
Qed.

Lemma second_difference_kink s : 0 <= s -> relu s + relu (- s) = s.
Proof. by move=> s0; rewrite relu_opp relu_pos // subrr addr0. Qed.

(* --- points and hyperplanes ------------------------------------------------------------------------------------- *)

Variable d : nat.
Implicit Types (x y p q w : 'rV[R]_d).

Definition dot x y : R := \sum_j x 0 j * y 0 j.

Lemma dotC x y : dot x y = dot y x.
Proof. by apply: eq_bigr => j _; rewrite mulrC. Qed.

Lemma dotDr x y w : dot x (y + w) = dot x y + dot x w.
Proof. by rewrite /dot -big_split; apply: eq_bigr => j _; rewrite mxE mulrDr. Qed.

Lemma dotZr x c y : dot x (c *: y) = c * dot x y.
Proof. by rewrite /dot big_distrr; apply: eq_bigr => j _; rewrite mxE mulrCA. Qed.

Lemma dotNr x y : dot x (- y) = - dot x y.
Proof. by rewrite -scaleN1r dotZr mulN1r. Qed.

Lemma dot0r x : dot x 0 = 0.
Proof. by rewrite -(scale0r x) dotZr mul0r. Qed.

Lemma dot_ge0 x : 0 <= dot x x.
Proof. by apply: sumr_ge0 => j _; rewrite -expr2 sqr_ge0. Qed.

Lemma dot_eq0 x : dot x x = 0 -> x = 0.
Proof.
move=> z; apply/rowP => j; rewrite mxE; apply/eqP; rewrite -sqrf_eq0 expr2.
have := z; rewrite /dot => /eqP; rewrite psumr_eq0 => [/allP/(_ j)|i _]; last by rewrite -expr2 sqr_ge0.
by rewrite mem_index_enum /= => /(_ isT).
Qed.

Lemma dot_gt0 x : x != 0 -> 0 < dot x x.
Proof. by move=> x0; rewrite lt_neqAle dot_ge0 andbT eq_sym; apply: contra x0 => /eqP/dot_eq0 ->. Qed.

Variable I : finType.
Variables (u : I -> 'rV[R]_d) (v : I -> R).

Definition plane (i : I) x : R := dot (u i) x + v i.

Definition distinct : Prop :=
  (forall i, u i != 0) /\ (forall i j c, i != j -> ~ (u i = c *: u j /\ v i = c * v j)).

Lemma plane_line i p q t : plane i (p + t *: (q - p)) = plane i p + t * (plane i q - plane i p).
Proof. by rewrite /plane dotDr dotZr dotDr dotNr; ring. Qed.

Definition multiple i j : Prop := exists c, u j = c *: u i /\ v j = c * v i.

(* Hyperplane i is not within hyperplane j. *)
Lemma off_one i j : u i != 0 -> ~ multiple i j -> exists2 q, plane i q = 0 & plane j q != 0.
Proof.
move=> u0 dif; have ui := dot_gt0 u0; have ui' := lt0r_neq0 ui.
pose p := (- v i / dot (u i) (u i)) *: u i.
have pi : plane i p = 0 by rewrite /plane /p dotZr mulfVK // addNr.
case: (eqVneq (plane j p) 0) => [pj|]; last by exists p.
pose c := dot (u j) (u i) / dot (u i) (u i).
pose w := u j - c *: u i.
have iw : dot (u i) w = 0 by rewrite /w dotDr dotNr dotZr /c mulfVK // dotC subrr.
have wi : plane i (p + w) = 0 by rewrite /plane dotDr iw addr0.
have ww : dot w w = dot (u j) w.
  by rewrite {2}/w dotDr dotNr dotZr [dot w (u i)]dotC iw mulr0 oppr0 addr0 dotC.
have jw : plane j (p + w) = dot w w by rewrite ww -[RHS]add0r -pj /plane dotDr; ring.
exists (p + w) => //; rewrite jw; apply/eqP => /dot_eq0 w0.
apply: dif; exists c; have uc : u j = c *: u i by apply/eqP; rewrite -subr_eq0 -/w w0.
split=> //; move: pj; rewrite /plane uc dotC dotZr dotC => pj.
have := pi; rewrite /plane => pi'.
by apply/eqP; rewrite -subr_eq0 -pj -[v i](addrK (dot (u i) p)) [v i + _]addrC pi'; apply/eqP; ring.
Qed.

(* A number that is none of finitely many. *)
Lemma fresh (s : seq R) : exists t, t \notin s.
Proof.
exists (1 + \sum_(a <- s) `|a|); apply/negP => in_s.
have : 1 + \sum_(a <- s) `|a| <= \sum_(a <- s) `|a|.
  rewrite {2}(big_rem _ in_s) /=; apply: ler_paddr; first by rewrite sumr_ge0.
  by apply: le_trans (ler_norm _).
by rewrite ger_addr ler10.
Qed.

(* A point of hyperplane i that lies on none of the bad ones. *)
Lemma off_all (bad : pred I) i : u i != 0 -> (forall j, bad j -> ~ multiple i j) ->
  exists2 p, plane i p = 0 & forall j, bad j -> plane j p != 0.
Proof.
move=> u0 dif.
suff main (s : seq I) : exists2 p, plane i p = 0 & forall j, j \in s -> bad j -> plane j p != 0.
  by have [p pi off] := main (index_enum _); exists p => // j; apply: off; rewrite mem_index_enum.
elim: s => [|j s [p pi off]].
  have ui := lt0r_neq0 (dot_gt0 u0).
  by exists ((- v i / dot (u i) (u i)) *: u i) => //; rewrite /plane dotZr mulfVK // addNr.
case bj: (bad j); last by exists p => // g; rewrite inE => /orP[/eqP ->|/off //]; rewrite bj.
have [q qi qj] := off_one u0 (dif j bj).
have [t tn] := fresh [seq - plane g p / (plane g q - plane g p) | g <- j :: s].
exists (p + t *: (q - p)); first by rewrite plane_line pi qi subrr mulr0 addr0.
move=> g gs gi; rewrite plane_line; apply/eqP => z.
case: (eqVneq (plane g q - plane g p) 0) => [same|moves].
  move: z; rewrite same mulr0 addr0 => z; move: gs; rewrite inE => /orP[/eqP gj|gs]; last by move: (off g gs gi); rewrite z eqxx.
  by move: same qj; rewrite gj in z *; rewrite z subr0 => ->; rewrite eqxx.
case/negP: tn; apply/mapP; exists g => //; apply: (mulIf moves).
by rewrite mulfVK //; apply/eqP; rewrite -subr_eq0 opprK addrC z.
Qed.

(* --- the theorem ------------------------------------------------------------------------------------------------ *)

Definition network (J : I -> R) (m : 'rV[R]_d) (k : R) x : R := \sum_i J i * relu (plane i x) + dot m x + k.

(* A step so small that no other hyperplane is crossed. *)
Lemma small_step (bad : pred I) (a b : I -> R) : (forall j, bad j -> b j != 0) ->
  exists2 r, 0 < r & forall j, bad j -> `|r * a j| <= `|b j|.
Proof.
move=> b0; suff main (s : seq I) : exists2 r, 0 < r & forall j, j \in s -> bad j -> `|r * a j| <= `|b j|.
  by have [r r0 small] := main (index_enum _); exists r => // j; apply: small; rewrite mem_index_enum.
elim: s => [|j s [r r0 small]]; first by exists 1.
have down r' : 0 < r' -> r' <= r -> forall g, g \in s -> bad g -> `|r' * a g| <= `|b g|.
  move=> r'0 le g gs bg; apply: le_trans (small g gs bg).
  by rewrite !normrM ler_wpmul2r // !gtr0_norm.
case bj: (bad j); last first.
  by exists r => // g; rewrite inE => /orP[/eqP ->|/small //]; rewrite bj.
pose s1 := `|b j| / (1 + `|a j|).
have a1 : 0 < 1 + `|a j| by rewrite ltr_paddr.
have s10 : 0 < s1 by rewrite divr_gt0 // normr_gt0 b0.
have mr : 0 < Num.min r s1 by rewrite lt_minr r0.
exists (Num.min r s1) => // g; rewrite inE => /orP[/eqP ->|gs] bg; last by apply: down => //; rewrite le_minl lexx.
rewrite normrM gtr0_norm //; apply: (@le_trans _ _ (s1 * (1 + `|a j|))); last by rewrite /s1 mulfVK // gt_eqF.
by apply: ler_pmul => //; [apply: ltW | rewrite le_minl lexx orbT | rewrite ler_addr].
Qed.

(* Across hyperplane i the jumps of all terms on it cancel. Term j is on it if (u_j, v_j) = e_j (u_i, v_i), e_j != 0. *)
Theorem jumps (J e : I -> R) m k i : u i != 0 -> (forall x, network J m k x = 0) ->
  (forall j, e j != 0 -> u j = e j *: u i /\ v j = e j * v i) ->
  (forall j, e j = 0 -> multiple i j -> u j = 0 /\ v j = 0) ->
  \sum_j J j * `|e j| = 0.
Proof.
move=> ui zero on_i off_i; have uu := dot_gt0 ui.
pose bad j := (e j == 0) && ~~ ((u j == 0) && (v j == 0)).
have [p pi off] : exists2 p, plane i p = 0 & forall j, bad j -> plane j p != 0.
  apply: off_all ui _ => j /andP[/eqP ej nz] mul; have [u0 v0] := off_i j ej mul.
  by move: nz; rewrite u0 v0 !eqxx.
have [r r0 small] := small_step (fun j => dot (u j) (u i)) off.
pose second j := relu (plane j (p + r *: u i)) + relu (plane j (p - r *: u i)) - (relu (plane j p) + relu (plane j p)).
have total : \sum_j J j * second j = 0.
  have sum_at x : \sum_j J j * relu (plane j x) = - (dot m x + k).
    by apply/eqP; rewrite -addr_eq0 addrA; apply/eqP; apply: zero.
  have -> : \sum_j J j * second j = \sum_j J j * relu (plane j (p + r *: u i)) + \sum_j J j * relu (plane j (p - r *: u i)) -
      (\sum_j J j * relu (plane j p) + \sum_j J j * relu (plane j p)).
    by rewrite -!big_split -sumrB /=; apply: eq_bigr => j _; rewrite /second mulrBr !mulrDr.
  by rewrite !sum_at !dotDr dotNr; ring.
have step j : plane j (p + r *: u i) = plane j p + r * dot (u j) (u i) by rewrite /plane dotDr dotZr; ring.
have back j : plane j (p - r *: u i) = plane j p - r * dot (u j) (u i) by rewrite /plane dotDr dotNr dotZr; ring.
have each j : second j = `|e j| * (r * dot (u i) (u i)).
  rewrite /second step back; case: (eqVneq (e j) 0) => [ej|ej].
    rewrite ej normr0 mul0r second_difference_flat ?subrr //.
    case bj: (bad j); first exact: small.
    move: bj; rewrite /bad ej eqxx /= => /negbFE/andP[/eqP uj _].
    by rewrite uj dotC dot0r mulr0 normr0.
  have [uj vj] := on_i j ej.
  have -> : plane j p = 0 by rewrite /plane uj vj dotC dotZr dotC -mulrDr -/(plane i p) pi mulr0.
  have -> : dot (u j) (u i) = e j * dot (u i) (u i) by rewrite uj dotC dotZr.
  rewrite add0r sub0r relu0 addr0 subr0.
  have pos : 0 <= r * dot (u i) (u i) by rewrite mulr_ge0 // ltW.
  have -> : r * (e j * dot (u i) (u i)) = e j * (r * dot (u i) (u i)) by ring.
  case/orP: (le_total 0 (e j)) => s.
    by rewrite ger0_norm // second_difference_kink // mulr_ge0.
  by rewrite ler0_norm // addrC -[X in _ + relu X]opprK second_difference_kink ?mulNr // oppr_ge0 mulr_le0_ge0.
apply/eqP; have : (\sum_j J j * `|e j|) * (r * dot (u i) (u i)) = 0.
  by rewrite -[RHS]total big_distrl /=; apply: eq_bigr => j _; rewrite each !mulrA.
by move/eqP; rewrite mulf_eq0 mulf_eq0 (gt_eqF r0) (gt_eqF uu) !orbF.
Qed.

Theorem independence (J : I -> R) m k : distinct -> (forall x, network J m k x = 0) -> [/\ forall i, J i = 0, m = 0 & k = 0].
Proof.
move=> dist zero.
have J0 i : J i = 0.
  have := jumps (e := fun j => (j == i)%:R) (dist.1 i) zero.
  have -> : \sum_j J j * `|(j == i)%:R| = J i.
    rewrite (bigD1 i) //= eqxx normr1 mulr1 big1 ?addr0 // => j /negbTE ->; by rewrite normr0 mulr0.
  apply=> j; case: (eqVneq j i) => [->|ji] //=; rewrite ?scale1r ?mul1r ?eqxx //.
  - by move/eqP; rewrite oner_eq0.
  - by move=> _ [c]; have := dist.2 j i c ji.
have affine x : dot m x + k = 0 by rewrite -(zero x) /network big1 ?add0r // => i _; rewrite J0 mul0r.
have k0 : k = 0 by rewrite -(affine 0) dot0r add0r.
by split=> //; apply: dot_eq0; rewrite -(affine m) k0 addr0.
Qed.

(* Equal functions have equal normal forms. *)
Theorem normal_form (J J' : I -> R) m m' k k' : distinct ->
  (forall x, network J m k x = network J' m' k' x) <-> [/\ forall i, J i = J' i, m = m' & k = k'].
Proof.
move=> dist; split=> [same|[eJ -> ->] x]; last by rewrite /network; congr (_ + _ + _); apply: eq_bigr => i _; rewrite eJ.
have zero x : network (fun i => J i - J' i) (m - m') (k - k') x = 0.
  have := same x; rewrite /network => eq.
  have -> : \sum_i (J i - J' i) * relu (plane i x) = \sum_i J i * relu (plane i x) - \sum_i J' i * relu (plane i x).
    by rewrite -sumrB; apply: eq_bigr => i _; rewrite mulrBl.
  move: eq; set a := \sum_i _; set b := \sum_i _ => eq.
  rewrite [dot _ x]dotC dotDr dotNr -![dot x _]dotC.
  have -> : a - b + (dot m x - dot m' x) + (k - k') = (a + dot m x + k) - (b + dot m' x + k') by ring.
  by rewrite eq subrr.
have [eJ em ek] := independence dist zero.
by split=> [i||]; apply/eqP; rewrite -subr_eq0; apply/eqP; rewrite ?eJ ?em ?ek.
Qed.

End Independence.
