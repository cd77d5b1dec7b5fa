"""How far two networks, or a network and its run in floats, can be apart: bounds with proofs."""

from exactnn.difference.execution import ExecutionError, execution_error

__all__ = ["ExecutionError", "execution_error"]
