"""Load and call a registered model in the worker processes of batch and online deployments."""
