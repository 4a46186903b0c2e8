"""`python -m livinglab` is the command `livinglab`."""

import sys

from livinglab.cli import main

if __name__ == "__main__":
    sys.exit(main())
