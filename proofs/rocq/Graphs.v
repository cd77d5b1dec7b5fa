(* Networks that are no chain: values that are read more than once, sums, maxima over windows, as chains of layers.

   Statement. `graph n pieces` is worth what the last of the pieces is (graph_sound), a piece being a chain that reads earlier values, one
     behind the other: number 0 is the input with its n entries, number k the value of piece k. `added n` is the sum of two values with n
     entries (added_sound), `subtracted n` their difference. `maxima n groups` are, for each group, the maximum of the entries that it
     names (maxima_sound); `max_pool` names those of the taps of each window (Windows.v) that are on the grid.
   Assumptions. Denominators are positive, which is looked at; an input has n entries.
   Idea. What has been computed stands one behind the other in one long list; a layer works on its end and keeps the rest.
   Used in. The files that `exactnn check CERT --to-rocq OUT.v` writes, for `add`, `subtract` and `max_pool` nodes: exactnn/export/_rocq_graph.py
   Attacked by. tests/proofs/test_rocq.py
   References. docs/network-format.md (`add`, `subtract`, `max_pool`) *)
From Exactnn Require Export Windows.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* --- what is computed ------------------------------------------------------------------------------------------- *)

Definition same (i : nat) : Z * Z := (Z.of_nat i, Z.of_nat i).

(* The entries with these numbers. *)
Definition picked (places : seq nat) : layer := Larger [seq same i | i <- places].

(* The layer on all entries but the first n, which stay. *)
Definition behind (n : nat) (l : layer) : layer :=
  match l with
  | Affine d rows =>
      Affine d ([seq 0%Z :: unit_row i d | i <- iota 0 n] ++ [seq head 0%Z r :: nseq n 0%Z ++ behead r | r <- rows])
  | Bend m d q r kinks => Bend (Z.of_nat (n + Z.to_nat m)) d q r kinks
  | Larger pairs => Larger ([seq same i | i <- iota 0 n] ++
      [seq (Z.of_nat (n + Z.to_nat p.1), Z.of_nat (n + Z.to_nat p.2)) | p <- pairs])
  end.

(* The number of entries behind a layer, from the number before it. *)
Definition width (n : nat) (l : layer) : nat :=
  match l with Affine _ rows => size rows | Bend _ _ _ _ _ => n | Larger pairs => size pairs end.

(* Which values are read, and the chain that reads them. *)
Notation piece := (seq Z * network)%type.

(* The places of value a, where the values have these sizes. *)
Definition places_of (sizes : seq nat) (a : Z) : seq nat := iota (sumn (take (Z.to_nat a) sizes)) (nth 0%N sizes (Z.to_nat a)).

Fixpoint flat (sizes : seq nat) (pieces : seq piece) : network :=
  let all := sumn sizes in
  match pieces with
  | [::] => [:: picked (places_of sizes (Z.of_nat (size sizes).-1))]
  | (args, net) :: rest =>
      let read := flatten [seq places_of sizes a | a <- args] in
      picked (iota 0 all ++ read) :: [seq behind all l | l <- net] ++ flat (rcons sizes (foldl width (size read) net)) rest
  end.

Definition graph (n : Z) (pieces : seq piece) : network := flat [:: Z.to_nat n] pieces.

Definition positive_layer (l : layer) : bool := match l with Affine d _ => Z.ltb 0 d | _ => true end.

(* u + c v *)
Definition combined (n c : Z) : layer :=
  let m := Z.to_nat n in Affine 1 [seq 0%Z :: add_row (unit_row i 1) (unit_row (m + i) c) | i <- iota 0 m].
Definition added (n : Z) : layer := combined n 1.
Definition subtracted (n : Z) : layer := combined n (-1).

(* Entry i of the first, the larger of it and the one that group i names first; n more entries stay. *)
Definition against (m n : nat) (groups : seq (seq nat)) : layer :=
  Larger ([seq match g.2 with [::] => same g.1 | t :: _ => (Z.of_nat g.1, Z.of_nat (m + t)) end | g <- zip (iota 0 m) groups] ++
    [seq same i | i <- iota m n]).

