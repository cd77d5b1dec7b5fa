"""A piecewise linear network as stages of rectified units, and its cells: the search by linear programs, and the face lattice."""

from exactnn.cells._balls import FloatMap, Floats
from exactnn.cells._cell_tree import CellTree, parallel
from exactnn.cells._interior import Interior
from exactnn.cells._layers import Layer
from exactnn.cells._maps import IntegerMap, Signs, StageMap
from exactnn.cells._merged import Merged, Part
from exactnn.cells._output_maps import output_maps
from exactnn.cells._program import Program, Stage
from exactnn.cells._reader import read_program
from exactnn.cells._search import Leaf, Search, Seed, polyhedron_of
from exactnn.cells._search_cell import SearchCell
from exactnn.cells._search_lp import AffineRow, Farkas, Point, value_at
from exactnn.cells._search_points import rounded_points, simplified_point
from exactnn.cells._subdivision import DIMENSIONS, PIECE, Piece, Subdivision, full_dimensional
from exactnn.cells._tree import Tree, is_short
from exactnn.cells._vertices import Exact, Statistics

__all__ = [
    "DIMENSIONS",
    "PIECE",
    "AffineRow",
    "CellTree",
    "Exact",
    "Farkas",
    "FloatMap",
    "Floats",
    "IntegerMap",
    "Interior",
    "Layer",
    "Leaf",
    "Merged",
    "Part",
    "Piece",
    "Point",
    "Program",
    "Search",
    "SearchCell",
    "Seed",
    "Signs",
    "Stage",
    "StageMap",
    "Statistics",
    "Subdivision",
    "Tree",
    "full_dimensional",
    "is_short",
    "output_maps",
    "parallel",
    "polyhedron_of",
    "read_program",
    "rounded_points",
    "simplified_point",
    "value_at",
]
