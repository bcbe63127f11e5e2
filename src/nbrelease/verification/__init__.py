"""Verify a pack, offline: is it whole, does it agree with itself, does it keep the rules?

Nothing that the pack says of itself is taken for granted where it can be told again: states of
cells and published values are read from the executed notebooks, the record and the pages are made
from them once more, main.py is exported from its notebook again. Each check has a stable name and
gives a reason. A check that needs a stage that a failed or rejected release never came to is *not
applicable*: it says so, and does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from nbrelease.attestation.sign import PublicKey
from nbrelease.errors import NbreleaseError, UsageError
from nbrelease.verification import (
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

# In the order in which they are reported: what others lean on comes first.
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
    "parity": measurements.parity,
    "versions": measurements.versions,
    "gate": decisions.gate,
    "approvals": decisions.approvals,
    "export": pack_code.export,
    "runbooks": pack_code.runbooks,
    "secrets": leaks.secrets,
    "paths": leaks.paths,
    "signature": signatures.signature,
    "later": later_entries.later,
}
# A file that is not what it should be shows in one of these ways.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError)


def verify(folder: Path, keys: Sequence[PublicKey] = (), without: Collection[str] = ()) -> Report:
    """Check a pack.

    Args:
        folder: the pack.
        keys: whose signatures count; without one signatures are named and not verified.
        without: names of checks to leave out; the report says that they were.

    Raises:
        UsageError: the folder is no pack at all, or a name is none of a check.
    """
    if not (folder / "record.json").is_file():
        raise UsageError(f"{folder}: no pack there: it has no record.json")
    if unknown := sorted(set(without) - set(CHECKS)):
        raise UsageError(f"no check {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    pack = Pack(folder, tuple(keys))
    results = {
        name: left_out() if name in without else _run(check, pack) for name, check in CHECKS.items()
    }
    return Report(pack.name, results, pack.told, signatures.signers(pack))


def _run(check: Check, pack: Pack) -> Result:
    try:
        return check(pack)
    except Unreadable as error:  # the check that reads this file first says what is wrong with it
        return not_applicable(f"cannot be told: {error}")
    except NbreleaseError as error:
        return failed([str(error)])
    except MALFORMED as error:
        return failed([f"malformed: {type(error).__name__}: {error}"])
