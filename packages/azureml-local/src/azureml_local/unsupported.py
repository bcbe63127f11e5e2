"""Operations of Azure ML that are refused by name with 501."""

from __future__ import annotations

from azureml_local.routing import WORKSPACE, Routes

SERVICE = "it needs services of Azure"
UNSUPPORTED = (
    ("Feature sets", WORKSPACE + "/featuresets", SERVICE),
    ("Feature store entities", WORKSPACE + "/featurestoreEntities", SERVICE),
    ("Serverless endpoints", WORKSPACE + "/serverlessEndpoints", SERVICE),
    ("Marketplace subscriptions", WORKSPACE + "/marketplaceSubscriptions", SERVICE),
    ("Connections", WORKSPACE + "/connections", "use environment variables of jobs"),
    ("Managed networks", WORKSPACE + "/outboundRules", SERVICE),
)


def register(routes: Routes) -> None:
    """Add a refusal for each operation."""
    for operation, pattern, why in UNSUPPORTED:
        routes.refuse(pattern, operation, why)
        routes.refuse(pattern + "/{path:path}", operation, why)
