"""How a published value is declared: as a field of a model, with its runbook and its description.

From that one field come the check in ``nbrelease.record(...)``, the place in the record, the JSON
Schema and the table in the docs. :class:`nbrelease.records.published.Published` has the fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

RUNBOOK = "publishedBy"
NAME = "publishedAs"


class Section(BaseModel):
    """A part of the record whose fields are published values of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def value(runbook: str, description: str, *, name: str = "", **default: Any) -> Any:
    """Declare a published value, as the default of a model's field.

    Args:
        runbook: the runbook that publishes it.
        description: what it is, for the schema and the docs.
        name: its name in ``record(...)``, where that is not the name of the field.
        default: ``default`` or ``default_factory`` of the field, by default None; ``...`` where
            its section needs the value.
    """
    extra: JsonDict = {RUNBOOK: runbook, **({NAME: name} if name else {})}
    return Field(**(default or {"default": None}), description=description, json_schema_extra=extra)


def published_as(name: str, field: FieldInfo) -> str | None:
    """The name in ``record(...)`` of a declared value; None for a field that is none."""
    extra = field.json_schema_extra
    if not isinstance(extra, dict) or RUNBOOK not in extra:
        return None
    return str(extra.get(NAME, name))


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a field holds; None where it holds something else."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, Section)), None)


def read(model: type[BaseModel], values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The fields of a model that the published values fill.

    A value in another form is no reason to leave a release without its evidence, so it is named.

    Returns:
        The fields that could be read, and one line for each value in another form.
    """
    fields: dict[str, Any] = {}
    problems = []
    for name, field in model.model_fields.items():
        section, published = section_of(field), published_as(name, field)
        if section is not None:
            inner, wrong = read(section, values)
            problems += wrong
            needed = {n for n, each in section.model_fields.items() if each.is_required()}
            if needed <= inner.keys():
                fields[name] = section(**inner)
        elif published is not None and values.get(published) is not None:
            try:
                fields[name] = _adapter(model, name).validate_python(values[published])
            except ValidationError as error:
                problems.append(_explain(published, error))
    return fields, problems


def check(model: type[BaseModel], name: str, value: Any) -> str:
    """One line that says why a value cannot be shown; empty where it can, or is not declared."""
    for owner, field_name, published in declared_values(model):
        if published == name and value is not None:
            try:
                _adapter(owner, field_name).validate_python(value)
            except ValidationError as error:
                return _explain(name, error)
    return ""


def declared_values(model: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str, str]]:
    """Each declared value of a model and its sections: its owner, its field, its published name."""
    for name, field in model.model_fields.items():
        section, published = section_of(field), published_as(name, field)
        if section is not None:
            yield from declared_values(section)
        elif published is not None:
            yield model, name, published


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    return TypeAdapter[Any](model.model_fields[name].annotation)  # type: ignore[arg-type]


def _explain(name: str, error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, (name, *first['loc'])))}: {first['msg']}"
