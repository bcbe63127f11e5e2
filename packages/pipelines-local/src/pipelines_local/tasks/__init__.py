"""The tasks of Azure Pipelines that have a counterpart on this machine, one a module."""
