(* Networks written as rows over functions max(h, 0), and Farkas proofs about such rows.

   Statement. `nonneg` accepts a proof that a row is nowhere negative on a cell (nonneg_sound); `unit_max` finds a row that is worth
     max(z, 0) for a row z, z being proved >= 0 or <= 0 on the cell, or max(h, 0) becoming an atom of its own (unit_max_sound);
     `bend_rows` and `affine_rows` carry a layer's values on (bend_rows_sound, affine_rows_sound).
   Assumptions. None beyond Networks.v.
   Idea. The environment is 1, x_1, ..., x_n, max(h_0, 0), max(h_1, 0), ...: each atom h_a is a row over what comes before it, and is
     recognised again, in either network, by its primitive row or the opposite one. 0 <= factor form - sum y_i g_i, y_i >= 0, shows 0 <= form.
   Used in. Tree.v
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("Tree": Cells, Nodes; "Forms": lines and proofs) *)
From Exactnn Require Export Networks.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* --- what is computed ------------------------------------------------------------------------------------------- *)

(* A multiplier y >= 0 of inequality i of the cell; of atom a, max(h_a, 0) >= 0; of its mirror, max(-h_a, 0) = max(h_a, 0) - h_a >= 0. *)
Inductive term := G (i y : Z) | A (a y : Z) | M (a y : Z).

(* factor * form = gamma + sum of the terms *)
Notation proof := (Z * seq term)%type.

(* z >= 0 on the cell, z <= 0 on it, or neither is claimed. *)
Inductive hint := On (p : proof) | Off (p : proof) | Open.

Fixpoint gcd_row (g : Z) (r : row) : Z :=
  if Z.eqb g 1 then 1%Z else match r with [::] => g | a :: r' => gcd_row (Z.gcd g a) r' end.

(* (c, h) with row = c h and c > 0, h being primitive *)
Definition primitive (r : row) : Z * row :=
  let g := gcd_row 0 r in
  let h := [seq (a / g)%Z | a <- r] in
  if Z.ltb 1 g && same_row (scale_row g h) r then (g, h) else (1%Z, r).

Section Context.
Variable n : nat. (* atoms stand behind 1, x_1, ..., x_(n-1) *)

Definition multiplier (t : term) : Z := match t with G _ y => y | A _ y => y | M _ y => y end.

Definition atom_row (atoms : seq row) (a : nat) (c : Z) : row := if (a < size atoms)%N then unit_row (n + a) c else [::].

Definition mirror_row (atoms : seq row) (a : nat) : row :=
  if (a < size atoms)%N then add_scaled (-1) (nth [::] atoms a) (unit_row (n + a) 1) else [::].

Definition term_row (atoms cell : seq row) (t : term) : row :=
  match t with
  | G i _ => nth [::] cell (Z.to_nat i)
  | A a _ => atom_row atoms (Z.to_nat a) 1
  | M a _ => mirror_row atoms (Z.to_nat a)
  end.

Definition nonneg (atoms cell : seq row) (p : proof) (form : row) : bool :=
  [&& Z.ltb 0 p.1, all (fun t => Z.leb 0 (multiplier t)) p.2
    & match foldl (fun s t => add_scaled (- multiplier t) (term_row atoms cell t) s) (scale_row p.1 form) p.2 with
      | [::] => true
      | c :: rest => Z.leb 0 c && zero_row rest
      end].

Definition opposite (r : row) : row := scale_row (-1) r.

(* (a, false) if h is h_a, (a, true) if it is its opposite *)
Fixpoint find_atom (a : nat) (atoms : seq row) (h : row) : option (nat * bool) :=
  match atoms with
  | [::] => None
  | k :: rest => if same_row k h then Some (a, false) else if same_row k (opposite h) then Some (a, true) else find_atom a.+1 rest h
  end.

