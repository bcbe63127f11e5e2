"""Operations of Azure ML that are refused by name with 501."""

from __future__ import annotations

from azureml_local.routing import GROUP, WORKSPACE, Routes

SERVICE = "it needs services of Azure"
VALIDATE = GROUP + "/providers/Microsoft.Resources/deployments/{name}/validate"
SHARES = "jobs can use it; to upload or download files, use one of type azure_blob"
UNSUPPORTED = (
    (
        "Azure Data Lake Storage Gen2: other operations",
        "/{account}.dfs.core.windows.net",
        "use the blob service of the same account",
    ),
    ("Azure Files", "/{account}.file.core.windows.net", SHARES),
    ("Feature sets", WORKSPACE + "/featuresets", SERVICE),
    ("Feature store entities", WORKSPACE + "/featurestoreEntities", SERVICE),
    ("Serverless endpoints", WORKSPACE + "/serverlessEndpoints", SERVICE),
    ("Marketplace subscriptions", WORKSPACE + "/marketplaceSubscriptions", SERVICE),
    ("Connections", WORKSPACE + "/connections", "use environment variables of jobs"),
    ("Indexes", WORKSPACE + "/indexes", SERVICE),
    (
        "Compute - Update data mounts",
        WORKSPACE + "/computes/{compute}/updateDataMounts",
        "jobs mount their inputs",
    ),
    (
        "Model versions - Package",
        WORKSPACE + "/models/{model}/versions/{version}/package",
        "no images are built",
    ),
    ("Deployments of templates - Validate", VALIDATE, "the SDK validates components itself"),
    ("Managed networks", WORKSPACE + "/outboundRules", SERVICE),
)


def register(routes: Routes) -> None:
    """Add a refusal for each operation."""
    for operation, pattern, why in UNSUPPORTED:
        routes.refuse(pattern, operation, why)
        routes.refuse(pattern + "/{path:path}", operation, why)
