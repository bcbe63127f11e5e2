"""``az`` for the local workspace: the commands of the Azure CLI and of its extension ``ml``.

Pipelines call ``az ml ...``, and this package runs these calls against the local workspace. Its
commands are data (``commands.txt``). knack, the framework of the Azure CLI, parses the command line
and writes the output. Each ``ml`` command calls one operation of the unmodified SDK, as the
extension does. A command or option that is not supported ends with exit code 2.
"""

BIN_VARIABLE = "AZUREML_LOCAL_BIN"
"""The variable of the client environment with the folder of the program ``az``, for the PATH."""
DATA_VARIABLE = "AZUREML_LOCAL_DATA"
"""The variable with the data folder; the program file ``az`` sets it."""