(* The atoms, perhaps with a new one, and a row for max(z, 0). *)
Definition unit_max (atoms cell : seq row) (z : row) (advice : hint) : option (seq row * row) :=
  let (c, h) := primitive z in
  match advice with
  | On p => if nonneg atoms cell p h then Some (atoms, z) else None
  | Off p => if nonneg atoms cell p (opposite h) then Some (atoms, [::]) else None
  | Open =>
      if zero_row (behead h) then Some (atoms, if Z.leb 0 (head 0%Z h) then z else [::]) else
      match find_atom 0 atoms h with
      | Some (a, false) => Some (atoms, atom_row atoms a c)
      | Some (a, true) => Some (atoms, add_row (atom_row atoms a c) z)
      | None => Some (rcons atoms h, unit_row (n + size atoms) c)
      end
  end.

(* d den (e - t/d) for den e *)
Definition kink_row (den d t : Z) (v : row) : row := add_row (scale_row d v) [:: (- (t * den))%Z].

(* total + sum of p max over the kinks; the hints that are left *)
Fixpoint kinks_rows (cell : seq row) (den d : Z) (v : row) (kinks : seq (Z * Z)) (atoms : seq row) (hints : seq hint) :
    option (seq row * row * seq hint) :=
  match kinks with
  | [::] => Some (atoms, [::], hints)
  | (t, p) :: kinks' =>
      match unit_max atoms cell (kink_row den d t v) (head Open hints) with
      | None => None
      | Some (atoms', m) =>
          match kinks_rows cell den d v kinks' atoms' (behead hints) with
          | None => None
          | Some (atoms'', total, hints') => Some (atoms'', add_scaled p m total, hints')
          end
      end
  end.

(* The entries behind a Bend, over den d d. *)
Fixpoint bend_rows (cell : seq row) (den d q r : Z) (kinks : seq (Z * Z)) (vals : seq row) (atoms : seq row) (hints : seq hint) :
    option (seq row * seq row) :=
  match vals with
  | [::] => Some (atoms, [::])
  | v :: vals' =>
      match kinks_rows cell den d v kinks atoms hints with
      | None => None
      | Some (atoms', total, hints') =>
          match bend_rows cell den d q r kinks vals' atoms' hints' with
          | None => None
          | Some (atoms'', out) => Some (atoms'', add_scaled (q * d) v (add_row [:: (r * d * den)%Z] total) :: out)
          end
      end
  end.

(* Those behind a Bend whose first k entries stay. *)
Definition kept_rows (cell : seq row) (den : Z) (k : nat) (d q r : Z) (kinks : seq (Z * Z)) (vals : seq row) (atoms : seq row)
    (hints : seq hint) : option (seq row * seq row) :=
  match bend_rows cell den d q r kinks (drop k vals) atoms hints with
  | None => None
  | Some (atoms', out) => Some (atoms', [seq scale_row (d * d) v | v <- take k vals] ++ out)
  end.

(* x_j - x_i *)
Definition pair_row (vals : seq row) (p : Z * Z) : row :=
  add_scaled (-1) (nth [::] vals (Z.to_nat p.1)) (nth [::] vals (Z.to_nat p.2)).

(* The entries x_i + max(x_j - x_i, 0), with one hint for each pair of different ones. *)
Fixpoint larger_rows (cell vals : seq row) (pairs : seq (Z * Z)) (atoms : seq row) (hints : seq hint) : option (seq row * seq row) :=
  match pairs with
  | [::] => Some (atoms, [::])
  | p :: pairs' =>
      let v := nth [::] vals (Z.to_nat p.1) in
      if Z.eqb p.1 p.2 then
        match larger_rows cell vals pairs' atoms hints with
        | None => None
        | Some (atoms', out) => Some (atoms', v :: out)
        end
      else
        match unit_max atoms cell (pair_row vals p) (head Open hints) with
        | None => None
        | Some (atoms', m) =>
            match larger_rows cell vals pairs' atoms' (behead hints) with
            | None => None
            | Some (atoms'', out) => Some (atoms'', add_row v m :: out)
            end
        end
  end.

Definition affine_row (den : Z) (vals : seq row) (r : row) : row :=
  match r with [::] => [::] | b :: ws => add_row [:: (b * den)%Z] (lin_row ws vals) end.

Definition affine_rows (den : Z) (vals rows : seq row) : seq row := [seq affine_row den vals r | r <- rows].

End Context.

(* --- what it means ---------------------------------------------------------------------------------------------- *)

Section Meaning.
Variable R : realFieldType.
Variable n : nat.
Implicit Types (e vs : seq R) (atoms cell vals : seq row) (v w : R).
Notation zr := (zr R).
#[local] Arguments add_row : simpl never.
#[local] Arguments add_scaled : simpl never.

Lemma primitive_sound e z c h v : primitive z = (c, h) -> stable e z v -> 0 < zr c /\ exists2 w, stable e h w & v = zr c * w.
Proof.
rewrite /primitive; case: ifP => [/andP[big same]|_] [<- <-] sz.
  have g0 : 0 < zr (gcd_row 0 z) by rewrite zr_gt0; lia.
  split=> //; exists (v / zr (gcd_row 0 z)); last by rewrite mulrCA mulfV ?mulr1 // gt_eqF.
  move=> t; apply: (mulfI (lt0r_neq0 g0)); rewrite -dot_scale (dot_same _ same) sz.
  by rewrite mulrCA mulfV ?mulr1 // gt_eqF.
by split; [rewrite zr1 ltr01 | exists v; rewrite ?zr1 ?mul1r].
Qed.

(* Everything a cell knows holds at e. *)
Definition known atoms cell e :=
  [/\ size e = (n + size atoms)%N, (exists t, e = 1 :: t),
      (forall a, (a < size atoms)%N -> exists2 w, stable e (nth [::] atoms a) w & nth 0 e (n + a) = Num.max 0 w)
    & (forall g, List.In g cell -> exists2 w, stable e g w & 0 <= w)].

Lemma known_one atoms cell e c : known atoms cell e -> stable e [:: c] (zr c).
Proof. by move=> [_ [t ->] _ _]; apply: stable_one. Qed.

Lemma atom_row_sound atoms cell e a c : known atoms cell e -> (a < size atoms)%N ->
  exists2 w, stable e (nth [::] atoms a) w & stable e (atom_row n atoms a c) (zr c * Num.max 0 w).
Proof.
move=> [sz _ old _] a_lt; have [w sw ew] := old a a_lt; exists w => //.
by rewrite /atom_row a_lt -ew; apply: stable_unit; rewrite sz ltn_add2l.
Qed.

Lemma stable_nonneg_nil e : exists2 w : R, stable e [::] w & 0 <= w.
Proof. by exists 0 => //; apply: stable_nil. Qed.

Lemma nth_in (s : seq row) i : List.In (nth [::] s i) s \/ nth [::] s i = [::].
Proof. by elim: s i => [|r s IH] [|i] /=; auto; have [] := IH i; auto. Qed.

Lemma term_row_sound atoms cell e (t : term) : known atoms cell e -> exists2 w, stable e (term_row n atoms cell t) w & 0 <= w.
Proof.
move=> k; case: t => [i y|a y|a y] /=.
- have [i_in|->] := nth_in cell (Z.to_nat i); last exact: stable_nonneg_nil.
  by case: k => _ _ _; apply.
- case: (ltnP (Z.to_nat a) (size atoms)) => [a_lt|a_ge]; last first.
    by rewrite /atom_row ltnNge a_ge; apply: stable_nonneg_nil.
  have [w _ s] := atom_row_sound 1 k a_lt; exists (zr 1 * Num.max 0 w) => //.
  by rewrite zr1 mul1r le_maxr lexx.
case: (ltnP (Z.to_nat a) (size atoms)) => [a_lt|a_ge]; last first.
  by rewrite /mirror_row ltnNge a_ge; apply: stable_nonneg_nil.
have [w sw s] := atom_row_sound 1 k a_lt; exists (zr (-1) * w + zr 1 * Num.max 0 w).
  by move: s; rewrite /mirror_row /atom_row a_lt => s; apply: stable_add_scaled.
by rewrite zrN1 zr1 mulN1r mul1r addrC subr_ge0 le_maxr lexx orbT.
Qed.

Theorem nonneg_sound atoms cell e p form v : known atoms cell e -> nonneg n atoms cell p form -> stable e form v -> 0 <= v.
Proof.
move=> k /and3P[f0 ys rest] sv; have := stable_scale p.1 sv.
move: f0; rewrite -(zr_gt0 R) => f0.
suff main u s : stable e s u -> all (fun t => Z.leb 0 (multiplier t)) p.2 ->
    match foldl (fun s t => add_scaled (- multiplier t) (term_row n atoms cell t) s) s p.2 with
    | [::] => true | c :: rest => Z.leb 0 c && zero_row rest end -> 0 <= u.
  by move=> /main/(_ ys rest); rewrite pmulr_rge0.
elim: p.2 u s {ys rest} => [|t ts IH] u s su /=.
  move=> _; case: s su => [/(_ [::]) <-|c r su /andP[c0 z]]; first by rewrite dot_nil.
  have [_ [t et] _ _] := k; have := su [::]; rewrite cats0 et /= (dot_zero _ z) addr0 mulr1 => <-.
  by rewrite zr_ge0.
move=> /andP[y0 ys] rest.
have [w sw w0] := term_row_sound t k.
have := IH _ _ (stable_add_scaled (- multiplier t) sw su) ys rest.
have yw : 0 <= zr (multiplier t) * w by apply: mulr_ge0 => //; rewrite zr_ge0.
by rewrite zrN mulNr addrC subr_ge0; apply: le_trans.
Qed.

Lemma find_atom_sound b atoms h a m : find_atom b atoms h = Some (a, m) ->
  [/\ (b <= a)%N, (a - b < size atoms)%N & same_row (nth [::] atoms (a - b)) (if m then opposite h else h)].
Proof.
elim: atoms b => [|k rest IH] b //=.
case: ifP => [same [<- <-]|_]; first by rewrite subnn.
case: ifP => [same [<- <-]|_]; first by rewrite subnn.
move=> /IH[lt sz same]; split; first exact: ltnW.
- by rewrite subnS in sz; move: sz lt; lia.
by move: same; rewrite (_ : (a - b)%N = (a - b.+1).+1); last by lia.
Qed.

Lemma known_extend atoms cell e h w : known atoms cell e -> stable e h w -> known (rcons atoms h) cell (e ++ [:: Num.max 0 w]).
Proof.
move=> [sz [t et] old cells] sh; split.
- by rewrite size_cat size_rcons sz /= addn1 addnS.
- by rewrite et /=; eexists.
- move=> a; rewrite size_rcons ltnS leq_eqVlt => /orP[/eqP ->|a_lt].
    exists w; first by rewrite nth_rcons ltnn eqxx; apply: stable_ext.
    by rewrite nth_cat sz ltnn subnn.
  have [u su eu] := old a a_lt; exists u; first by rewrite nth_rcons a_lt; apply: stable_ext.
  by rewrite nth_cat sz ltn_add2l a_lt.
by move=> g /cells[u su u0]; exists u => //; apply: stable_ext.
Qed.

Theorem unit_max_sound atoms cell e z advice atoms' m v : known atoms cell e -> stable e z v ->
  unit_max n atoms cell z advice = Some (atoms', m) -> exists t, known atoms' cell (e ++ t) /\ stable (e ++ t) m (Num.max 0 v).
Proof.
move=> k sz; rewrite /unit_max; case pz: (primitive z) => [c h].
have [c0 [w sh vw]] := primitive_sound pz sz.
case: advice => [p|p|].
- case: ifP => // /(nonneg_sound k)/(_ sh) w0 [<- <-]; exists [::]; rewrite cats0; split=> //.
  by rewrite max_r // vw mulr_ge0 // ltW.
- case: ifP => // /(nonneg_sound k)/(_ (stable_scale _ sh)) w0 [<- <-]; exists [::]; rewrite cats0; split=> //.
  rewrite max_l; first exact: stable_nil.
  by move: w0; rewrite zrN1 mulN1r oppr_ge0 vw => w0; rewrite mulr_ge0_le0 // ltW.
case: ifP => [const [<- <-]|_].
  exists [::]; rewrite cats0; split=> //.
  have ew : w = zr (head 0%Z h).
    case: h const sh {pz} => [|a h] /= const sh; first by rewrite (stable_unique sh (@stable_nil _ _)).
    have [_ [t et] _ _] := k; have := sh [::]; rewrite cats0 et /= (dot_zero _ const) addr0 mulr1.
    by move=> <-.
  case: ifP => s; first by rewrite max_r // vw mulr_ge0 ?(ltW c0) // ew zr_ge0.
  rewrite max_l; first exact: stable_nil.
  by rewrite vw mulr_ge0_le0 ?(ltW c0) // ew -(zr0 R) zr_le; lia.
have scaled : Num.max 0 v = zr c * Num.max 0 w by rewrite vw maxr_pmulr ?(ltW c0) // mulr0.
case fz: (find_atom 0 atoms h) => [[a [|]]|] [<- <-].
- have [_] := find_atom_sound fz; rewrite subn0 => a_lt same.
  exists [::]; rewrite cats0; split=> //.
  have [u su sa] := atom_row_sound c k a_lt.
  have uw : u = - w by rewrite -mulN1r -(zrN1 R); apply: (stable_unique (stable_same same su)); apply: stable_scale.
  have -> : Num.max 0 v = zr c * Num.max 0 u + v.
    rewrite uw vw; case: (lerP 0 w) => w0.
      by rewrite max_r ?mulr_ge0 ?(ltW c0) // max_l ?oppr_le0 // mulr0 add0r.
    rewrite max_l ?mulr_ge0_le0 ?(ltW c0) ?(ltW w0) // max_r ?oppr_ge0 ?(ltW w0) //; ring.
  exact: stable_add.
- have [_] := find_atom_sound fz; rewrite subn0 => a_lt same.
  exists [::]; rewrite cats0; split=> //.
  have [u su sa] := atom_row_sound c k a_lt.
  have uw : u = w by apply: (stable_unique (stable_same same su)).
  by rewrite scaled -uw.
exists [:: Num.max 0 w]; split; first exact: known_extend.
have k' := known_extend k sh.
have a_lt : (size atoms < size (rcons atoms h))%N by rewrite size_rcons.
have [u] := atom_row_sound c k' a_lt; rewrite nth_rcons ltnn eqxx => su.
have -> : u = w by apply: (stable_unique su); apply: stable_ext.
by rewrite /atom_row a_lt scaled.
Qed.

Lemma kink_row_sound atoms cell e d den t z v : known atoms cell e -> 0 < zr d -> stable e z (zr den * v) ->
  stable e (kink_row den d t z) (zr d * zr den * (v - zr t / zr d)).
Proof.
move=> k d0 sz; have -> : zr d * zr den * (v - zr t / zr d) = zr d * (zr den * v) + zr (- (t * den)).
  by rewrite zrN zrM; field; rewrite gt_eqF.
by apply: stable_add; [apply: stable_scale | apply: known_one k].
Qed.

Lemma kinks_rows_sound cell d den z kinks v : 0 < zr d -> 0 < zr den -> forall atoms e hints atoms' total hints',
  known atoms cell e -> stable e z (zr den * v) -> kinks_rows n cell den d z kinks atoms hints = Some (atoms', total, hints') ->
  exists t, known atoms' cell (e ++ t) /\ stable (e ++ t) total (zr d * zr den * kink_sum d kinks v).
Proof.
move=> d0 den0; elim: kinks => [|[t p] kinks IH] atoms e hints atoms' total hints' k sz /=.
  by move=> [<- <- _]; exists [::]; rewrite cats0 mulr0; split=> //; apply: stable_nil.
case um: (unit_max _ _ _ _ _) => [[atoms1 m]|] //.
have [t1 [k1 sm]] := unit_max_sound k (kink_row_sound t k d0 sz) um.
case kr: (kinks_rows _ _ _ _ _ _ _ _) => [[[atoms2 total2] hints2]|] // [<- <- _].
have [t2 [k2 st]] := IH _ _ _ _ _ _ k1 (stable_ext t1 sz) kr.
exists (t1 ++ t2); rewrite catA; split=> //.
have -> : zr d * zr den * (zr p * Num.max 0 (v - zr t / zr d) + kink_sum d kinks v) =
    zr p * Num.max 0 (zr d * zr den * (v - zr t / zr d)) + zr d * zr den * kink_sum d kinks v.
  have mx u : Num.max 0 (zr d * zr den * u) = zr d * zr den * Num.max 0 u by rewrite maxr_pmulr ?mulr0 // mulr_ge0 ?ltW.
  by rewrite mx; ring.
by apply: stable_add_scaled => //; apply: stable_ext.
Qed.

Theorem bend_rows_sound cell d den q r kinks : 0 < zr d -> 0 < zr den -> forall vals vs atoms e hints atoms' out,
  known atoms cell e -> stable_rows e den vals vs -> bend_rows n cell den d q r kinks vals atoms hints = Some (atoms', out) ->
  exists t, known atoms' cell (e ++ t) /\ stable_rows (e ++ t) (den * d * d) out [seq bend d q r kinks v | v <- vs].
Proof.
move=> d0 den0; elim=> [|z vals IH] vs atoms e hints atoms' out k svs /=.
  move=> [<- <-]; exists [::]; rewrite cats0; split=> //.
  by inversion svs; constructor.
inversion svs as [|z' v vals' vs' sz svs' ez evs]; subst.
case kr: (kinks_rows _ _ _ _ _ _ _ _) => [[[atoms1 total] hints1]|] //.
have [t1 [k1 st]] := kinks_rows_sound d0 den0 k sz kr.
case br: (bend_rows _ _ _ _ _ _ _ _ _ _) => [[atoms2 out2]|] // [<- <-].
have [t2 [k2 s2]] := IH _ _ _ _ _ _ k1 (stable_rows_ext t1 svs') br.
exists (t1 ++ t2); rewrite catA; split=> //=; constructor=> //.
apply: stable_ext.
have -> : zr (den * d * d) * bend d q r kinks v =
    zr (q * d) * (zr den * v) + (zr (r * d * den) + zr d * zr den * kink_sum d kinks v).
  by rewrite /bend !zrM; field; rewrite gt_eqF.
apply: stable_add_scaled; first exact: stable_ext.
by apply: stable_add => //; apply: known_one k1.
Qed.

Lemma stable_rows_split e d (rows : seq row) (vs : seq R) k : stable_rows e d rows vs ->
  stable_rows e d (take k rows) (take k vs) /\ stable_rows e d (drop k rows) (drop k vs).
Proof.
move=> svs; elim: svs k => [|r v rs ws p svs IH] [|k] /=; split; try constructor=> //; try by have [] := IH k.
Qed.

Lemma stable_rows_cat e d rows rows' (vs vs' : seq R) : stable_rows e d rows vs -> stable_rows e d rows' vs' ->
  stable_rows e d (rows ++ rows') (vs ++ vs').
Proof. by move=> svs svs'; elim: svs => [|r v rs ws p _ IH] //=; constructor. Qed.

Lemma stable_rows_nth e d rows (vs : seq R) i : stable_rows e d rows vs -> stable e (nth [::] rows i) (zr d * nth 0 vs i).
Proof. by move=> svs; elim: svs i => [|r v rs ws p _ IH] [|i] //=; rewrite mulr0; apply: stable_nil. Qed.

Theorem kept_rows_sound cell d den k q r kinks : 0 < zr d -> 0 < zr den -> forall vals vs atoms e hints atoms' out,
  known atoms cell e -> stable_rows e den vals vs -> kept_rows n cell den k d q r kinks vals atoms hints = Some (atoms', out) ->
  exists t, known atoms' cell (e ++ t) /\
    stable_rows (e ++ t) (den * d * d) out (take k vs ++ [seq bend d q r kinks v | v <- drop k vs]).
Proof.
move=> d0 den0 vals vs atoms e hints atoms' out kn svs; rewrite /kept_rows.
have [firsts others] := stable_rows_split k svs.
case br: (bend_rows _ _ _ _ _ _ _ _ _ _) => [[atoms1 out1]|] // [<- <-].
have [t [k1 s1]] := bend_rows_sound d0 den0 kn others br; exists t; split=> //.
apply: stable_rows_cat s1; apply: stable_rows_ext.
elim: firsts => [|row v rs ws p _ IH] /=; constructor=> //.
by have -> : zr (den * d * d) * v = zr (d * d) * (zr den * v); [rewrite !zrM; ring | apply: stable_scale].
Qed.

Theorem larger_rows_sound cell den vals (vs : seq R) : 0 < zr den -> forall pairs atoms e hints atoms' out,
  known atoms cell e -> stable_rows e den vals vs -> larger_rows n cell vals pairs atoms hints = Some (atoms', out) ->
  exists t, known atoms' cell (e ++ t) /\ stable_rows (e ++ t) den out (apply (Larger pairs) vs).
Proof.
move=> den0; elim=> [|p pairs IH] atoms e hints atoms' out k svs /=.
  by move=> [<- <-]; exists [::]; rewrite cats0; split=> //; constructor.
have si := stable_rows_nth (Z.to_nat p.1) svs; have sj := stable_rows_nth (Z.to_nat p.2) svs.
case: Z.eqb_spec => [eq|_].
  case lr: (larger_rows _ _ _ _ _ _) => [[atoms1 out1]|] // [<- <-].
  have [t [k1 s1]] := IH _ _ _ _ _ k svs lr; exists t; split=> //; constructor=> //.
  by rewrite -eq maxxx; apply: stable_ext.
case um: (unit_max _ _ _ _ _) => [[atoms1 m]|] //.
have [t1 [k1 sm]] := unit_max_sound k (stable_add_scaled (-1) si sj) um.
case lr: (larger_rows _ _ _ _ _ _) => [[atoms2 out2]|] // [<- <-].
have [t2 [k2 s2]] := IH _ _ _ _ _ k1 (stable_rows_ext t1 svs) lr.
exists (t1 ++ t2); rewrite catA; split=> //; constructor=> //; apply: stable_ext.
have -> : zr den * Num.max (nth 0 vs (Z.to_nat p.1)) (nth 0 vs (Z.to_nat p.2)) = zr den * nth 0 vs (Z.to_nat p.1) +
    Num.max 0 (zr (-1) * (zr den * nth 0 vs (Z.to_nat p.1)) + zr den * nth 0 vs (Z.to_nat p.2)).
  by rewrite zrN1 mulN1r [- _ + _]addrC addr_maxr addr0 addrC subrK maxr_pmulr // ltW.
by apply: stable_add => //; apply: stable_ext.
Qed.

Theorem affine_rows_sound atoms cell e d den rows vals vs : known atoms cell e -> 0 < zr d -> stable_rows e den vals vs ->
  stable_rows e (den * d) (affine_rows den vals rows) (apply (Affine d rows) vs).
Proof.
move=> k d0 svs; elim: rows => [|r rows IH] /=; constructor=> //.
have -> : zr (den * d) * (dot r (1 :: vs) / zr d) = zr den * dot r (1 :: vs) by rewrite zrM; field; rewrite gt_eqF.
case: r => [|b ws] /=; first by rewrite mulr0; apply: stable_nil.
have -> : zr den * (zr b * 1 + dot ws vs) = zr (b * den) + zr den * dot ws vs by rewrite zrM; ring.
by apply: stable_add; [apply: known_one k | apply: stable_lin].
Qed.

End Meaning.
