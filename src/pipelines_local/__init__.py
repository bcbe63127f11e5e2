"""Azure Pipelines YAML on this machine."""
