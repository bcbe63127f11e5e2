"""``python -m azureml_local`` is the command line."""

import sys

from azureml_local.cli import main

sys.exit(main())
