"""References to templates, and the values of their parameters."""

from __future__ import annotations

from collections.abc import Mapping as Map

from pipelines_local.errors import InvalidPipeline
from pipelines_local.expressions import Value
from pipelines_local.template.parameters import accepts_undeclared, bind_parameters, read_parameters
from pipelines_local.yamltree import Mapping, Node, Scalar


def bind_template(
    document: Mapping, arguments: Map[str, Node], template: Scalar
) -> dict[str, Value]:
    """Return the values of the parameters of a template."""
    declared = document.get("parameters")
    return bind_parameters(
        read_parameters(declared),
        arguments,
        template.at,
        template.text,
        accept_undeclared=accepts_undeclared(declared),
    )


def read_reference(node: Node) -> tuple[Scalar, Map[str, Node]]:
    """Return the path and the arguments of a template reference."""
    if not isinstance(node, Mapping):
        raise InvalidPipeline("template-reference", "use the form template: PATH", node.at)
    for key, _ in node.entries:
        if key.text not in ("template", "parameters"):
            raise InvalidPipeline(
                "template-reference",
                f"unknown key {key.text!r}: a template reference has only 'template' and "
                "'parameters'",
                key.at,
            )
    template, arguments = node.get("template"), node.get("parameters")
    if not isinstance(template, Scalar):
        raise InvalidPipeline("template-reference", "a template needs a path", node.at)
    if arguments is None or (isinstance(arguments, Scalar) and arguments.text == ""):
        return template, {}
    if not isinstance(arguments, Mapping):
        raise InvalidPipeline("invalid-type", "'parameters' must be a mapping", arguments.at)
    return template, {key.text: value for key, value in arguments.entries}
