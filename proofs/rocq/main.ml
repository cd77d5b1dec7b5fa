(* Runs the verified checker (checker.ml, extracted from Certificate.v) on files that `exactnn check CERT --to-rocq OUT.v` writes.

   This file is not verified: it reads the definitions f, g, domain_rows, question and evidence, whose words are those of Literals.v,
   prints ACCEPTED or REJECTED for each file, and ends with 0 if all are accepted, 4 if one is rejected, 2 if one cannot be read. *)
open Checker

exception Unreadable of string

(* --- words ------------------------------------------------------------------------------------------------------ *)

type word = Number of string | Name of string | Sign of string

let words text =
  let n = String.length text in
  let letter c = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c = '_' || c = '\'' in
  let rec comment i depth =
    if depth = 0 then i
    else if i + 1 >= n then raise (Unreadable "a comment does not end")
    else if text.[i] = '(' && text.[i + 1] = '*' then comment (i + 2) (depth + 1)
    else if text.[i] = '*' && text.[i + 1] = ')' then comment (i + 2) (depth - 1)
    else comment (i + 1) depth
  in
  let rec go i found =
    if i >= n then List.rev found
    else
      let c = text.[i] in
      let next = if i + 1 < n then text.[i + 1] else ' ' in
      if c = ' ' || c = '\n' || c = '\r' || c = '\t' then go (i + 1) found
      else if c = '(' && next = '*' then go (comment (i + 2) 1) found
      else if c = '"' then go (1 + String.index_from text (i + 1) '"') found
      else if letter c || (c = '-' && letter next) then begin
        let j = ref (i + 1) in
        while !j < n && letter text.[!j] do incr j done;
        let w = String.sub text i (!j - i) in
        let number = c = '-' || (c >= '0' && c <= '9') in
        go !j ((if number then Number w else Name w) :: found)
      end
      else if c = '[' && i + 2 < n && next = ':' && text.[i + 2] = ':' then go (i + 3) (Sign "[" :: found)
      else if c = ':' && next = '=' then go (i + 2) (Sign ":=" :: found)
      else go (i + 1) (Sign (String.make 1 c) :: found)
  in
  go 0 []

(* --- expressions ------------------------------------------------------------------------------------------------ *)

type expression = Integer of string | List of expression list | Pair of expression * expression | Call of string * expression list

let rec expression words =
  match words with
  | Name name :: rest ->
      let rec arguments found rest =
        match argument rest with Some (a, rest) -> arguments (a :: found) rest | None -> (Call (name, List.rev found), rest)
      in
      arguments [] rest
  | _ -> ( match argument words with Some found -> found | None -> raise (Unreadable "an expression is needed"))

and argument words =
  match words with
  | Number n :: rest -> Some (Integer n, rest)
  | Name name :: rest -> Some (Call (name, []), rest)
  | Sign "[" :: Sign "]" :: rest -> Some (List [], rest)
  | Sign "[" :: rest ->
      let rec items found rest =
        let item, rest = expression rest in
        match rest with
        | Sign ";" :: rest -> items (item :: found) rest
        | Sign "]" :: rest -> Some (List (List.rev (item :: found)), rest)
        | _ -> raise (Unreadable "a list does not end")
      in
      items [] rest
  | Sign "(" :: rest -> (
      let a, rest = expression rest in
      match rest with
      | Sign ")" :: rest -> Some (a, rest)
      | Sign "," :: rest -> (
          let b, rest = expression rest in
          match rest with Sign ")" :: rest -> Some (Pair (a, b), rest) | _ -> raise (Unreadable "a pair does not end"))
      | _ -> raise (Unreadable "a parenthesis does not end"))
  | _ -> None

let rec definitions words =
  match words with
  | Name "Definition" :: Name name :: rest ->
      let rec body = function Sign ":=" :: rest -> rest | _ :: rest -> body rest | [] -> raise (Unreadable "a definition has no body") in
      let value, rest = expression (body rest) in
      (name, value) :: definitions rest
  | _ :: rest -> definitions rest
  | [] -> []

(* --- their meaning ---------------------------------------------------------------------------------------------- *)

let integer_of text =
  let negative = text.[0] = '-' in
  let digits = if negative then String.sub text 1 (String.length text - 1) else text in
  let hexadecimal = String.length digits > 2 && digits.[1] = 'x' in
  let bits =
    if hexadecimal then
      let bits_of c = int_of_string ("0x" ^ String.make 1 c) in
      List.concat_map (fun c -> List.map (fun k -> (bits_of c lsr k) land 1) [ 3; 2; 1; 0 ])
        (List.of_seq (String.to_seq (String.sub digits 2 (String.length digits - 2))))
    else if String.length digits = 1 then List.map (fun k -> (int_of_string digits lsr k) land 1) [ 3; 2; 1; 0 ]
    else raise (Unreadable ("not a hexadecimal number: " ^ text))
  in
  let add p b = match (p, b) with None, 0 -> None | None, _ -> Some XH | Some p, 0 -> Some (XO p) | Some p, _ -> Some (XI p) in
  match List.fold_left add None bits with None -> Z0 | Some p -> if negative then Zneg p else Zpos p

let unexpected what = raise (Unreadable (what ^ " is needed"))
let integer = function Integer n -> integer_of n | _ -> unexpected "a number"
let list of_item = function List items -> List.map of_item items | _ -> unexpected "a list"
let pair first second = function Pair (a, b) -> (first a, second b) | _ -> unexpected "a pair"
let numbers = pair integer integer
let row = list integer

