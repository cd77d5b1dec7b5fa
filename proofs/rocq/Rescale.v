(* Hidden neurons at another scale: the same function.

   Statement. Where rescale accepts, the network whose affine layers are multiplied by positive factors, entry by entry, and divided by those
     of the layer before, is the same function as before (rescale_sound).
   Assumptions. None beyond Networks.v: that all factors are positive, that activations behind factors other than 1 have their only kinks at 0 and
     the value 0 there, that the last factors are 1, and that the new weights are integers over the given denominator, is looked at.
   Idea. phi(c t) = c phi(t) for c > 0.
   Used in. Certificate.v, for evidence with `matched`
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("Matched"); docs/theory.md *)
From Exactnn Require Export Networks.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* The factors of a list of values: numerators over one denominator. *)
Notation factors := (Z * seq Z)%type.

Definition ones (n : nat) : factors := (1%Z, nseq n 1%Z).

Definition positive (fs : factors) : bool := Z.ltb 0 fs.1 && all (Z.ltb 0) fs.2.

Definition exact (n d : Z) : option Z := let q := (n / d)%Z in if Z.eqb (q * d) n then Some q else None.

Definition both (A B C : Type) (f : A -> B -> C) (a : option A) (b : option B) : option C :=
  match a, b with Some a, Some b => Some (f a b) | _, _ => None end.

(* c w_j / (e m_j) *)
Fixpoint rescale_weights (c e : Z) (ws ms : seq Z) : option (seq Z) :=
  match ws, ms with
  | [::], [::] => Some [::]
  | w :: ws', m :: ms' => both cons (exact (c * w) (e * m)) (rescale_weights c e ws' ms')
  | _, _ => None
  end.

