"""Fixtures of Microsoft's recording proxy, without the proxy."""

from __future__ import annotations

import os

import pytest


class VariableRecorder:
    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def get_or_record(self, variable: str, default: str) -> str:
        return self.variables.setdefault(variable, default)


class EnvironmentVariableSanitizer:
    def get(self, variable: str, default: str | None = None) -> str | None:
        return os.environ.get(variable, default)

    def sanitize(self, variable: str, value: str) -> str:
        return os.environ.get(variable, value)

    def sanitize_batch(self, values: dict[str, str]) -> dict[str, str]:
        return {name: os.environ.get(name, value) for name, value in values.items()}


@pytest.fixture
def variable_recorder() -> VariableRecorder:
    return VariableRecorder()


@pytest.fixture
def environment_variables() -> EnvironmentVariableSanitizer:
    return EnvironmentVariableSanitizer()


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """Nothing: the tests connect to the server itself."""


@pytest.fixture
def recorded_test() -> dict[str, str]:
    return {}
