"""The ``parameters`` of a file: declared with a type, given by a caller, checked before use."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

from pipelines_local.errors import Position, Refused
from pipelines_local.expressions import Value, to_text
from pipelines_local.expressions.values import parse_number
from pipelines_local.template.scope import to_value, typed
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

SCALARS = ("string", "number", "boolean")
LISTS = ("stringList", "stepList", "jobList", "deploymentList", "stageList")
SINGLES = ("step", "job", "deployment", "stage")
TYPES = (*SCALARS, "object", *LISTS, *SINGLES)
_KEYS = ("name", "displayName", "type", "default", "values")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; ``type`` is empty in the short, untyped form."""

    name: str
    type: str
    default: Node | None
    values: tuple[Scalar, ...]
    at: Position

    def convert(self, node: Node) -> Value:
        """A given value in this parameter's type.

        Raises:
            Refused: it does not fit the type or the allowed values.
        """
        value = self._typed(node)
        if self.values and (self.type in SCALARS or self.type == "stringList"):
            allowed = [to_text(self._typed(item)) for item in self.values]
            texts = value.items if self.type == "stringList" else (value,)  # type: ignore[union-attr]
            for text in texts:
                if to_text(text) not in allowed:
                    raise Refused(
                        f"the parameter {self.name!r} does not allow {to_text(text)!r}; "
                        f"allowed: {', '.join(allowed)}",
                        node.at,
                    )
        return value

    def _typed(self, node: Node) -> Value:
        if self.type == "object":
            return typed(node)
        if self.type == "":
            return to_value(node)
        if self.type in SCALARS or isinstance(node, Scalar):
            return self._scalar(node)
        wanted = Sequence if self.type in LISTS else Mapping
        if not isinstance(node, wanted):
            raise self._wrong(node)
        if self.type == "stringList":
            for item in node.items:  # type: ignore[union-attr]
                if not isinstance(item, Scalar):
                    raise self._wrong(item)
        return to_value(node)

    def _scalar(self, node: Node) -> Value:
        if not isinstance(node, Scalar):
            raise self._wrong(node)
        if self.type == "string":
            return node.text
        if self.type == "boolean" and node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        if self.type == "number" and (number := parse_number(node.text.strip())) is not None:
            return number
        if self.type in LISTS and node.text == "":
            return to_value(Sequence((), node.at))
        raise self._wrong(node)

    def _wrong(self, node: Node) -> Refused:
        what = {Scalar: "a text", Sequence: "a list", Mapping: "a mapping"}[type(node)]
        if isinstance(node, Scalar):
            what = repr(node.text)
        return Refused(f"the parameter {self.name!r} is of type {self.type}, not {what}", node.at)


def declared(node: Node | None) -> tuple[Parameter, ...]:
    """The parameters that a file declares.

    Raises:
        Refused: a declaration is wrong.
    """
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return ()
    if isinstance(node, Mapping):  # the short form: name: default
        return tuple(Parameter(k.text, "", v, (), k.at) for k, v in node.entries)
    if not isinstance(node, Sequence):
        raise Refused("parameters have to be a list", node.at)
    found: dict[str, Parameter] = {}
    for item in node.items:
        parameter = _declaration(item)
        if parameter.name.lower() in found:
            raise Refused(f"the parameter {parameter.name!r} is already declared", item.at)
        found[parameter.name.lower()] = parameter
    return tuple(found.values())


def _declaration(item: Node) -> Parameter:
    if not isinstance(item, Mapping):
        raise Refused("a parameter is declared with name, type and default", item.at)
    for key, _ in item.entries:
        if key.text not in _KEYS:
            raise Refused(f"unexpected key {key.text!r} in a parameter", key.at)
    name, kind = item.get("name"), item.get("type")
    if not isinstance(name, Scalar) or not name.text:
        raise Refused("a parameter needs a name", item.at)
    if kind is not None and (not isinstance(kind, Scalar) or kind.text not in TYPES):
        raise Refused(f"a parameter's type is one of: {', '.join(TYPES)}", kind.at)
    values, default = item.get("values"), item.get("default")
    if values is not None and not isinstance(values, Sequence):
        raise Refused("values have to be a list", values.at)
    allowed = values.items if values is not None else ()
    for value in allowed:
        if not isinstance(value, Scalar):
            raise Refused("values have to be a list of texts", value.at)
    _no_expressions(default)
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


def _no_expressions(node: Node | None) -> None:
    from pipelines_local.yamltree import walk

    for scalar in walk(node) if node is not None else ():
        if "${{" in scalar.text:
            raise Refused("a parameter's default takes no expressions", scalar.at)


def bind(
    parameters: tuple[Parameter, ...], given: Map[str, Node], at: Position, what: str
) -> dict[str, Value]:
    """The values of the parameters of one use.

    Args:
        parameters: the declared ones.
        given: what the caller gives, by name.
        at: where the use stands.
        what: the file's name, for messages.

    Raises:
        Refused: one is unknown, missing or of a wrong type.
    """
    known = {parameter.name.lower(): parameter for parameter in parameters}
    for name, node in given.items():
        if name.lower() not in known:
            raise Refused(f"unexpected parameter {name!r}: {what} does not declare it", node.at)
    values = {name.lower(): node for name, node in given.items()}
    bound = {}
    for parameter in parameters:
        value = values.get(parameter.name.lower(), parameter.default)
        if value is None:
            raise Refused(f"{what} needs a value for the parameter {parameter.name!r}", at)
        bound[parameter.name] = parameter.convert(value)
    return bound
