(* The pass over a difference: intervals for the values of both networks, and for what lies between them, layer by layer.

   Statement. If check_pass accepts, all outputs of the two networks are within the tolerance of each other wherever the inequalities hold;
     those with one variable give the box from which the intervals start (check_pass_sound). The same for check_apart, which
     bounds the values of each network alone, so that one of them may be 0 and their layers differ (check_apart_sound).
   Assumptions. None beyond Networks.v.
   Idea. With values in [l, u] and the difference d of two values in [dl, du], W h + c - (V k + e) = (W - V) h + V (h - k) + (c - e);
     phi(a) - phi(b) = s (a - b) for an s between the slopes of phi; max(a, b) - max(c, e) lies between a - c and b - e. All bounds are
     whole multiples of 1/S, rounded outwards. An interval is cut at the kinks in it, and on each piece phi is affine.
   Used in. Certificate.v, for the evidence `pass`.
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("pass") *)
From Exactnn Require Export Networks Folding.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* --- what is computed ------------------------------------------------------------------------------------------- *)

(* [l, u], in units of 1/S *)
Notation interval := (Z * Z)%type.

Definition lower_div (a d : Z) : Z := (a / d)%Z.
Definition upper_div (a d : Z) : Z := (- ((- a) / d))%Z.

Definition meet (i j : interval) : interval := (Z.max i.1 j.1, Z.min i.2 j.2).
Definition hull (i j : interval) : interval := (Z.min i.1 j.1, Z.max i.2 j.2).
Definition scaled (c : Z) (i : interval) : interval := if Z.leb 0 c then (c * i.1, c * i.2)%Z else (c * i.2, c * i.1)%Z.
Definition plus (i j : interval) : interval := (i.1 + j.1, i.2 + j.2)%Z.
Definition minus (i j : interval) : interval := (i.1 - j.2, i.2 - j.1)%Z.
Definition over (d : Z) (i : interval) : interval := (lower_div i.1 d, upper_div i.2 d).

(* w . h *)
Fixpoint dot_interval (ws : seq Z) (hs : seq interval) : interval :=
  match ws, hs with
  | w :: ws', h :: hs' => if Z.eqb w 0 then dot_interval ws' hs' else plus (scaled w h) (dot_interval ws' hs')
  | _, _ => (0, 0)%Z
  end.

Definition value_interval (S d : Z) (hs : seq interval) (r : row) : interval :=
  match r with [::] => (0, 0)%Z | b :: ws => over d (plus (b * S, b * S)%Z (dot_interval ws hs)) end.

(* (W - V) h + V delta, before it is divided by the denominator *)
Fixpoint gap_interval (ws vs : seq Z) (hs ds : seq interval) : interval :=
  match ws, vs, hs, ds with
  | w :: ws', v :: vs', h :: hs', d :: ds' =>
      let rest := gap_interval ws' vs' hs' ds' in
      let rest := if Z.eqb w v then rest else plus (scaled (w - v) h) rest in
      if Z.eqb v 0 then rest else plus (scaled v d) rest
  | _, _, _, _ => (0, 0)%Z
  end.

Definition difference_interval (S d : Z) (hs ds : seq interval) (r s : row) : interval :=
  match r, s with
  | b :: ws, c :: vs => over d (plus ((b - c) * S, (b - c) * S)%Z (gap_interval ws vs hs ds))
  | _, _ => (0, 0)%Z
  end.

(* phi(e) = (q e + r + sum of p max(e - t/d, 0)) / d: d d S phi at a whole multiple y / (d S) *)
Definition bend_at (S d q r : Z) (kinks : seq (Z * Z)) (y : Z) : Z :=
  (q * y + r * d * S + foldr (fun k s => k.2 * Z.max (y - k.1 * S) 0 + s) 0 kinks)%Z.

