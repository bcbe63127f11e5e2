"""``--set``, ``--add`` and ``--remove``: the generic update of the Azure CLI.

Source: ``azure.cli.core.commands.arm`` (``set_properties``, ``add_properties``,
``remove_properties``): paths of properties with dots and ``[index]`` or ``[key=value]``; values are
JSON if they can be parsed, else text.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from azureml_local.az.errors import AzError
from azureml_local.az.program import Arguments
from azureml_local.json_fields import Json, JsonObject

_PAIR = re.compile(r"((?:\[[^\]]*\]|[^=\[])+)=(.*)", re.DOTALL)
_PART = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")


def parse_overrides(pairs: Sequence[str] | None) -> list[JsonObject]:
    """``--set`` of a ``create`` command as ``params_override`` of the SDK; values are text.

    Raises:
        AzError: a pair has no ``=``.
    """
    return [{path: value} for path, value in map(_split, pairs or ())]


def update_properties(properties: JsonObject, arguments: Arguments) -> JsonObject:
    """Change the properties of a resource; returns them.

    Args:
        properties: the properties.
        arguments: has ``--set``, ``--add``, ``--remove`` and ``--force-string``.

    Raises:
        AzError: a path does not exist, or an option has the wrong form.
    """
    for pair in arguments.set or ():
        path, text = _split(pair)
        *parents, last = _parts(path)
        target = _resolve(properties, parents)
        value = text if arguments.force_string else _parse_value(text)
        if isinstance(target, list):
            target[_index(target, last)] = value
        elif isinstance(target, dict):
            target[last] = value
        else:
            raise AzError(f"Couldn't set '{path}': its parent is not an object or a list.")
    for path, *values in arguments.add or ():
        items = _resolve(properties, _parts(path), create=list)
        if not isinstance(items, list) or not values:
            raise AzError("usage error: --add property.listProperty <key=value, string or JSON>")
        items += _new_items(values, force_string=arguments.force_string)
    for path, *index in arguments.remove or ():
        *parents, last = _parts(path)
        target = _resolve(properties, parents)
        try:
            if index:
                target[last].pop(int(index[0]))
            else:
                target.pop(_index(target, last) if isinstance(target, list) else last)
        except (KeyError, IndexError, ValueError, TypeError):
            raise AzError(f"Couldn't find '{' '.join([path, *index])}'.") from None
    return properties


def _new_items(values: Sequence[str], *, force_string: bool) -> list[Json]:
    """The items of ``--add``; consecutive ``key=value`` are one object."""
    items: list[Json] = []
    for is_object, group in itertools.groupby(values, lambda x: "=" in x and not x.startswith("{")):
        texts = list(group)
        if is_object:
            items.append(dict(map(_split, texts)))
        else:
            items += texts if force_string else map(_parse_value, texts)
    return items


def parse_traffic(text: str) -> dict[str, int]:
    """``--traffic "blue=90 green=10"``, also with commas.

    Raises:
        AzError: a part is not ``deployment=percentage``.
    """
    traffic = {}
    for pair in re.split(r"[\s,]+", text.strip()):
        name, _, percentage = pair.partition("=")
        if not name or not percentage.isdecimal():
            raise AzError(f"Invalid traffic '{text}': use \"deployment=percentage ...\".")
        traffic[name] = int(percentage)
    return traffic


def parse_pairs(values: Sequence[str] | str | None, option: str) -> dict[str, str] | None:
    """``--tags a=1 b=2`` as a mapping; None if the option was not used."""
    if values is None:
        return None
    texts = values.split() if isinstance(values, str) else values
    if any(not each.partition("=")[0] for each in texts):
        raise AzError(f"usage error: {option} KEY=VALUE ...")
    return {name: value for name, _, value in (each.partition("=") for each in texts)}


def _split(pair: str) -> tuple[str, str]:
    match = _PAIR.fullmatch(pair)
    if match is None:
        raise AzError(f"Invalid value '{pair}': use --set property1.property2=<value>.")
    return match[1], match[2]


def _parse_value(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except json.JSONDecodeError:
        constants: Mapping[str, Json] = {"True": True, "False": False, "None": None}
        return constants.get(text, text)
    return value


def _parts(path: str) -> list[str]:
    return [name or index for name, index in _PART.findall(path)]


def _index(items: list[Json], part: str) -> int:
    key, equals, value = part.partition("=")
    for index, item in enumerate(items):
        if equals and isinstance(item, dict) and str(item.get(key)) == value:
            return index
    if not part.lstrip("-").isdecimal() or not -len(items) <= int(part) < len(items):
        raise AzError(f"index {part} doesn't exist")
    return int(part)


def _resolve(properties: Any, parts: list[str], create: type[Any] = dict) -> Any:
    """The value at a path; a last part that is missing or null is created."""
    value = properties
    for position, part in enumerate(parts):
        if isinstance(value, list):
            value = value[_index(value, part)]
            continue
        if not isinstance(value, dict) or (part not in value and position < len(parts) - 1):
            available = ", ".join(sorted(value)) if isinstance(value, dict) else ""
            raise AzError(f"Couldn't find '{part}'. Available properties: [{available}]")
        if value.get(part) is None:
            value[part] = create() if position == len(parts) - 1 else {}
        value = value[part]
    return value
