"""Entry point of ``python -m pipelines_local``."""

import sys

from pipelines_local.cli import main

sys.exit(main())
