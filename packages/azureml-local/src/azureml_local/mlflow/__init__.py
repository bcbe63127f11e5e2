"""MLflow: tracking server, artifacts and model registry of each workspace."""
