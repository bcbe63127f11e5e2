"""Expand the document of a pipeline: ``${{ }}``, directives, templates, ``extends``.

An argument of a template is expanded in the file of the caller. After that the template inserts
it without further evaluation; only template references inside it are still resolved. Such a node
is expanded in a context without a scope.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map

from pipelines_local.errors import InvalidPipeline, Problems
from pipelines_local.expressions import Array, Object, Value
from pipelines_local.template.conditional_chain import ConditionalChain
from pipelines_local.template.declared_variables import (
    concatenate,
    declared_variables,
    name_and_value,
)
from pipelines_local.template.directives import Directive, parse_directive
from pipelines_local.template.expansion_context import LISTS, ExpansionContext
from pipelines_local.template.key_checks import check_constant, check_unique_keys
from pipelines_local.template.references import bind_template, read_reference
from pipelines_local.template.scope import Scope
from pipelines_local.template.template_files import TemplateFiles
from pipelines_local.template.text import only_expression
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

_CONSTANT = ("trigger", "pr", "schedules")
_WITH_EXTENDS = (
    "name", "trigger", "pr", "schedules", "resources", "variables", "parameters",
    "lockBehavior", "pool", "appendCommitMessageToRunName", "extends",
)  # fmt: skip


class Expander:
    """One expansion; the recursion depth is limited by the depth of the documents."""

    def __init__(self, files: TemplateFiles) -> None:
        self._files = files
        self.problems = Problems()

    def expand_root(self, document: Mapping, scope: Scope) -> Mapping:
        """Expand the document of the pipeline's file."""
        context = ExpansionContext(scope, "root", 1)
        expanded = self._expand_mapping(document, context)
        reference = expanded.get("extends")
        if reference is None:
            return expanded
        for key, _ in expanded.entries:
            if key.text not in _WITH_EXTENDS:
                raise InvalidPipeline(
                    "extends-conflict", f"{key.text!r} is not allowed with 'extends'", key.at
                )
        variables = declared_variables(expanded.get("variables"))
        entries = list(expanded.without("extends").entries)
        return self._extend(reference, entries, context.with_scope(scope.with_variables(variables)))

    def _extend(
        self, reference: Node, entries: list[tuple[Scalar, Node]], context: ExpansionContext
    ) -> Mapping:
        """Add the entries of the extended template to those of the pipeline."""
        template, arguments = read_reference(reference)
        document = self._files.read_template(template, context.nesting + 1)
        values = bind_template(document, arguments, template)
        outer = context.scope.variables if context.scope else {}
        inner = ExpansionContext(Scope(values, outer), "root", context.nesting + 1)
        expanded = self._expand_mapping(document.without("parameters"), inner)
        names = {key.text for key, _ in entries}
        for key, value in expanded.entries:
            if key.text in names and key.text != "variables":
                raise InvalidPipeline(
                    "extends-conflict", f"{key.text!r} is also in the pipeline", key.at
                )
            if key.text == "variables" and "variables" in names:
                at = next(i for i, (k, _) in enumerate(entries) if k.text == "variables")
                entries[at] = (entries[at][0], concatenate(entries[at][1], value))
            elif key.text != "extends":
                entries.append((key, value))
        nested = expanded.get("extends")
        if nested is not None:
            return self._extend(nested, entries, inner)
        return Mapping(tuple(entries), document.at)

    def _expand_node(self, node: Node, context: ExpansionContext) -> Node:
        if isinstance(node, Scalar):
            self._files.count_node(node)
            return node if context.scope is None else context.scope.expand_node(node)
        if isinstance(node, Sequence):
            return Sequence(tuple(self._expand_items(node, context)), node.at)
        return self._expand_mapping(node, context)

    # Mappings

    def _expand_mapping(self, node: Mapping, context: ExpansionContext) -> Mapping:
        """Expand a mapping; its own variables are visible to all of its other keys."""
        self._files.count_node(node)
        entries = list(self._resolve_entries(node, context))
        check_unique_keys((key for key, _, _ in entries), context.kind == "data")
        own = self._expand_own_variables(entries, context)
        expanded: list[tuple[Scalar, Node]] = []
        for key, value, inner in entries:
            if context.kind == "root" and key.text == "parameters":
                continue  # the expanded document does not refer to them
            with self.problems.catch():
                if context.kind == "root" and key.text in _CONSTANT:
                    check_constant(repr(key.text), value)
                    expanded.append((key, value))
                    continue
                if key.text == "variables" and own is not None:
                    expanded.append((key, own[0]))
                    continue
                scope = inner.scope
                if own is not None and scope is not None:
                    scope = scope.with_variables(own[1])
                value_context = inner.with_scope(scope).for_key(key.text)
                expanded.append((key, self._expand_node(value, value_context)))
        return Mapping(tuple(expanded), node.at)

    def _expand_own_variables(
        self, entries: list[tuple[Scalar, Node, ExpansionContext]], context: ExpansionContext
    ) -> tuple[Node, Map[str, Value]] | None:
        if context.kind not in ("root", "stages", "jobs"):
            return None
        for key, value, inner in entries:
            if key.text == "variables":
                return self._expand_variables(value, inner.for_key("variables"))
        return None

    def _resolve_entries(
        self, node: Mapping, context: ExpansionContext
    ) -> Iterator[tuple[Scalar, Node, ExpansionContext]]:
        """Apply the directives among the keys; values are not expanded yet."""
        if context.scope is None:
            for key, value in node.entries:
                yield key, value, context
            return
        chain = ConditionalChain()
        for key, value in node.entries:
            directive = parse_directive(key)
            if directive is None:
                yield context.scope.expand_text(key), value, context
            elif directive.kind == "insert":
                chain.end()
                yield from self._merge_entries(value, context, required=True)
            elif directive.kind == "each":
                chain.end()
                for scope in self._loop_scopes(directive, context.scope):
                    yield from self._merge_entries(value, context.with_scope(scope))
            elif chain.selects(directive, context.scope):
                yield from self._merge_entries(value, context)

    def _merge_entries(
        self, value: Node, context: ExpansionContext, *, required: bool = False
    ) -> Iterator[tuple[Scalar, Node, ExpansionContext]]:
        """The entries of a mapping below a directive."""
        if isinstance(value, Scalar) and context.scope is not None:
            value, context = context.scope.expand_node(value), context.without_expressions()
        if isinstance(value, Mapping):
            yield from self._resolve_entries(value, context)
        elif required or not isinstance(value, Scalar) or value.text:
            raise InvalidPipeline("invalid-type", "a mapping is expected here", value.at)

    # Lists

    def _expand_items(self, node: Sequence, context: ExpansionContext) -> Iterator[Node]:
        chain = ConditionalChain()
        for item in node.items:
            with self.problems.catch():
                yield from self._expand_item(item, context, chain)

    def _expand_item(
        self, item: Node, context: ExpansionContext, chain: ConditionalChain
    ) -> Iterator[Node]:
        scope = context.scope
        if isinstance(item, Scalar):
            if scope is not None and only_expression(item) is not None:
                yield from self._insert_items(
                    scope.expand_node(item), context.without_expressions()
                )
            else:
                yield self._expand_node(item, context)
            return
        if isinstance(item, Mapping) and scope is not None and len(item.entries) == 1:
            key, value = item.entries[0]
            directive = parse_directive(key)
            # 'each' over a mapping adds keys to one item; over a list it adds items.
            adds_keys = (
                directive is not None and directive.kind == "each" and isinstance(value, Mapping)
            )
            if directive is not None and directive.kind != "insert" and not adds_keys:
                yield from self._apply_directive(directive, value, context, chain)
                return
        if isinstance(item, Mapping):
            yield from self._expand_mapping_item(item, context)
        else:
            yield self._expand_node(item, context)

    def _apply_directive(
        self,
        directive: Directive,
        value: Node,
        context: ExpansionContext,
        chain: ConditionalChain,
    ) -> Iterator[Node]:
        assert context.scope is not None  # noqa: S101 - expanded nodes have no directives
        if directive.kind == "each":
            chain.end()
            for scope in self._loop_scopes(directive, context.scope):
                yield from self._insert_items(value, context.with_scope(scope))
        elif chain.selects(directive, context.scope):
            yield from self._insert_items(value, context)

    def _insert_items(self, value: Node, context: ExpansionContext) -> Iterator[Node]:
        """The items below a directive of a list: the items of a list, or one item."""
        if isinstance(value, Scalar) and context.scope is not None:
            value, context = context.scope.expand_node(value), context.without_expressions()
        if isinstance(value, Sequence):
            yield from self._expand_items(value, context)
        elif isinstance(value, Mapping):
            yield from self._expand_mapping_item(value, context)
        elif value.text or context.kind not in LISTS:
            self._files.count_node(value)
            yield value

    def _expand_mapping_item(self, item: Mapping, context: ExpansionContext) -> Iterator[Node]:
        first = next(self._resolve_entries(item, context), None) if context.kind in LISTS else None
        if first is None or first[0].text != "template":
            expanded = self._expand_mapping(item, context)
            if expanded.entries or not item.entries:
                yield expanded
            return
        reference_context = ExpansionContext(context.scope, "", context.nesting)
        yield from self._expand_template(self._expand_mapping(item, reference_context), context)

    def _loop_scopes(self, directive: Directive, scope: Scope) -> Iterator[Scope]:
        """The scope of each iteration of a loop."""
        scope.check_loop_variable(directive.variable, directive.key)
        value = scope.evaluate(directive.expression, directive.key)
        items: list[Value] = []
        if isinstance(value, Array):
            items = list(value.items)
        elif isinstance(value, Object):
            items = [Object({"key": k, "value": v}) for k, v in value.entries.items()]
        elif value is not None and value != "":
            raise InvalidPipeline(
                "invalid-type", "'each' needs a list or a mapping", directive.key.at
            )
        for item in items:
            self._files.count_node(directive.key)
            yield scope.with_loop(directive.variable, item)

    # Templates and variables

    def _expand_template(self, reference: Mapping, context: ExpansionContext) -> Iterator[Node]:
        template, arguments = read_reference(reference)
        document = self._files.read_template(template, context.nesting + 1)
        for key, _ in document.entries:
            if key.text not in ("parameters", context.kind):
                raise InvalidPipeline(
                    "template-key",
                    f"unknown key {key.text!r} in a {context.kind} template "
                    f"(used in {template.at})",
                    key.at,
                )
        content = document.get(context.kind)
        if content is None:
            raise InvalidPipeline(
                "template-key",
                f"the template has no {context.kind!r} (used in {template.at})",
                document.at,
            )
        values = bind_template(document, arguments, template)
        outer = context.scope.variables if context.scope is not None else {}
        inner = ExpansionContext(Scope(values, outer), context.kind, context.nesting + 1)
        if context.kind == "variables":
            content = self._expand_variables(content, inner)[0]
            inner = inner.without_expressions()
        if isinstance(content, Scalar) and only_expression(content) is not None:
            yield from self._insert_items(content, inner)
        elif isinstance(content, Sequence):
            yield from self._expand_items(content, inner)
        elif not (isinstance(content, Scalar) and content.is_null):
            raise InvalidPipeline("invalid-type", f"{context.kind!r} must be a list", content.at)

    def _expand_variables(
        self, node: Node, context: ExpansionContext
    ) -> tuple[Node, Map[str, Value]]:
        """Expand variables to a list; each variable is visible to those after it."""
        if isinstance(node, Scalar):
            node = self._expand_node(node, context)
        items: list[Node] = []
        values: dict[str, Value] = {}
        if isinstance(node, Mapping):
            for key, value, inner in self._resolve_entries(node, context):
                with self.problems.catch():
                    items.append(self._expand_variable(key, value, inner, values))
        elif isinstance(node, Sequence):
            chain = ConditionalChain()
            for item in node.items:
                scope = context.scope.with_variables(values) if context.scope else None
                with self.problems.catch():
                    for expanded in self._expand_item(item, context.with_scope(scope), chain):
                        items.append(expanded)
                        values.update(name_and_value(expanded))
        elif not node.is_null:
            raise InvalidPipeline(
                "invalid-type", "'variables' must be a mapping or a list", node.at
            )
        return Sequence(tuple(items), node.at), values

    def _expand_variable(
        self, key: Scalar, value: Node, context: ExpansionContext, values: dict[str, Value]
    ) -> Mapping:
        """Expand ``key: value`` to ``name: key, value: value`` and add it to ``values``."""
        scope = context.scope.with_variables(values) if context.scope else None
        expanded = self._expand_node(value, context.with_scope(scope).for_key(""))
        if not isinstance(expanded, Scalar):
            raise InvalidPipeline(
                "invalid-type", f"the variable {key.text!r} must be a string", expanded.at
            )
        if key.text.lower() in (name.lower() for name in values):
            raise InvalidPipeline("duplicate-variable", f"duplicate variable {key.text!r}", key.at)
        values[key.text] = expanded.text
        return Mapping(((Scalar("name", key.at), key), (Scalar("value", key.at), expanded)), key.at)
