(* The verified checker: what it accepts is true.

   Statement. check p c = true -> claim c p, over every real field: for a proof by cases or intervals, the two networks of p are within its tolerance of
     each other everywhere on its domain (without a tolerance: they are the same function there); for a point, they are not (check_sound).
   Assumptions. None: the networks and the domain are in p, everything else in c is looked at by check.
   Idea. The domain is cut by inequalities; each part is settled by a tree (Tree.v) or by one pass of intervals
     (Pass.v). A point is evaluated (Point.v).
   Used in. The files that `exactnn check CERT --to-rocq OUT.v` writes; Extract.v, the same checker as a program.
   Attacked by. tests/proofs/test_rocq.py: certificates with one number changed
   References. docs/certificate-format.md *)
From Exactnn Require Export Reorder Rescale Pass Point.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Leaf: a proof by cases (Tree.v). Interval bits: the intervals of Pass.v, in units of 2^-bits; Apart bits: those of each network's values alone.
   Reordered orders p: p, with the second network's neurons in another order, one for each affine layer. Rescaled given p: at another scale.
   Cut r p q: where 0 <= r, p; where 0 <= -r, q. Both get their inequality behind those of the domain and of the cuts above. *)
Inductive parts := Cut (r : inequality) (p q : parts) | Leaf (t : tree) | Interval (bits : Z) | Apart (bits : Z)
  | Reordered (orders : seq (seq Z)) (p : parts) | Rescaled (given : seq (Z * (Z * seq Z))) (p : parts).

Inductive certificate := Equal (p : parts) | Differ (d : Z) (point : seq Z) (output : Z).

Definition opposed (r : inequality) : inequality := ((- r.1)%Z, [seq (t.1, (- t.2)%Z) | t <- r.2]).

(* The inequality as a row over 1, x_1, ..., x_n. *)
Definition dense (r : inequality) : row := foldr (fun t s => add_row (unit_row (Z.to_nat t.1).+1 t.2) s) [:: r.1] r.2.

Definition in_range (p : problem) (r : inequality) : bool := all (fun t => Z.leb 0 t.1 && Z.ltb t.1 (inputs p)) r.2.

Fixpoint check_parts (p : problem) (rows : seq inequality) (c : parts) : bool :=
  match c with
  | Cut r c1 c2 => [&& in_range p r, check_parts p (rcons rows r) c1 & check_parts p (rcons rows (opposed r)) c2]
  | Leaf t =>
      let n1 := (Z.to_nat (inputs p)).+1 in
      check_tree n1 (second p) (tolerance p) t (start n1 (first p) [seq (primitive (dense r)).2 | r <- rows])
  | Interval bits => check_pass p rows (Z.pow 2 bits)
  | Apart bits => check_apart p rows (Z.pow 2 bits)
  | Reordered orders c' =>
      match reorder (second p) (iota 0 (Z.to_nat (inputs p))) [seq [seq Z.to_nat i | i <- order] | order <- orders] with
      | Some g => let p' := Problem (inputs p) (first p) g (domain p) (tolerance p) in well_formed p' && check_parts p' rows c'
      | None => false
      end
  | Rescaled given c' =>
      match rescale (second p) (ones (Z.to_nat (inputs p))) given with
      | Some g => let p' := Problem (inputs p) (first p) g (domain p) (tolerance p) in well_formed p' && check_parts p' rows c'
      | None => false
      end
  end.

Definition check (p : problem) (c : certificate) : bool :=
  well_formed p && match c with Equal q => check_parts p (domain p) q | Differ d nums j => check_point p d nums j end.

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).
Implicit Types (x : seq R).
#[local] Arguments add_row : simpl never.

Definition claim (c : certificate) (p : problem) : Prop := match c with Equal _ => equal_within R p | Differ _ _ _ => differ R p end.

Lemma dense_sound p r x : size x = Z.to_nat (inputs p) -> in_range p r -> stable (1 :: x) (dense r) (slack r x).
Proof.
move=> sx; rewrite /in_range /dense /slack; elim: r.2 => [_|t ts IH /= /andP[/andP[t0 tn] ok]]; first exact: stable_one.
by apply: stable_add; [apply: (stable_unit _ (e := 1 :: x)); rewrite /= ltnS sx; lia | apply: IH].
Qed.

Lemma opposed_slack r x : slack (opposed r) x = - slack r x.
Proof.
rewrite /slack /=; elim: r.2 => [|t ts IH] /=; first by rewrite zrN.
by rewrite IH zrN; ring.
Qed.

