"""The arithmetic kernel: rationals, arrays of rationals, rounding, exact linear programs, polyhedra; on python-flint."""
