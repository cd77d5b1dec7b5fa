(* Evaluation at a point with rational entries, and refutation by it.

   Statement. If check_point accepts, the point lies in the domain and some output of the two networks differs there by more than the
     tolerance (check_point_sound).
   Assumptions. None beyond Networks.v.
   Idea. A point is an environment without variables: the rows of Symbolic.v are constants there, and every unit is fixed by its sign.
   Used in. Certificate.v, for the evidence `point`.
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("Evidence, refuted") *)
From Exactnn Require Export Tree.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Fixpoint evaluate (net : network) (d : Z) (rows : seq row) : option (Z * seq row) :=
  match net with
  | [::] => Some (d, rows)
  | Affine d' weights :: rest => if Z.ltb 0 d' then evaluate rest (d * d') (affine_rows d rows weights) else None
  | Bend n d' q r kinks :: rest =>
      if Z.ltb 0 d' then
        match kept_rows 1 [::] d (Z.to_nat n) d' q r kinks rows [::] [::] with
        | Some ([::], out) => evaluate rest (d * d' * d') out
        | _ => None
        end
      else None
  | Larger pairs :: rest =>
      match larger_rows 1 [::] rows pairs [::] [::] with
      | Some ([::], out) => evaluate rest d out
      | _ => None
      end
  end.

Definition constant (r : row) : option Z :=
  match r with [::] => Some 0%Z | c :: rest => if zero_row rest then Some c else None end.

(* d times the slack at the point nums / d *)
Definition slack_at (row : inequality) (d : Z) (nums : seq Z) : Z :=
  foldr (fun t s => (t.2 * nth 0 nums (Z.to_nat t.1) + s)%Z) (row.1 * d)%Z row.2.

(* Output j differs by more than the tolerance at nums / d. *)
Definition check_point (p : problem) (d : Z) (nums : seq Z) (j : Z) : bool :=
  let rows := [seq [:: c] | c <- nums] in
  [&& Z.ltb 0 d, size nums == Z.to_nat (inputs p), all (fun row => Z.leb 0 (slack_at row d nums)) (domain p)
    & match evaluate (first p) d rows, evaluate (second p) d rows with
      | Some (df, fs), Some (dg, gs) =>
          match constant (nth [::] fs (Z.to_nat j)), constant (nth [::] gs (Z.to_nat j)) with
          | Some a, Some b =>
              [&& (Z.to_nat j < size fs)%N, (Z.to_nat j < size gs)%N
                & Z.ltb ((tolerance p).1 * (df * dg)) ((tolerance p).2 * Z.abs (dg * a - df * b))]
          | _, _ => false
          end
      | _, _ => false
      end].

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).

Lemma evaluate_sound net d rows d' rows' e (vs : seq R) : known 1 [::] [::] e -> 0 < zr d -> stable_rows e d rows vs ->
  evaluate net d rows = Some (d', rows') -> 0 < zr d' /\ exists2 t, known 1 [::] [::] (e ++ t) & stable_rows (e ++ t) d' rows' (run net vs).
