"""``python -m exactnn.certificate FILE``, or ``python -I -S FOLDER FILE`` for a copy of this folder anywhere."""

import sys

if __package__:
    from ._command import main
else:  # the folder itself is being run: load it as a package, whatever its name is
    import importlib.util
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        "exactnn_certificate", os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = package
    spec.loader.exec_module(package)
    main = importlib.import_module("exactnn_certificate._command").main

if __name__ == "__main__":
    sys.exit(main())
