"""The arithmetic kernel: rationals, arrays, rounding, polynomials of one variable and their roots, exact linear programs, polyhedra."""