Fixpoint one_by_one (m n steps : nat) (groups : seq (seq nat)) : network :=
  match steps with
  | 0%N => [::]
  | k.+1 => against m n groups :: one_by_one m n k [seq behead g | g <- groups]
  end.

(* n entries; each group with at least one *)
Definition maxima (n : nat) (groups : seq (seq nat)) : network :=
  let m := size groups in
  picked ([seq head 0%N g | g <- groups] ++ iota 0 n) ::
  rcons (one_by_one m n (foldr maxn 0%N [seq size g | g <- groups]).-1 [seq behead g | g <- groups]) (picked (iota 0 m)).

Definition max_pool (channels : Z) (axes : seq axis) : network :=
  let size := area axes in
  maxima (Z.to_nat (channels * size))
    [seq [seq Z.to_nat p | p <- in_channels c 1 size w & Z.leb 0 p] | c <- upto channels, w <- windows axes].

(* --- what it means ---------------------------------------------------------------------------------------------- *)

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).
Implicit Types (x u v w : seq R) (env : seq (seq R)).

(* The value of the last piece. *)
Fixpoint values env (pieces : seq piece) : seq R :=
  match pieces with
  | [::] => last [::] env
  | (args, net) :: rest => values (rcons env (run net (flatten [seq nth [::] env (Z.to_nat a) | a <- args]))) rest
  end.

Lemma run_cat f g x : run (f ++ g) x = run g (run f x).
Proof. by rewrite /run foldl_cat. Qed.

Lemma run_cons l net x : run (l :: net) x = run net (apply l x).
Proof. by []. Qed.

Lemma picked_sound ps x : apply (picked ps) x = [seq nth 0 x i | i <- ps].
Proof. by rewrite /= -map_comp; apply: eq_map => i /=; rewrite !Nat2Z.id maxxx. Qed.

Lemma all_places x : [seq nth 0 x i | i <- iota 0 (size x)] = x.
Proof. by apply: (@eq_from_nth _ 0); rewrite ?size_map ?size_iota // => i lt; rewrite (nth_map 0%N) ?size_iota // nth_iota. Qed.

Lemma places_of_sound env a : [seq nth 0 (flatten env) i | i <- places_of [seq size v | v <- env] a] = nth [::] env (Z.to_nat a).
Proof.
rewrite /places_of; elim: env (Z.to_nat a) => [|v env IH] [|k] //=.
  by rewrite -[RHS]all_places; apply/eq_in_map => i; rewrite mem_iota nth_cat => /= ->.
rewrite -IH iotaDl -map_comp; apply: eq_map => i /=.
by rewrite nth_cat ltnNge leq_addr /= addKn.
Qed.

Lemma read_sound env args : [seq nth 0 (flatten env) i | i <- flatten [seq places_of [seq size v | v <- env] a | a <- args]] =
  flatten [seq nth [::] env (Z.to_nat a) | a <- args].
Proof. by elim: args => [|a args IH] //=; rewrite map_cat IH places_of_sound. Qed.

Lemma dot_unit_past n c (v : seq R) : (size v <= n)%N -> dot (unit_row n c) v = 0.
Proof. by rewrite /unit_row; elim: n v => [|n IH] [|a v] //= le; rewrite IH // zr0 mul0r addr0. Qed.

Lemma dot_behind n (ws : seq Z) u v : size u = n -> dot (nseq n 0%Z ++ ws) (u ++ v) = dot ws v.
Proof. by move=> <-; elim: u => [|a u IH] //=; rewrite zr0 mul0r add0r. Qed.

Lemma behind_sound l u v : positive_layer l -> apply (behind (size u) l) (u ++ v) = u ++ apply l v.
Proof.
case: l => [d rows|m d q r kinks|pairs] /= pos; last first.
- rewrite map_cat -!map_comp; congr (_ ++ _).
    rewrite -[RHS]all_places; apply/eq_in_map => i; rewrite mem_iota /= => lt.
    by rewrite !Nat2Z.id maxxx nth_cat lt.
  by apply: eq_map => p /=; rewrite !Nat2Z.id !nth_cat !ltnNge !leq_addr /= !addKn.
