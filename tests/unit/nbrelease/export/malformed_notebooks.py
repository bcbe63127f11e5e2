"""Malformed notebooks: truncated, of other formats, languages and encodings."""

from __future__ import annotations

import json
import random

from project_builder import notebook

KINDS = 25
COUNT = 500
"""Twenty of each kind, some of them equal."""


def malformed(number: int) -> bytes:
    """A malformed or unusual notebook; deterministic for each number."""
    chance = random.Random(number)
    content = notebook(
        ("params", "parameters", "n: int = 1"),
        ("double", "export", "def double(x):\n    return 2 * x"),
        ("go", "main", "print(double(n))"),
    )
    cell = chance.choice(content["cells"])
    strange = chance.choice(
        [None, 3, "text", [], {}, [1], {"a": 1}, "", True, 1e400, "\ud800", "\x00", "é" * 50]
    )
    match number % KINDS:
        case 0:
            text = json.dumps(content)
            return text[: chance.randrange(len(text))].encode()
        case 1:
            content["nbformat"] = strange
        case 2:
            content["cells"] = strange
        case 3:
            cell.pop("id")
        case 4:
            cell["id"] = content["cells"][0]["id"]
        case 5:
            cell["metadata"] = strange
        case 6:
            cell["source"] = strange
        case 7:
            cell["outputs"] = [
                {"output_type": "stream", "name": "stdout", "text": ["x" * 1_000_000]}
            ] * 3
        case 8:
            content["metadata"] = {
                "kernelspec": chance.choice([{"language": "R"}, {"language": strange}, strange])
            }
        case 9:
            return json.dumps(content).encode(
                chance.choice(["utf-16", "utf-32", "utf-16-le", "utf-8-sig"])
            )
        case 10:
            return chance.randbytes(chance.randrange(1, 400))
        case 11:
            cell["metadata"]["tags"] = strange
        case 12:
            cell["id"] = strange
        case 13:
            cell["cell_type"] = strange
        case 14:
            deep = chance.choice([5_000, 100_000])
            first, last = chance.choice(["[]", ('{"cells":', "}"), ('{"a": [', "]}")])
            return (first * deep + chance.choice([last * deep, ""])).encode()
        case 15:
            cell["source"] = chance.choice(
                [
                    "(" * 300,
                    "x = " + "-" * 5000 + "1",
                    "\x00",
                    "\ud800",
                    "é = 1",
                    "\f\v x",
                    "if x:\n\ty\n        z",
                ]
            )
        case 16:
            content = strange
        case 17:
            text = json.dumps(content, ensure_ascii=False).encode()
            place = chance.randrange(len(text))
            return text[:place] + chance.randbytes(3) + text[place + 3 :]
        case 18:
            cell["source"] = ["def f():\r\n", "    return '''\r", "a'''\n", "\u2028x = 1"]
        case 19:
            return (
                json.dumps(content, indent=chance.choice([None, 1, 8]))
                .replace("\n", "\r\n")
                .encode()
            )
        case 20:
            content["cells"][0]["source"] = "n: int = 1  # größe"
            return json.dumps(content, ensure_ascii=False).encode(
                chance.choice(["latin-1", "cp1252", "utf-16-be"])
            )
        case 21:
            cell["id"] = chance.choice(
                ["a b", "a\nimport os", "\u2028", "#", "a:b", "../x", "é", '"""', "%%"]
            )
        case 22:
            text = json.dumps(content)
            return text.replace(
                '"n: int = 1"',
                chance.choice(["NaN", "1" * 5000, '"n = 1", "n: int = 1"', "-Infinity", "'n'"]),
            ).encode()
        case 23:
            content |= {
                "worksheets": [{"cells": content["cells"]}],
                "nbformat": chance.choice([3, 2, 4.0, "4", 5, True]),
            }
        case 24:
            content["cells"].append(
                {
                    "cell_type": chance.choice(["markdown", "raw"]),
                    "id": "m",
                    "metadata": {"tags": ["export"]},
                    "source": chance.choice(
                        ["# \x00", "\ud800", '"""\n\\', "x" * 100_000, "\f\n\u2028"]
                    ),
                }
            )
            content["cells"].reverse()
    return json.dumps(content).encode("utf-8", "surrogatepass")
