(* Two affine layers as one, where one of them is diagonal: a normalisation and the weights beside it.

   Statement. The network whose neighbouring affine layers are multiplied, where one of the two has no weight off its diagonal, is the same function
     (folded_sound).
   Assumptions. None beyond Networks.v.
   Idea. w (V x + c) + b = (w V) x + (w c + b), row by row. Intervals are narrower behind one layer than behind two.
   Used in. Pass.v, as exactnn/certificate/_folding.py does it
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("pass", Folding) *)
From Exactnn Require Export Networks.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Row i, behind its bias, has nothing but its entry i. *)
Fixpoint diagonal_from (i : nat) (rows : seq row) : bool :=
  match rows with
  | [::] => true
  | r :: rest => all (Z.eqb 0) (take i (behead r)) && all (Z.eqb 0) (drop i.+1 (behead r)) && diagonal_from i.+1 rest
  end.

(* b + w . (values of the rows over d), as a row; as long as n says where there are enough rows *)
Definition composed (n : nat) (d : Z) (rows : seq row) (r : row) : row :=
  add_row (nseq n 0%Z) (add_row [:: (head 0 r * d)%Z] (lin_row (behead r) rows)).

Definition joined (d : Z) (rows : seq row) (d' : Z) (rows' : seq row) : layer :=
  Affine (d * d') [seq composed (size (head [::] rows)) d rows r | r <- rows'].

Fixpoint folded (net : network) : network :=
  match net with
  | [::] => [::]
  | l :: rest =>
      match l, folded rest with
      | Affine d rows, Affine d' rows' :: more =>
          if Z.ltb 0 d && (diagonal_from 0 rows || diagonal_from 0 rows') then joined d rows d' rows' :: more else l :: Affine d' rows' :: more
      | _, rest' => l :: rest'
      end
  end.

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).
Implicit Types (e v : seq R).

Lemma dot_lin (ws : seq Z) (rows : seq row) e : dot (lin_row ws rows) e = dot ws [seq dot r e | r <- rows].
Proof.
by elim: ws rows => [|w ws IH] [|r rows] //=; rewrite ?dot_nil // dot_add_scaled IH.
Qed.

Lemma dot_nothing n e : dot (nseq n 0%Z) e = 0.
Proof. by elim: n e => [|n IH] [|x e] //=; rewrite IH mul0r addr0. Qed.

Lemma dot_over (ws : seq Z) (rows : seq row) (c : R) e : dot ws [seq dot r e / c | r <- rows] = dot ws [seq dot r e | r <- rows] / c.
Proof. by elim: ws rows => [|w ws IH] [|r rows] /=; rewrite ?mul0r // IH mulrDl mulrA. Qed.

Lemma composed_sound n d rows r v : zr d != 0 ->
  dot (composed n d rows r) (1 :: v) / zr d = dot r (1 :: [seq dot s (1 :: v) / zr d | s <- rows]).
Proof.
move=> d0; rewrite /composed !dot_add dot_nothing dot_lin add0r /=.
case: r => [|b ws] /=; first by rewrite zrM zr0 !mul0r !addr0 mul0r.
by rewrite dot_over addr0 !mulr1 zrM mulrDl mulfK.
Qed.

Lemma joined_sound d rows d' rows' v : zr d != 0 -> apply (joined d rows d' rows') v = apply (Affine d' rows') (apply (Affine d rows) v).
Proof.
move=> d0; rewrite /= -map_comp; apply: eq_map => r /=.
by rewrite zrM invfM mulrA composed_sound.
Qed.

Theorem folded_sound net v : run (folded net) v = run net v.
Proof.
elim: net v => [|l net IH] v //=; have step (w : seq R) : run (folded net) w = run net w by exact: IH.
rewrite [RHS]/run /= -/(run net _) -step.
case: l => [d rows|n d q r kinks|pairs] //; case: (folded net) => [|[d' rows'|n d' q r kinks|pairs] more] //.
case: ifP => // /andP[d0 _]; have d0' : zr d != 0 by rewrite gt_eqF // zr_gt0.
by rewrite /run /= -/(run _ _) -/(run _ _) -[X in run more X]/(apply (joined d rows d' rows') v) joined_sound.
Qed.

End Meaning.
