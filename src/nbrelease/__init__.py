"""From notebook to released model, with the executed notebooks as the evidence.

A runbook imports one name from here: :func:`record`, which publishes values to later runbooks and
into the release record.
"""

from nbrelease.scraps import record

__all__ = ["record"]
