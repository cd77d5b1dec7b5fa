(* A piecewise linear network as a difference of two maxima of affine functions, and the terms that data points see.

   Statement. A network is a list of scalar nodes, each affine in the values before it, or a unit q z + r + sum_k p_k max(z - t_k, 0) of one
     of them, or the maximum of a window of them. Read backwards with the bounds of exactnn/tropical/_shift.py (step_bounds), every pattern
     (a side of every kink, a winner of every window) gives a term of each P_j and of Q, an affine function of the inputs.
     All exponents of all terms are >= 0 (exponents_ge0). P_j = f_j + Q and Q are the maxima of their terms, for one common function Q, so
     that f_j = P_j - Q everywhere (tropical_form, difference_of_maxima). A pattern that fits x has a term that is the maximum at x (own_term);
     so the map made of the own terms at data points, max of numerators minus max of denominators, equals the network at them (extract_at).
   Assumptions. R is any real field; networks of any shape; at a kink either side may be taken, of equal entries of a window any one.
   Idea. Backwards a term b y + ... with L <= b <= H at y = phi(z) becomes b (q z + r) + sum_k w_k (0 or z - t_k), where
     w_k = (b - L) max(p_k, 0) + (H - b) max(-p_k, 0) >= 0: at most b phi(z) + sum_k (H max(-p_k, 0) - L max(p_k, 0)) max(z - t_k, 0), and
     what is added does not depend on b. A window alike.
   Used in. exactnn/tropical/_shift.py, exactnn/tropical/_own_terms.py, exactnn/tropical/at_points.py
   Attacked by. tests/tropical/test_shift.py, tests/tropical/test_at_points.py
   References. docs/theory.md 16; Trimmel, Petzka, Sminchisescu: TropEx, ICLR 2021 *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Exactnn Require Import Independence.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Tropical.
Variable R : realFieldType.
Implicit Types (x v : seq R) (B w : nat -> R) (b c z : R) (j : nat).

(* --- rows of coefficients, and least and largest entries ----------------------------------------------------------- *)

Definition dots B v : R := \sum_(i < size v) B i * v`_i.
Definition entry j c : nat -> R := fun i => if i == j then c else 0.

Lemma dots_cons B c v : dots B (c :: v) = B 0%N * c + dots (fun i => B i.+1) v.
Proof. by rewrite /dots big_ord_recl. Qed.

Lemma dotsD B B' v : dots (fun i => B i + B' i) v = dots B v + dots B' v.
Proof. by rewrite /dots -big_split; apply: eq_bigr => i _; rewrite mulrDl. Qed.

Lemma dotsZ c B v : dots (fun i => c * B i) v = c * dots B v.
Proof. by rewrite /dots big_distrr /=; apply: eq_bigr => i _; rewrite mulrA. Qed.

Lemma dots_entry j c v : dots (entry j c) v = c * v`_j.
Proof.
case: (ltnP j (size v)) => [lt|ge]; last first.
  rewrite nth_default // mulr0 /dots big1 // => i _; rewrite /entry; case: eqP => [eq|_]; last by rewrite mul0r.
  by have := ltn_ord i; rewrite eq ltnNge ge.
rewrite /dots (bigD1 (Ordinal lt)) //= /entry eqxx big1 ?addr0 // => i ne.
by case: eqP => [eq|_]; [case/eqP: ne; apply: val_inj | rewrite mul0r].
Qed.

Definition least c (s : seq R) : R := foldr Num.min c s.
Definition largest c (s : seq R) : R := foldr Num.max c s.

Lemma least_le c s b : b \in c :: s -> least c s <= b.
Proof.
elim: s => [|a s IH]; first by rewrite inE => /eqP ->.
rewrite -[least c (a :: s)]/(Num.min a (least c s)) le_minl => bs.
have [->|ab] := eqVneq a b; first by rewrite lexx.
by rewrite IH ?orbT //; move: bs; rewrite !inE [b == a]eq_sym (negbTE ab).
Qed.

Lemma largest_ge c s b : b \in c :: s -> b <= largest c s.
Proof.
elim: s => [|a s IH]; first by rewrite inE => /eqP ->.
rewrite -[largest c (a :: s)]/(Num.max a (largest c s)) le_maxr => bs.
have [->|ab] := eqVneq a b; first by rewrite lexx.
by rewrite IH ?orbT //; move: bs; rewrite !inE [b == a]eq_sym (negbTE ab).
Qed.

Lemma largest_mem c s : largest c s \in c :: s.
Proof.
elim: s => [|a s IH]; first exact: mem_head.
rewrite -[largest c (a :: s)]/(Num.max a (largest c s)); case: leP => _; last by rewrite !inE eqxx orbT.
by move: IH; rewrite !inE => /orP[->|->]; rewrite ?orbT.
Qed.

(* --- networks ------------------------------------------------------------------------------------------------------- *)

(* The values so far stand in a list, the newest one in front, the inputs last; so the last node comes first in a program.
   A kink (t, p) adds p max(z - t, 0). *)
Inductive node :=
  | Combine (c : R) (w : nat -> R)
  | Unit (q r : R) (kinks : seq (R * R)) (j : nat)
  | Window (j : nat) (others : seq nat).

Definition kinks_sum (F : R * R -> R) (ks : seq (R * R)) : R := foldr (fun k s => F k + s) 0 ks.

Definition value (nd : node) v : R :=
  match nd with
  | Combine c w => c + dots w v
  | Unit q r ks j => q * v`_j + r + kinks_sum (fun k => k.2 * relu (v`_j - k.1)) ks
  | Window j js => largest v`_j [seq v`_k | k <- js]
  end.

