(* Proofs by cases: the domain is cut into cells on which the networks are known well enough to be compared.

   Statement. check_tree accepts a tree only if the two networks are within the tolerance of each other at every point of the cell it
     starts from (check_tree_sound). So rules "split", "leaf", "fact", "atom", "on", "off", "chord" of the certificate format are sound.
   Assumptions. None beyond Networks.v.
   Idea. The state holds, as rows, the values of the layer at hand over a denominator, and what is known on the cell. Each node of the tree
     goes behind a layer, cuts the cell by {h >= 0} and {h <= 0}, adds a proved inequality, or compares the outputs.
   Used in. Certificate.v, for the evidence `tree` and `forms`.
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("Tree", "Forms") *)
From Exactnn Require Export Symbolic.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Step hints t: behind the Bend or the Larger at hand and the affine layers that follow, with one hint for each entry that does not stay and
     each kink, or each pair of different entries (none left: Open).
   Turn t: the first network is done, the second begins.
   Split u t1 t2: the cell is cut by unit u of the Bend at hand (entry, of those that do not stay, times number of kinks + kink), or by
     the difference x_j - x_i of pair u of the Larger: z >= 0 in t1, z <= 0 in t2.
   SplitAtom a t1 t2: likewise by h_a.
   Settle a s t: max(h_a, 0) is h_a (s = On p), or 0 (s = Off p), in all values.
   Chord a k lo hi p q t: k h_a >= lo, k h_a <= hi, lo <= 0 <= hi; so hi (k h_a - lo) - k (hi - lo) max(h_a, 0) >= 0 joins the cell.
   End: all outputs agree as rows. Ends: two proofs for each, tolerance -+ (f - g) >= 0. *)
Inductive tree :=
  | Step (hints : seq hint) (t : tree)
  | Turn (t : tree)
  | Split (u : Z) (t1 t2 : tree)
  | SplitAtom (a : Z) (t1 t2 : tree)
  | Settle (a : Z) (s : hint) (t : tree)
  | Chord (a k lo hi : Z) (p q : proof) (t : tree)
  | End
  | Ends (proofs : seq (proof * proof)).

Record state := State {
  atoms : seq row;
  cell : seq row;
  den : Z;
  vals : seq row;
  todo : network;
  done : option (Z * seq row) (* the outputs of the first network, once it is done *) }.

(* --- what is computed ------------------------------------------------------------------------------------------- *)

Section Check.
Variable n1 : nat. (* 1 + the number of inputs *)
Variable other : network.
Variable tol : Z * Z.