- rewrite Nat2Z.id take_cat drop_cat ltnNge leq_addr /= addKn -catA //.
have d0 : zr d != 0 by rewrite gt_eqF // zr_gt0.
rewrite map_cat -!map_comp; congr (_ ++ _).
  rewrite -[RHS]all_places; apply/eq_in_map => i; rewrite mem_iota /= => lt.
  by rewrite zr0 mul0r add0r dot_unit ?size_cat ?ltn_addr // nth_cat lt mulrC mulKf.
apply: eq_map => -[|b ws] /=; rewrite (dot_behind _ _ (erefl (size u))) //.
by rewrite dot_nil zr0 mul0r addr0.
Qed.

Lemma behind_all net u v : all positive_layer net -> run [seq behind (size u) l | l <- net] (u ++ v) = u ++ run net v.
Proof.
elim: net v => [|l net IH] v // /andP[pl pn].
by rewrite map_cons !run_cons behind_sound // IH.
Qed.

Lemma size_apply l v : size (apply l v) = width (size v) l.
Proof. by case: l => [d rows|m d q r kinks|pairs] /=; rewrite ?size_cat ?size_map // -size_cat cat_take_drop. Qed.

Lemma size_run net v : size (run net v) = foldl width (size v) net.
Proof. by elim: net v => [|l net IH] v //=; rewrite -size_apply -IH. Qed.

Lemma flat_sound env pieces : all (fun p : piece => all positive_layer p.2) pieces -> (0 < size env)%N ->
  run (flat [seq size v | v <- env] pieces) (flatten env) = values env pieces.
Proof.
elim: pieces env => [|[args net] rest IH] env.
  move=> _ some; rewrite run_cons picked_sound size_map places_of_sound Nat2Z.id nth_last /=.
  by case: env some.
