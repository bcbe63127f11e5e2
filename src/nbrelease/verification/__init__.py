"""Verify a pack offline: its integrity, its consistency, and the rules for gate and approvals.

What can be derived is derived again and compared: states of cells and published values from the
executed notebooks, the record and the pages from these, main.py from its notebook. Each check has a
stable name and a reason. A check for a stage that a failed or rejected release did not reach is
*not applicable*; it does not count as passed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from nbrelease.attestation.problem import Problem
from nbrelease.attestation.sign import PublicKey
from nbrelease.errors import NbreleaseError, UsageError
from nbrelease.verification import (
    comparison,
    contents,
    decisions,
    later_entries,
    leaks,
    measurements,
    order,
    pack_code,
    reproduction,
    signatures,
)
from nbrelease.verification.pack import Pack, Unreadable
from nbrelease.verification.report import Report, Result, failed, left_out, not_applicable

__all__ = ["CHECKS", "Report", "Result", "verify"]

Check = Callable[[Pack], Result]

# In the order of the report: a check comes after those that it depends on.
CHECKS: dict[str, Check] = {
    "manifest": contents.manifest,
    "schema": contents.schema,
    "identity": contents.identity,
    "cells": reproduction.cells,
    "record": reproduction.record,
    "pages": reproduction.pages,
    "reports": reproduction.reports,
    "tests": measurements.tests,
    "order": order.order,
    "rows": measurements.rows,
    "comparison": comparison.comparison,
    "parity": measurements.parity,
    "versions": measurements.versions,
    "gate": decisions.gate_follows_criteria,
    "approvals": decisions.approvals,
    "export": pack_code.export,
    "runbooks": pack_code.runbooks,
    "secrets": leaks.secrets,
    "paths": leaks.paths,
    "signature": signatures.signature,
    "later": later_entries.later,
}
# The exceptions that a malformed file can raise.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError)


def verify(folder: Path, keys: Sequence[PublicKey] = (), without: Collection[str] = ()) -> Report:
    """Check a pack.

    Args:
        folder: the pack.
        keys: required signers; without any, signatures are listed and not verified.
        without: names of checks to leave out; the report lists them.

    Raises:
        UsageError: the folder is no pack, or a check is unknown.
    """
    if not (folder / "record.json").is_file():
        raise UsageError(f"{folder}: not a pack: no record.json")
    if unknown := sorted(set(without) - set(CHECKS)):
        raise UsageError(f"unknown check {', '.join(unknown)}; known: {', '.join(CHECKS)}")
    pack = Pack(folder, tuple(keys))
    results = {
        name: left_out() if name in without else _run(check, pack) for name, check in CHECKS.items()
    }
    return Report(pack.name, results, pack.outcome, signatures.signers(pack))


def _run(check: Check, pack: Pack) -> Result:
    try:
        return check(pack)
    except Unreadable as error:  # an earlier check reports what is wrong with this file
        return not_applicable(f"not readable: {error}")
    except NbreleaseError as error:
        return failed([Problem("NBV901", str(error))])
    except MALFORMED as error:
        return failed([Problem("NBV902", f"malformed: {type(error).__name__}: {error}")])