Lemma opposed_range p r : in_range p (opposed r) = in_range p r.
Proof. by rewrite /in_range /opposed all_map. Qed.

Lemma start_sound p rows t x : well_formed p -> size x = Z.to_nat (inputs p) -> all (in_range p) rows -> inside rows x ->
  check_tree (size x).+1 (second p) (tolerance p) t (start (size x).+1 (first p) [seq (primitive (dense r)).2 | r <- rows]) ->
  close (bound R p) (run (first p) x) (run (second p) x).
Proof.
move=> /and5P[_ t0 td0 _ _] sx rng ins; rewrite /start /bound.
have k : known (size x).+1 [::] [seq (primitive (dense r)).2 | r <- rows] (1 :: x : seq R).
  split=> //=; [by rewrite addn0 | by exists x |].
  elim: rows rng ins => [|r rows IH] //= /andP[rr rng] ins g [<-|]; last by apply: IH => // ? ?; apply: ins; right.
  case pr: (primitive _) => [c h] /=.
  have [c0 [w sw ew]] := primitive_sound pr (dense_sound sx rr).
  by exists w => //; have := ins r (or_introl erefl); rewrite ew pmulr_rge0.
have ex : exists t, 1 :: x = (1 :: x) ++ t :> seq R by exists [::]; rewrite cats0.
have idr := identity_sound (x := x) (erefl _) (t := [::]) (esym (cats0 (1 :: x))).
have [vs [h eq]] := enter_sound (ws := [::]) (done := None) (first p) k ex (ltr01 : 0 < zr 1) idr I.
move=> /(check_tree_sound (erefl _) t0 td0 h); rewrite /goal; move: eq.
by rewrite /enter; case: (advance _ _ _) => [[net' d'] rows'] /= ->.
Qed.

Theorem check_parts_sound p c rows x : well_formed p -> size x = Z.to_nat (inputs p) -> all (in_range p) rows -> inside rows x ->
  check_parts p rows c -> close (bound R p) (run (first p) x) (run (second p) x).
Proof.
move=> wf sx; elim: c p wf sx rows => [r c1 IH1 c2 IH2|t|bits|bits|orders c IH|given c IH] p wf sx rows rng ins /=.
- have rcons_inside r' : inside rows x -> 0 <= slack r' x -> inside (rcons rows r') x.
    move=> old new r''; rewrite -cats1 => r_in; have [?|[<-|]] := List.in_app_or _ _ _ r_in => //; exact: old.
  move=> /and3P[rr ok1 ok2]; case: (lerP 0 (slack r x)) => s.
    by apply: (IH1 p wf sx _ _ _ ok1); [rewrite all_rcons rr | apply: rcons_inside].
  by apply: (IH2 p wf sx _ _ _ ok2); [rewrite all_rcons opposed_range rr | apply: rcons_inside => //; rewrite opposed_slack oppr_ge0 ltW].
- by rewrite -sx; apply: start_sound.
- exact: check_pass_sound.
- exact: check_apart_sound.
- case re: (reorder _ _ _) => [g|] // /andP[wf' ok].
  have := IH (Problem (inputs p) (first p) g (domain p) (tolerance p)) wf' sx rows rng ins ok.
  have perm : perm_eq (iota 0 (Z.to_nat (inputs p))) (iota 0 (size x)) by rewrite sx.
  by have := reorder_sound perm re; rewrite -sx pick_id => ->.
case re: (rescale _ _ _) => [g|] // /andP[wf' ok].
have := IH (Problem (inputs p) (first p) g (domain p) (tolerance p)) wf' sx rows rng ins ok.
have sz : size (ones (Z.to_nat (inputs p))).2 = size x by rewrite size_nseq sx.
have := rescale_sound sz re; rewrite times_ones //; first by move=> ->.
by apply/allP => m /nseqP[-> _].
Qed.

Theorem check_sound p c : check p c = true -> claim c p.
Proof.
rewrite /check /claim; case: c => [c|d nums j] /andP[wf ok]; last exact: check_point_sound ok.
move=> x sx ins; apply: check_parts_sound (wf) sx _ ins ok.
by case/and5P: wf.
Qed.

(* For proofs about given weights: without a tolerance the networks are one function. *)
Theorem check_equal p c : (tolerance p).1 = 0%Z -> check p (Equal c) = true ->
  forall x, size x = Z.to_nat (inputs p) -> inside (domain p) x -> run (first p) x = run (second p) x.
Proof. by move=> t0 /check_sound; apply: equal_exactly. Qed.

End Meaning.
