"""``az`` for the local workspace: the commands of the Azure CLI and of its extension ``ml``.

Pipelines call ``az ml ...``. This package runs such pipelines on one machine. Its commands are data
(``commands.txt``); knack, the framework of the Azure CLI, parses them and writes the output. Each
``ml`` command calls one operation of the unmodified SDK, as the extension does. A command or option
of the Azure CLI that is not supported here ends with exit code 2.
"""

BIN_VARIABLE = "AZUREML_LOCAL_BIN"
"""The variable of the client environment with the folder of the file az, for the PATH."""
DATA_VARIABLE = "AZUREML_LOCAL_DATA"
"""The variable with the data folder; the file az sets it."""
