"""Local implementations of Azure Pipelines tasks."""
