"""A pack under verification: each file is read once and validated."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nbrelease import files
from nbrelease.attestation import manifest
from nbrelease.attestation.sign import PublicKey
from nbrelease.records import ReleaseRecord, RunbookResult


class Unreadable(Exception):
    """A file of the pack is missing or malformed; the text names it."""


@dataclass(frozen=True)
class Pack:
    """A pack, and the keys of the required signers."""

    folder: Path
    keys: tuple[PublicKey, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name, which is the release's id."""
        return self.folder.resolve().name

    @cached_property
    def manifest(self) -> manifest.Manifest:
        """The manifest."""
        text = self.text(manifest.NAME)
        try:
            return manifest.Manifest.model_validate_json(text)
        except ValidationError as error:
            raise Unreadable(f"{manifest.NAME}: {explain(error)}") from None

    @cached_property
    def same_renderer(self) -> bool:
        """Whether this nbrelease renders records and pages as the one that built the pack."""
        return self.manifest.renderer == manifest.renderer()

    @cached_property
    def raw(self) -> dict[str, Any]:
        """The content of record.json."""
        content = self.json("record.json")
        if not isinstance(content, dict):
            raise Unreadable("record.json: not an object")
        return content

    @cached_property
    def record(self) -> ReleaseRecord:
        """The validated record.json."""
        _ = self.raw
        try:
            return ReleaseRecord.model_validate_json(self.text("record.json"), strict=True)
        except ValidationError as error:
            raise Unreadable(f"record.json: {explain(error)}") from None

    @property
    def outcome(self) -> str:
        """The verdict in the record, with the reason."""
        try:
            return self.record.verdict + (f": {self.record.reason}" if self.record.reason else "")
        except Unreadable as error:
            return str(error)

    @property
    def negative(self) -> bool:
        """Whether the verdict in the record is another than ``passed``."""
        return self.record.verdict != "passed"

    @cached_property
    def notebooks(self) -> dict[str, dict[str, Any]]:
        """The executed notebooks by name, sorted."""
        paths = sorted((self.folder / "notebooks").glob("*.ipynb"))
        notebooks = {}
        for path in paths:
            name = f"notebooks/{path.name}"
            content = self.json(name)
            if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
                raise Unreadable(f"{name}: not a notebook")
            notebooks[path.stem] = content
        return notebooks

    @cached_property
    def claims(self) -> dict[str, RunbookResult]:
        """The result in the metadata of each executed notebook."""
        claims = {}
        for name, content in self.notebooks.items():
            try:
                claim = content["metadata"]["nbrelease"]
                claims[name] = RunbookResult.model_validate(claim)
            except (KeyError, TypeError):
                raise Unreadable(
                    f"notebooks/{name}.ipynb: no result of nbrelease run in its metadata"
                ) from None
            except ValidationError as error:
                raise Unreadable(f"notebooks/{name}.ipynb: {explain(error)}") from None
        return claims

    def text(self, name: str) -> str:
        """A file's text."""
        try:
            return (self.folder / name).read_bytes().decode("utf-8")
        except FileNotFoundError:
            raise Unreadable(f"{name}: missing") from None
        except (OSError, UnicodeDecodeError) as error:
            raise Unreadable(f"{name}: not readable: {error}") from None

    def json(self, name: str) -> Any:
        """A file's content. A duplicate key is refused: it hides one of its values."""
        try:
            return json.loads(
                self.text(name).removeprefix("\ufeff"), object_pairs_hook=_refuse_duplicates
            )
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{name}: {error}") from None

    def sha256(self, name: str) -> str:
        """The digest of a file."""
        return files.sha256(self.folder / name)


def explain(error: ValidationError) -> str:
    """The first error and its place."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key {twice}")
    return content
