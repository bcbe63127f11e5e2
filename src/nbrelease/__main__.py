"""``python -m nbrelease`` is the command line."""

import sys

from nbrelease.cli import main

sys.exit(main())