(* The row (b, w) over d, times l / d', the values that come in being multiplied by prev, as a row over t. *)
Definition rescale_row (t d : Z) (prev : factors) (d' l : Z) (r : row) : option row :=
  match r with
  | [::] => None
  | b :: ws => both cons (exact (l * t * b) (d * d')) (rescale_weights (l * t * prev.1) (d * d') ws prev.2)
  end.

Fixpoint rescale_rows (t d : Z) (prev : factors) (d' : Z) (ls : seq Z) (rows : seq row) : option (seq row) :=
  match ls, rows with
  | [::], [::] => Some [::]
  | l :: ls', r :: rows' => both cons (rescale_row t d prev d' l r) (rescale_rows t d prev d' ls' rows')
  | _, _ => None
  end.

Definition homogeneous (r : Z) (kinks : seq (Z * Z)) : bool := Z.eqb r 0 && all (fun k => Z.eqb k.1 0) kinks.

Definition factor_of (fs : factors) (i : Z) : Z := nth 0%Z fs.2 (Z.to_nat i).

(* prev: the factors of the values that come in; then for each affine layer its new denominator and its factors. *)
Fixpoint rescale (net : network) (prev : factors) (given : seq (Z * factors)) : option network :=
  match net with
  | [::] => if Z.ltb 0 prev.1 && all (Z.eqb prev.1) prev.2 then Some [::] else None
  | Bend n d q r kinks :: rest =>
      if positive prev && (all (Z.eqb prev.1) (drop (Z.to_nat n) prev.2) || homogeneous r kinks) then
        omap (cons (Bend n d q r kinks)) (rescale rest prev given)
      else None
  | Larger pairs :: rest =>
      if positive prev && all (fun p => [&& (Z.to_nat p.1 < size prev.2)%N, (Z.to_nat p.2 < size prev.2)%N
          & Z.eqb (factor_of prev p.1) (factor_of prev p.2)]) pairs then
        omap (cons (Larger pairs)) (rescale rest (prev.1, [seq factor_of prev p.1 | p <- pairs]) given)
      else None
  | Affine d rows :: rest =>
      match given with
      | [::] => None
      | (t, (d', ls)) :: given' =>
          if [&& Z.ltb 0 t, Z.ltb 0 d, positive prev & positive (d', ls)] then
            both (fun rows' rest' => Affine t rows' :: rest') (rescale_rows t d prev d' ls rows) (rescale rest (d', ls) given')
          else None
      end
  end.

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).
Implicit Types (v : seq R).

Definition times (fs : factors) v : seq R := [seq zr f.1 / zr fs.1 * f.2 | f <- zip fs.2 v].

Lemma exact_sound n d q : exact n d = Some q -> zr q * zr d = zr n.
Proof. by rewrite /exact; case: ifP => // /Z.eqb_eq eq [<-]; rewrite -zrM eq. Qed.

Lemma times_ones fs v : Z.ltb 0 fs.1 -> all (Z.eqb fs.1) fs.2 -> size fs.2 = size v -> times fs v = v.
Proof.
case: fs => d ms /= d0; have d0' : zr d != 0 by rewrite gt_eqF // zr_gt0.
elim: ms v => [|m ms IH] [|e v] //= /andP[/Z.eqb_eq <- rest] [sz].
by rewrite /times /= mulfV // mul1r -[in RHS](IH v rest sz).
Qed.

Lemma rescale_weights_sound c e t p ws ms ws' v : zr e != 0 -> zr t != 0 -> zr p != 0 -> all (Z.ltb 0) ms -> size ms = size v ->
  rescale_weights c e ws ms = Some ws' -> dot ws' (times (p, ms) v) / zr t = zr c / (zr e * zr p * zr t) * dot ws v.
Proof.
move=> e0 t0 p0; elim: ws ms ws' v => [|w ws IH] [|m ms] //= ws' [|a v] //.
  by move=> _ _ [<-] /=; rewrite mul0r mulr0.
move=> /andP[m0 ms0] [sz]; case ex: (exact _ _) => [q|] //; case re: (rescale_weights _ _ _ _) => [qs|] //= [<-] /=.
have m0' : zr m != 0 by rewrite gt_eqF // zr_gt0.
have /= := IH ms qs v ms0 sz re; rewrite mulrDl => ->.
have -> : zr q = zr c * zr w / (zr e * zr m).
  by have := exact_sound ex; rewrite !zrM => <-; rewrite mulfK // mulf_neq0.
rewrite -/(times (p, ms) v) mulrDr; congr (_ + _).
by field; rewrite e0 t0 p0 m0'.
Qed.

Lemma rescale_row_sound t d prev d' l r r' v : 0 < zr t -> 0 < zr d -> 0 < zr d' -> positive prev -> size prev.2 = size v ->
  rescale_row t d prev d' l r = Some r' -> dot r' (1 :: times prev v) / zr t = zr l / zr d' * (dot r (1 :: v) / zr d).
Proof.
move=> t0 d0 d'0 /andP[p0 ms0] sz; case: r => [|b ws] //=.
case ex: (exact _ _) => [q|] //; case re: (rescale_weights _ _ _ _) => [qs|] //= [<-] /=.
have t0' := lt0r_neq0 t0; have d0' := lt0r_neq0 d0; have d'0' := lt0r_neq0 d'0.
have p0' : zr prev.1 != 0 by rewrite gt_eqF // zr_gt0.
have e0 : zr (d * d') != 0 by rewrite zrM mulf_neq0.
rewrite !mulr1 mulrDl; case: prev p0 ms0 sz re p0' => p ms /= p0 ms0 sz re p0'.
rewrite (rescale_weights_sound e0 t0' p0' ms0 sz re).
have -> : zr q = zr l * zr t * zr b / (zr d * zr d').
  by have := exact_sound ex; rewrite !zrM => <-; rewrite mulfK // mulf_neq0.
by rewrite !zrM; field; rewrite t0' d0' d'0' p0'.
Qed.

Lemma rescale_rows_sound t d prev d' ls rows rows' v : 0 < zr t -> 0 < zr d -> 0 < zr d' -> positive prev -> size prev.2 = size v ->
  rescale_rows t d prev d' ls rows = Some rows' ->
  [seq dot r (1 :: times prev v) / zr t | r <- rows'] = times (d', ls) [seq dot r (1 :: v) / zr d | r <- rows] /\ size ls = size rows.
Proof.
move=> t0 d0 d'0 pos sz; elim: ls rows rows' => [|l ls IH] [|r rows] //= rows'; first by move=> [<-].
case rr: (rescale_row _ _ _ _ _ _) => [r'|] //; case rs: (rescale_rows _ _ _ _ _ _) => [rest|] //= [<-] /=.
have [-> ->] := IH rows rest rs; split=> //.
by rewrite (rescale_row_sound t0 d0 d'0 pos sz rr).
Qed.

Lemma bend_homogeneous d q r kinks c e : homogeneous r kinks -> 0 < c -> bend d q r kinks (c * e) = c * bend d q r kinks e :> R.
Proof.
move=> /andP[/Z.eqb_eq -> k0] c0; rewrite /bend zr0 !addr0 [RHS]mulrA; congr (_ / _).
rewrite [RHS]mulrDr mulrCA; congr (_ + _); elim: kinks k0 => [|k ks IH] /=; first by rewrite mulr0.
move=> /andP[/Z.eqb_eq -> /IH ->]; rewrite zr0 mul0r !subr0 mulrDr; congr (_ + _).
by rewrite mulrCA; congr (_ * _); rewrite maxr_pmulr ?mulr0 // ltW.
Qed.

Lemma times_take k fs v : take k (times fs v) = times (fs.1, take k fs.2) (take k v).
Proof.
case: fs => d ms; rewrite /times /= -map_take; congr map.
by elim: k ms v => [|k IH] [|m ms] [|e v] //=; rewrite IH.
Qed.

Lemma times_drop k fs v : drop k (times fs v) = times (fs.1, drop k fs.2) (drop k v).
Proof.
case: fs => d ms; rewrite /times /= -map_drop; congr map.
by elim: k ms v => [|k IH] [|m ms] [|e v] //=; case: (drop k _).
Qed.

Lemma times_bend d q r kinks fs v : positive fs -> size fs.2 = size v -> all (Z.eqb fs.1) fs.2 || homogeneous r kinks ->
  [seq bend d q r kinks e | e <- times fs v] = times fs [seq bend d q r kinks e | e <- v].
Proof.
move=> /andP[p0 ms0] sz /orP[same|hom]; first by rewrite !times_ones // size_map.
case: fs p0 ms0 sz => p ms /= p0 ms0; elim: ms ms0 v => [|m ms IH] ms0 [|e v] //= [sz].
case/andP: ms0 => m0 ms0; rewrite /times /= bend_homogeneous ?divr_gt0 ?zr_gt0 //; congr (_ :: _).
exact: IH.
Qed.

Theorem rescale_sound net prev given net' v : size prev.2 = size v -> rescale net prev given = Some net' ->
  run net' (times prev v) = run net v.
Proof.
elim: net prev given net' v => [|[d rows|n d q r kinks|pairs] net IH] prev given net' v sz /=.
- by case: ifP => // /andP[p0 same] [<-]; rewrite times_ones.
- case: given => // -[t [d' ls]] given; case: ifP => // /and4P[t0 d0 pos pos'].
  case rr: (rescale_rows _ _ _ _ _ _) => [rows'|] //; case re: (rescale _ _ _) => [rest|] //= [<-].
  have d'0 : 0 < zr d' by rewrite zr_gt0; case/andP: pos'.
  have t0' : 0 < zr t by rewrite zr_gt0.
  have d0' : 0 < zr d by rewrite zr_gt0.
  have [eq szr] := rescale_rows_sound t0' d0' d'0 pos sz rr.
  rewrite /run /= -/(run _ _) -/(run _ _) eq; apply: IH re.
  by rewrite size_map.
- case: ifP => // /andP[pos ok]; case re: (rescale _ _ _) => [rest|] //= [<-].
  rewrite /run /= -/(run _ _) -/(run _ _); set k := Z.to_nat n in ok *; set out := take k v ++ _.
  have szo : size prev.2 = size out by rewrite sz size_cat size_map -size_cat cat_take_drop.
  rewrite -(IH _ _ _ out szo re); congr (run _ _).
  have szd : size (drop k prev.2) = size (drop k v) by rewrite !size_drop sz.
  have [ko kd] : take k out = take k v /\ drop k out = [seq bend d q r kinks e | e <- drop k v].
    case: (leqP k (size v)) => [kv|vk]; first by rewrite /out take_size_cat ?drop_size_cat // size_takel.
    rewrite /out [drop k v]drop_oversize ?(ltnW vk) //= cats0 take_oversize ?(ltnW vk) // take_oversize ?(ltnW vk) //.
    by rewrite drop_oversize ?(ltnW vk).
  have pos' : positive (prev.1, drop k prev.2).
    by case/andP: pos => p0 /allP ms0; apply/andP; split=> //; apply/allP => m /mem_drop/ms0.
  have -> : times prev out = times (prev.1, take k prev.2) (take k out) ++ times (prev.1, drop k prev.2) (drop k out).
    by rewrite -times_take -times_drop cat_take_drop.
  by rewrite ko kd -times_bend // times_take times_drop.
case: ifP => // /andP[pos /allP ok]; case re: (rescale _ _ _) => [rest|] //= [<-].
rewrite /run /= -/(run _ _) -/(run _ _); set out := [seq Num.max (nth 0 v _) _ | p <- pairs].
have szo : size (prev.1, [seq factor_of prev p.1 | p <- pairs]).2 = size out by rewrite !size_map.
rewrite -(IH _ _ _ out szo re); congr (run _ _); case/andP: pos => p0 /allP ms0.
have at_ i : (Z.to_nat i < size prev.2)%N -> nth 0 (times prev v) (Z.to_nat i) = zr (factor_of prev i) / zr prev.1 * nth 0 v (Z.to_nat i).
  move=> lt; rewrite (nth_map (0%Z, 0)) ?size_zip -?sz ?minnn //.
  by rewrite nth_zip.
rewrite /out /times /=; elim: (pairs) ok => [|p ps IHp] ok //=; congr (_ :: _); last by apply: IHp => q q_in; apply: ok; rewrite in_cons q_in orbT.
have /and3P[l1 l2 /Z.eqb_eq same] := ok p (mem_head _ _).
rewrite !at_ // -same maxr_pmulr // divr_ge0 // ltW // zr_gt0 //.
by apply: ms0; apply: mem_nth.
Qed.

End Meaning.
