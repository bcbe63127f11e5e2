"""Decorators for the input and output schema of ``run``, with the names of inference-schema.

A decorated ``run`` gets its parameters converted to the sample's type, and the deployment's swagger
document has their schemas. Imported only in a worker process.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azureml_local.online.parameter_types import VERSIONS, AbstractParameterType, Schema

if TYPE_CHECKING:
    from typing import TypeAlias

Function: TypeAlias = "Callable[..., Any]"
ATTRIBUTE = "__azureml_local_schemas__"


class Schemas:
    """The schemas of one function from all its decorators."""

    def __init__(self, function: Function) -> None:
        names = list(inspect.signature(function).parameters)
        self.input: Schema = {
            "type": "object",
            "properties": {name: {} for name in names},
            "example": dict.fromkeys(names, ""),
        }
        self.output: Schema = {"type": "object"}
        self.versions = set(VERSIONS)


def _schemas(function: Function) -> Schemas:
    """The schemas of a function; a wrapper has those of the function it wraps."""
    if not hasattr(function, ATTRIBUTE):
        setattr(function, ATTRIBUTE, Schemas(function))
    schemas: Schemas = getattr(function, ATTRIBUTE)
    return schemas


def _require_parameter_type(value: Any) -> AbstractParameterType:
    if not isinstance(value, AbstractParameterType):
        raise TypeError(
            f"a schema must be of a type in inference_schema.parameter_types, not {value!r}"
        )
    return value


def input_schema(
    param_name: str,
    param_type: AbstractParameterType,
    convert_to_provided_type: bool = True,
    optional: bool = False,
) -> Callable[[Function], Function]:
    """Decorator for the type of a parameter.

    Args:
        param_name: the parameter.
        param_type: its type, made from a sample.
        convert_to_provided_type: whether JSON is converted to the sample's type.
        optional: whether the parameter may be missing.
    """
    schema = _require_parameter_type(param_type).input_to_swagger()

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        if param_name not in signature.parameters:
            raise ValueError(f"run() has no parameter {param_name!r}, for which there is a schema")
        schemas = _schemas(function)
        rest: Schema = {**schema}
        schemas.input["example"][param_name] = rest.pop("example")
        schemas.input["properties"][param_name] = rest
        schemas.versions &= set(param_type.supported_versions())

        @functools.wraps(function)
        def converted(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind_partial(*args, **kwargs)
            value = bound.arguments.get(param_name)
            if convert_to_provided_type and not (optional and not value):
                bound.arguments[param_name] = param_type.convert(value)
            return function(*bound.args, **bound.kwargs)

        return converted

    return decorate


def output_schema(output_type: AbstractParameterType) -> Callable[[Function], Function]:
    """Decorator for the type of the return value."""
    schema = _require_parameter_type(output_type).input_to_swagger()

    def decorate(function: Function) -> Function:
        schemas = _schemas(function)
        schemas.output = schema
        schemas.versions &= set(output_type.supported_versions())
        return function

    return decorate


def is_schema_decorated(function: Function) -> bool:
    """Whether a function has one of the decorators."""
    return hasattr(function, ATTRIBUTE)


def get_input_schema(function: Function) -> Schema:
    """The input schema of a function: an object with a property for each parameter."""
    return _schemas(function).input


def get_output_schema(function: Function) -> Schema:
    """The output schema of a function."""
    return _schemas(function).output


def get_supported_versions(function: Function) -> list[str]:
    """The versions of OpenAPI that can express the schemas."""
    return sorted(_schemas(function).versions)