Proof.
elim: net d rows e vs => [|[dl weights|m dl q r kinks|pairs] net IH] d rows e vs k d0 svs /=.
- by move=> [<- <-]; split=> //; exists [::]; rewrite cats0.
- case: ifP => // dl0; have dl0' : 0 < zr dl by rewrite zr_gt0.
  by move=> /(IH _ _ _ _ k _ (affine_rows_sound weights k dl0' svs)); apply; rewrite zrM mulr_gt0.
- case: ifP => // dl0; have dl0' : 0 < zr dl by rewrite zr_gt0.
  case br: (kept_rows _ _ _ _ _ _ _ _ _ _ _) => [[[|h atoms'] out]|] //.
  have [t [k' sout]] := kept_rows_sound dl0' d0 k svs br.
  have dd0 : 0 < zr (d * dl * dl) by rewrite !zrM !mulr_gt0.
  move=> /(IH _ _ _ _ k' dd0 sout)[? [t' k'' s'']]; split=> //.
  by exists (t ++ t'); rewrite catA.
case lr: (larger_rows _ _ _ _ _ _) => [[[|h atoms'] out]|] //.
have [t [k' sout]] := larger_rows_sound d0 k svs lr.
move=> /(IH _ _ _ _ k' d0 sout)[? [t' k'' s'']]; split=> //.
by exists (t ++ t'); rewrite catA.
Qed.

Lemma constant_sound e (r : row) (v : R) c : known 1 [::] [::] e -> stable e r v -> constant r = Some c -> v = zr c.
Proof.
move=> [_ [t ->] _ _] sr; case: r sr => [|a r] /= sr; first by move=> [<-]; rewrite (stable_unique sr (@stable_nil _ _)).
case: ifP => // z [<-]; have := sr [::].
by rewrite cats0 /= (dot_zero _ z) addr0 mulr1 => <-.
Qed.

Lemma zr_abs a : zr (Z.abs a) = `|zr a|.
Proof.
case: (Z.abs_spec a) => [[a0 ->]|[a0 ->]].
  by rewrite ger0_norm // zr_ge0; lia.
by rewrite zrN ltr0_norm // ltNge zr_ge0; lia.
Qed.

Lemma stable_nth e d rows (vs : seq R) j : stable_rows e d rows vs -> (j < size rows)%N -> stable e (nth [::] rows j) (zr d * nth 0 vs j).
Proof. by move=> s; elim: s j => [|r v rs vs' sr _ IH] [|j] //=; apply: IH. Qed.

Lemma all_in T (P : T -> bool) s a : all P s -> List.In a s -> P a.
Proof. by elim: s => //= b s IH /andP[Pb Ps] [<-|]; auto. Qed.

Theorem check_point_sound p d nums j : well_formed p -> check_point p d nums j -> differ R p.
Proof.
move=> /and5P[_ t0 td0 _ _] /and4P[d0 /eqP sz dom].
have d0' : 0 < zr d by rewrite zr_gt0.
set x := [seq zr a / zr d | a <- nums].
have k : known 1 [::] [::] [:: 1 : R] by split=> //; exists [::].
have sx : stable_rows [:: 1] d [seq [:: c] | c <- nums] x.
  rewrite /x; elim: nums {sz dom x} => [|c nums IH] /=; constructor=> //.
  by rewrite mulrCA mulfV ?mulr1 ?gt_eqF //; apply: stable_one.
case ef: (evaluate (first p) _ _) => [[df fs]|] //; case eg: (evaluate (second p) _ _) => [[dg gs]|] //.
have [df0 [tf kf sf]] := evaluate_sound k d0' sx ef; have [dg0 [tg kg sg]] := evaluate_sound k d0' sx eg.
case ca: (constant _) => [a|] //; case cb: (constant _) => [b|] // /and3P[jf jg far].
exists x; split.
- by rewrite size_map.
- move=> row /(all_in dom).
  have eq ts : foldr (fun t s => zr t.2 * nth 0 x (Z.to_nat t.1) + s) (zr row.1) ts =
      zr (foldr (fun t s => (t.2 * nth 0 nums (Z.to_nat t.1) + s)%Z) (row.1 * d)%Z ts) / zr d.
    elim: ts => [|t ts IH] /=; first by rewrite zrM mulfK // gt_eqF.
    rewrite IH zrD zrM mulrDl -mulrA; congr (_ * _ + _); rewrite /x.
    case: (ltnP (Z.to_nat t.1) (size nums)) => l; first by rewrite (nth_map 0%Z).
    by rewrite !nth_default ?size_map // zr0 mul0r.
  by rewrite /slack eq => s0; apply: divr_ge0; [rewrite zr_ge0 | apply: ltW].
exists (Z.to_nat j).
have va := constant_sound kf (stable_nth sf jf) ca; have vb := constant_sound kg (stable_nth sg jg) cb.
move: va vb; set v := nth 0 _ _; set w := nth 0 _ _ => va vb.
have D0 : 0 < zr df * zr dg * zr (tolerance p).2 by rewrite !mulr_gt0 // zr_gt0.
rewrite -(ltr_pmul2l D0) /bound.
have -> : zr df * zr dg * zr (tolerance p).2 * (zr (tolerance p).1 / zr (tolerance p).2) = zr ((tolerance p).1 * (df * dg)).
  by rewrite !zrM; field; rewrite gt_eqF // zr_gt0.
have -> : zr df * zr dg * zr (tolerance p).2 * `|v - w| = zr ((tolerance p).2 * Z.abs (dg * a - df * b)).
  rewrite zrM zr_abs zrB !zrM -va -vb.
  have -> : zr dg * (zr df * v) - zr df * (zr dg * w) = zr df * zr dg * (v - w) by ring.
  rewrite normrM [`|zr df * zr dg|]gtr0_norm ?mulr_gt0 //. by rewrite mulrCA mulrA.
by rewrite ltNge zr_le -Z.ltb_antisym.
Qed.

End Meaning.
