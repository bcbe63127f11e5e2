"""The base of the models of a record."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Immutable, and without undeclared fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
