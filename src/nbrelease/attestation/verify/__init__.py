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
from nbrelease.attestation.verify import (
    carried_code,
    contents,
    derived,
    facts,
    later,
    leaks,
    rules,
    signatures,
    times,
)
from nbrelease.attestation.verify.pack import Pack, Unreadable
from nbrelease.attestation.verify.report import Report, Result, failed, left_out, not_applicable
from nbrelease.errors import NbreleaseError, UsageError

__all__ = ["CHECKS", "Report", "Result", "verify"]

Check = Callable[[Pack], Result]

# In the order in which they are reported: what others lean on comes first.
CHECKS: dict[str, Check] = {
    "manifest": contents.manifest,
    "schema": contents.schema,
    "identity": contents.identity,
    "cells": derived.cells,
    "record": derived.record,
    "pages": derived.pages,
    "reports": derived.reports,
    "tests": facts.tests,
    "order": times.order,
    "rows": facts.rows,
    "parity": facts.parity,
    "versions": facts.versions,
    "gate": rules.gate,
    "approvals": rules.approvals,
    "export": carried_code.export,
    "runbooks": carried_code.runbooks,
    "secrets": leaks.secrets,
    "paths": leaks.paths,
    "signature": signatures.signature,
    "later": later.later,
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
