"""From notebook to released model, with the executed notebooks as the evidence.

What a runbook imports from here: :func:`record`, which publishes values to later runbooks and into
the release record, and :func:`secret`, which gives the value that a parameter refers to.
"""

from nbrelease.scraps import record
from nbrelease.secrets.reference import secret

__all__ = ["record", "secret"]
