"""Parameters of a file: read their declarations, convert and check the values of a caller."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

from pipelines_local.errors import InvalidPipeline, Position, Problems
from pipelines_local.expressions import Value, to_text
from pipelines_local.expressions.values import parse_number
from pipelines_local.template.key_checks import check_constant
from pipelines_local.template.scope import to_typed_value, to_value
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

SCALARS = ("string", "number", "boolean")
LISTS = ("stringList", "stepList", "jobList", "deploymentList", "stageList")
SINGLES = ("step", "job", "deployment", "stage")
RESOURCES = ("environment", "filePath", "pool", "secureFile", "serviceConnection")
TYPES = (*SCALARS, "object", *LISTS, *SINGLES, *RESOURCES)
_KEYS = ("name", "displayName", "type", "default", "values")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; ``type`` is empty in the legacy mapping ``name: default``."""

    name: str
    type: str
    default: Node | None
    values: tuple[Scalar, ...]
    at: Position

    def convert(self, node: Node) -> Value:
        """Convert a value to the type of this parameter.

        Raises:
            InvalidPipeline: the value has another type or is not one of the allowed values.
        """
        value = self._convert_type(node)
        if self.values and (self.type in SCALARS or self.type == "stringList"):
            as_text = self.type == "stringList"
            allowed = [v.text if as_text else to_text(self._convert_type(v)) for v in self.values]
            items = value.items if self.type == "stringList" else (value,)  # type: ignore[union-attr]
            for item in items:
                if to_text(item) not in allowed:
                    raise InvalidPipeline(
                        "parameter-value",
                        f"parameter {self.name!r}: {to_text(item)!r} is not an allowed value "
                        f"({', '.join(allowed)})",
                        node.at,
                    )
        return value

    def _convert_type(self, node: Node) -> Value:
        if self.type == "object":
            return to_typed_value(node)
        if self.type == "":
            return to_value(node)
        if self.type in (*SCALARS, *RESOURCES) or isinstance(node, Scalar):
            return self._convert_scalar(node)
        expected = Sequence if self.type in LISTS else Mapping
        if not isinstance(node, expected):
            raise self._type_error(node)
        if self.type == "stringList":
            for item in node.items:  # type: ignore[union-attr]
                if not isinstance(item, Scalar):
                    raise self._type_error(item)
        return to_value(node)

    def _convert_scalar(self, node: Node) -> Value:
        if not isinstance(node, Scalar):
            raise self._type_error(node)
        if self.type == "string" or self.type in RESOURCES:
            return node.text
        if self.type == "boolean" and node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        if self.type == "number" and (number := parse_number(node.text.strip())) is not None:
            return number
        if self.type in LISTS and node.text == "":
            return to_value(Sequence((), node.at))
        raise self._type_error(node)

    def _type_error(self, node: Node) -> InvalidPipeline:
        actual = {Scalar: "a string", Sequence: "a list", Mapping: "a mapping"}[type(node)]
        if isinstance(node, Scalar):
            actual = repr(node.text)
        return InvalidPipeline(
            "parameter-type",
            f"parameter {self.name!r}: must be {self.type} (got {actual})",
            node.at,
        )


def accepts_undeclared(node: Node | None) -> bool:
    """Whether a template accepts parameters that it does not declare.

    It does if it has no ``parameters``, or only the legacy mapping of names to defaults.
    """
    return node is None or isinstance(node, Mapping)


def read_parameters(node: Node | None) -> tuple[Parameter, ...]:
    """Read the ``parameters`` of a file.

    Raises:
        InvalidPipeline: a declaration is wrong.
    """
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return ()
    if isinstance(node, Mapping):  # the legacy form: name: default
        return tuple(Parameter(k.text, "", v, (), k.at) for k, v in node.entries)
    if not isinstance(node, Sequence):
        raise InvalidPipeline("invalid-type", "'parameters' must be a list", node.at)
    parameters: dict[str, Parameter] = {}
    problems = Problems()
    for item in node.items:
        with problems.catch():
            parameter = _read_declaration(item)
            if parameter.name.lower() in parameters:
                raise InvalidPipeline(
                    "duplicate-parameter", f"duplicate parameter {parameter.name!r}", item.at
                )
            parameters[parameter.name.lower()] = parameter
    problems.raise_all()
    return tuple(parameters.values())


def _read_declaration(item: Node) -> Parameter:
    if not isinstance(item, Mapping):
        raise InvalidPipeline(
            "invalid-type", "a parameter must be a mapping with name, type and default", item.at
        )
    for key, _ in item.entries:
        if key.text not in _KEYS:
            raise InvalidPipeline("unknown-key", f"unknown key {key.text!r} of a parameter", key.at)
    name, kind = item.get("name"), item.get("type")
    if not isinstance(name, Scalar) or not name.text:
        raise InvalidPipeline("missing-name", "a parameter needs a name", item.at)
    if kind is not None and (not isinstance(kind, Scalar) or kind.text not in TYPES):
        raise InvalidPipeline(
            "unknown-parameter-type", f"unknown parameter type; types: {', '.join(TYPES)}", kind.at
        )
    values, default = item.get("values"), item.get("default")
    if values is not None and not isinstance(values, Sequence):
        raise InvalidPipeline("invalid-type", "'values' must be a list", values.at)
    allowed = values.items if values is not None else ()
    for value in allowed:
        if not isinstance(value, Scalar):
            raise InvalidPipeline("invalid-type", "'values' must be a list of strings", value.at)
    if default is not None:
        check_constant("the default of a parameter", default)
    parameter = Parameter(
        name.text,
        kind.text if isinstance(kind, Scalar) else "string",
        default,
        tuple(value for value in allowed if isinstance(value, Scalar)),
        item.at,
    )
    if default is not None:
        parameter.convert(default)
    return parameter


def bind_parameters(
    parameters: tuple[Parameter, ...],
    arguments: Map[str, Node],
    at: Position,
    owner: str,
    *,
    accept_undeclared: bool = False,
) -> dict[str, Value]:
    """Return the values of the parameters for one use of a file.

    Args:
        parameters: the declared parameters.
        arguments: the caller's values by name.
        at: the position of the use.
        owner: the name of the file in messages.
        accept_undeclared: whether further arguments become parameters without a type.

    Raises:
        InvalidPipeline: a value is unknown, missing or of a wrong type.
    """
    problems = Problems()
    declared = {parameter.name.lower() for parameter in parameters}
    for name, node in arguments.items():
        if name.lower() not in declared and not accept_undeclared:
            with problems.catch():
                raise InvalidPipeline(
                    "unknown-parameter", f"{owner} has no parameter {name!r}", node.at
                )
    by_name = {name.lower(): node for name, node in arguments.items()}
    values = {
        name: to_value(node)
        for name, node in arguments.items()
        if name.lower() not in declared and accept_undeclared
    }
    for parameter in parameters:
        node_or_none = by_name.get(parameter.name.lower(), parameter.default)
        with problems.catch():
            if node_or_none is None:
                raise InvalidPipeline(
                    "missing-parameter",
                    f"{owner} needs a value for the parameter {parameter.name!r}",
                    at,
                )
            values[parameter.name] = parameter.convert(node_or_none)
    problems.raise_all()
    return values