Fixpoint advance (net : network) (d : Z) (rows : seq row) : network * Z * seq row :=
  match net with
  | Affine d' weights :: rest => if Z.ltb 0 d' then advance rest (d * d') (affine_rows d rows weights) else (net, d, rows)
  | _ => (net, d, rows)
  end.

Definition identity_rows : seq row := [seq unit_row i 1 | i <- iota 1 n1.-1].

Definition enter (atoms cell : seq row) (d : Z) (rows : seq row) (net : network) (done : option (Z * seq row)) : state :=
  let: (net', d', rows') := advance net d rows in State atoms cell d' rows' net' done.

Definition step (s : state) (hints : seq hint) : option state :=
  match todo s with
  | Bend n d q r kinks :: rest =>
      if Z.ltb 0 d then
        match kept_rows n1 (cell s) (den s) (Z.to_nat n) d q r kinks (vals s) (atoms s) hints with
        | Some (atoms', out) => Some (enter atoms' (cell s) (den s * d * d) out rest (done s))
        | None => None
        end
      else None
  | Larger pairs :: rest =>
      match larger_rows n1 (cell s) (vals s) pairs (atoms s) hints with
      | Some (atoms', out) => Some (enter atoms' (cell s) (den s) out rest (done s))
      | None => None
      end
  | _ => None
  end.

Definition turn (s : state) : option state :=
  match todo s, done s with
  | [::], None => Some (enter (atoms s) (cell s) 1 identity_rows other (Some (den s, vals s)))
  | _, _ => None
  end.

(* The primitive row of unit u of the layer at hand. *)
Definition unit_form (s : state) (u : Z) : row :=
  match todo s with
  | Bend n d _ _ kinks :: _ =>
      let (i, k) := Nat.divmod (Z.to_nat u) (size kinks).-1 0 (size kinks).-1 in
      (primitive (kink_row (den s) d (nth (0%Z, 0%Z) kinks ((size kinks).-1 - k)).1 (nth [::] (vals s) (Z.to_nat n + i)))).2
  | Larger pairs :: _ => (primitive (pair_row (vals s) (nth (0%Z, 0%Z) pairs (Z.to_nat u)))).2
  | _ => [::]
  end.

Definition with_cell (s : state) (r : row) : state := State (atoms s) (rcons (cell s) r) (den s) (vals s) (todo s) (done s).

Definition settled (atoms : seq row) (a : nat) (on : bool) (r : row) : row :=
  let c := nth 0%Z r (n1 + a) in
  if Z.eqb c 0 then r else
  let rest := add_scaled (- c) (atom_row n1 atoms a 1) r in
  if on then add_scaled c (nth [::] atoms a) rest else rest.

Definition settle (s : state) (a : nat) (on : bool) : state :=
  let to := map (settled (atoms s) a on) in
  State (atoms s) (cell s) (den s) (to (vals s)) (todo s) (omap (fun d => (d.1, to d.2)) (done s)).

Definition chord_row (atoms : seq row) (a : nat) (k lo hi : Z) : row :=
  add_scaled (- (k * (hi - lo))) (atom_row n1 atoms a 1) (add_scaled (hi * k) (nth [::] atoms a) [:: (- (hi * lo))%Z]).

(* The rows df dg (f_j - g_j). *)
Fixpoint gaps (df dg : Z) (fs gs : seq row) : seq row :=
  match fs, gs with
  | f :: fs', g :: gs' => add_scaled (- df) g (scale_row dg f) :: gaps df dg fs' gs'
  | _, _ => [::]
  end.

(* A positive multiple of tolerance + sign (f_j - g_j). *)
Definition margin (df dg sign : Z) (gap : row) : row := (primitive (add_row [:: (tol.1 * (df * dg))%Z] (scale_row (sign * tol.2) gap))).2.

Fixpoint all_within (s : state) (df dg : Z) (gs : seq row) (proofs : seq (proof * proof)) : bool :=
  match gs, proofs with
  | [::], [::] => true
  | g :: gs', (p, q) :: proofs' =>
      [&& nonneg n1 (atoms s) (cell s) p (margin df dg (-1) g), nonneg n1 (atoms s) (cell s) q (margin df dg 1 g)
        & all_within s df dg gs' proofs']
  | _, _ => false
  end.

Definition ended (s : state) (test : Z -> Z -> seq row -> bool) : bool :=
  match todo s, done s with
  | [::], Some (df, fs) => (size fs == size (vals s)) && test df (den s) (gaps df (den s) fs (vals s))
  | _, _ => false
  end.

Fixpoint check_tree (t : tree) (s : state) : bool :=
  match t with
  | Step hints t' => match step s hints with Some s' => check_tree t' s' | None => false end
  | Turn t' => match turn s with Some s' => check_tree t' s' | None => false end
  | Split u t1 t2 => let h := unit_form s u in check_tree t1 (with_cell s h) && check_tree t2 (with_cell s (opposite h))
  | SplitAtom a t1 t2 =>
      let h := nth [::] (atoms s) (Z.to_nat a) in check_tree t1 (with_cell s h) && check_tree t2 (with_cell s (opposite h))
  | Settle a (On p) t' =>
      [&& (Z.to_nat a < size (atoms s))%N, nonneg n1 (atoms s) (cell s) p (nth [::] (atoms s) (Z.to_nat a))
        & check_tree t' (settle s (Z.to_nat a) true)]
  | Settle a (Off p) t' =>
      [&& (Z.to_nat a < size (atoms s))%N, nonneg n1 (atoms s) (cell s) p (opposite (nth [::] (atoms s) (Z.to_nat a)))
        & check_tree t' (settle s (Z.to_nat a) false)]
  | Settle _ Open _ => false
  | Chord a k lo hi p q t' =>
      let h := nth [::] (atoms s) (Z.to_nat a) in
      [&& (Z.to_nat a < size (atoms s))%N, Z.ltb 0 k, Z.leb lo 0, Z.leb 0 hi,
          nonneg n1 (atoms s) (cell s) p (add_row [:: (- lo)%Z] (scale_row k h)),
          nonneg n1 (atoms s) (cell s) q (add_row [:: hi] (scale_row (- k) h))
        & check_tree t' (with_cell s (chord_row (atoms s) (Z.to_nat a) k lo hi))]
  | End => ended s (fun _ _ gs => all zero_row gs)
  | Ends proofs => ended s (fun df dg gs => all_within s df dg gs proofs)
  end.

Definition start (net : network) (cell : seq row) : state := enter [::] cell 1 identity_rows net None.

End Check.

(* --- what it means ---------------------------------------------------------------------------------------------- *)

Section Meaning.
Variable R : realFieldType.
Variable n1 : nat.
Variable other : network.
Variable tol : Z * Z.
Variable x : seq R.
Implicit Types (e vs ws : seq R) (v w : R).
Hypothesis n1_x : n1 = (size x).+1.
Hypothesis tol_ge0 : Z.leb 0 tol.1.
Hypothesis tol_den : Z.ltb 0 tol.2.
Notation zr := (zr R).
#[local] Arguments add_row : simpl never.
#[local] Arguments add_scaled : simpl never.

Notation limit := (zr tol.1 / zr tol.2).

Definition finished e (done : option (Z * seq row)) ws : Prop :=
  match done with None => True | Some (d, rows) => 0 < zr d /\ stable_rows e d rows ws end.

(* vs are the values at hand, ws the outputs of the first network if it is done. *)
Record holds (s : state) (e vs ws : seq R) : Prop := Holds {
  holds_known : known n1 (atoms s) (cell s) e;
  holds_x : exists t, e = (1 :: x) ++ t;
  holds_den : 0 < zr (den s);
  holds_vals : stable_rows e (den s) (vals s) vs;
  holds_done : finished e (done s) ws }.

(* What remains to be shown. *)
Definition goal (s : state) (vs ws : seq R) : Prop :=
  match done s with
  | None => close limit (run (todo s) vs) (run other x)
  | Some _ => close limit ws (run (todo s) vs)
  end.

Lemma advance_sound net d rows atoms cell e vs net' d' rows' : known n1 atoms cell e -> 0 < zr d -> stable_rows e d rows vs ->
  advance net d rows = (net', d', rows') ->
  exists vs', [/\ 0 < zr d', stable_rows e d' rows' vs' & run net' vs' = run net vs].
Proof.
elim: net d rows vs => [|l net IH] d rows vs k d0 svs /=; first by move=> [<- <- <-]; exists vs.
case: l => [dl weights|m dl q r kinks|pairs]; [|by move=> [<- <- <-]; exists vs|by move=> [<- <- <-]; exists vs].
case: ifP => [dl0|_]; last by move=> [<- <- <-]; exists vs.
have dl0' : 0 < zr dl by rewrite zr_gt0.
by move=> /(IH _ _ _ k _ (affine_rows_sound weights k dl0' svs)); apply; rewrite zrM mulr_gt0.
Qed.

Lemma enter_sound atoms cell d rows net done e vs ws : known n1 atoms cell e -> (exists t, e = (1 :: x) ++ t) -> 0 < zr d ->
  stable_rows e d rows vs -> finished e done ws ->
  exists vs', holds (enter atoms cell d rows net done) e vs' ws /\
    run (todo (enter atoms cell d rows net done)) vs' = run net vs.
Proof.
move=> k ex d0 svs dn; rewrite /enter; case ad: (advance net d rows) => [[net' d'] rows'].
by have [vs' [d'0 svs' <-]] := advance_sound k d0 svs ad; exists vs'.
Qed.

Lemma step_sound s hints s' e vs ws : holds s e vs ws -> step n1 s hints = Some s' ->
  exists e' vs', holds s' e' vs' ws /\ (goal s' vs' ws -> goal s vs ws).
Proof.
move=> [k [t0 ex] d0 svs dn]; rewrite /step /goal.
have dn' t : finished (e ++ t) (done s) ws by case: (done s) dn => [[df fs] [? /(stable_rows_ext t)]|].
have ex' t : exists t1, e ++ t = (1 :: x) ++ t1 by exists (t0 ++ t); rewrite ex -catA.
case td: (todo s) => [|[|m d q r kinks|pairs] rest] //; last first.
  case lr: (larger_rows _ _ _ _ _ _) => [[atoms' out]|] // [<-].
  have [t [k' sout]] := larger_rows_sound d0 k svs lr.
  have [vs' [h eq]] := enter_sound rest k' (ex' t) d0 sout (dn' t).
  exists (e ++ t), vs'; split=> //; move: eq; rewrite /enter; case: (advance _ _ _) => [[net' d'] rows'] /= ->.
  by case: (done s).
case: ifP => // dpos; have dpos' : 0 < zr d by rewrite zr_gt0.
case br: (kept_rows _ _ _ _ _ _ _ _ _ _ _) => [[atoms' out]|] // [<-].
have [t [k' sout]] := kept_rows_sound dpos' d0 k svs br.
have dd0 : 0 < zr (den s * d * d) by rewrite !zrM !mulr_gt0.
have [vs' [h eq]] := enter_sound rest k' (ex' t) dd0 sout (dn' t).
exists (e ++ t), vs'; split=> //; move: eq; rewrite /enter; case: (advance _ _ _) => [[net' d'] rows'] /= ->.
by case: (done s).
Qed.

Lemma identity_sound e t : e = (1 :: x) ++ t -> stable_rows e 1 (identity_rows n1) x.
Proof.
move=> ->; rewrite /identity_rows n1_x /=.
have gen (pre y : seq R) : stable_rows ((1 :: pre ++ y) ++ t) 1 [seq unit_row i 1 | i <- iota (size pre).+1 (size y)] y.
  elim: y pre => [|v y IH] pre /=; constructor; last first.
    by have := IH (rcons pre v); rewrite size_rcons cat_rcons.
  have -> : zr 1 * v = zr 1 * nth 0 ((1 :: pre ++ v :: y) ++ t) (size pre).+1.
    by rewrite /= -catA nth_cat ltnn subnn.
  by apply: stable_unit; rewrite /= !size_cat /= addnS addSn !ltnS -addnA leq_addr.
exact: (gen [::] x).
Qed.

Lemma turn_sound s s' e vs ws : holds s e vs ws -> turn n1 other s = Some s' ->
  exists vs', holds s' e vs' vs /\ (goal s' vs' vs -> goal s vs ws).
Proof.
move=> [k [t ex] d0 svs dn]; rewrite /turn /goal.
case td: (todo s) => [|] //; case: (done s) dn => // _ [<-].
have [vs' [h eq]] := enter_sound (ws := vs) (done := Some (den s, vals s)) other k (ex_intro _ t ex)
  (ltr01 : 0 < zr 1) (identity_sound ex) (conj d0 svs).
exists vs'; split=> //; move: eq; rewrite /enter; case: (advance _ _ _) => [[net' d'] rows'] /= ->.
by [].
Qed.

Lemma holds_cell s e vs ws r v : holds s e vs ws -> stable e r v -> 0 <= v -> holds (with_cell s r) e vs ws.
Proof.
move=> [[sz one old cells] ex d0 svs dn] sr v0; split=> //; split=> // g /=.
rewrite -cats1; elim: (cell s) cells => [|c cs IH] cells /=; first by case=> // <-; exists v.
by case=> [<-|]; [apply: cells; left | apply: IH => g' ?; apply: cells; right].
Qed.

Lemma unit_form_sound s e vs ws u : holds s e vs ws -> exists v, stable e (unit_form s u) v.
Proof.
move=> [k ex d0 svs dn]; rewrite /unit_form.
case: (todo s) => [|[|m d q r kinks|pairs] rest]; try by exists 0; apply: stable_nil.
  case: (Nat.divmod _ _ _ _) => i j; set t := (nth _ _ _).1; case pz: (primitive _) => [c h] /=.
  have sz := stable_rows_nth (Z.to_nat m + i) svs.
  by have [_ [w sw _]] := primitive_sound pz (stable_add (stable_scale d sz) (known_one (- (t * den s))%Z k)); exists w.
set p := nth _ _ _; case pz: (primitive _) => [c h] /=.
have [si sj] := (stable_rows_nth (Z.to_nat p.1) svs, stable_rows_nth (Z.to_nat p.2) svs).
by have [_ [w sw _]] := primitive_sound pz (stable_add_scaled (-1) si sj); exists w.
Qed.

Lemma split_sound s e vs ws h v (P : Prop) : holds s e vs ws -> stable e h v ->
  (holds (with_cell s h) e vs ws -> P) -> (holds (with_cell s (opposite h)) e vs ws -> P) -> P.
Proof.
move=> hs sv above below; case: (lerP 0 v) => v0; first exact: above (holds_cell hs sv v0).
apply: below (holds_cell hs (stable_scale (-1) sv) _); by rewrite zrN1 mulN1r oppr_ge0 ltW.
Qed.

Lemma settled_sound s e vs ws a on w r v : holds s e vs ws -> (a < size (atoms s))%N -> stable e (nth [::] (atoms s) a) w ->
  (if on then 0 <= w else w <= 0) -> stable e r v -> stable e (settled n1 (atoms s) a on r) v.
Proof.
move=> [k _ _ _ _] a_lt sw sign sr; rewrite /settled; case: ifP => // _; set c := nth _ _ _.
have [w' sw' sa] := atom_row_sound 1 k a_lt; have ww := stable_unique sw' sw; subst w'.
have sm := stable_add_scaled (- c) sa sr.
case: on sign => w0.
  have -> : v = zr c * w + (zr (- c) * (zr 1 * Num.max 0 w) + v) by rewrite max_r // zrN zr1; ring.
  exact: stable_add_scaled.
by have -> : v = zr (- c) * (zr 1 * Num.max 0 w) + v by rewrite max_l // mulr0 mulr0 add0r.
Qed.

Lemma settle_sound s e vs ws a on w : holds s e vs ws -> (a < size (atoms s))%N -> stable e (nth [::] (atoms s) a) w ->
  (if on then 0 <= w else w <= 0) -> holds (settle n1 s a on) e vs ws.
Proof.
move=> hs a_lt sw sign; have [k ex d0 svs dn] := hs.
have all_rows d rows us : stable_rows e d rows us -> stable_rows e d (map (settled n1 (atoms s) a on) rows) us.
  by elim=> [|r u rs us' sr _ IH]; constructor=> //; apply: settled_sound hs a_lt sw sign sr.
split=> //=; first exact: all_rows.
by case: (done s) dn => [[d rows] [? ?]|] //=; split=> //; apply: all_rows.
Qed.

Lemma goal_settle s a on vs ws : goal (settle n1 s a on) vs ws = goal s vs ws.
Proof. by rewrite /goal /=; case: (done s). Qed.

Lemma chord_sound s e vs ws a k lo hi w : holds s e vs ws -> (a < size (atoms s))%N -> stable e (nth [::] (atoms s) a) w ->
  0 < zr k -> zr lo <= 0 -> 0 <= zr hi -> 0 <= zr (- lo) + zr k * w -> 0 <= zr hi + zr (- k) * w ->
  holds (with_cell s (chord_row n1 (atoms s) a k lo hi)) e vs ws.
Proof.
move=> hs a_lt sw k0 lo0 hi0 low high; have kn := holds_known hs.
have [w' sw' sa] := atom_row_sound 1 kn a_lt; have ww := stable_unique sw' sw; subst w'.
have sr := stable_add_scaled (- (k * (hi - lo))) sa (stable_add_scaled (hi * k) sw (known_one (- (hi * lo)) kn)).
apply: (holds_cell hs sr); rewrite !zrN !zrM !zrB zr1 in low high *; case: (lerP 0 w) => w0.
  have -> : - (zr k * (zr hi - zr lo)) * (1 * w) + (zr hi * zr k * w + - (zr hi * zr lo)) = - zr lo * (zr hi + - zr k * w) by ring.
  by rewrite mulr_ge0 // oppr_ge0.
have -> : - (zr k * (zr hi - zr lo)) * (1 * 0) + (zr hi * zr k * w + - (zr hi * zr lo)) = zr hi * (- zr lo + zr k * w) by ring.
exact: mulr_ge0.
Qed.

Lemma gaps_sound e df dg fs gs ws vs : stable_rows e df fs ws -> stable_rows e dg gs vs -> size fs = size gs ->
  List.Forall2 (fun gap wv => stable e gap (zr df * zr dg * (wv.1 - wv.2))) (gaps df dg fs gs) (zip ws vs) /\ size ws = size vs.
Proof.
move=> sfs; elim: sfs gs vs => [|f w fs' ws' sf _ IH] gs vs sgs.
  by inversion sgs => // _; split=> //; constructor.
inversion sgs as [|g v gs' vs' sg sgs']; subst=> //= [[sz]].
have [ih sz'] := IH _ _ sgs' sz; split; last by rewrite sz'.
constructor=> //=.
have -> : zr df * zr dg * (w - v) = zr (- df) * (zr dg * v) + zr dg * (zr df * w) by rewrite zrN; ring.
by apply: stable_add_scaled => //; apply: stable_scale.
Qed.

Lemma limit_ge0 : 0 <= limit.
Proof. by apply: divr_ge0; [rewrite zr_ge0 | apply: ltW; rewrite zr_gt0]. Qed.

Lemma close_all (ws vs : seq R) : size ws = size vs ->
  (forall i, (i < size (zip ws vs))%N -> `|(nth (0, 0) (zip ws vs) i).1 - (nth (0, 0) (zip ws vs) i).2| <= limit) ->
  close limit ws vs.
Proof.
move=> sz near; split=> // j; case: (ltnP j (size ws)) => [j_lt|j_ge].
  by have := near j; rewrite size1_zip ?sz // nth_zip //= -sz; apply.
by rewrite !nth_default -?sz // subrr normr0 limit_ge0.
Qed.

Lemma ended_sound s test e vs ws : holds s e vs ws -> ended s test ->
  (forall df, 0 < zr df -> test df (den s) (gaps df (den s) (match done s with Some d => d.2 | None => [::] end) (vals s)) ->
    forall wvs, List.Forall2 (fun gap wv => stable e gap (zr df * zr (den s) * (wv.1 - wv.2)))
      (gaps df (den s) (match done s with Some d => d.2 | None => [::] end) (vals s)) wvs ->
    forall i, (i < size wvs)%N -> `|(nth (0, 0) wvs i).1 - (nth (0, 0) wvs i).2| <= limit) -> goal s vs ws.
Proof.
move=> [k ex d0 svs dn]; rewrite /ended /goal; case: (todo s) => //; case: (done s) dn => [[df fs]|] //= [df0 sfs].
move=> /andP[/eqP sz ok] near.
by have [gs szs] := gaps_sound sfs svs sz; apply: close_all szs _; apply: near ok _ gs.
Qed.

Lemma margin_sound e atoms cell df dg sign gap p u : known n1 atoms cell e -> 0 < zr df -> 0 < zr dg -> stable e gap (zr df * zr dg * u) ->
  nonneg n1 atoms cell p (margin tol df dg sign gap) -> 0 <= limit + zr sign * u.
Proof.
move=> k df0 dg0 sg; rewrite /margin; case pz: (primitive _) => [c h] /= nn.
have t0 : 0 < zr tol.2 by rewrite zr_gt0.
have [c0 [w sw ew]] := primitive_sound pz (stable_add (known_one (tol.1 * (df * dg))%Z k) (stable_scale (sign * tol.2) sg)).
have w0 := nonneg_sound k nn sw.
have D0 : 0 < zr df * zr dg * zr tol.2 by rewrite !mulr_gt0.
rewrite -(pmulr_rge0 _ D0).
have -> : zr df * zr dg * zr tol.2 * (limit + zr sign * u) = zr c * w.
  by rewrite -ew !zrM; field; rewrite gt_eqF.
by rewrite mulr_ge0 // ltW.
Qed.

Lemma all_within_sound s e vs ws df dg gs proofs wvs : holds s e vs ws -> 0 < zr df -> 0 < zr dg ->
  List.Forall2 (fun gap wv => stable e gap (zr df * zr dg * (wv.1 - wv.2))) gs wvs -> all_within n1 tol s df dg gs proofs ->
  forall i, (i < size wvs)%N -> `|(nth (0, 0) wvs i).1 - (nth (0, 0) wvs i).2| <= limit.
Proof.
move=> hs df0 dg0 sgs; have k := holds_known hs; elim: sgs proofs => [|gap [w v] gs' wvs' sg _ IH] [|[p q] proofs] //=.
move=> /and3P[pp qq rest] [|i]; last exact: IH rest i.
move=> _ /=; rewrite ler_norml.
have := margin_sound k df0 dg0 sg pp; have := margin_sound k df0 dg0 sg qq.
by rewrite zr1 zrN1 mul1r mulN1r subr_ge0 -ler_subl_addl sub0r => -> ->.
Qed.

Theorem check_tree_sound t s e vs ws : holds s e vs ws -> check_tree n1 other tol t s -> goal s vs ws.
Proof.
elim: t s e vs ws => [hints t IH|t IH|u t1 IH1 t2 IH2|a t1 IH1 t2 IH2|a [p|p|] t IH|a k lo hi p q t IH||proofs] s e vs ws hs /=.
- case st: (step _ _ _) => [s'|] // ok; have [e' [vs' [hs' back]]] := step_sound hs st.
  by apply: back; apply: IH hs' ok.
- case st: (turn _ _ _) => [s'|] // ok; have [vs' [hs' back]] := turn_sound hs st.
  by apply: back; apply: IH hs' ok.
- move=> /andP[ok1 ok2]; have [v sv] := unit_form_sound u hs.
  by apply: (split_sound hs sv) => hs'; [apply: (IH1 _ _ _ _ hs' ok1) | apply: (IH2 _ _ _ _ hs' ok2)].
- move=> /andP[ok1 ok2].
  have [v sv] : exists v, stable e (nth [::] (atoms s) (Z.to_nat a)) v.
    have [_ _ old _] := holds_known hs; case: (ltnP (Z.to_nat a) (size (atoms s))) => [/old[w sw _]|a_ge]; first by exists w.
    by rewrite nth_default //; exists 0; apply: stable_nil.
  by apply: (split_sound hs sv) => hs'; [apply: (IH1 _ _ _ _ hs' ok1) | apply: (IH2 _ _ _ _ hs' ok2)].
- move=> /and3P[a_lt nn ok]; have [_ _ /(_ _ a_lt)[w sw _] _] := holds_known hs.
  rewrite -(goal_settle s (Z.to_nat a) true).
  by apply: (IH _ _ vs ws (settle_sound (on := true) hs a_lt sw _) ok); apply: nonneg_sound (holds_known hs) nn sw.
- move=> /and3P[a_lt nn ok]; have [_ _ /(_ _ a_lt)[w sw _] _] := holds_known hs.
  rewrite -(goal_settle s (Z.to_nat a) false).
  apply: (IH _ _ vs ws (settle_sound (on := false) hs a_lt sw _) ok).
  by have := nonneg_sound (holds_known hs) nn (stable_scale (-1) sw); rewrite zrN1 mulN1r oppr_ge0.
- by [].
- move=> /and5P[a_lt k0 lo0 hi0 /and3P[pp qq ok]].
  have kn := holds_known hs; have [_ _ /(_ _ a_lt)[w sw _] _] := kn.
  apply: (IH _ _ vs ws (chord_sound hs a_lt sw _ _ _ _ _) ok).
  + by rewrite zr_gt0.
  + by rewrite -(zr0 R) zr_le.
  + by rewrite zr_ge0.
  + exact: nonneg_sound kn pp (stable_add (known_one _ kn) (stable_scale k sw)).
  + exact: nonneg_sound kn qq (stable_add (known_one _ kn) (stable_scale (- k) sw)).
- move=> ok; apply: (ended_sound hs ok) => df df0 {}ok wvs sgs.
  have d0 := holds_den hs; elim: sgs ok => [|gap [w v] gs' wvs' sg _ IH] //= /andP[z rest] [|i]; last exact: IH rest i.
  move=> _ /=; have := stable_zero z sg; rewrite /= => /eqP; rewrite !mulf_eq0 (gt_eqF df0) (gt_eqF d0) /= => /eqP ->.
  by rewrite normr0 limit_ge0.
move=> ok; apply: (ended_sound hs ok) => df df0 {}ok wvs sgs.
exact: (all_within_sound hs df0 (holds_den hs) sgs ok).
Qed.

End Meaning.
