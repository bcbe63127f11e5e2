"""The store: JSON documents in SQLite, written to disk before a request is acknowledged.

A row is one document: workspace, kind (``data``, ``jobs``, ...), name, and version (may be empty).
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from azureml_local.arm import SystemData

SCHEMA = """
create table if not exists resources (
    workspace text not null, kind text not null, name text not null, version text not null,
    serial integer primary key autoincrement, created text not null, modified text not null,
    body text not null,
    unique (workspace, kind, name, version)
);
create index if not exists by_name
    on resources (workspace, kind, name collate nocase, version);
create table if not exists settings (name text primary key, value text not null);
"""

USER = "azureml-local"
COLUMNS = "workspace, kind, name, version, serial, created, modified, body"

Body = TypeVar("Body", bound=Mapping[str, object])


class Kind(str, Generic[Body]):
    """A kind of documents: its name in the store, and the type of their bodies."""


@dataclass
class Resource(Generic[Body]):
    """A document. ``serial`` increases with each creation; times are UTC in ISO 8601."""

    workspace: str
    kind: str
    name: str
    version: str
    serial: int
    created: str
    modified: str
    body: Body

    @property
    def system_data(self) -> SystemData:
        """The ``systemData`` of the API: when it was created and changed, and by whom."""
        return {
            "createdAt": self.created,
            "createdBy": USER,
            "createdByType": "User",
            "lastModifiedAt": self.modified,
        }


class Store:
    """The documents of all workspaces of one data folder."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(
            os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        )  # it contains the secret that signs tokens
        path.chmod(0o600)
        # isolation_level None: only `transaction` starts transactions.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = threading.RLock()
        self.changes = 0
        """Increases with each change; cached reads are valid while it stays the same."""
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside or nothing; a nested transaction is part of the outer one."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")  # fails when the disk is full
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back some errors
                    self._connection.execute("rollback")
                raise
            self.changes += 1

    def get(
        self, workspace: str, kind: Kind[Body], name: str, version: str = ""
    ) -> Resource[Body] | None:
        """A document by its name, ignoring case as Azure does; None if it does not exist."""
        rows = self._select(
            f"workspace = ? and kind = ? and {_name_condition(kind)} and version = ?",
            (workspace, kind, name, version),
        )
        return rows[0] if rows else None

    def put(
        self, workspace: str, kind: Kind[Body], name: str, version: str, body: Body
    ) -> Resource[Body]:
        """Create or replace a document."""
        now = datetime.now(UTC).isoformat()
        with self.transaction():
            old = self.get(workspace, kind, name, version)
            if old is not None:
                self._connection.execute(
                    "update resources set body = ?, modified = ? where serial = ?",
                    (json.dumps(body), now, old.serial),
                )
            else:
                self._connection.execute(
                    "insert into resources"
                    " (workspace, kind, name, version, created, modified, body)"
                    " values (?, ?, ?, ?, ?, ?, ?)",
                    (workspace, kind, name, version, now, now, json.dumps(body)),
                )
            resource = self.get(workspace, kind, name, version)
        if resource is None:
            raise sqlite3.IntegrityError(f"{kind} {name} is missing after its write")
        return resource

    def entries(
        self, workspace: str, kind: Kind[Body], name: str | None = None
    ) -> list[Resource[Body]]:
        """The documents of a kind in the order of creation, optionally of one name."""
        if name is None:
            return self._select("workspace = ? and kind = ?", (workspace, kind))
        return self._select(
            "workspace = ? and kind = ? and name = ? collate nocase", (workspace, kind, name)
        )

    def all(self, kind: Kind[Body]) -> list[Resource[Body]]:
        """The documents of a kind in all workspaces."""
        return self._select("kind = ?", (kind,))

    def delete(self, workspace: str, kind: str, name: str, version: str = "") -> bool:
        """Delete a document and return whether it existed."""
        with self.transaction():
            cursor = self._connection.execute(
                "delete from resources where workspace = ? and kind = ?"  # noqa: S608
                f" and {_name_condition(kind)} and version = ?",
                (workspace, kind, name, version),
            )
        return cursor.rowcount > 0

    def has_documents(self, workspace: str) -> bool:
        """Whether a workspace has any document."""
        with self._lock:
            row = self._connection.execute(
                "select 1 from resources where workspace = ? limit 1", (workspace,)
            ).fetchone()
        return row is not None

    def purge(self, workspace: str) -> None:
        """Delete a workspace with all its documents."""
        with self.transaction():
            self._connection.execute("delete from resources where workspace = ?", (workspace,))
            self.delete("", "workspaces", workspace)

    def setting(self, name: str) -> str | None:
        """A setting of the server; None if it was never set."""
        with self._lock:
            row = self._connection.execute(
                "select value from settings where name = ?", (name,)
            ).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting of the server."""
        with self.transaction():
            self._connection.execute("insert or replace into settings values (?, ?)", (name, value))

    def _select(self, where: str, values: tuple[str, ...]) -> list[Resource[Any]]:
        """Rows by a condition, which is always one of the constant texts above.

        Their bodies have the type of the kind: they were written by :meth:`put`.
        """
        query = f"select {COLUMNS} from resources where {where} order by serial"  # noqa: S608
        with self._lock:
            rows = self._connection.execute(query, values).fetchall()
        return [
            Resource(workspace, kind, name, version, serial, created, modified, json.loads(body))
            for workspace, kind, name, version, serial, created, modified, body in rows
        ]


class Documents:
    """The documents of one workspace."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store, self._workspace = store, workspace
        self.transaction = store.transaction

    def get(self, kind: Kind[Body], name: str, version: str = "") -> Resource[Body] | None:
        """A document by its name, ignoring case as Azure does; None if it does not exist."""
        return self._store.get(self._workspace, kind, name, version)

    def put(self, kind: Kind[Body], name: str, body: Body, version: str = "") -> Resource[Body]:
        """Create or replace a document."""
        return self._store.put(self._workspace, kind, name, version, body)

    def entries(self, kind: Kind[Body], name: str | None = None) -> list[Resource[Body]]:
        """The documents of a kind in the order of creation, optionally of one name."""
        return self._store.entries(self._workspace, kind, name)

    def delete(self, kind: str, name: str, version: str = "") -> bool:
        """Delete a document and return whether it existed."""
        return self._store.delete(self._workspace, kind, name, version)


def _name_condition(kind: str) -> str:
    """The SQL condition on a name: only names of blobs are case-sensitive."""
    return "name = ?" if kind == "blobs" else "name = ? collate nocase"
