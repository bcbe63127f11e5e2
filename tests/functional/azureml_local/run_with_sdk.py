"""Run a script as a fork of a process that has imported the SDK: ``run_with_sdk.py ADDRESS SCRIPT``.

Forks of one process connect to different workspaces: the SDK reads these variables when it is used.
"""

from __future__ import annotations

import sys

from child_processes import preload

MODULES = (
    "child_processes.preload:import_jsonschema",
    "azure.ai.ml",
    "azure.ai.ml.dsl",
    "azure.identity",
)
# The SDK reads it when it is imported; without the variable, a script has no private features.
ENVIRONMENT = {"AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED": "true", "PYTHONWARNINGS": "ignore"}
READ_WHEN_USED = ("ARM_", "AZUREML_", "AZURE_", "MLFLOW_", "PYTHONWARNINGS", "REQUESTS_", "SSL_")

if __name__ == "__main__":
    address, *arguments = sys.argv[1:]
    command = [sys.executable, *arguments]
    sys.exit(preload.run(address, command, imports="all", unused_variables=READ_WHEN_USED))
