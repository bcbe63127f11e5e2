"""Online endpoints and deployments: the paths of their operations."""

from __future__ import annotations

from azureml_local.routing import WORKSPACE

BASE = WORKSPACE + "/onlineEndpoints/{endpoint}"
ONE = BASE + "/deployments/{deployment}"
