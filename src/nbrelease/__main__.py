"""Run the command line with ``python -m nbrelease``."""

import sys

from nbrelease.cli import main

sys.exit(main())
