"""The command line: ``exactnn COMMAND ...``, one module for each group of commands."""

from exactnn.cli._main import main

__all__ = ["main"]
