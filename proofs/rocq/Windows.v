(* Convolutions, and means over windows, as affine layers.

   Statement. The layer convolution ... is affine. At x its entries are, one kernel after the other and for each place of the window on the grid,
     row-major, (b + sum of w_{c,k} x_{c,k}) / d over the channels c and taps k of the window, row-major; taps on the padding count as 0
     (convolution_sound). Tap k of place i lies at i stride - before + k dilation on each axis (taps_on, windows).
   Assumptions. x has as many entries as channels times grid.
   Idea. A row is all zeros, with each weight put where its tap is. Nothing is new for the checker, which reads affine layers.
   Used in. The files that `exactnn check CERT --to-rocq OUT.v` writes, for `conv` and `average_pool` nodes: exactnn/export/_rocq_windows.py
   Attacked by. tests/proofs/test_rocq.py
   References. docs/network-format.md (`conv`, `average_pool`) *)
From Exactnn Require Export Networks.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* One axis: the grid's size, the window's taps, its step, the padding before the grid, the taps' distance, the number of places. *)
Record axis := Axis { grid : Z; taps : Z; stride : Z; before : Z; dilation : Z; places : Z }.

Definition upto (n : Z) : seq Z := [seq Z.of_nat i | i <- iota 0 (Z.to_nat n)].

(* For each place of the window the coordinates of its taps; -1 on the padding. *)
Definition taps_on (a : axis) : seq (seq Z) :=
  [seq [seq let t := (i * stride a - before a + k * dilation a)%Z in if Z.leb 0 t && Z.ltb t (grid a) then t else (-1)%Z
       | k <- upto (taps a)] | i <- upto (places a)].

Definition area (axes : seq axis) : Z := foldr (fun a n => grid a * n)%Z 1%Z axes.

(* The same on the whole grid, row-major. *)
Fixpoint windows (axes : seq axis) : seq (seq Z) :=
  match axes with
  | [::] => [:: [:: 0%Z]]
  | a :: rest => [seq [seq if Z.ltb t 0 || Z.ltb p 0 then (-1)%Z else (t * area rest + p)%Z | t <- line, p <- w]
                 | line <- taps_on a, w <- windows rest]
  end.

(* The taps of a window in the channels first, ..., first + many - 1. *)
Definition in_channels (first many size : Z) (w : seq Z) : seq Z :=
  [seq if Z.ltb p 0 then (-1)%Z else ((first + c) * size + p)%Z | c <- upto many, p <- w].

Fixpoint add_at (p : nat) (w : Z) (r : row) {struct r} : row :=
  match r, p with
  | [::], _ => [::]
  | a :: r', 0%N => (a + w)%Z :: r'
  | a :: r', p'.+1 => a :: add_at p' w r'
  end.

(* Each weight at its place. *)
Fixpoint placed (n : nat) (ps : seq Z) (ws : row) : row :=
  match ps, ws with
  | p :: ps', w :: ws' => if Z.ltb p 0 then placed n ps' ws' else add_at (Z.to_nat p) w (placed n ps' ws')
  | _, _ => nseq n 0%Z
  end.

(* kernels: for each, the first of the `many` channels that it reads, and its bias and weights *)
Definition convolution (d channels many : Z) (axes : seq axis) (kernels : seq (Z * row)) : layer :=
  let size := area axes in
  let n := Z.to_nat (channels * size) in
  Affine d [seq head 0%Z k.2 :: placed n (in_channels k.1 many size w) (behead k.2) | k <- kernels, w <- windows axes].

Section Meaning.
Variable R : realFieldType.
Notation zr := (zr R).
Implicit Types (x : seq R).

(* w . x over the taps *)
Fixpoint over_taps (ps : seq Z) (ws : row) x : R :=
  match ps, ws with
  | p :: ps', w :: ws' => (if Z.ltb p 0 then 0 else zr w * nth 0 x (Z.to_nat p)) + over_taps ps' ws' x
  | _, _ => 0
  end.

Lemma dot_zeros n x : dot (nseq n 0%Z) x = 0.
Proof. by elim: n x => [|n IH] [|v x] //=; rewrite IH mul0r addr0. Qed.

Lemma size_add_at p w r : size (add_at p w r) = size r.
Proof. by elim: r p => [|a r IH] [|p] //=; rewrite IH. Qed.

Lemma dot_add_at p w r x : size r = size x -> dot (add_at p w r) x = zr w * nth 0 x p + dot r x.
Proof.
elim: r p x => [|a r IH] p [|v x] //=; first by rewrite nth_nil mulr0 addr0.
case: p => [|p] [sz] /=; first by rewrite zrD mulrDl addrAC addrC.
by rewrite IH // addrCA.
Qed.

Lemma size_placed n ps ws : size (placed n ps ws) = n.
Proof. by elim: ps ws => [|p ps IH] [|w ws] /=; rewrite ?size_nseq //; case: ifP => _; rewrite ?size_add_at IH. Qed.

Lemma dot_placed ps ws x : dot (placed (size x) ps ws) x = over_taps ps ws x.
Proof.
elim: ps ws => [|p ps IH] [|w ws] /=; rewrite ?dot_zeros //.
by case: ifP => _; rewrite ?dot_add_at ?size_placed ?IH ?add0r.
Qed.

Theorem convolution_sound d channels many axes kernels x : size x = Z.to_nat (channels * area axes) ->
  run [:: convolution d channels many axes kernels] x =
  [seq (zr (head 0%Z k.2) + over_taps (in_channels k.1 many (area axes) w) (behead k.2) x) / zr d | k <- kernels, w <- windows axes].
Proof.
move=> sx; rewrite /run /= map_allpairs; congr flatten; apply: eq_map => k; apply: eq_map => w.
by rewrite -sx /= dot_placed mulr1.
Qed.

End Meaning.
