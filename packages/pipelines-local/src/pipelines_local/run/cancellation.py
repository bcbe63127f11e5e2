"""Cancellation of a run or of a single job."""

from __future__ import annotations

import threading


class Cancellation:
    """``requested``: end in order; ``forced``: end now and start nothing else.

    A child follows its parent and can be cancelled alone (a job that exceeds its timeout). A child
    for steps that run because of a cancellation (``always()``, ``canceled()``) follows only force.
    """

    def __init__(self, parent: Cancellation | None = None, *, only_force: bool = False) -> None:
        self._parent = parent
        self._only_force = only_force
        self._requested = threading.Event()
        self._forced = threading.Event()

    def request(self) -> None:
        """Request an orderly end; the second call forces it."""
        (self._forced if self._requested.is_set() else self._requested).set()

    def force(self) -> None:
        """End now."""
        self._requested.set()
        self._forced.set()

    @property
    def requested(self) -> bool:
        """Whether to end."""
        if self._requested.is_set() or self._parent is None:
            return self._requested.is_set()
        return self._parent.forced if self._only_force else self._parent.requested

    @property
    def forced(self) -> bool:
        """Whether to end now."""
        return self._forced.is_set() or (self._parent is not None and self._parent.forced)
