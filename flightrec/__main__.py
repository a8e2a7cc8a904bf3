"""``python -m flightrec``: the command line."""

import sys

from flightrec.cli import main

if __name__ == "__main__":
    sys.exit(main())