(* q + the sum of p over the kinks up to l: d phi' behind l / (d S) *)
Definition slope_at (S q : Z) (kinks : seq (Z * Z)) (l : Z) : Z :=
  (q + foldr (fun k s => if Z.leb (k.1 * S) l then k.2 + s else s) 0 kinks)%Z.

(* What `whole` says of the pieces into which the kinks cut [l, u], taken together. *)
Fixpoint over_pieces (S : Z) (whole : Z -> Z -> interval) (kinks : seq (Z * Z)) (l u : Z) : interval :=
  match kinks with
  | [::] => whole l u
  | k :: rest =>
      if Z.ltb l (k.1 * S) && Z.ltb (k.1 * S) u then
        hull (over_pieces S whole rest l (k.1 * S)) (over_pieces S whole rest (k.1 * S) u)
      else over_pieces S whole rest l u
  end.

Definition bend_interval (S d q r : Z) (kinks : seq (Z * Z)) (i : interval) : interval :=
  let ends l u := let a := bend_at S d q r kinks l in let b := bend_at S d q r kinks u in (Z.min a b, Z.max a b) in
  over (d * d) (over_pieces S ends kinks (d * i.1) (d * i.2)).

Definition slope_interval (S d q : Z) (kinks : seq (Z * Z)) (i j delta : interval) : interval :=
  let h := hull i j in
  let slopes := over_pieces S (fun l _ => let s := slope_at S q kinks l in (s, s)) kinks (d * h.1) (d * h.2) in
  over d (hull (scaled slopes.1 delta) (scaled slopes.2 delta)).

(* For each entry, in units: the interval of the first network's value, of the second one's, of the first less the second. *)
Notation intervals := (seq (interval * interval * interval)).

Definition met (t : interval * interval * interval) : interval * interval * interval := (t.1.1, t.1.2, meet t.2 (minus t.1.1 t.1.2)).

Definition unknown : interval * interval * interval := ((0, 0)%Z, (0, 0)%Z, (0, 0)%Z). (* behind the last entry all is 0 *)

Definition larger_interval (i j : interval) : interval := (Z.max i.1 j.1, Z.max i.2 j.2).

(* A difference of two maxima lies between those of the entries. *)
Definition larger (t u : interval * interval * interval) : interval * interval * interval :=
  (larger_interval t.1.1 u.1.1, larger_interval t.1.2 u.1.2, hull t.2 u.2).

Fixpoint same_pairs (s t : seq (Z * Z)) : bool :=
  match s, t with
  | [::], [::] => true
  | a :: s', b :: t' => [&& Z.eqb a.1 b.1, Z.eqb a.2 b.2 & same_pairs s' t']
  | _, _ => false
  end.

Definition pass_layer (S : Z) (l m : layer) (s : intervals) : option intervals :=
  match l, m with
  | Affine d rows, Affine d' rows' =>
      if [&& Z.ltb 0 d, Z.eqb d d', size rows == size rows' & all (fun r : row * row => size r.1 == size r.2) (zip rows rows')] then
        let hs := [seq t.1.1 | t <- s] in
        let gs := [seq t.1.2 | t <- s] in
        let ds := [seq t.2 | t <- s] in
        Some [seq met (value_interval S d hs r.1, value_interval S d gs r.2, difference_interval S d hs ds r.1 r.2) | r <- zip rows rows']
      else None
  | Bend n d q r kinks, Bend n' d' q' r' kinks' =>
      if [&& Z.ltb 0 d, Z.eqb n n', Z.eqb d d', Z.eqb q q', Z.eqb r r' & same_pairs kinks kinks'] then
        Some (take (Z.to_nat n) s ++ [seq met (bend_interval S d q r kinks k.1.1, bend_interval S d q r kinks k.1.2,
          slope_interval S d q kinks k.1.1 k.1.2 k.2) | k <- drop (Z.to_nat n) s])
      else None
  | Larger pairs, Larger pairs' =>
      let at_ i := nth unknown s (Z.to_nat i) in
      if same_pairs pairs pairs' then Some [seq met (larger (at_ p.1) (at_ p.2)) | p <- pairs] else None
  | _, _ => None
  end.

Fixpoint pass (S : Z) (f g : network) (s : intervals) : option intervals :=
  match f, g with
  | [::], [::] => Some s
  | l :: f', m :: g' => match pass_layer S l m s with Some s' => pass S f' g' s' | None => None end
  | _, _ => None
  end.

(* The sides of the box: from 0 <= c + a x_j, a > 0: x_j >= - c / a; a < 0: x_j <= c / - a. *)
Notation side := (option Z * option Z)%type.

Definition tighter (f : Z -> Z -> Z) (o : option Z) (v : Z) : option Z := match o with None => Some v | Some w => Some (f w v) end.

Definition bounded_by (S : Z) (c a : Z) (s : side) : side :=
  if Z.ltb 0 a then (tighter Z.max s.1 (lower_div (- c * S) a), s.2)
  else if Z.ltb a 0 then (s.1, tighter Z.min s.2 (upper_div (c * S) (- a)))
  else s.

Fixpoint change (sides : seq side) (j : nat) (f : side -> side) : seq side :=
  match sides, j with
  | [::], _ => [::]
  | s :: rest, 0%N => f s :: rest
  | s :: rest, j'.+1 => s :: change rest j' f
  end.

Definition sides_of (S : Z) (rows : seq inequality) (n : nat) : seq side :=
  foldl (fun sides (r : inequality) => match r.2 with [:: (j, a)] => change sides (Z.to_nat j) (bounded_by S r.1 a) | _ => sides end)
    (nseq n (None, None)) rows.

Fixpoint box_of (sides : seq side) : option (seq interval) :=
  match sides with
  | [::] => Some [::]
  | (Some l, Some u) :: rest => match box_of rest with Some box => Some ((l, u) :: box) | None => None end
  | _ :: _ => None
  end.

Definition from_box (box : seq interval) : intervals := [seq (i, i, (0, 0)%Z) | i <- box].

(* The interval of a difference is within the tolerance. *)
Definition near (p : problem) (S : Z) (i : interval) : bool :=
  Z.leb (- ((tolerance p).1 * S)) ((tolerance p).2 * i.1) && Z.leb ((tolerance p).2 * i.2) ((tolerance p).1 * S).

Definition all_near (p : problem) (S : Z) (s : option intervals) : bool :=
  match s with Some s' => all (fun t => near p S t.2) s' | None => false end.

(* The networks with their normalisations folded in, as the checker in Python has them, or else as they stand. *)
Definition check_pass (p : problem) (rows : seq inequality) (S : Z) : bool :=
  Z.ltb 0 S &&
  match box_of (sides_of S rows (Z.to_nat (inputs p))) with
  | None => false
  | Some box =>
      if all_near p S (pass S (folded (first p)) (folded (second p)) (from_box box)) then true
      else all_near p S (pass S (first p) (second p) (from_box box))
  end.

Definition check_apart (p : problem) (rows : seq inequality) (S : Z) : bool :=
  Z.ltb 0 S &&
  match box_of (sides_of S rows (Z.to_nat (inputs p))) with
  | None => false
  | Some box =>
      let f := folded (first p) in
      let g := folded (second p) in
      match pass S f f (from_box box), pass S g g (from_box box) with
      | Some s, Some t => (size s == size t) && all (fun k => near p S (minus k.1.1.1 k.2.1.1)) (zip s t)
      | _, _ => false
      end
  end.

Lemma ltb_leb a b : Z.ltb a b -> Z.leb a b.
Proof. by lia. Qed.

Lemma left_of a l c u : Z.ltb c u -> Z.leb a l || Z.leb u a -> Z.leb a l || Z.leb c a.
Proof. by lia. Qed.

Lemma right_of a l c u : Z.ltb l c -> Z.leb a l || Z.leb u a -> Z.leb a c || Z.leb u a.
Proof. by lia. Qed.

(* --- what it means ---------------------------------------------------------------------------------------------- *)

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).
Implicit Types (v w e : R) (i j : interval).

(* v, in units, lies in the interval *)
Definition within i v := zr i.1 <= v <= zr i.2.

Lemma zr_min a b : zr (Z.min a b) = Num.min (zr a) (zr b).
Proof. by case: (Z.min_spec a b) => [[l ->]|[l ->]]; [rewrite min_l | rewrite min_r]; rewrite ?zr_le //; lia. Qed.

Lemma zr_max a b : zr (Z.max a b) = Num.max (zr a) (zr b).
Proof. by case: (Z.max_spec a b) => [[l ->]|[l ->]]; [rewrite max_r | rewrite max_l]; rewrite ?zr_le //; lia. Qed.

Lemma lower_div_sound a d v : 0 < zr d -> zr a <= zr d * v -> zr (lower_div a d) <= v.
Proof.
move=> d0 le; rewrite -(ler_pmul2l d0) -zrM; apply: le_trans le; rewrite zr_le /lower_div.
by apply/Z.leb_le; apply: Z.mul_div_le; move: d0; rewrite zr_gt0; lia.
Qed.

Lemma upper_div_sound a d v : 0 < zr d -> zr d * v <= zr a -> v <= zr (upper_div a d).
Proof.
move=> d0 le; rewrite /upper_div zrN ler_oppr.
by apply: (lower_div_sound d0); rewrite zrN mulrN ler_opp2.
Qed.

Lemma over_sound d i v : 0 < zr d -> within i (zr d * v) -> within (over d i) v.
Proof. by move=> d0 /andP[l u]; rewrite /within (lower_div_sound d0 l) (upper_div_sound d0 u). Qed.

Lemma plus_sound i j v w : within i v -> within j w -> within (plus i j) (v + w).
Proof. by move=> /andP[? ?] /andP[? ?]; rewrite /within !zrD !ler_add. Qed.

Lemma minus_sound i j v w : within i v -> within j w -> within (minus i j) (v - w).
Proof. by move=> /andP[? ?] /andP[? ?]; rewrite /within !zrB !ler_sub. Qed.

Lemma meet_sound i j v : within i v -> within j v -> within (meet i j) v.
Proof. by move=> /andP[? ?] /andP[? ?]; rewrite /within zr_max zr_min le_maxl le_minr; apply/andP; split; apply/andP. Qed.

Lemma hull_left i j v : within i v -> within (hull i j) v.
Proof. by move=> /andP[l u]; rewrite /within zr_max zr_min le_minl le_maxr l u. Qed.

Lemma hull_right i j v : within j v -> within (hull i j) v.
Proof. by move=> /andP[l u]; rewrite /within zr_max zr_min le_minl le_maxr l u !orbT. Qed.

Lemma scaled_sound c i v : within i v -> within (scaled c i) (zr c * v).
Proof.
move=> /andP[l u]; rewrite /scaled; case: ifP => [c0|c0]; rewrite /within /= !zrM.
  by rewrite !ler_wpmul2l // zr_ge0.
have c0' : zr c <= 0 by rewrite -(zr0 R) zr_le; lia.
by rewrite !ler_wnmul2l.
Qed.

Lemma exact_sound a : within (a, a) (zr a).
Proof. by rewrite /within lexx. Qed.

(* Between two points lies what is convex. *)
Lemma between_sound i v w k : within i v -> within i w -> 0 <= k <= 1 -> within i (k * v + (1 - k) * w).
Proof.
move=> /andP[lv uv] /andP[lw uw] /andP[k0 k1]; have k1' : 0 <= 1 - k by rewrite subr_ge0.
have eq c : c = k * c + (1 - k) * c by ring.
by rewrite /within [X in X <= _]eq [X in _ && (_ <= X)]eq !ler_add // ler_wpmul2l.
Qed.

Lemma affine_between (a c l u y : R) : l <= y <= u -> Num.min (a * l + c) (a * u + c) <= a * y + c <= Num.max (a * l + c) (a * u + c).
Proof.
move=> /andP[ly yu]; rewrite le_minl le_maxr !ler_add2r; case: (lerP 0 a) => [a0|/ltW a0].
  by rewrite (ler_wpmul2l a0 ly) (ler_wpmul2l a0 yu) orbT.
by rewrite (ler_wnmul2l a0 ly) (ler_wnmul2l a0 yu) orbT.
Qed.

(* --- one layer -------------------------------------------------------------------------------------------------- *)

Variable S : Z.
Hypothesis S0 : 0 < zr S.

(* What the intervals say of a pair of values. *)
Definition fits (t : interval * interval * interval) (vw : R * R) :=
  [/\ within t.1.1 (zr S * vw.1), within t.1.2 (zr S * vw.2) & within t.2 (zr S * (vw.1 - vw.2))].

Notation all_fit := (List.Forall2 fits).

Lemma dot_interval_sound (ws : seq Z) his (vs : seq R) : List.Forall2 (fun h v => within h (zr S * v)) his vs ->
  within (dot_interval ws his) (zr S * dot ws vs).
Proof.
move=> fit; elim: fit ws => [|h v his' vs' hv _ IH] [|w ws] /=; rewrite ?mulr0 //; try exact: exact_sound 0%Z.
rewrite mulrDr; case: Z.eqb_spec => [->|_]; first by rewrite zr0 mul0r mulr0 add0r.
by rewrite mulrCA; apply: plus_sound (IH ws); apply: scaled_sound.
Qed.

Lemma value_sound d r his (vs : seq R) : 0 < zr d -> List.Forall2 (fun h v => within h (zr S * v)) his vs ->
  within (value_interval S d his r) (zr S * (dot r (1 :: vs) / zr d)).
Proof.
move=> d0 fit; case: r => [|b ws] /=; first by rewrite mul0r mulr0; apply: exact_sound 0%Z.
apply: (over_sound d0); have -> : zr d * (zr S * ((zr b * 1 + dot ws vs) / zr d)) = zr (b * S) + zr S * dot ws vs.
  by rewrite zrM; field; rewrite gt_eqF.
by apply: plus_sound; [apply: exact_sound | apply: dot_interval_sound].
Qed.

Lemma firsts s vws : all_fit s vws -> List.Forall2 (fun h v => within h (zr S * v)) [seq t.1.1 | t <- s] [seq vw.1 | vw <- vws].
Proof. by elim=> [|t vw s' vws' [? ? ?] _ IH] /=; constructor. Qed.

Lemma seconds s vws : all_fit s vws -> List.Forall2 (fun h v => within h (zr S * v)) [seq t.1.2 | t <- s] [seq vw.2 | vw <- vws].
Proof. by elim=> [|t vw s' vws' [? ? ?] _ IH] /=; constructor. Qed.

Lemma gap_sound (ws us : seq Z) s vws : all_fit s vws -> size ws = size us ->
  within (gap_interval ws us [seq t.1.1 | t <- s] [seq t.2 | t <- s])
    (zr S * (dot ws [seq vw.1 | vw <- vws] - dot us [seq vw.2 | vw <- vws])).
Proof.
move=> fit; elim: fit ws us => [|t [v w] s' vws' [/= tv _ td] _ IH] [|a ws] [|b us] //= => [_|_|_|[sz]];
  rewrite ?subrr ?mulr0; try exact: exact_sound 0%Z.
have {IH} rest := IH _ _ sz; set r1 := dot ws _ in rest *; set r2 := dot us _ in rest *.
have mid : within (if Z.eqb a b then gap_interval ws us [seq t.1.1 | t <- s'] [seq t.2 | t <- s']
    else plus (scaled (a - b) t.1.1) (gap_interval ws us [seq t.1.1 | t <- s'] [seq t.2 | t <- s']))
    (zr (a - b) * (zr S * v) + zr S * (r1 - r2)).
  case: Z.eqb_spec => [->|_]; first by rewrite zrB subrr mul0r add0r.
  by apply: plus_sound => //; apply: scaled_sound.
have -> : zr S * (zr a * v + r1 - (zr b * w + r2)) = zr b * (zr S * (v - w)) + (zr (a - b) * (zr S * v) + zr S * (r1 - r2)).
  by rewrite zrB; ring.
case: Z.eqb_spec => [b0|_]; first by rewrite [X in zr X * (zr S * (v - w))]b0 zr0 mul0r add0r.
by apply: plus_sound => //; apply: scaled_sound.
Qed.

Lemma difference_sound d r r' s vws : 0 < zr d -> all_fit s vws -> size r = size r' ->
  within (difference_interval S d [seq t.1.1 | t <- s] [seq t.2 | t <- s] r r')
    (zr S * (dot r (1 :: [seq vw.1 | vw <- vws]) / zr d - dot r' (1 :: [seq vw.2 | vw <- vws]) / zr d)).
Proof.
move=> d0 fit; case: r r' => [|b ws] [|c us] //=; first by rewrite !mul0r subrr mulr0 => _; apply: exact_sound 0%Z.
move=> [sz]; apply: (over_sound d0); set x := dot ws _; set y := dot us _.
have -> : zr d * (zr S * ((zr b * 1 + x) / zr d - (zr c * 1 + y) / zr d)) = zr ((b - c) * S) + zr S * (x - y).
  by rewrite zrM zrB; field; rewrite gt_eqF.
by apply: plus_sound; [apply: exact_sound | apply: gap_sound].
Qed.

Lemma met_sound t vw : fits t vw -> fits (met t) vw.
Proof. by move=> [a b c]; split=> //=; apply: meet_sound => //; rewrite mulrBr; apply: minus_sound. Qed.

(* sum of p max(y - t S, 0) *)
Definition kinks_at (kinks : seq (Z * Z)) (y : R) : R := foldr (fun k s => zr k.2 * Num.max (y - zr k.1 * zr S) 0 + s) 0 kinks.

(* d d S phi(e), for y = d S e *)
Definition bent (d q r : Z) (kinks : seq (Z * Z)) (y : R) : R := zr q * y + zr r * zr d * zr S + kinks_at kinks y.

Lemma bend_scaled d q r kinks (e : R) : 0 < zr d -> zr (d * d) * (zr S * bend d q r kinks e) = bent d q r kinks (zr d * (zr S * e)).
Proof.
move=> d0; have sum : zr S * zr d * kink_sum d kinks e = kinks_at kinks (zr d * (zr S * e)).
  elim: kinks => [|k kinks IH] /=; first by rewrite mulr0.
  rewrite -IH mulrDr; congr (_ + _); rewrite mulrCA; congr (_ * _).
  have -> : zr d * (zr S * e) - zr k.1 * zr S = zr S * zr d * (e - zr k.1 / zr d) by field; rewrite gt_eqF.
  by rewrite maxC maxr_pmulr ?mulr0 // mulr_ge0 ?ltW.
by rewrite /bend /bent -sum zrM; field; rewrite gt_eqF.
Qed.

Lemma bend_at_zr d q r kinks y : zr (bend_at S d q r kinks y) = bent d q r kinks (zr y).
Proof.
rewrite /bend_at /bent !zrD !zrM; congr (_ + _).
by elim: kinks => [|k kinks IH] //=; rewrite zrD zrM zr_max zrB zrM IH.
Qed.

(* Between two kinks it is affine. *)
Lemma piece d q r kinks l u : all (fun k => Z.leb (k.1 * S) l || Z.leb u (k.1 * S)) kinks ->
  exists c, forall y, zr l <= y <= zr u -> bent d q r kinks y = zr (slope_at S q kinks l) * y + c.
Proof.
rewrite /bent /slope_at => out; suff [c eq] : exists c, forall y, zr l <= y <= zr u ->
    kinks_at kinks y = zr (foldr (fun k s => if Z.leb (k.1 * S) l then (k.2 + s)%Z else s) 0%Z kinks) * y + c.
  by exists (zr r * zr d * zr S + c) => y /eq ->; rewrite zrD; ring.
elim: kinks out => [|k kinks IH] /=; first by exists 0 => y _; rewrite mul0r addr0.
move=> /andP[ko /IH[c eq]]; case: ifP => [low|high].
  exists (c - zr k.2 * (zr k.1 * zr S)) => y ly; rewrite (eq y ly) zrD max_l; first by ring.
  by case/andP: ly => ly _; rewrite subr_ge0 (le_trans _ ly) // -zrM zr_le.
exists c => y ly; rewrite (eq y ly) max_r ?mulr0 ?add0r //.
by case/andP: ly => _ yu; rewrite subr_le0 (le_trans yu) // -zrM zr_le; rewrite high in ko.
Qed.

(* If `whole` is right between two kinks, over_pieces is right; `cuts` are those of the kinks that may lie inside. *)
Lemma over_pieces_ind (whole : Z -> Z -> interval) (holds : Z -> Z -> interval -> Prop) kinks :
  (forall l u, all (fun k => Z.leb (k.1 * S) l || Z.leb u (k.1 * S)) kinks -> holds l u (whole l u)) ->
  (forall l c u i j, Z.ltb l c -> Z.ltb c u -> holds l c i -> holds c u j -> holds l u (hull i j)) ->
  forall l u, holds l u (over_pieces S whole kinks l u).
Proof.
move=> base join l u.
suff gen cuts : all (fun k => [|| k \in cuts, Z.leb (k.1 * S) l | Z.leb u (k.1 * S)]) kinks -> holds l u (over_pieces S whole cuts l u).
  by apply: gen; apply/allP => k ->.
elim: cuts l u => [|k cuts IH] l u /allP out /=; first by apply: base; apply/allP.
case: ifP => [/andP[lk ku]|no].
  apply: (join _ _ _ _ _ lk ku); apply: IH; apply/allP => k' /out; rewrite in_cons => /orP[/orP[/eqP ->|->]|o] //; apply/orP; right.
  - by rewrite Z.leb_refl orbT.
  - exact: left_of ku o.
  - by rewrite Z.leb_refl.
  - exact: right_of lk o.
apply: IH; apply/allP => k' /out; rewrite in_cons => /orP[/orP[/eqP ->|->]|o] //; apply/orP; right=> //.
by move/negbT: no; rewrite negb_and -!Z.leb_antisym.
Qed.

Lemma bend_interval_sound d q r kinks i (e : R) : 0 < zr d -> within i (zr S * e) ->
  within (bend_interval S d q r kinks i) (zr S * bend d q r kinks e).
Proof.
move=> d0 /andP[le ue]; rewrite /bend_interval; set ends := fun l u => _; apply: over_sound; first by rewrite zrM mulr_gt0.
rewrite (bend_scaled _ _ _ _ d0); set y := zr d * _.
have {le ue} : zr (d * i.1) <= y <= zr (d * i.2) by rewrite !zrM !ler_pmul2l // le ue.
apply: (over_pieces_ind (whole := ends) (kinks := kinks)
  (holds := fun l u j => zr l <= y <= zr u -> within j (bent d q r kinks y))) => [l u out yin|l c u j j' _ _ below above /andP[ly yu]].
  have [c eq] := piece d q r out; have lu : zr l <= zr u by case/andP: yin; apply: le_trans.
  rewrite /within /= zr_min zr_max !bend_at_zr !eq ?lexx ?lu ?(andbT, andTb) //.
  exact: affine_between.
case: (lerP y (zr c)) => yc; first by apply: hull_left; apply: below; rewrite ly yc.
by apply: hull_right; apply: above; rewrite yu ltW.
Qed.

(* phi(y) - phi(y') = s (y - y'), for an s in the interval. *)
Lemma slopes_sound d q r kinks l u (y y' : R) : zr l <= y <= zr u -> zr l <= y' <= zr u ->
  exists2 s, within (over_pieces S (fun l' _ => (slope_at S q kinks l', slope_at S q kinks l')) kinks l u) s
    & bent d q r kinks y - bent d q r kinks y' = s * (y - y').
Proof.
wlog yy : y y' / y' <= y.
  move=> main yin yin'; case/orP: (le_total y' y) => [le|le]; first exact: main.
  by have [s s_in eq] := main _ _ le yin' yin; exists s => //; rewrite -opprB eq; ring.
move: y y' yy; apply: (over_pieces_ind (kinks := kinks) (whole := fun l' _ => (slope_at S q kinks l', slope_at S q kinks l'))
  (holds := fun l u j => forall y y' : R, y' <= y -> zr l <= y <= zr u -> zr l <= y' <= zr u ->
    exists2 s, within j s & bent d q r kinks y - bent d q r kinks y' = s * (y - y'))) => {l u} [l u out y y' _ yin yin'|l c u i j lc cu below above y y' yy].
  by have [c eq] := piece d q r out; exists (zr (slope_at S q kinks l)); [exact: exact_sound | rewrite !eq //; ring].
move=> /andP[ly yu] /andP[ly' yu'].
case: (lerP y (zr c)) => yc.
  have [||s s_in eq] := below y y' yy; first by rewrite ly yc.
    by rewrite ly' (le_trans yy).
  by exists s => //; apply: hull_left.
case: (lerP (zr c) y') => cy.
  have [||s s_in eq] := above y y' yy; first by rewrite yu ltW.
    by rewrite yu' cy.
  by exists s => //; apply: hull_right.
have lc' : zr l <= zr c by rewrite zr_le; exact: ltb_leb.
have cu' : zr c <= zr u by rewrite zr_le; exact: ltb_leb.
have [|||s s_in eq] := above y (zr c); rewrite ?(ltW yc) ?yu ?lexx ?cu' //.
have [|||s' s_in' eq'] := below (zr c) y'; rewrite ?(ltW cy) ?ly' ?lexx ?lc' //.
have y0 : 0 < y - y' by rewrite subr_gt0 (lt_trans cy).
exists ((s * (y - zr c) + s' * (zr c - y')) / (y - y')); last first.
  by rewrite mulfVK ?gt_eqF // -eq -eq'; ring.
have -> : (s * (y - zr c) + s' * (zr c - y')) / (y - y') = (y - zr c) / (y - y') * s + (1 - (y - zr c) / (y - y')) * s'.
  by field; rewrite gt_eqF.
apply: between_sound; [exact: hull_right | exact: hull_left |].
by rewrite divr_ge0 ?subr_ge0 ?(ltW yc) ?(ltW y0) //= ler_pdivr_mulr // mul1r ler_add2l ler_opp2 ltW.
Qed.

Lemma slope_interval_sound d q r kinks i j delta (e e' : R) : 0 < zr d -> within i (zr S * e) -> within j (zr S * e') ->
  within delta (zr S * (e - e')) ->
  within (slope_interval S d q kinks i j delta) (zr S * (bend d q r kinks e - bend d q r kinks e')).
Proof.
move=> d0 ie je de; rewrite /slope_interval; apply: (over_sound d0).
have [ih jh] := (hull_left j ie, hull_right i je); set h := hull i j in ih jh *.
have scaled_in (y : R) : within h (zr S * y) -> zr (d * h.1) <= zr d * (zr S * y) <= zr (d * h.2).
  by move=> /andP[le ue]; rewrite !zrM !ler_pmul2l // le ue.
have [s s_in eq] := slopes_sound d q r kinks (scaled_in _ ih) (scaled_in _ jh).
have -> : zr d * (zr S * (bend d q r kinks e - bend d q r kinks e')) = s * (zr S * (e - e')).
  apply: (mulfI (lt0r_neq0 d0)); set b := bend _ _ _ _ e; set b' := bend _ _ _ _ e'.
  have -> : zr d * (zr d * (zr S * (b - b'))) = zr (d * d) * (zr S * b) - zr (d * d) * (zr S * b') by rewrite zrM; ring.
  by rewrite !bend_scaled // eq; ring.
move: s_in; set slopes := over_pieces _ _ _ _ _; rewrite /within => /andP[lo hi].
have [ss|ss] := eqVneq (zr slopes.1) (zr slopes.2).
  have -> : s = zr slopes.1 by apply/eqP; rewrite eq_le lo ss hi.
  by apply: hull_left; apply: scaled_sound.
have gap : 0 < zr slopes.2 - zr slopes.1 by rewrite subr_gt0 lt_neqAle ss (le_trans lo hi).
set k := (zr slopes.2 - s) / (zr slopes.2 - zr slopes.1).
have -> : s * (zr S * (e - e')) = k * (zr slopes.1 * (zr S * (e - e'))) + (1 - k) * (zr slopes.2 * (zr S * (e - e'))).
  by rewrite /k; field; rewrite gt_eqF.
apply: between_sound; [apply: hull_left | apply: hull_right |]; try exact: scaled_sound.
apply/andP; split; first by apply: divr_ge0; [rewrite subr_ge0 | exact: ltW].
by rewrite /k ler_pdivr_mulr // mul1r ler_add2l ler_opp2.
Qed.

Lemma larger_interval_sound i j (v w : R) : within i v -> within j w -> within (larger_interval i j) (Num.max v w).
Proof. by move=> /andP[lv uv] /andP[lw uw]; rewrite /within /larger_interval /= !zr_max !le_maxl !le_maxr lv lw uv uw !orbT. Qed.

Lemma larger_sound t u (v w : R * R) : fits t v -> fits u w -> fits (larger t u) (Num.max v.1 w.1, Num.max v.2 w.2).
Proof.
have S0' : 0 <= zr S by apply: ltW.
move=> [tv tw td] [uv uw ud]; split=> /=; try by rewrite maxr_pmulr //; apply: larger_interval_sound.
have mx (a b c e : R) : within t.2 (a - c) -> within u.2 (b - e) -> within (hull t.2 u.2) (Num.max a b - Num.max c e).
  move=> /andP[l1 u1] /andP[l2 u2]; rewrite /within zr_min zr_max; apply/andP; split.
    rewrite le_minl; apply/orP; case: (lerP c e) => _; [right; apply: le_trans l2 _ | left; apply: le_trans l1 _].
      by rewrite ler_add2r le_maxr lexx orbT.
    by rewrite ler_add2r le_maxr lexx.
  rewrite le_maxr; apply/orP; case: (lerP a b) => _; [right; apply: le_trans u2 | left; apply: le_trans u1].
    by rewrite ler_add2l ler_opp2 le_maxr lexx orbT.
  by rewrite ler_add2l ler_opp2 le_maxr lexx.
by rewrite mulrBr !maxr_pmulr //; apply: mx; rewrite -mulrBr.
Qed.

Lemma same_pairs_eq s t : same_pairs s t -> s = t.
Proof. by elim: s t => [|[a b] s IH] [|[a' b'] t] //= /and3P[/Z.eqb_eq <- /Z.eqb_eq <- /IH <-]. Qed.

Lemma pass_layer_sound l m s s' vws : all_fit s vws -> pass_layer S l m s = Some s' ->
  exists2 vws', all_fit s' vws' &
    [/\ apply l [seq vw.1 | vw <- vws] = [seq vw.1 | vw <- vws'], apply m [seq vw.2 | vw <- vws] = [seq vw.2 | vw <- vws'] & True].
Proof.
move=> fit; case: l m => [d rows|n d q r kinks|pairs] [d' rows'|n' d' q' r' kinks'|pairs'] //=; last first.
- case: ifP => // /same_pairs_eq <- [<-].
  exists [seq let v := nth (0, 0) vws (Z.to_nat p.1) in let w := nth (0, 0) vws (Z.to_nat p.2) in
    (Num.max v.1 w.1, Num.max v.2 w.2) | p <- pairs].
    have at_ (m : nat) : fits (nth unknown s m) (nth (0, 0) vws m).
      elim: fit m => [|k vw s1 vws1 f _ IH] [|m] //=; split; rewrite /= ?subrr mulr0; exact: exact_sound 0%Z.
    by elim: pairs => [|p pairs IH] /=; constructor=> //; apply: met_sound; apply: larger_sound.
  have at1 (m : nat) : (nth (0, 0) vws m).1 = nth 0 [seq vw.1 | vw <- vws] m by elim: (vws) m => [|vw vws1 IH] [|m] //=.
  have at2 (m : nat) : (nth (0, 0) vws m).2 = nth 0 [seq vw.2 | vw <- vws] m by elim: (vws) m => [|vw vws1 IH] [|m] //=.
  by split=> //; rewrite -map_comp; apply: eq_map => p /=; rewrite ?at1 ?at2.
- case: ifP => // /and5P[d0 /Z.eqb_eq <- /Z.eqb_eq <- /Z.eqb_eq <- /andP[/Z.eqb_eq <- /same_pairs_eq <-]] [<-].
  have d0' : 0 < zr d by rewrite zr_gt0.
  set k := Z.to_nat n; pose b vw : R * R := (bend d q r kinks vw.1, bend d q r kinks vw.2).
  exists (take k vws ++ map b (drop k vws)); last by rewrite !map_cat !map_take !map_drop -!map_comp -!map_drop.
  elim: fit k => [|t vw s1 vws1 f fit IH] [|k] /=; first by constructor.
  - by constructor.
  - rewrite -[s1]drop0 -[vws1]drop0; move: (IH 0%N); rewrite !take0 /= => rest; constructor=> //.
    by case: f => f1 f2 f3; apply: met_sound; split=> /=; [exact: bend_interval_sound | exact: bend_interval_sound | exact: slope_interval_sound].
  - by constructor=> //; apply: IH.
case: ifP => // /and4P[d0 /Z.eqb_eq <- /eqP sz szs] [<-].
have d0' : 0 < zr d by rewrite zr_gt0.
set vs := [seq vw.1 | vw <- vws]; set ws := [seq vw.2 | vw <- vws].
exists [seq (dot r.1 (1 :: vs) / zr d, dot r.2 (1 :: ws) / zr d) | r <- zip rows rows'].
  elim: (zip rows rows') szs => [|[r r'] rest IH] /=; first by constructor.
  move=> /andP[/eqP szr szs]; constructor; last exact: IH.
  apply: met_sound; split=> /=.
  - exact: value_sound d0' (firsts fit).
  - exact: value_sound d0' (seconds fit).
  - exact: difference_sound.
by split=> //; rewrite -map_comp; elim: rows rows' sz {szs} => [|r rows IH] [|r' rows'] //= [/IH ->].
Qed.

Theorem pass_sound f g s s' vws : all_fit s vws -> pass S f g s = Some s' ->
  exists2 vws', all_fit s' vws' & run f [seq vw.1 | vw <- vws] = [seq vw.1 | vw <- vws'] /\ run g [seq vw.2 | vw <- vws] = [seq vw.2 | vw <- vws'].
Proof.
elim: f g s vws => [|l f IH] [|m g] //= s vws fit; first by move=> [<-]; exists vws.
case pl: (pass_layer S l m s) => [s1|] // ps.
have [vws1 fit1 [e1 e2 _]] := pass_layer_sound fit pl.
have [vws' fit' [r1 r2]] := IH _ _ _ fit1 ps.
by exists vws' => //; rewrite /run /= -/(run _ _) -/(run _ _) e1 e2.
Qed.

(* --- the box ---------------------------------------------------------------------------------------------------- *)

Definition sided (o : side) v :=
  (match o.1 with Some l => zr l <= zr S * v | None => true end) && (match o.2 with Some u => zr S * v <= zr u | None => true end).

Lemma bounded_by_sound c a o v : sided o v -> 0 <= zr c + zr a * v -> sided (bounded_by S c a o) v.
Proof.
move=> /andP[lo hi] ineq; have scaled0 : 0 <= zr c * zr S + zr a * (zr S * v).
  by rewrite (_ : _ + _ = (zr c + zr a * v) * zr S); [rewrite mulr_ge0 // ltW | ring].
rewrite /bounded_by; case: ifP => [a0|_].
  have a0' : 0 < zr a by rewrite zr_gt0.
  have low : zr (lower_div (- c * S) a) <= zr S * v.
    by apply: lower_div_sound => //; rewrite zrM zrN mulNr -subr_ge0 opprK addrC.
  rewrite /sided /= hi andbT /tighter; case: o.1 lo => [l|] // lo.
  by rewrite zr_max le_maxl lo.
case: ifP => [a0|_]; last by rewrite /sided lo hi.
have a0' : 0 < zr (- a) by rewrite zr_gt0; lia.
have high : zr S * v <= zr (upper_div (c * S) (- a)).
  by apply: upper_div_sound => //; rewrite zrM zrN mulNr -subr_ge0 opprK.
rewrite /sided /= lo /= /tighter; case: o.2 hi => [u|] // hi.
by rewrite zr_min le_minr hi.
Qed.

Lemma change_sound sides (j : nat) f (x : seq R) : List.Forall2 sided sides x -> (forall o, sided o (nth 0 x j) -> sided (f o) (nth 0 x j)) ->
  List.Forall2 sided (change sides j f) x.
Proof.
move=> all_sided; elim: all_sided j => [|o v sides' x' ov rest IH] [|j] /= keeps; constructor=> //; first exact: keeps.
exact: IH.
Qed.

Lemma sides_sound rows (x : seq R) : inside rows x -> List.Forall2 sided (sides_of S rows (size x)) x.
Proof.
rewrite /sides_of; have : List.Forall2 sided (nseq (size x) (None, None)) x by elim: x => [|v x IH] /=; constructor.
elim: rows (nseq _ _) => [|[c ts] rows IH] sides //= fit ins.
apply: IH => [|row row_in]; last by apply: ins; right.
case: ts ins => [|[j a] [|? ?]] //= ins; apply: change_sound fit _ => o ov.
apply: bounded_by_sound ov _; have := ins _ (or_introl erefl).
by rewrite /slack /= addrC.
Qed.

Lemma box_sound sides box (x : seq R) : List.Forall2 sided sides x -> box_of sides = Some box ->
  all_fit [seq (i, i, (0, 0)%Z) | i <- box] [seq (v, v) | v <- x].
Proof.
move=> fit; elim: fit box => [|[[l|] [u|]] v sides' x' ov _ IH] box //=; first by move=> [<-]; constructor.
case: (box_of sides') IH => [rest|] // IH [<-] /=; constructor; last exact: IH.
by split=> //=; rewrite subrr mulr0; apply: exact_sound 0%Z.
Qed.

End Meaning.

Lemma near_sound (R : realFieldType) p S i (v w : R) : well_formed p -> 0 < zr R S -> near p S i -> within i (zr R S * (v - w)) ->
  `|v - w| <= bound R p.
Proof.
move=> /and5P[_ t0 td0 _ _] S0 /andP[low high] /andP[lo hi].
have td : 0 < zr R (tolerance p).2 by rewrite zr_gt0.
have TS : 0 < zr R (tolerance p).2 * zr R S by rewrite mulr_gt0.
have eqb : zr R (tolerance p).2 * zr R S * bound R p = zr R ((tolerance p).1 * S).
  by rewrite /bound zrM; field; rewrite gt_eqF.
have below : - zr R ((tolerance p).1 * S) <= zr R (tolerance p).2 * zr R S * (v - w).
  rewrite -zrN -mulrA; apply: (@le_trans _ _ (zr R ((tolerance p).2 * i.1))); first by rewrite zr_le.
  by rewrite zrM ler_wpmul2l // ltW.
have above : zr R (tolerance p).2 * zr R S * (v - w) <= zr R ((tolerance p).1 * S).
  rewrite -mulrA; apply: (@le_trans _ _ (zr R ((tolerance p).2 * i.2))); last by rewrite zr_le.
  by rewrite zrM ler_wpmul2l // ltW.
by rewrite ler_norml -(ler_pmul2l TS) -[X in _ && X](ler_pmul2l TS) mulrN eqb below above.
Qed.

Lemma bound_ge0 (R : realFieldType) p : well_formed p -> 0 <= bound R p.
Proof.
move=> /and5P[_ t0 td0 _ _]; have td : 0 < zr R (tolerance p).2 by rewrite zr_gt0.
by apply: divr_ge0; [rewrite zr_ge0 | apply: ltW].
Qed.

Lemma all_near_sound (R : realFieldType) p S f g box (x : seq R) : well_formed p -> 0 < zr R S ->
  List.Forall2 (fits S) (from_box box) [seq (v, v) | v <- x] -> all_near p S (pass S f g (from_box box)) -> close (bound R p) (run f x) (run g x).
Proof.
move=> wf S0 fit0; case ps: (pass _ _ _ _) => [s|] //= ok; have [vws fit []] := pass_sound S0 fit0 ps.
rewrite -!map_comp !map_id_in // => -> ->; split; first by rewrite !size_map.
elim: fit ok => [|t [v w] s' vws' [_ _ gap] _ IH] /=; first by move=> _ j; rewrite !nth_nil subrr normr0 bound_ge0.
by move=> /andP[ok rest] [|j] /=; [exact: near_sound gap | exact: IH].
Qed.

Theorem check_pass_sound (R : realFieldType) p rows S (x : seq R) : well_formed p -> size x = Z.to_nat (inputs p) -> inside rows x ->
  check_pass p rows S -> close (bound R p) (run (first p) x) (run (second p) x).
Proof.
move=> wf sx ins /andP[S0 ok]; have S0' : 0 < zr R S by rewrite zr_gt0.
case bx: (box_of _) ok => [box|] // ok.
rewrite -sx in bx; have fit := box_sound (sides_sound S0' ins) bx.
move: ok; case: ifP => [ok _|_ ok]; last exact: all_near_sound fit ok.
by rewrite -(folded_sound (first p)) -(folded_sound (second p)); exact: all_near_sound fit ok.
Qed.

Theorem check_apart_sound (R : realFieldType) p rows S (x : seq R) : well_formed p -> size x = Z.to_nat (inputs p) -> inside rows x ->
  check_apart p rows S -> close (bound R p) (run (first p) x) (run (second p) x).
Proof.
move=> wf sx ins /andP[S0 ok]; have S0' : 0 < zr R S by rewrite zr_gt0.
case bx: (box_of _) ok => [box|] //=; set f := folded (first p); set g := folded (second p).
case ps: (pass S f f (from_box box)) => [s|] //; case pt: (pass S g g (from_box box)) => [t|] // ok.
rewrite -(folded_sound (first p)) -(folded_sound (second p)) -/f -/g.
rewrite -sx in bx; have fit0 := box_sound (sides_sound S0' ins) bx.
have [vs fit [es _]] := pass_sound S0' fit0 ps; have [ws fit' [et _]] := pass_sound S0' fit0 pt.
move: es et; rewrite -!map_comp !map_id_in // => -> ->; case/andP: ok => /eqP.
elim: fit t ws fit' {ps pt} => [|k [v v'] s' vs' [/= inv _ _] _ IH] t ws [|l [w w'] t' ws' [/= inw _ _] fit'] //=.
  by move=> _ _; split=> // j; rewrite !nth_nil subrr normr0 bound_ge0.
move=> [sz] /andP[ok rest]; have [eqs close'] := IH _ _ fit' sz rest; split=> [|[|j]] /=; [by rewrite eqs | | exact: close'].
by apply: near_sound ok _ => //; rewrite mulrBr; apply: minus_sound.
Qed.
