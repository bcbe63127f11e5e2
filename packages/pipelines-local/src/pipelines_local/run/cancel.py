"""One word for everybody that a run, or one job of it, has to end in order."""

from __future__ import annotations

import threading


class Cancel:
    """``requested``: end in order; ``forced``: end now, nothing else is started.

    A child follows its parent, and can be cancelled alone (a job that takes too long). One that is
    made because of a cancellation, for ``always()`` and ``canceled()``, heeds only force.
    """

    def __init__(self, parent: Cancel | None = None, *, only_force: bool = False) -> None:
        self._parent = parent
        self._only_force = only_force
        self._requested = threading.Event()
        self._forced = threading.Event()

    def request(self) -> None:
        """End in order; the second time, now."""
        (self._forced if self._requested.is_set() else self._requested).set()

    def force(self) -> None:
        """End now."""
        self._requested.set()
        self._forced.set()

    @property
    def requested(self) -> bool:
        """Should it end?"""
        if self._requested.is_set() or self._parent is None:
            return self._requested.is_set()
        return self._parent.forced if self._only_force else self._parent.requested

    @property
    def forced(self) -> bool:
        """Should it end at once?"""
        return self._forced.is_set() or (self._parent is not None and self._parent.forced)
