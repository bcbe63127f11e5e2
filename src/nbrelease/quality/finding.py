"""The result of one test for drift of one column."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, computed_field


class Finding(BaseModel):
    """One test of one column.

    ``effects`` holds effect sizes by name and ``limits`` the smallest that counts of each; the
    finding is ``drifted`` when it is significant (``p_adjusted``) and one of them is reached.
    ``statistic`` is None where it is infinite: the odds ratio when nothing was missing before.
    ``before`` and ``now`` summarize the values.
    """

    model_config = ConfigDict(frozen=True)

    column: str
    question: str
    test: str
    statistic: float | None
    p_value: float
    effects: dict[str, float]
    limits: dict[str, float]
    p_adjusted: float = 1.0
    drifted: bool = False
    before: str = ""
    now: str = ""

    @property
    def large_effects(self) -> dict[str, float]:
        """The effect sizes that reach their limit."""
        return {name: size for name, size in self.effects.items() if size >= self.limits[name]}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def why(self) -> str:
        """The finding in one line; empty without drift."""
        if not self.drifted:
            return ""
        sizes = ", ".join(
            f"{name} {size:.3f} (limit {self.limits[name]:g})"
            for name, size in self.large_effects.items()
        )
        return (
            f"{self.column}: {self.question} changed from {self.before} to {self.now}; {sizes},"
            f" p {self.p_adjusted:.2g} ({self.test})"
        )