move=> /andP[pn pr] some; rewrite run_cons picked_sound map_cat read_sound.
have -> : sumn [seq size v | v <- env] = size (flatten env) by rewrite size_flatten.
rewrite all_places run_cat behind_all //.
set v := run net _; set env' := rcons env v.
have -> : flatten env ++ v = flatten env' by rewrite /env' -cats1 flatten_cat /= cats0.
have -> : rcons [seq size w | w <- env] (foldl width (size (flatten [seq places_of [seq size w | w <- env] a | a <- args])) net) =
    [seq size w | w <- env'].
  rewrite /env' map_rcons; congr rcons; rewrite /v size_run; congr foldl.
  by rewrite -read_sound size_map.
by apply: IH => //; rewrite size_rcons.
Qed.

Theorem graph_sound n pieces x : all (fun p : piece => all positive_layer p.2) pieces -> size x = Z.to_nat n ->
  run (graph n pieces) x = values [:: x] pieces.
Proof. by move=> pos sx; rewrite /graph -sx -(flat_sound (env := [:: x])) //= cats0. Qed.

Lemma combined_sound c u v : size v = size u ->
  apply (combined (Z.of_nat (size u)) c) (u ++ v) = [seq a.1 + zr c * a.2 | a <- zip u v].
Proof.
move=> sz; rewrite /combined Nat2Z.id /= -map_comp.
apply: (@eq_from_nth _ 0); rewrite !size_map ?size_iota ?size_zip ?sz ?minnn // => i lt.
rewrite (nth_map 0%N) ?size_iota // nth_iota // (nth_map (0, 0)) ?size_zip ?sz ?minnn // nth_zip //=.
rewrite zr0 mul0r add0r dot_add !dot_unit ?size_cat ?sz ?ltn_add2l ?ltn_addr // zr1 divr1 mul1r.
by rewrite !nth_cat lt ltnNge leq_addr /= addKn.
Qed.

Theorem added_sound u v : size v = size u -> run [:: added (Z.of_nat (size u))] (u ++ v) = [seq a.1 + a.2 | a <- zip u v].
Proof. by move=> sz; rewrite run_cons combined_sound //; apply: eq_map => a; rewrite zr1 mul1r. Qed.

Theorem subtracted_sound u v : size v = size u -> run [:: subtracted (Z.of_nat (size u))] (u ++ v) = [seq a.1 - a.2 | a <- zip u v].
Proof. by move=> sz; rewrite run_cons combined_sound //; apply: eq_map => a; rewrite zrN1 mulN1r. Qed.

(* The maximum of the entries that a group names. *)
Definition largest x (g : seq nat) : R := foldl Num.max (nth 0 x (head 0%N g)) [seq nth 0 x i | i <- behead g].

Lemma one_by_one_sound m n k groups u x : size u = m -> size groups = m -> size x = n -> all (fun g : seq nat => size g <= k)%N groups ->
  run (one_by_one m n k groups) (u ++ x) = [seq foldl Num.max a.1 [seq nth 0 x i | i <- a.2] | a <- zip u groups] ++ x.
Proof.
elim: k groups u => [|k IH] groups u su sg sx le.
  congr (_ ++ _); apply: (@eq_from_nth _ 0); rewrite ?size_map ?size_zip ?sg ?su ?minnn // => i lt.
  rewrite (nth_map (0, [::])) ?size_zip ?sg ?su ?minnn // nth_zip ?su ?sg //=.
  by have /allP/(_ _ (mem_nth [::] _)) := le => /(_ i); rewrite sg => /(_ lt); case: (nth _ _ _).
rewrite run_cons.
set u' := [seq match a.2 with [::] => a.1 | t :: _ => Num.max a.1 (nth 0 x t) end | a <- zip u groups].
have su' : size u' = m by rewrite size_map size_zip su sg minnn.
have -> : apply (against m n groups) (u ++ x) = u' ++ x.
  rewrite /against /= map_cat -!map_comp; congr (_ ++ _).
    apply: (@eq_from_nth _ 0); rewrite !size_map !size_zip size_iota ?su ?sg ?minnn // => i lt.
    rewrite (nth_map (0%N, [::])) ?size_zip ?size_iota ?sg ?minnn // (nth_map (0, [::])) ?size_zip ?su ?sg ?minnn //.
    rewrite !nth_zip ?size_iota ?su ?sg //= nth_iota //; case: (nth [::] groups i) => [|t g] /=; rewrite !Nat2Z.id !nth_cat su lt ?maxxx //.
    by rewrite ltnNge leq_addr /= addKn.
  rewrite -[RHS]all_places sx -[m]addn0 iotaDl -map_comp; apply: eq_map => i /=.
  by rewrite !Nat2Z.id maxxx nth_cat su ltnNge leq_addr /= addKn.
rewrite IH //; last by apply/allP => g /mapP[h h_in ->]; rewrite size_behead; have := allP le h h_in; case: (size h).
  congr (_ ++ _); rewrite /u'; elim: (u) (groups) => [|a u1 IHu] [|g gs] //=; rewrite IHu; congr (_ :: _).
  by case: g.
by rewrite size_map.
Qed.

Lemma size_largest groups (g : seq nat) : g \in groups -> (size g <= foldr maxn 0%N [seq size g | g <- groups])%N.
Proof.
elim: groups => [|h groups IH] //=; rewrite in_cons leq_max => /orP[/eqP ->|/IH ->]; first by rewrite leqnn.
by rewrite orbT.
Qed.

Theorem maxima_sound groups x : run (maxima (size x) groups) x = [seq largest x g | g <- groups].
Proof.
rewrite /maxima run_cons picked_sound map_cat all_places -cats1 run_cat.
set k := (foldr _ _ _).-1; set u := [seq nth 0 x i | i <- _].
have su : size u = size groups by rewrite !size_map.
rewrite (one_by_one_sound (m := size groups) (n := size x)) ?size_map //; last first.
  by apply/allP => g /mapP[h /size_largest le ->]; rewrite size_behead /k; move: le; case: (foldr _ _ _) => [|t]; case: (size h) => //=.
rewrite -[LHS]/(apply (picked _) _) picked_sound.
set ms := [seq foldl _ _ _ | a <- _].
have sm : size ms = size groups by rewrite size_map size_zip su size_map minnn.
have -> : [seq nth 0 (ms ++ x) i | i <- iota 0 (size groups)] = ms.
  by rewrite -sm -[RHS]all_places; apply/eq_in_map => i; rewrite mem_iota nth_cat => /= ->.
rewrite /ms /u; elim: (groups) => [|g gs IH] //=; by rewrite IH.
Qed.

End Meaning.
