"""What every model of a record has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Nothing but what is declared, and nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
