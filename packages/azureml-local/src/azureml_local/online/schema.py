"""Decorators that say what ``run`` takes and gives, under the names of inference-schema.

A decorated ``run`` gets its parameters converted to the sample's type, and the deployment's swagger
document has their schemas. Imported only in a scorer's process.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from azureml_local.online.parameters import VERSIONS, AbstractParameterType

Function = Callable[..., Any]
KEPT = "__azureml_local_schemas__"


class Schemas:
    """What the decorators of one function say together."""

    def __init__(self, function: Function) -> None:
        names = list(inspect.signature(function).parameters)
        self.asked: dict[str, Any] = {
            "type": "object",
            "properties": {name: {} for name in names},
            "example": dict.fromkeys(names, ""),
        }
        self.answered: dict[str, Any] = {"type": "object"}
        self.versions = set(VERSIONS)


def _schemas(function: Function) -> Schemas:
    """The schemas of a function; wrappers share those of what they wrap."""
    if not hasattr(function, KEPT):
        setattr(function, KEPT, Schemas(function))
    found: Schemas = getattr(function, KEPT)
    return found


def _checked(given: Any) -> AbstractParameterType:
    if not isinstance(given, AbstractParameterType):
        raise TypeError(f"a schema is one of inference_schema.parameter_types, not {given!r}")
    return given


def input_schema(
    param_name: str,
    param_type: AbstractParameterType,
    convert_to_provided_type: bool = True,
    optional: bool = False,
) -> Callable[[Function], Function]:
    """Decorator: what a parameter of the function is.

    Args:
        param_name: the parameter.
        param_type: its type, made from a sample.
        convert_to_provided_type: whether JSON is converted to the sample's type.
        optional: whether the parameter may be missing.
    """
    schema = _checked(param_type).input_to_swagger()

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        if param_name not in signature.parameters:
            raise ValueError(f"run() has no parameter {param_name!r}, which a schema is given for")
        schemas = _schemas(function)
        rest = dict(schema)
        schemas.asked["example"][param_name] = rest.pop("example")
        schemas.asked["properties"][param_name] = rest
        schemas.versions &= set(param_type.supported_versions())

        @functools.wraps(function)
        def converted(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind_partial(*args, **kwargs)
            value = bound.arguments.get(param_name)
            if convert_to_provided_type and not (optional and not value):
                bound.arguments[param_name] = param_type.converted(value)
            return function(*bound.args, **bound.kwargs)

        return converted

    return decorate


def output_schema(output_type: AbstractParameterType) -> Callable[[Function], Function]:
    """Decorator: what the function gives back."""
    schema = _checked(output_type).input_to_swagger()

    def decorate(function: Function) -> Function:
        schemas = _schemas(function)
        schemas.answered = schema
        schemas.versions &= set(output_type.supported_versions())
        return function

    return decorate


def is_schema_decorated(function: Function) -> bool:
    """Whether one of the decorators is on a function."""
    return hasattr(function, KEPT)


def get_input_schema(function: Function) -> dict[str, Any]:
    """The schema of what a function takes, as a JSON object by parameter."""
    return _schemas(function).asked


def get_output_schema(function: Function) -> dict[str, Any]:
    """The schema of what a function gives back."""
    return _schemas(function).answered


def get_supported_versions(function: Function) -> list[str]:
    """The versions of OpenAPI that can express the schemas."""
    return sorted(_schemas(function).versions)
