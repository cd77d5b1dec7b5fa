"""``python -m exactnn`` is the command line."""

import sys

from exactnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