let axis = function
  | Call ("axis_of", [ n; k; s; b; d; m ]) ->
      { grid = integer n; taps = integer k; stride = integer s; before = integer b; dilation = integer d; places = integer m }
  | _ -> unexpected "an axis"

let kernel = function Call ("kernel", [ first; r ]) -> (integer first, row r) | _ -> unexpected "a kernel"

let layer = function
  | Call ("affine", [ d; rows ]) -> Affine (integer d, list row rows)
  | Call ("bent", [ d; q; r; kinks ]) -> Bend (Z0, integer d, integer q, integer r, list numbers kinks)
  | Call ("conv", [ d; channels; many; axes; kernels ]) ->
      convolution (integer d) (integer channels) (integer many) (list axis axes) (list kernel kernels)
  | Call ("relu", []) -> Bend (Z0, Zpos XH, Z0, Z0, [ (Z0, Zpos XH) ])
  | Call ("sum_of", [ n ]) -> added (integer n)
  | Call ("difference_of", [ n ]) -> subtracted (integer n)
  | _ -> unexpected "a layer"

let layers = function
  | Call ("pool", [ channels; axes ]) -> max_pool (integer channels) (list axis axes)
  | e -> list layer e

let piece = function Call ("piece", [ args; net ]) -> (row args, layers net) | _ -> unexpected "a piece"

let network = function
  | Call ("graph_of", [ n; pieces ]) -> graph (integer n) (list piece pieces)
  | e -> list layer e

let inequality = function Call ("nonnegative", [ c; terms ]) -> (integer c, list numbers terms) | _ -> unexpected "an inequality"

let term = function
  | Call ("by_row", [ i; y ]) -> G (integer i, integer y)
  | Call ("by_atom", [ i; y ]) -> A (integer i, integer y)
  | Call ("by_mirror", [ i; y ]) -> M (integer i, integer y)
  | _ -> unexpected "a term"

let proof factor terms = (integer factor, list term terms)
let farkas = function Call ("farkas", [ factor; terms ]) -> proof factor terms | _ -> unexpected "a proof"

let hint = function
  | Call ("on", [ factor; terms ]) -> On (proof factor terms)
  | Call ("off", [ factor; terms ]) -> Off (proof factor terms)
  | Call ("Open", []) -> Open
  | _ -> unexpected "a hint"

let rec tree = function
  | Call ("Step", [ hints; t ]) -> Step (list hint hints, tree t)
  | Call ("Turn", [ t ]) -> Turn (tree t)
  | Call ("split", [ u; t1; t2 ]) -> Split (integer u, tree t1, tree t2)
  | Call ("split_atom", [ a; t1; t2 ]) -> SplitAtom (integer a, tree t1, tree t2)
  | Call ("settle", [ a; s; t ]) -> Settle (integer a, hint s, tree t)
  | Call ("chord", [ a; k; lo; hi; p; q; t ]) -> Chord (integer a, integer k, integer lo, integer hi, farkas p, farkas q, tree t)
  | Call ("End", []) -> End
  | Call ("Ends", [ proofs ]) -> Ends (list (pair farkas farkas) proofs)
  | _ -> unexpected "a tree"

let scale = function Call ("scale", [ t; d; ls ]) -> (integer t, (integer d, row ls)) | _ -> unexpected "a scale"

let rec parts = function
  | Call ("intervals", [ bits ]) -> Interval (integer bits)
  | Call ("apart", [ bits ]) -> Apart (integer bits)
  | Call ("reordered", [ orders; p ]) -> Reordered (list row orders, parts p)
  | Call ("rescaled", [ given; p ]) -> Rescaled (list scale given, parts p)
  | Call ("cut", [ r; p; q ]) -> Cut (inequality r, parts p, parts q)
  | Call ("Leaf", [ t ]) -> Leaf (tree t)
  | _ -> unexpected "a part"

let certificate = function
  | Call ("at_point", [ d; point; output ]) -> Differ (integer d, row point, integer output)
  | e -> Equal (parts e)

let examine text =
  let known = definitions (words text) in
  let find name = match List.assoc_opt name known with Some e -> e | None -> raise (Unreadable ("there is no definition of " ^ name)) in
  match find "question" with
  | Call ("about", [ n; Call ("f", []); Call ("g", []); Call ("domain_rows", []); tolerance ]) ->
      let question =
        { inputs = integer n; first = network (find "f"); second = network (find "g");
          domain = list inequality (find "domain_rows"); tolerance = numbers tolerance }
      in
      check question (certificate (find "evidence"))
  | _ -> unexpected "a question about f, g and domain_rows"

let read path =
  let channel = open_in_bin path in
  Fun.protect ~finally:(fun () -> close_in channel) (fun () -> really_input_string channel (in_channel_length channel))

let () =
  let verdict path =
    match examine (read path) with
    | true -> Printf.printf "%s: ACCEPTED\n" path; 0
    | false -> Printf.printf "%s: REJECTED\n" path; 4
    | exception (Unreadable reason | Sys_error reason) -> Printf.printf "%s: cannot be read: %s\n" path reason; 2
  in
  match List.tl (Array.to_list Sys.argv) with
  | [] -> prerr_endline "usage: check FILE.v ..."; exit 2
  | paths -> exit (List.fold_left (fun worst path -> max worst (verdict path)) 0 paths)
