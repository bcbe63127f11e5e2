"""The OpenAPI document of a deployment, in the two versions that Azure's inference server gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from azureml_local.scoring.frames import ScoringResponse

VERSIONS = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}
BEARER = {"type": "apiKey", "name": "Authorization", "in": "header"}


@dataclass(frozen=True)
class Schemas:
    """The schemas of what a deployment takes and gives; ``versions`` that can express them."""

    input: dict[str, Any]
    output: dict[str, Any]
    versions: tuple[str, ...] = ("2", "3", "3.1")


def render_document(name: str, shapes: Schemas, query: str) -> ScoringResponse:
    """The document of the version that the query names, 2 without one.

    Args:
        name: of the endpoint.
        shapes: what it takes and gives.
        query: of the request's address.
    """
    wanted = parse_qs(query).get("version", ["2"])[0]
    version = VERSIONS.get(wanted)
    if version is None or version not in shapes.versions:
        there = ", ".join(shapes.versions)
        return ScoringResponse.json(
            {"message": f"no swagger of version {wanted!r}; there are {there}"}, 404
        )
    return ScoringResponse.json(
        _second(name, shapes) if version == "2" else _third(name, shapes, version)
    )


def _second(name: str, shapes: Schemas) -> dict[str, Any]:
    def answers(good: str, schema: dict[str, Any]) -> dict[str, Any]:
        failed = {"$ref": "#/definitions/ErrorResponse"}
        return {
            "200": {"description": good, "schema": schema},
            "default": {"description": "what went wrong", "schema": failed},
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
    return {
        "swagger": "2.0",
        "info": {"title": name, "version": "1.0"},
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": BEARER},
        "paths": {"/": {"get": health}, "/score": {"post": score}},
        "definitions": {
            "ServiceInput": shapes.input,
            "ServiceOutput": shapes.output,
            "ErrorResponse": ERROR,
        },
    }


def _third(name: str, shapes: Schemas, version: str) -> dict[str, Any]:
    def content(schema: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}

    def answers(good: str, schema: dict[str, Any]) -> dict[str, Any]:
        failed = content("ErrorResponse")
        return {
            "200": {"description": good, "content": schema},
            "default": {"description": "what went wrong", "content": failed},
        }

    score = {
        "operationId": "RunMLService",
        "security": [{"Bearer": []}],
        "requestBody": {"content": content("ServiceInput")},
        "responses": answers("the predictions", content("ServiceOutput")),
    }
    text = {"application/json": {"schema": {"type": "string"}}}
    health = {
        "operationId": "ServiceHealthCheck",
        "responses": answers("the deployment is healthy", text),
    }
    return {
        "openapi": "3.1.0" if version == "3.1" else "3.0.3",
        "info": {"title": name, "version": "1.0"},
        "paths": {"/": {"get": health}, "/score": {"post": score}},
        "components": {
            "schemas": {
                "ServiceInput": shapes.input,
                "ServiceOutput": shapes.output,
                "ErrorResponse": ERROR,
            },
            "securitySchemes": {"Bearer": BEARER},
        },
    }
