"""Chains of ``if``, ``elseif`` and ``else``: which branch is selected."""

from __future__ import annotations

from pipelines_local.errors import InvalidPipeline
from pipelines_local.expressions import is_true
from pipelines_local.template.directives import Directive
from pipelines_local.template.scope import Scope


class ConditionalChain:
    """State of one chain; ordinary keys between its branches do not end it."""

    def __init__(self) -> None:
        self._open: bool | None = None  # None: no chain; True: no branch selected yet

    def end(self) -> None:
        """End the chain, because ``each`` or ``insert`` follows."""
        self._open = None

    def selects(self, directive: Directive, scope: Scope) -> bool:
        """Whether this branch is the selected one of its chain.

        Raises:
            InvalidPipeline: ``elseif`` or ``else`` without ``if``, or a wrong expression.
        """
        if directive.kind == "if":
            self._open = True
        elif self._open is None:
            raise InvalidPipeline(
                "else-without-if", f"{directive.kind!r} without a preceding 'if'", directive.key.at
            )
        try:
            selected = self._open and (  # branches after the selected one are not evaluated
                directive.kind == "else"
                or is_true(scope.evaluate(directive.expression, directive.key))
            )
        except InvalidPipeline:
            self._open = False  # the branches that follow belong to this chain
            raise
        if selected:
            self._open = False
        if directive.kind == "else":
            self._open = None
        return bool(selected)
