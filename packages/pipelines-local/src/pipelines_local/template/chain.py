"""Rows of if, elseif and else: which one of a row is taken."""

from __future__ import annotations

from pipelines_local.errors import Refused
from pipelines_local.expressions import is_true
from pipelines_local.template.directives import Directive
from pipelines_local.template.scope import Scope


class Chain:
    """Where a row of if, elseif, else stands; ordinary keys between them do not end it."""

    def __init__(self) -> None:
        self._open: bool | None = None  # None: no chain; True: nothing was taken yet

    def break_(self) -> None:
        """Something stands here that ends a chain."""
        self._open = None

    def taken(self, order: Directive, scope: Scope) -> bool:
        """Is this the one of its chain that counts?

        Raises:
            Refused: an elseif or else without an if, or a wrong expression.
        """
        if order.kind == "if":
            self._open = True
        elif self._open is None:
            raise Refused(f"{order.kind!r} without an 'if' before it", order.at.at)
        chosen = self._open and (  # once one was taken, the rest is not even looked at
            order.kind == "else" or is_true(scope.evaluate(order.expression, order.at))
        )
        if chosen:
            self._open = False
        if order.kind == "else":
            self._open = None
        return bool(chosen)
