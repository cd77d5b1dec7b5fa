(* Full extraction needs no pruning: one term for each activation region of full dimension, and each of them is needed.

   Statement. Let P be a numerator or the denominator of a network (Tropical.v) with d inputs. An activation region is where a pattern fits;
     a point of it is inner if on every line through it the pattern fits near it. (a) At an inner point of a region its term is larger than
     every other term that is another affine function: each term of a region is needed there (needed). (b) Every point x lies in a region
     that has inner points (covered), so that P is the maximum of the terms of the regions with inner points alone (full_extraction).
     So terms of regions with inner points, duplicates removed, are the terms of P, and none is redundant.
   Assumptions. As for Tropical.v; inputs are lists of d numbers.
   Idea. (a) P - T >= 0 for a term T; on the region it is affine, and 0 at an inner point, so it is 0 on all lines through that point.
     (b) Patterns are polyhedra, cut out by finitely many affine functions. From x towards a point where none of them is 0 unless it is a
     constant, there are none of their zeros for a while; a pattern that fits there has inner points there, and fits at x.
   Used in. exactnn/tropical/extract.py, exactnn/tropical/at_points.py
   Attacked by. tests/tropical/test_extract.py
   References. docs/theory.md 16 *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Exactnn Require Import Independence Tropical.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Extraction.
Variable R : realFieldType.
Implicit Types (x y z v : seq R) (s t e : R).
Notation form := ((nat -> R) * R)%type.
Implicit Types (f h : form).

(* --- lines ---------------------------------------------------------------------------------------------------------- *)

Definition line x y t : seq R := mkseq (fun i => x`_i + t * (y`_i - x`_i)) (size x).

Lemma size_line x y t : size (line x y t) = size x. Proof. exact: size_mkseq. Qed.

Lemma eval_line f x y t : size y = size x -> eval f (line x y t) = eval f x + t * (eval f y - eval f x).
Proof.
move=> sz; rewrite /eval /dots size_line sz.
have -> : \sum_(i < size x) f.1 i * (line x y t)`_i = \sum_(i < size x) f.1 i * x`_i +
    t * (\sum_(i < size x) f.1 i * y`_i - \sum_(i < size x) f.1 i * x`_i).
  rewrite -sumrB big_distrr -big_split /=; apply: eq_bigr => i _; rewrite nth_mkseq ?ltn_ord //; move: (f.1 i) (x`_i) (y`_i) => a b c; ring.
by move: (\sum_i _) (\sum_i _) => a b; ring.
Qed.

Lemma line1 x y : size y = size x -> line x y 1 = y.
Proof.
move=> sz; apply: (@eq_from_nth _ 0); rewrite size_line // => i lt; rewrite nth_mkseq //; ring.
Qed.

(* --- (a) each term is needed ------------------------------------------------------------------------------------------ *)

Variables (m : nat) (program : seq (node R)) (outs : 'I_m -> nat -> R) (o : option 'I_m).
Notation own p := (own program outs o p).
Notation P := (tropical program outs o).

Definition inner p x : Prop :=
  forall y, size y = size x -> exists2 e, 0 < e & forall t, `|t| < e -> fits program p (line x y t).

Lemma half_lt e : 0 < e -> 0 < e / 2%:R < e.
Proof. by move=> e0; rewrite divr_gt0 ?ltr0n // ltr_pdivr_mulr ?ltr0n // ltr_pmulr // ltr1n. Qed.

Theorem needed p q x : p \in patterns program -> inner p x -> q \in patterns program ->
  eval (own q) x < eval (own p) x \/ forall y, size y = size x -> eval (own q) y = eval (own p) y.
Proof.
move=> pin inn qin.
have le_near y : size y = size x -> exists2 e, 0 < e & forall t, `|t| < e ->
    eval (own q) x + t * (eval (own q) y - eval (own q) x) <= eval (own p) x + t * (eval (own p) y - eval (own p) x).
  move=> sz; have [e e0 near] := inn y sz; exists e => // t te.
  by rewrite -!eval_line // (own_fits _ _ pin (near t te)) own_le.
have [e0 e00 near0] := le_near x erefl.
have le : eval (own q) x <= eval (own p) x by have := near0 0; rewrite normr0 !mul0r !addr0; apply.
move: le; rewrite le_eqVlt => /orP[/eqP eq|]; last by left.
right=> y sz; have [e ep near] := le_near y sz.
have /andP[h0 he] := half_lt ep.
have := near (e / 2%:R); rewrite gtr0_norm // => /(_ he); rewrite eq ler_add2l ler_pmul2l // ler_add2r => le1.
have := near (- (e / 2%:R)); rewrite normrN gtr0_norm // => /(_ he).
rewrite eq ler_add2l !mulNr ler_opp2 ler_pmul2l // ler_add2r => le2.
by apply/eqP; rewrite eq_le le1 le2.
Qed.

(* --- regions as polyhedra ----------------------------------------------------------------------------------------------- *)

Definition zero_form : form := (fun _ => 0, 0).

Lemma eval0 x : eval zero_form x = 0.
Proof. by rewrite /eval /dots big1 ?addr0 // => i _; rewrite mul0r. Qed.

Definition combined (w : nat -> R) (fs : seq form) : form :=
  (fun i => \sum_(k < size fs) w k * (nth zero_form fs k).1 i, \sum_(k < size fs) w k * (nth zero_form fs k).2).

Lemma nth_eval fs k x : nth 0 [seq eval f x | f <- fs] k = eval (nth zero_form fs k) x.
Proof.
case: (ltnP k (size fs)) => lt; first by rewrite (nth_map zero_form).
by rewrite !nth_default ?size_map // eval0.
Qed.

Lemma eval_combined w fs x : eval (combined w fs) x = dots w [seq eval f x | f <- fs].
Proof.
rewrite /eval /= {2}/dots size_map.
have -> : dots (fun i => \sum_(k < size fs) w k * (nth zero_form fs k).1 i) x = \sum_(k < size fs) w k * dots (nth zero_form fs k).1 x.
  rewrite /dots; transitivity (\sum_(i < size x) \sum_(k < size fs) w k * (nth zero_form fs k).1 i * x`_i).
    by apply: eq_bigr => i _; rewrite big_distrl.
  by rewrite exchange_big /=; apply: eq_bigr => k _; rewrite big_distrr /=; apply: eq_bigr => i _; rewrite mulrA.
by rewrite -big_split; apply: eq_bigr => k _; rewrite nth_eval /= -mulrDr.
Qed.

Definition scaled c f e : form := (fun i => c * f.1 i, c * f.2 + e).
Definition less f h : form := (fun i => f.1 i - h.1 i, f.2 - h.2).

Lemma eval_scaled c f e x : eval (scaled c f e) x = c * eval f x + e.
Proof. by rewrite /eval /= dotsZ mulrDr addrA. Qed.

Lemma eval_less f h x : eval (less f h) x = eval f x - eval h x.
Proof.
rewrite /eval /= dotsD; have -> : dots (fun i => - h.1 i) x = - dots h.1 x.
  by rewrite /dots -sumrN; apply: eq_bigr => i _; rewrite mulNr.
ring.
Qed.

(* a node's value where its choice is the right one, and what that is, as forms that are >= 0 *)
Definition node_form (nd : node R) (ch : choice) (fs : seq form) : form :=
  match nd with
  | Combine c w => scaled 1 (combined w fs) c
  | Unit q r ks j => scaled (q + chosen (fun k => k.2) ks ch.1) (nth zero_form fs j) (r - chosen (fun k => k.2 * k.1) ks ch.1)
  | Window j js => nth zero_form fs ch.2
  end.

Fixpoint side_forms f (ks : seq (R * R)) (b : seq bool) : seq form :=
  match ks, b with
  | k :: ks', a :: b' => (if a then scaled 1 f (- k.1) else scaled (-1) f k.1) :: side_forms f ks' b'
  | _, _ => [::]
  end.

Definition node_conditions (nd : node R) (ch : choice) (fs : seq form) : seq form :=
  match nd with
  | Combine c w => [::]
  | Unit q r ks j => side_forms (nth zero_form fs j) ks ch.1
  | Window j js => [seq less (nth zero_form fs ch.2) (nth zero_form fs k) | k <- j :: js]
  end.

Variable d : nat.

Fixpoint value_forms (prog : seq (node R)) (p : seq choice) : seq form :=
  if prog is nd :: before then
    let fs := value_forms before (behead p) in node_form nd (head ([::], 0%N) p) fs :: fs
  else [seq (entry j 1, 0) | j <- iota 0 d].

Fixpoint conditions (prog : seq (node R)) (p : seq choice) : seq form :=
  if prog is nd :: before then
    node_conditions nd (head ([::], 0%N) p) (value_forms before (behead p)) ++ conditions before (behead p)
  else [::].

Definition holds x (fs : seq form) : bool := all (fun b => 0 <= b) [seq eval f x | f <- fs].

Lemma sides_forms f ks b x : size b = size ks -> sides (eval f x) ks b = holds x (side_forms f ks b).
Proof.
elim: ks b => [|k ks IH] [|a b] //= [sz]; rewrite IH //; congr (_ && _).
by case: a; rewrite eval_scaled ?mul1r ?mulN1r 1?addrC ?subr_ge0 // addrC subr_ge0.
Qed.

Lemma chosen_value s ks b : sides s ks b -> chosen (fun k => k.2) ks b * s - chosen (fun k => k.2 * k.1) ks b =
  kinks_sum (fun k => k.2 * relu (s - k.1)) ks.
Proof. by move=> /chosen_sides <-; rewrite chosen_linear. Qed.

Lemma size_bits n b : b \in bits n -> size b = n.
Proof.
by elim: n b => [|n IH] b /=; rewrite ?inE ?mem_cat; [move/eqP -> | case/orP => /mapP[c /IH <- ->]].
Qed.

Lemma agrees_forms nd ch fs x : ch \in choices nd ->
  agrees nd ch [seq eval f x | f <- fs] = holds x (node_conditions nd ch fs) /\
  (agrees nd ch [seq eval f x | f <- fs] -> eval (node_form nd ch fs) x = value nd [seq eval f x | f <- fs]).
Proof.
case: nd => [c w|q r ks j|j js] chin.
- by split=> // _; rewrite /= eval_scaled mul1r eval_combined addrC.
- have sz : size ch.1 = size ks by case/mapP: chin => b /size_bits ? ->.
  split; first by rewrite /= nth_eval sides_forms.
  by rewrite /= nth_eval eval_scaled => /chosen_value <-; ring.
split; last by rewrite /= => /andP[_ /eqP]; rewrite nth_eval.
have kin : ch.2 \in j :: js by case/mapP: chin => k ? ->.
have -> : holds x (node_conditions (Window _ j js) ch fs) =
    all (fun k => nth 0 [seq eval f x | f <- fs] k <= nth 0 [seq eval f x | f <- fs] ch.2) (j :: js).
  by rewrite /holds -map_comp all_map; apply: eq_all => k /=; rewrite eval_less subr_ge0 !nth_eval.
rewrite /agrees kin andTb; set v := [seq eval f x | f <- fs].
have in_window k : k \in j :: js -> v`_k \in v`_j :: [seq v`_k | k <- js].
  by rewrite !inE => /orP[/eqP ->|k_in]; rewrite ?eqxx // map_f ?orbT.
apply/eqP/allP => [top k kin'|top]; first by rewrite top; apply/largest_ge/in_window.
apply/eqP; rewrite eq_le; apply/andP; split; first exact/largest_ge/in_window.
have : value (Window _ j js) v \in [seq v`_k | k <- j :: js] by exact: largest_mem.
by case/mapP => k kin' ->; exact: top.
Qed.

Lemma inputs_forms x : size x = d -> [seq eval f x | f <- [seq (entry j 1, 0) | j <- iota 0 d] ] = x.
Proof.
move=> sz; apply: (@eq_from_nth _ 0); rewrite !size_map size_iota // => i lt.
by rewrite -map_comp (nth_map 0%N) ?size_iota // nth_iota // /= /eval dots_entry mul1r addr0.
Qed.

Lemma fits_conditions prog p x : size x = d -> p \in patterns prog ->
  fits prog p x = holds x (conditions prog p) /\ (fits prog p x -> values prog x = [seq eval f x | f <- value_forms prog p]).
Proof.
move=> sz; elim: prog p => [|nd before IH] p; first by move=> _; split=> // _; rewrite inputs_forms.
case/in_patterns => ch [q [-> chin qin]]; have [eq val] := IH q qin.
rewrite /= /holds map_cat all_cat -/(holds x (conditions before q)) -eq.
case fit: (fits before q x); last by rewrite !andbF.
have := val fit => ->; have [-> nodes] := agrees_forms (value_forms before q) x chin.
by split=> [|/andP[/nodes -> _]].
Qed.

(* --- a direction without ties --------------------------------------------------------------------------------------------- *)

Definition moving f : bool := has (fun i => f.1 i != 0) (iota 0 d).

Lemma still f x y : size x = d -> size y = d -> ~~ moving f -> eval f x = eval f y.
Proof.
move=> sx sy /hasPn none; rewrite /eval /dots sx sy; congr (_ + _); apply: eq_bigr => i _.
have := none i; rewrite mem_iota add0n ltn_ord => /(_ isT)/negPn/eqP ->.
by rewrite !mul0r.
Qed.

Lemma somewhere f : moving f -> exists2 y, size y = d & eval f y != 0.
Proof.
case/hasP => k; rewrite mem_iota add0n => /andP[_ lt] fk.
pose zero := nseq d (0 : R); pose one := mkseq (fun i => (i == k)%:R : R) d.
have szero : size zero = d by rewrite size_nseq.
have sone : size one = d by rewrite size_mkseq.
have ez : eval f zero = f.2.
  by rewrite /eval /dots big1 ?add0r // => i _; rewrite nth_nseq if_same mulr0.
have eo : eval f one = f.1 k + f.2.
  rewrite /eval /dots sone (bigD1 (Ordinal lt)) //= nth_mkseq // eqxx mulr1 big1 ?addr0 // => i ne.
  rewrite nth_mkseq //; have -> : (i == k :> nat) = false by apply/negP => /eqP eq; case/eqP: ne; apply: val_inj.
  by rewrite mulr0.
case: (eqVneq f.2 0) => [f0|f0]; last by exists zero; rewrite ?ez.
by exists one; rewrite // eo f0 addr0.
Qed.

Lemma avoiding (hs : seq form) : exists2 y, size y = d & forall f, List.In f hs -> moving f -> eval f y != 0.
Proof.
elim: hs => [|g hs [y sy IH]]; first by exists (nseq d 0); rewrite ?size_nseq.
case mg: (moving g); last first.
  by exists y => // f [<-|/IH //]; rewrite mg.
have [y' sy' gy'] := somewhere mg.
have [t fresh] := fresh [seq - eval f y / (eval f y' - eval f y) | f <- g :: hs].
exists (line y y' t); rewrite ?size_line // => f fin mf; rewrite eval_line ?sy //; apply/eqP => zero.
have [same|differ] := eqVneq (eval f y' - eval f y) 0.
  move: zero; rewrite same mulr0 addr0 => zero.
  case: fin => [eq|fin]; last by have := IH f fin mf; rewrite zero eqxx.
  by move: same gy'; rewrite zero subr0 -eq => ->; rewrite eqxx.
have not_in : t = - eval f y / (eval f y' - eval f y).
  by apply: (mulIf differ); rewrite mulfVK //; apply/eqP; rewrite -subr_eq0 opprK addrC zero.
by case/negP: fresh; rewrite not_in; apply/(nthP 0); elim: (g :: hs) fin => //= f' l IHl [->|/IHl[k lt eq]]; [exists 0%N | exists k.+1].
Qed.

(* Before the first zero. *)
Lemma before_zeros (hs : seq form) x y : size x = d -> size y = d -> (forall f, List.In f hs -> moving f -> eval f y != 0) ->
  exists2 e, 0 < e & forall t f, 0 < t -> t < e -> List.In f hs -> moving f -> eval f (line x y t) != 0.
Proof.
move=> sx sy; elim: hs => [|g hs IH] nz; first by exists 1.
have [|e e0 before] := IH; first by move=> f fin; apply: nz; right.
have [e' e'0 at_g] : exists2 e', 0 < e' & forall t, 0 < t -> t < e' -> moving g -> eval g (line x y t) != 0.
  have := nz g (or_introl erefl); case: (moving g) => [/(_ isT) gy|_]; last by exists 1.
  have on_line t : eval g (line x y t) = eval g x + t * (eval g y - eval g x) by rewrite eval_line // sx.
  have [g0|g0] := eqVneq (eval g x) 0.
    by exists 1 => // t t0 _ _; rewrite on_line g0 add0r subr0 mulf_neq0 // gt_eqF.
  pose step := `|eval g y - eval g x|; have top : 0 < 1 + step by rewrite ltr_paddr ?ltr01 ?normr_ge0.
  exists (`|eval g x| / (1 + step)); first by rewrite divr_gt0 // normr_gt0.
  move=> t t0; rewrite ltr_pdivl_mulr // => small _; rewrite on_line addr_eq0.
  apply/eqP => eq; have : `|eval g x| = t * step by rewrite eq normrN normrM gtr0_norm.
  by move=> eq'; move: small; rewrite eq' mulrDr mulr1 gtr_addr ltNge ltW.
exists (Num.min e e'); first by rewrite lt_minr e0.
by move=> t f t0; rewrite lt_minr => /andP[te te'] [<-|fin] mf; [exact: at_g | exact: before].
Qed.

Lemma inner_conditions p z : size z = d -> p \in patterns program -> fits program p z ->
  (forall f, List.In f (conditions program p) -> moving f -> eval f z != 0) -> inner p z.
Proof.
move=> sz pin; rewrite (fits_conditions sz pin).1 => hold nz y sy.
suff [e e0 near] : exists2 e, 0 < e & forall t, `|t| < e -> holds (line z y t) (conditions program p).
  exists e => // t te; have sl : size (line z y t) = d by rewrite size_line.
  by rewrite (fits_conditions sl pin).1 near.
elim: (conditions program p) hold nz => [|f fs IH] /=; first by move=> _ _; exists 1; rewrite ?ltr01 // /holds.
case/andP => f0 /IH{}IH nz; have [|e e0 near] := IH; first by move=> g gin; apply: nz; right.
have [e' e'0 at_f] : exists2 e', 0 < e' & forall t, `|t| < e' -> 0 <= eval f (line z y t).
  case mf: (moving f); last first.
    by exists 1 => // t _; have -> // : eval f (line z y t) = eval f z by apply: still; rewrite ?size_line ?mf.
  have f_gt : 0 < eval f z by rewrite lt_neqAle eq_sym f0 nz //; left.
  pose step := `|eval f y - eval f z|; have top : 0 < 1 + step by rewrite ltr_paddr ?ltr01 ?normr_ge0.
  exists (eval f z / (1 + step)); first by rewrite divr_gt0.
  move=> t; rewrite ltr_pdivl_mulr // => /ltW small; rewrite eval_line //.
  have : `|t * (eval f y - eval f z)| <= eval f z.
    by apply: le_trans small; rewrite normrM ler_wpmul2l // ler_addr ler01.
  by rewrite ler_norml => /andP[le _]; rewrite -ler_subl_addl sub0r.
exists (Num.min e e'); first by rewrite lt_minr e0.
by move=> t; rewrite lt_minr => /andP[te te']; apply/andP; split; [exact: at_f | exact: near].
Qed.

(* (b) *)
Theorem covered x : size x = d -> exists p z, [/\ p \in patterns program, fits program p x, size z = d & inner p z].
Proof.
move=> sx; pose hs := flatten [seq conditions program p | p <- patterns program].
have in_hs p f : p \in patterns program -> List.In f (conditions program p) -> List.In f hs.
  rewrite /hs; elim: (patterns program) => //= q qs IH; rewrite inE => /orP[/eqP ->|/IH{}IH] fin; apply: List.in_or_app; first by left.
  by right; exact: IH.
have [y sy nz] := avoiding hs.
have [e e0 before] := before_zeros sx sy nz.
have /andP[t0 te] := half_lt e0; set t := e / 2%:R in t0 te.
have sz : size (line x y t) = d by rewrite size_line.
have [p pin fit] := fitting program (line x y t).
exists p, (line x y t); split=> //; last first.
  by apply: inner_conditions => // f fin; apply: before => //; exact: in_hs fin.
rewrite (fits_conditions sx pin).1; move: fit; rewrite (fits_conditions sz pin).1.
have sub f : List.In f (conditions program p) -> List.In f hs by exact: in_hs.
elim: (conditions program p) sub => [//|f fs IH] sub /andP[f0 fs0].
apply/andP; split; last by apply: IH fs0 => g gin; apply: sub; right.
move: f0; case mf: (moving f); last by have -> : eval f x = eval f (line x y t) by apply: still; rewrite ?mf.
rewrite /= => f0; rewrite leNgt; apply/negP => fx.
have fin : List.In f hs by apply: sub; left.
have on_line s : eval f (line x y s) = eval f x + s * (eval f y - eval f x) by rewrite eval_line // sx.
move: f0; rewrite le_eqVlt eq_sym (negbTE (before t f t0 te fin mf)) /= on_line => f0.
have up : 0 < eval f y - eval f x.
  by rewrite -(pmulr_rgt0 _ t0); apply: lt_trans (_ : - eval f x < _); rewrite ?oppr_gt0 // -subr_gt0 opprK addrC.
pose s := - eval f x / (eval f y - eval f x).
have s0 : 0 < s by rewrite divr_gt0 // oppr_gt0.
have st : s < t by rewrite ltr_pdivr_mulr // -subr_gt0 opprK addrC.
by have := before s f s0 (lt_trans st te) fin mf; rewrite on_line /s (mulfVK (lt0r_neq0 up)) subrr eqxx.
Qed.

(* So the patterns whose regions have inner points are enough. *)
Theorem full_extraction (ps : seq (seq choice)) x : size x = d ->
  {subset ps <= patterns program} -> (forall p z, p \in patterns program -> size z = d -> inner p z -> p \in ps) ->
  maximum [seq eval (own p) x | p <- ps] = P x.
Proof.
move=> sx sub all_; have [p [z [pin fit sz inn]]] := covered sx.
apply: maximum_is => [|a /mapP[q qin ->]]; last exact/own_le/sub.
by rewrite -(own_fits outs o pin fit); apply: (map_f (fun p => eval (own p) x)); exact: all_ pin sz inn.
Qed.

End Extraction.
