(* Hidden neurons in another order: the same function.

   Statement. Where reorder accepts, the network with the rows of each affine layer in the given order, and the columns behind likewise, is
     the same function as before (reorder_sound).
   Assumptions. None beyond Networks.v; that each order is a permutation, and that the rows are as long as needed, is looked at.
   Idea. A sum does not depend on the order of its terms; activations treat all neurons of a layer alike.
   Used in. Certificate.v, for evidence with `matched`
   Attacked by. tests/proofs/test_rocq.py
   References. docs/certificate-format.md ("Matched"); docs/theory.md *)
From Exactnn Require Export Networks.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Entry i is entry order_i of s. *)
Definition pick (T : Type) (x0 : T) (order : seq nat) (s : seq T) : seq T := [seq nth x0 s i | i <- order].

(* The bias stays in front. *)
Definition columns (order : seq nat) (r : row) : row := if order == iota 0 (size order) then r else head 0%Z r :: pick 0%Z order (behead r).

(* The places of a pair in values that are in another order. *)
Definition moved_pair (prev : seq nat) (p : Z * Z) : Z * Z :=
  (Z.of_nat (index (Z.to_nat p.1) prev), Z.of_nat (index (Z.to_nat p.2) prev)).

(* prev: the order of the values that come in; then one order for each affine layer and each Larger, that of the last one being the identity. *)
Fixpoint reorder (net : network) (prev : seq nat) (orders : seq (seq nat)) : option network :=
  match net with
  | [::] => if prev == iota 0 (size prev) then Some [::] else None
  | Bend n d q r kinks :: rest =>
      let k := Z.to_nat n in
      if all (fun i => (i < k)%N) (take k prev) && all (fun i => (k <= i)%N) (drop k prev) then
        omap (cons (Bend n d q r kinks)) (reorder rest prev orders)
      else None
  | Larger pairs :: rest =>
      match orders with
      | [::] => None
      | order :: orders' =>
          if perm_eq order (iota 0 (size pairs)) && all (fun p => (Z.to_nat p.1 \in prev) && (Z.to_nat p.2 \in prev)) pairs then
            omap (cons (Larger [seq moved_pair prev (nth (0%Z, 0%Z) pairs i) | i <- order])) (reorder rest order orders')
          else None
      end
  | Affine d rows :: rest =>
      match orders with
      | [::] => None
      | order :: orders' =>
          if perm_eq order (iota 0 (size rows)) && all (fun r => size r == (size prev).+1) rows then
            omap (cons (Affine d [seq columns prev (nth [::] rows i) | i <- order])) (reorder rest order orders')
          else None
      end
  end.

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).

Lemma dot_pick (order : seq nat) (ws : seq Z) (v : seq R) :
  dot (pick 0%Z order ws) (pick 0 order v) = \sum_(i <- order) zr (nth 0%Z ws i) * nth 0 v i.
Proof. by elim: order => [|i order IH]; rewrite ?big_nil // big_cons /= IH. Qed.

Lemma pick_id (T : Type) (x0 : T) (s : seq T) : pick x0 (iota 0 (size s)) s = s.
Proof. by apply: (@eq_from_nth _ x0); rewrite ?size_map ?size_iota // => i lt; rewrite (nth_map 0%N) ?size_iota // nth_iota. Qed.

Lemma columns_sound (order : seq nat) (r : row) (v : seq R) : perm_eq order (iota 0 (size v)) -> size r = (size order).+1 ->
  dot (columns order r) (1 :: pick 0 order v) = dot r (1 :: v).
Proof.
move=> perm; have sz : size order = size v by rewrite (perm_size perm) size_iota.
rewrite /columns; case: eqP => [-> _|_]; first by rewrite sz pick_id.
case: r => [|b ws] //= [szw]; congr (_ + _).
rewrite dot_pick (perm_big _ perm) -[in RHS](pick_id 0%Z ws) -[in RHS](pick_id 0 v) szw sz /=.
by rewrite dot_pick.
Qed.

Theorem reorder_sound net prev orders net' (v : seq R) : perm_eq prev (iota 0 (size v)) -> reorder net prev orders = Some net' ->
  run net' (pick 0 prev v) = run net v.
Proof.
elim: net prev orders net' v => [|[d rows|n d q r kinks|pairs] net IH] prev orders net' v perm /=.
- by case: eqP => // eq [<-]; have := perm_size perm; rewrite size_iota eq size_iota => ->; rewrite pick_id.
- case: orders => // order orders; case: ifP => // /andP[perm' /allP szs].
  case re: (reorder net order orders) => [net''|] //= [<-] /=.
  set out := [seq dot r (1 :: v) / zr d | r <- rows].
  have szo : size out = size rows by rewrite size_map.
  have perm'' : perm_eq order (iota 0 (size out)) by rewrite szo.
  rewrite /run /= -/(run _ _) -/(run _ _) -(IH _ _ _ out perm'' re); congr (run _ _).
  rewrite -map_comp /pick; apply/eq_in_map => i; rewrite (perm_mem perm') mem_iota add0n => /andP[_ i_lt] /=.
  rewrite (nth_map [::]) // columns_sound //; apply/eqP; apply: szs; exact: mem_nth.
- case: ifP => // /andP[/allP low /allP high]; case re: (reorder net prev orders) => [net''|] //= [<-] /=.
  set k := Z.to_nat n in low high *; set out := take k v ++ _.
  have szo : size out = size v by rewrite size_cat size_map -size_cat cat_take_drop.
  have perm' : perm_eq prev (iota 0 (size out)) by rewrite szo.
  rewrite /run /= -/(run _ _) -/(run _ _) -(IH _ _ _ _ perm' re); congr (run _ _).
  have lt i : i \in prev -> (i < size v)%N by rewrite (perm_mem perm) mem_iota.
  rewrite -[in RHS](cat_take_drop k prev) /pick map_cat -map_take -map_drop; congr (_ ++ _); rewrite -?map_comp; apply/eq_in_map => i i_in /=.
    have i_lt := lt i (mem_take i_in); have i_k := low i i_in.
    by rewrite /out nth_cat size_take (_ : (i < _)%N) ?nth_take //; case: ifP.
  have i_lt := lt i (mem_drop i_in); have i_k := high i i_in.
  rewrite /out nth_cat size_take (leq_ltn_trans i_k i_lt) ltnNge i_k /= (nth_map 0) ?nth_drop ?subnKC // size_drop.
  by rewrite ltn_sub2r // (leq_ltn_trans i_k i_lt).
case: orders => // order orders; case: ifP => // /andP[perm' /allP ins].
case re: (reorder net order orders) => [net''|] //= [<-] /=.
set out := [seq Num.max _ _ | p <- pairs].
have szo : size out = size pairs by rewrite size_map.
have perm'' : perm_eq order (iota 0 (size out)) by rewrite szo.
rewrite /run /= -/(run _ _) -/(run _ _) -(IH _ _ _ out perm'' re); congr (run _ _).
rewrite -map_comp /pick; apply/eq_in_map => i; rewrite (perm_mem perm') mem_iota add0n => /andP[_ i_lt] /=.
rewrite (nth_map (0%Z, 0%Z)) //; have /andP[p1 p2] := ins _ (mem_nth (0%Z, 0%Z) i_lt).
by rewrite !Nat2Z.id !(nth_map 0%N) ?index_mem // !nth_index.
Qed.

End Meaning.