Fixpoint values (program : seq node) x : seq R :=
  if program is nd :: before then let v := values before x in value nd v :: v else x.

(* --- bounds, as exactnn/tropical/_shift.py has them ------------------------------------------------------------------- *)

Variable m : nat.
(* Some j: numerator j, None: the denominator. direct: what outputs give without a unit between, exactly; lo and hi: the rest, bounded. *)
Record bounds := Bounds { lo : nat -> R; hi : nat -> R; direct : option 'I_m -> nat -> R }.

Definition rows (bs : bounds) i : seq R := [seq direct bs o i | o <- enum (option_finType (ordinal_finType m))].
Definition low bs i : R := lo bs i + least 0 (rows bs i).
Definition high bs i : R := hi bs i + largest 0 (rows bs i).

Lemma in_rows bs o i : direct bs o i \in 0 :: rows bs i.
Proof. by rewrite inE; apply/orP; right; apply/mapP; exists o; rewrite ?mem_enum. Qed.

Lemma low_le bs o i : low bs i <= lo bs i + direct bs o i.
Proof. by rewrite ler_add2l least_le // in_rows. Qed.

Lemma high_ge bs o i : hi bs i + direct bs o i <= high bs i.
Proof. by rewrite ler_add2l largest_ge // in_rows. Qed.

(* The slopes of a term before the unit, piece by piece, at both ends of L <= b <= H. *)
Fixpoint ends (L H q plus minus : R) (ks : seq (R * R)) : seq R :=
  [:: L * q + (H - L) * minus, H * q + (H - L) * plus &
     if ks is k :: ks' then ends L H q (plus + relu k.2) (minus + relu (- k.2)) ks' else [::]].

Definition step_bounds (nd : node) (bs : bounds) : bounds :=
  let L := low bs 0%N in let H := high bs 0%N in
  match nd with
  | Combine c w => Bounds
      (fun i => lo bs i.+1 + (lo bs 0%N * relu (w i) - hi bs 0%N * relu (- w i)))
      (fun i => hi bs i.+1 + (hi bs 0%N * relu (w i) - lo bs 0%N * relu (- w i)))
      (fun o i => direct bs o i.+1 + direct bs o 0%N * w i)
  | Unit q r ks j => Bounds
      (fun i => lo bs i.+1 + entry j (least (L * q) (ends L H q 0 0 ks)) i)
      (fun i => hi bs i.+1 + entry j (largest (L * q) (ends L H q 0 0 ks)) i)
      (fun o i => direct bs o i.+1)
  | Window j js => Bounds
      (fun i => lo bs i.+1 + entry j L i)
      (fun i => hi bs i.+1 + (entry j L i + if i \in j :: js then H - L else 0))
      (fun o i => direct bs o i.+1)
  end.

(* What a node adds to Q, for the values before it. *)
Definition added (nd : node) (bs : bounds) v : R :=
  let L := low bs 0%N in let H := high bs 0%N in
  match nd with
  | Combine _ _ => 0
  | Unit q r ks j => kinks_sum (fun k => (H * relu (- k.2) - L * relu k.2) * relu (v`_j - k.1)) ks
  | Window j js => - L * (value nd v - v`_j)
  end.

Fixpoint shift (program : seq node) (bs : bounds) x : R :=
  if program is nd :: before then added nd bs (values before x) + shift before (step_bounds nd bs) x
  else dots (fun i => - low bs i) x.

(* --- terms ------------------------------------------------------------------------------------------------------------ *)

Definition choice : Type := seq bool * nat. (* for each kink whether z is above it; the winner of a window *)

Fixpoint chosen (F : R * R -> R) (ks : seq (R * R)) (s : seq bool) : R :=
  match ks, s with k :: ks', a :: s' => (if a then F k else 0) + chosen F ks' s' | _, _ => 0 end.

Definition weight (L H b : R) (k : R * R) : R := (b - L) * relu k.2 + (H - b) * relu (- k.2).

Definition step_term (nd : node) (ch : choice) (bs : bounds) (B : nat -> R) c : (nat -> R) * R :=
  let L := low bs 0%N in let H := high bs 0%N in let b := B 0%N in
  match nd with
  | Combine c0 w => (fun i => B i.+1 + b * w i, c + b * c0)
  | Unit q r ks j => let F := weight L H b in
      (fun i => B i.+1 + entry j (b * q + chosen F ks ch.1) i, c + b * r - chosen (fun k => F k * k.1) ks ch.1)
  | Window j js => (fun i => B i.+1 + (entry j L i + entry ch.2 (b - L) i), c)
  end.

Fixpoint term (program : seq node) (pattern : seq choice) (bs : bounds) (B : nat -> R) c : (nat -> R) * R :=
  if program is nd :: before then
    let T := step_term nd (head ([::], 0%N) pattern) bs B c in term before (behead pattern) (step_bounds nd bs) T.1 T.2
  else (fun i => B i - low bs i, c).

Definition eval (T : (nat -> R) * R) x : R := dots T.1 x + T.2.

(* The pattern's sides and winners are those at x; at a kink both sides are. *)
Fixpoint sides z (ks : seq (R * R)) (s : seq bool) : bool :=
  match ks, s with
  | [::], [::] => true
  | k :: ks', a :: s' => (if a then k.1 <= z else z <= k.1) && sides z ks' s'
  | _, _ => false
  end.

Definition agrees (nd : node) (ch : choice) v : bool :=
  match nd with
  | Combine _ _ => true
  | Unit q r ks j => sides v`_j ks ch.1
  | Window j js => (ch.2 \in j :: js) && (v`_(ch.2) == value nd v)
  end.

Fixpoint fits (program : seq node) (pattern : seq choice) x : bool :=
  if program is nd :: before then agrees nd (head ([::], 0%N) pattern) (values before x) && fits before (behead pattern) x else true.

(* All sides and winners that there are. *)
Fixpoint bits n : seq (seq bool) := if n is n'.+1 then map (cons true) (bits n') ++ map (cons false) (bits n') else [:: [::]].

Definition choices (nd : node) : seq choice :=
  match nd with
  | Combine _ _ => [:: ([::], 0%N)]
  | Unit q r ks j => [seq (s, 0%N) | s <- bits (size ks)]
  | Window j js => [seq ([::], k) | k <- j :: js]
  end.

Fixpoint patterns (program : seq node) : seq (seq choice) :=
  if program is nd :: before then [seq ch :: p | ch <- choices nd, p <- patterns before] else [:: [::]].

(* --- the invariant: what a term's coefficients are between -------------------------------------------------------------- *)

Definition between (bs : bounds) o B : Prop := forall i, lo bs i + direct bs o i <= B i /\ B i <= hi bs i + direct bs o i.

Lemma between_low bs o B i : between bs o B -> low bs i <= B i /\ B i <= high bs i.
Proof. by move=> /(_ i)[l h]; split; [apply: le_trans (low_le bs o i) l | apply: le_trans h (high_ge bs o i)]. Qed.

Lemma relu_ge0 c : 0 <= relu c. Proof. by rewrite /relu le_maxr lexx orbT. Qed.

Lemma relu_parts c : c = relu c - relu (- c). Proof. by rewrite relu_opp opprB addrC subrK. Qed.

Lemma weight_ge0 L H b k : L <= b -> b <= H -> 0 <= weight L H b k.
Proof. by move=> l h; rewrite /weight addr_ge0 // mulr_ge0 ?relu_ge0 // subr_ge0. Qed.

Lemma chosen_ge0 F ks s : (forall k, 0 <= F k) -> 0 <= chosen F ks s.
Proof. by move=> F0; elim: ks s => [|k ks IH] [|[] s] //=; rewrite ?add0r // addr_ge0. Qed.

Lemma chosen_le F G ks s : (forall k, F k <= G k) -> (forall k, 0 <= G k) -> chosen F ks s <= kinks_sum G ks.
Proof.
move=> FG G0; have tail ks' : 0 <= kinks_sum G ks' by elim: ks' => //= k ks' IH; rewrite addr_ge0.
by elim: ks s => [|k ks IH] [|[] s] //=; rewrite ?addr_ge0 // ler_add.
Qed.

Lemma kinks_sum_weight L H b ks : kinks_sum (weight L H b) ks =
  (b - L) * kinks_sum (fun k => relu k.2) ks + (H - b) * kinks_sum (fun k => relu (- k.2)) ks.
Proof. by elim: ks => [|k ks /= ->]; rewrite /= ?mulr0 ?addr0 // /weight; ring. Qed.

(* The last ends have all kinks. *)
Lemma last_ends L H q plus minus ks :
  L * q + (H - L) * (minus + kinks_sum (fun k => relu (- k.2)) ks) \in ends L H q plus minus ks /\
  H * q + (H - L) * (plus + kinks_sum (fun k => relu k.2) ks) \in ends L H q plus minus ks.
Proof.
elim: ks plus minus => [|k ks IH] plus minus /=; first by rewrite !addr0 !inE !eqxx !orbT.
have [in1 in2] := IH (plus + relu k.2) (minus + relu (- k.2)).
by rewrite !inE !addrA in1 in2 !orbT.
Qed.

Lemma unit_between L H q ks s b : L <= b -> b <= H ->
  least (L * q) (ends L H q 0 0 ks) <= b * q + chosen (weight L H b) ks s /\
  b * q + chosen (weight L H b) ks s <= largest (L * q) (ends L H q 0 0 ks).
Proof.
move=> l h; have W0 k : 0 <= weight L H b k by exact: weight_ge0.
split.
  apply: (@le_trans _ _ (b * q)); last by rewrite ler_addl chosen_ge0.
  case/orP: (le_total 0 q) => q0.
    by apply: (@le_trans _ _ (L * q)); [rewrite least_le // mem_head | rewrite ler_wpmul2r].
  apply: (@le_trans _ _ (H * q)); last by rewrite ler_wnmul2r.
  by rewrite least_le //; case: (ks) => [|k ks']; rewrite /= !inE !mulr0 !addr0 eqxx !orbT.
apply: (@le_trans _ _ (b * q + kinks_sum (weight L H b) ks)); first by rewrite ler_add2l chosen_le.
rewrite kinks_sum_weight; have [in1 in2] := last_ends L H q 0 0 ks.
move: in1 in2; rewrite !add0r; set M := kinks_sum (fun k => relu (- k.2)) ks; set P := kinks_sum _ ks => in1 in2.
case/orP: (le_total 0 (q + P - M)) => s0.
  apply: (@le_trans _ _ (H * q + (H - L) * P)); last by rewrite largest_ge // inE in2 orbT.
  rewrite -subr_ge0; have -> : H * q + (H - L) * P - (b * q + ((b - L) * P + (H - b) * M)) = (H - b) * (q + P - M) by ring.
  by rewrite mulr_ge0 // subr_ge0.
apply: (@le_trans _ _ (L * q + (H - L) * M)); last by rewrite largest_ge // inE in1 orbT.
rewrite -subr_ge0; have -> : L * q + (H - L) * M - (b * q + ((b - L) * P + (H - b) * M)) = (L - b) * (q + P - M) by ring.
by rewrite mulr_le0 // subr_le0.
Qed.

Lemma step_between nd ch bs o B c : ch \in choices nd -> between bs o B ->
  between (step_bounds nd bs) o (step_term nd ch bs B c).1.
Proof.
move=> ok inv i; have [b1 b2] := inv i.+1; have [l h] := between_low 0%N inv.
case: nd ok => [c0 w|q r ks j|j js] ok /=.
- have [l0 h0] := inv 0%N; have [p0 n0] := (relu_ge0 (w i), relu_ge0 (- w i)).
  have e : B 0%N * w i = B 0%N * relu (w i) - B 0%N * relu (- w i) by rewrite -mulrBr -relu_parts.
  have ed : direct bs o 0%N * w i = direct bs o 0%N * relu (w i) - direct bs o 0%N * relu (- w i) by rewrite -mulrBr -relu_parts.
  rewrite e ed; split; rewrite -subr_ge0.
    have -> : B i.+1 + (B 0%N * relu (w i) - B 0%N * relu (- w i)) - (lo bs i.+1 + (lo bs 0%N * relu (w i) - hi bs 0%N * relu (- w i)) +
        (direct bs o i.+1 + (direct bs o 0%N * relu (w i) - direct bs o 0%N * relu (- w i)))) =
      (B i.+1 - (lo bs i.+1 + direct bs o i.+1)) + ((B 0%N - (lo bs 0%N + direct bs o 0%N)) * relu (w i) +
        (hi bs 0%N + direct bs o 0%N - B 0%N) * relu (- w i)) by ring.
    by apply: addr_ge0; [|apply: addr_ge0; apply: mulr_ge0 => //]; rewrite subr_ge0.
  have -> : hi bs i.+1 + (hi bs 0%N * relu (w i) - lo bs 0%N * relu (- w i)) +
        (direct bs o i.+1 + (direct bs o 0%N * relu (w i) - direct bs o 0%N * relu (- w i))) -
        (B i.+1 + (B 0%N * relu (w i) - B 0%N * relu (- w i))) =
      (hi bs i.+1 + direct bs o i.+1 - B i.+1) + ((hi bs 0%N + direct bs o 0%N - B 0%N) * relu (w i) +
        (B 0%N - (lo bs 0%N + direct bs o 0%N)) * relu (- w i)) by ring.
  by apply: addr_ge0; [|apply: addr_ge0; apply: mulr_ge0 => //]; rewrite subr_ge0.
- have [u1 u2] := unit_between q ks ch.1 l h.
  by split; rewrite addrAC ler_add // /entry; case: eqP.
split; first by rewrite addrAC ler_add // ler_addl /entry; case: eqP => //; rewrite subr_ge0.
rewrite addrAC ler_add // ler_add2l /entry; case: eqP => [->|_].
  case/mapP: ok => k kin -> /=; by rewrite kin ler_add2r.
by case: ifP => // _; rewrite subr_ge0 (le_trans l).
Qed.

(* --- one node: no term is above what it stands for, and one that agrees is equal to it ---------------------------------------- *)

Lemma chosen_linear F ks s z : chosen F ks s * z - chosen (fun k => F k * k.1) ks s = chosen (fun k => F k * (z - k.1)) ks s.
Proof.
elim: ks s => [|k ks IH] [|a s]; rewrite /= ?mul0r ?subrr //.
by rewrite -IH; case: a; ring.
Qed.

Lemma unit_sum L H b z ks :
  b * kinks_sum (fun k => k.2 * relu (z - k.1)) ks + kinks_sum (fun k => (H * relu (- k.2) - L * relu k.2) * relu (z - k.1)) ks =
  kinks_sum (fun k => weight L H b k * relu (z - k.1)) ks.
Proof.
elim: ks => [|k ks /= <-]; first by rewrite /= mulr0 addr0.
rewrite {1}[k.2]relu_parts /weight; ring.
Qed.

Lemma chosen_sides F z ks s : sides z ks s ->
  chosen (fun k => F k * (z - k.1)) ks s = kinks_sum (fun k => F k * relu (z - k.1)) ks.
Proof.
elim: ks s => [|k ks IH] [|a s] //= /andP[at_k /IH ->]; congr (_ + _).
by case: a at_k => le; [rewrite relu_pos // subr_ge0 | rewrite relu_neg ?mulr0 // subr_le0].
Qed.

Lemma relu_ge c : c <= relu c. Proof. by rewrite /relu le_maxr lexx. Qed.

Lemma eval_add B B' c v : eval (fun i => B i + B' i, c) v = dots B v + dots B' v + c.
Proof. by rewrite /eval dotsD. Qed.

Lemma step_eval nd ch bs o B c v : ch \in choices nd -> between bs o B ->
  let whole := dots B (value nd v :: v) + c + added nd bs v in
  eval (step_term nd ch bs B c) v <= whole /\ (agrees nd ch v -> eval (step_term nd ch bs B c) v = whole).
Proof.
move=> ok inv; have [l h] := between_low 0%N inv; rewrite dots_cons.
case: nd ok => [c0 w|q r ks j|j js] ok /=; rewrite eval_add.
- have -> : dots (fun i => B 0%N * w i) v = B 0%N * dots w v by exact: dotsZ.
  set t := dots _ v; have -> : t + B 0%N * dots w v + (c + B 0%N * c0) = B 0%N * (c0 + dots w v) + t + c + 0 by ring.
  by split.
- rewrite dots_entry; set L := low bs 0%N in l *; set H := high bs 0%N in h *; set b := B 0%N in l h *; set t := dots _ v; set z := v`_j.
  have -> : t + (b * q + chosen (weight L H b) ks ch.1) * z + (c + b * r - chosen (fun k => weight L H b k * k.1) ks ch.1) =
      t + c + b * (q * z + r) + chosen (fun k => weight L H b k * (z - k.1)) ks ch.1 by rewrite -chosen_linear; ring.
  have -> : b * (q * z + r + kinks_sum (fun k => k.2 * relu (z - k.1)) ks) + t + c +
      kinks_sum (fun k => (H * relu (- k.2) - L * relu k.2) * relu (z - k.1)) ks =
      t + c + b * (q * z + r) + kinks_sum (fun k => weight L H b k * relu (z - k.1)) ks by rewrite -unit_sum; ring.
  split=> [|/chosen_sides -> //]; rewrite ler_add2l; apply: chosen_le => k; last by rewrite mulr_ge0 ?relu_ge0 ?weight_ge0.
  by rewrite ler_wpmul2l ?relu_ge ?weight_ge0.
rewrite dotsD !dots_entry; set L := low bs 0%N in l *; set b := B 0%N in l h *; set t := dots _ v; set y := largest _ _.
have -> : b * y + t + c + - L * (y - v`_j) = t + (L * v`_j + (b - L) * y) + c by ring.
split=> [|/andP[_ /eqP ->] //]; rewrite ler_add2r ler_add2l ler_add2l ler_wpmul2l ?subr_ge0 //.
case/mapP: ok => k kin -> /=; apply: largest_ge; move: kin; rewrite !inE => /orP[/eqP ->|kin]; first by rewrite eqxx.
by rewrite map_f ?orbT.
Qed.

(* --- the whole network ------------------------------------------------------------------------------------------------------ *)

Lemma in_patterns nd before p : p \in patterns (nd :: before) ->
  exists ch q, [/\ p = ch :: q, ch \in choices nd & q \in patterns before].
Proof. by case/allpairsP => -[ch q] [/= chin qin ->]; exists ch, q. Qed.

Lemma term_eval program p bs o B c x : p \in patterns program -> between bs o B ->
  let whole := dots B (values program x) + c + shift program bs x in
  eval (term program p bs B c) x <= whole /\ (fits program p x -> eval (term program p bs B c) x = whole).
Proof.
elim: program p bs B c => [|nd before IH] p bs B c.
  move=> _ inv /=; rewrite eval_add; have -> : dots B x + dots (fun i => - low bs i) x + c = dots B x + c + dots (fun i => - low bs i) x by ring.
  by split.
case/in_patterns => ch [q [-> chin qin]] inv /=.
have [le eq] := step_eval c (values before x) chin inv.
have [le' eq'] := IH q (step_bounds nd bs) (step_term nd ch bs B c).1 (step_term nd ch bs B c).2 qin (step_between c chin inv).
split=> [|/andP[/eq eq1 /eq' ->]].
  apply: le_trans le' _; rewrite -/(eval _ _) addrA ler_add2r; exact: le.
by rewrite -/(eval _ _) eq1 addrA.
Qed.

Lemma term_ge0 program p bs o B c i : p \in patterns program -> between bs o B -> 0 <= (term program p bs B c).1 i.
Proof.
elim: program p bs B c => [|nd before IH] p bs B c.
  by move=> _ inv /=; rewrite subr_ge0; case: (between_low i inv).
case/in_patterns => ch [q [-> chin qin]] inv /=.
exact: IH qin (step_between c chin inv).
Qed.

Lemma in_bits s : s \in bits (size s).
Proof. by elim: s => [|a s IH] //=; rewrite mem_cat; case: a; rewrite map_f // ?orbT. Qed.

(* Every point has a pattern. *)
Lemma fitting program x : exists2 p, p \in patterns program & fits program p x.
Proof.
elim: program => [|nd before [q qin fit]]; first by exists [::].
suff [ch chin agr] : exists2 ch, ch \in choices nd & agrees nd ch (values before x).
  exists (ch :: q) => /=; last by rewrite agr.
  by apply/allpairsP; exists (ch, q).
case: nd => [c w|r0 r ks j|j js] /=; first by exists ([::], 0%N).
  pose s := [seq k.1 <= (values before x)`_j | k <- ks].
  exists (s, 0%N); first by apply/mapP; exists s; rewrite // -(size_map (fun k : R * R => k.1 <= (values before x)`_j) ks) in_bits.
  rewrite /s /=; elim: (ks) => [|k ks' IH] //=; rewrite IH andbT.
  by case: leP => // /ltW.
have : largest (values before x)`_j [seq (values before x)`_k | k <- js] \in [seq (values before x)`_k | k <- j :: js] by exact: largest_mem.
case/mapP => k kin eq; exists ([::], k); first exact: (map_f (fun k => ([::], k) : choice) kin).
by rewrite kin /= eq eqxx.
Qed.

Definition maximum (s : seq R) : R := largest (head 0 s) (behead s).

Lemma maximum_is s b : b \in s -> (forall a, a \in s -> a <= b) -> maximum s = b.
Proof.
case: s => [//|a s] bin top; apply/eqP; rewrite eq_le top /=; first exact: largest_ge.
exact: largest_mem.
Qed.

Variables (program : seq node) (outs : 'I_m -> nat -> R). (* output j is sum_i outs_j,i value_i, often a value itself *)

Definition start : bounds := Bounds (fun _ => 0) (fun _ => 0) (fun o => if o is Some j then outs j else fun _ => 0).

Definition output (j : 'I_m) x : R := dots (outs j) (values program x).
Definition common x : R := shift program start x. (* Q *)

Lemma start_between o : between start o (direct start o). Proof. by move=> i; rewrite add0r lexx. Qed.

(* the affine map of P_j, or of Q, under a pattern *)
Definition own o p : (nat -> R) * R := term program p start (direct start o) 0.

Definition tropical o x : R := (if o is Some j then output j x else 0) + common x. (* P_j, Q *)

Lemma own_le o p x : p \in patterns program -> eval (own o p) x <= tropical o x.
Proof.
move=> pin; have [le _] := term_eval 0 x pin (start_between o); apply: le_trans le _.
by rewrite addr0 /tropical; case: o => //=; rewrite /dots big1 // => i _; rewrite mul0r.
Qed.

Lemma own_fits o p x : p \in patterns program -> fits program p x -> eval (own o p) x = tropical o x.
Proof.
move=> pin fit; have [_ /(_ fit) ->] := term_eval 0 x pin (start_between o).
by rewrite addr0 /tropical; case: o => //=; rewrite /dots big1 // => i _; rewrite mul0r.
Qed.

Theorem exponents_ge0 o p i : p \in patterns program -> 0 <= (own o p).1 i.
Proof. by move=> pin; apply: term_ge0 pin (start_between o). Qed.

Theorem tropical_form o x : maximum [seq eval (own o p) x | p <- patterns program] = tropical o x.
Proof.
have [p pin fit] := fitting program x.
apply: maximum_is => [|a /mapP[q qin ->]]; last exact: own_le.
by rewrite -(own_fits o pin fit); apply: (map_f (fun p => eval (own o p) x)).
Qed.

Theorem difference_of_maxima (j : 'I_m) x : output j x =
  maximum [seq eval (own (Some j) p) x | p <- patterns program] - maximum [seq eval (own None p) x | p <- patterns program].
Proof. by rewrite !tropical_form /tropical add0r addrK. Qed.

(* Where a pattern fits, its term is the largest one. *)
Theorem own_term o p q x : p \in patterns program -> fits program p x -> q \in patterns program ->
  eval (own o q) x <= eval (own o p) x.
Proof. by move=> pin fit qin; rewrite (own_fits _ pin fit) own_le. Qed.

(* data: points, each with a pattern *)
Definition extracted (data : seq (seq R * seq choice)) (j : 'I_m) x : R :=
  maximum [seq eval (own (Some j) a.2) x | a <- data] - maximum [seq eval (own None a.2) x | a <- data].

Theorem extract_at data : (forall a, a \in data -> a.2 \in patterns program /\ fits program a.2 a.1) ->
  forall a (j : 'I_m), a \in data -> extracted data j a.1 = output j a.1.
Proof.
move=> good a j ain; have [pin fit] := good a ain.
have top o : maximum [seq eval (own o b.2) a.1 | b <- data] = tropical o a.1.
  apply: maximum_is => [|e /mapP[b bin ->]]; last by apply: own_le; case: (good b bin).
  by rewrite -(own_fits o pin fit); apply/mapP; exists a.
by rewrite /extracted !top /tropical add0r addrK.
Qed.

End Tropical.
