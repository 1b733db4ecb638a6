"""``python -m npconvt`` is the command ``npconvt``."""

import sys

from npconvt.cli import main

if __name__ == "__main__":
    sys.exit(main())
