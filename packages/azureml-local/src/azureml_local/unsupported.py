"""What Azure ML has and this server has not, by name: a clear 501 instead of a wrong success."""

from __future__ import annotations

from azureml_local.routing import WORKSPACE, Routes

SERVICE = "needs Azure's own services"
REFUSED = (
    ("Feature sets", WORKSPACE + "/featuresets", SERVICE),
    ("Feature store entities", WORKSPACE + "/featurestoreEntities", SERVICE),
    ("Serverless endpoints", WORKSPACE + "/serverlessEndpoints", SERVICE),
    ("Marketplace subscriptions", WORKSPACE + "/marketplaceSubscriptions", SERVICE),
    ("Connections", WORKSPACE + "/connections", "give jobs environment variables"),
    ("Managed networks", WORKSPACE + "/outboundRules", SERVICE),
)


def register(routes: Routes) -> None:
    """Add a refusal for each."""
    for operation, pattern, why in REFUSED:
        routes.refuse(pattern, operation, why)
        routes.refuse(pattern + "/{path:path}", operation, why)
