"""The OpenAPI document of a deployment, in the versions of Azure's inference server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from azureml_local.online.parameter_types import Schema
from azureml_local.scoring.frames import ScoringResponse

if TYPE_CHECKING:
    from typing import TypeAlias

VERSIONS = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
SWAGGER_FILES = {
    **dict.fromkeys(("2", "2.0"), ("swagger.json", "swagger2.json")),
    **dict.fromkeys(("3", "3.0"), ("swagger3.json",)),
    "3.1": ("swagger3.1.json",),
}
"""The script's own documents, by version."""
VERSION_PARAMETER = {"name": "version", "in": "query", "required": False}
ERROR: Schema = {"type": "object", "properties": {"message": {"type": "string"}}}
BEARER = {"type": "apiKey", "name": "Authorization", "in": "header"}


Reference = TypedDict("Reference", {"$ref": str})
"""A schema by its address in the document."""


class MediaType(TypedDict):
    """The schema of a request or response of OpenAPI 3."""

    schema: Schema | Reference


Content: TypeAlias = "dict[str, MediaType]"
"""The schemas of a request or response by content type."""


@dataclass(frozen=True)
class Schemas:
    """The input and output schema of a deployment; ``versions`` that can express them."""

    input: Schema
    output: Schema
    versions: tuple[str, ...] = ("2", "3", "3.1")


def render_document(name: str, schemas: Schemas, version: str) -> ScoringResponse:
    """The document of a version: 2, 3 or 3.1."""
    number = VERSIONS.get(version)
    if number is None or number not in schemas.versions:
        supported = ", ".join(schemas.versions)
        message = f"swagger version {version!r} is not supported; supported: {supported}"
        return ScoringResponse.json({"message": message}, 404)
    return ScoringResponse.json(
        _second(name, schemas) if number == "2" else _third(name, schemas, number)
    )


def _second(name: str, schemas: Schemas) -> dict[str, object]:
    def answers(good: str, schema: Schema | Reference) -> dict[str, object]:
        failed = {"$ref": "#/definitions/ErrorResponse"}
        return {
            "200": {"description": good, "schema": schema},
            "default": {"description": "error", "schema": failed},
        }

    body = {
        "name": "serviceInputPayload",
        "in": "body",
        "schema": {"$ref": "#/definitions/ServiceInput"},
    }
    score = {
        "operationId": "RunMLService",
        "security": [{"Bearer": []}],
        "parameters": [body],
        "responses": answers("the predictions", {"$ref": "#/definitions/ServiceOutput"}),
    }
    health = {
        "operationId": "ServiceHealthCheck",
        "responses": answers("the deployment is healthy", {"type": "string"}),
    }
    version = {**VERSION_PARAMETER, "type": "integer", "enum": [2, 3]}
    swagger = {
        "operationId": "GetSwaggerSpec",
        "parameters": [version],
        "responses": answers("the document", {"type": "string"}),
    }
    return {
        "swagger": "2.0",
        "info": {"title": name, "version": "1.0"},
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": BEARER},
        "paths": {
            "/": {"get": health},
            "/score": {"post": score},
            "/swagger.json": {"get": swagger},
        },
        "definitions": {
            "ServiceInput": schemas.input,
            "ServiceOutput": schemas.output,
            "ErrorResponse": ERROR,
        },
    }


def _third(name: str, schemas: Schemas, version: str) -> dict[str, object]:
    def content(schema: str) -> Content:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}

    def answers(good: str, schema: Content) -> dict[str, object]:
        failed = content("ErrorResponse")
        return {
            "200": {"description": good, "content": schema},
            "default": {"description": "error", "content": failed},
        }

    score = {
        "operationId": "RunMLService",
        "security": [{"Bearer": []}],
        "requestBody": {"content": content("ServiceInput")},
        "responses": answers("the predictions", content("ServiceOutput")),
    }
    text: Content = {"application/json": {"schema": {"type": "string"}}}
    health = {
        "operationId": "ServiceHealthCheck",
        "responses": answers("the deployment is healthy", text),
    }
    version_parameter = {**VERSION_PARAMETER, "schema": {"type": "integer", "enum": [2, 3]}}
    swagger = {
        "operationId": "GetSwaggerSpec",
        "parameters": [version_parameter],
        "responses": answers("the document", text),
    }
    return {
        "openapi": "3.1.0" if version == "3.1" else "3.0.3",
        "info": {"title": name, "version": "1.0"},
        "paths": {
            "/": {"get": health},
            "/score": {"post": score},
            "/swagger.json": {"get": swagger},
        },
        "components": {
            "schemas": {
                "ServiceInput": schemas.input,
                "ServiceOutput": schemas.output,
                "ErrorResponse": ERROR,
            },
            "securitySchemes": {"Bearer": BEARER},
        },
    }
