(* What the main theorems assume: nothing beyond Rocq's logic.

   Statement. Print Assumptions says "Closed under the global context" for each theorem named here.
   Assumptions. None, which is what is shown.
   Idea. Rocq follows every theorem back to what it rests on, and lists axioms and what was admitted.
   Used in. proofs/README.md
   Attacked by. tests/proofs/test_rocq.py compares the output.
   References. - *)
From Exactnn Require Import Independence Symmetries Fibre Generic Gradients Temperature Tropical FullExtraction
  Windows Graphs Certificate.

Print Assumptions jumps.
Print Assumptions independence.
Print Assumptions normal_form.
Print Assumptions permutation.
Print Assumptions scaling.
Print Assumptions flip.
Print Assumptions fibre.
Print Assumptions defect_natural.
Print Assumptions generic.
Print Assumptions single_orbit.
Print Assumptions generic_example.
Print Assumptions generic_dense.
Print Assumptions local_polynomial.
Print Assumptions gradient.
Print Assumptions backward_exists.
Print Assumptions by_unit.
Print Assumptions conservation.
Print Assumptions output_flow.
Print Assumptions flow.
Print Assumptions rescaling.
Print Assumptions rescaling_gradient.
Print Assumptions layer_scaling.
Print Assumptions invariants.
Print Assumptions square_of_mean.
Print Assumptions variance_ge0.
Print Assumptions variance_eq0.
Print Assumptions second_derivative.
Print Assumptions third_derivative.
Print Assumptions exponents_ge0.
Print Assumptions tropical_form.
Print Assumptions difference_of_maxima.
Print Assumptions own_term.
Print Assumptions extract_at.
Print Assumptions needed.
Print Assumptions covered.
Print Assumptions full_extraction.
Print Assumptions equal_exactly.
Print Assumptions not_both.
Print Assumptions reorder_sound.
Print Assumptions rescale_sound.
Print Assumptions convolution_sound.
Print Assumptions graph_sound.
Print Assumptions added_sound.
Print Assumptions subtracted_sound.
Print Assumptions maxima_sound.
Print Assumptions nonneg_sound.
Print Assumptions unit_max_sound.
Print Assumptions check_tree_sound.
Print Assumptions check_point_sound.
Print Assumptions pass_sound.
Print Assumptions folded_sound.
Print Assumptions check_pass_sound.
Print Assumptions check_apart_sound.
Print Assumptions check_sound.
Print Assumptions check_equal.
