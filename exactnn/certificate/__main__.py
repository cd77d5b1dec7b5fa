"""``python -m exactnn.certificate FILE``, or ``python -I -S FOLDER FILE`` for a copy of this folder anywhere."""

import sys

if __package__:
    from ._command import main
else:  # the folder itself is being run: its modules are those of a package, whatever its name is
    import importlib
    import os
    import types

    package = types.ModuleType("exactnn_certificate")
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules[package.__name__] = package
    main = importlib.import_module("exactnn_certificate._command").main

if __name__ == "__main__":
    sys.exit(main())
