"""MLflow tracking: a real MLflow store for each workspace, behind this server's address."""
