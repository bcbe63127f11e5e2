"""Conformance cases of expressions, from the public documentation: one case a line."""

import json
import subprocess
import sys
from typing import Any

import pytest

from pipelines_local.evaluation import Evaluator

PARSE, EVAL = "parse", "eval"

CONTEXT: dict[str, Any] = {
    "variables": {
        "letters": "ABC", "number": "123", "empty": "", "no": "false", "yes": "true", "a.b": "dotted",
        "Build.SourceBranch": "refs/heads/main", "Build.Reason": "Manual", "ten": "10", "nine": "9",
        "version": "1.2.3", "list": "a, b, c", "with space": "s", "zero": "0",
    },
    "parameters": {
        "flag": True, "off": False, "count": 3, "text": "Hello", "list": ["one", "two", "three"], "none": [],
        "object": {"Key": "value", "inner": {"deep": "x"}, "list": [{"id": "1"}, {"id": "2"}, {"name": "n"}]},
        "mixed": {"n": 1, "b": False, "nothing": None, "empty": {}, "none": []}, "numbers": ["01", "2"], "byNumber": {"1": "first"},
        "groups": [[{"id": 100}, {"id": 101}], [{"id": 200}]],
        "byName": {"left": {"children": [{"value": "L1"}, {"value": "L2"}]}, "right": {"children": [{"value": "R1"}]}},
        "people": [{"name": "ann", "tags": ["x", "y"]}, {"name": "bob", "tags": ["z"]}], "nothing": "",
    },
    "dependencies": {
        "A": {"result": "Succeeded", "outputs": {"step.var": "out", "step.flag": "true"}},
        "B": {"result": "Skipped", "outputs": {}},
    },
    "stageDependencies": {"S": {"J": {"result": "Failed", "outputs": {"step.var": "far"}}}},
    "pipeline": {"startTime": "2026-03-04T05:06:07+00:00"},
}  # fmt: skip

# expression, value
LITERALS = [
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("FALSE", False),
    ("1", 1), ("0", 0), ("-1", -1), ("-1.5", -1.5), (".5", 0.5), ("-.5", -0.5), ("1.10", 1.1), ("007", 7),
    ("'a b c'", "a b c"), ("''", ""), ("'it''s'", "it's"), ("1.", 1), ("-0.50", -0.5), ("tRuE", True), ("'${{'", "${{"), ("123456789012345678", 123456789012345678), ("''''", "'"), ("'}}'", "}}"), ("'$(x)'", "$(x)"),
    ("1.2.3", "1.2.3"), ("1.10.0", "1.10.0"), ("1.2.3.4", "1.2.3.4"), ("  true  ", True), ("\n'x'\n", "x"),
]  # fmt: skip
NAMES = [
    ("variables.letters", "ABC"), ("variables.LETTERS", "ABC"), ("Variables.letters", "ABC"),
    ("variables['letters']", "ABC"), ("variables['LETTERS']", "ABC"), ("variables['a.b']", "dotted"),
    ("variables.a", None), ("variables.a.b", None), ("variables['with space']", "s"), ("variables.nope", None),
    ("variables[parameters.nothing]", None), ("variables['Build.Reason']", "Manual"), ("variables.number", "123"),
    ("parameters.flag", True), ("parameters.FLAG", True), ("parameters['flag']", True), ("parameters.count", 3),
    ("parameters.object.Key", "value"), ("parameters.object.key", None), ("parameters.object.inner.deep", "x"),
    ("parameters.object['inner']['deep']", "x"), ("parameters.object.inner.deep.deeper", None),
    ("parameters.list[0]", "one"), ("parameters.list['1']", "two"), ("parameters.list[9]", None),
    ("parameters.list[-1]", None), ("parameters.list.one", None), ("parameters.text.length", None),
    ("parameters.object.list.*.id", ["1", "2"]), ("parameters.object.list[*].id", ["1", "2"]),
    ("parameters.people.*.name", ["ann", "bob"]), ("parameters.people.*.tags.*", ["x", "y", "z"]),
    ("parameters.list[1.9]", "two"), ("parameters.list['']", None), ("parameters.list['x']", None), ("parameters.list[variables.nope]", "one"), ("parameters.list[true]", "two"),
    ("parameters['list'][0]", "one"), ("parameters.LIST[0]", "one"), ("parameters.object['key']", None), ("parameters.object[1]", None), ("parameters.byNumber[1]", "first"), ("variables['Build.sourceBranch']", "refs/heads/main"),
    ("parameters.people[*]['name']", ["ann", "bob"]), ("parameters.people.*.nope", []), ("parameters.people.*.tags[0]", ["x", "z"]), ("parameters.people[*].tags[*]", ["x", "y", "z"]), ("parameters.groups.*.*.id", [100, 101, 200]),
    ("parameters.byName.*.children.*.value", ["L1", "L2", "R1"]), ("parameters.list.*", ["one", "two", "three"]), ("parameters.list.*.x", []), ("parameters.object.inner.*", ["x"]), ("parameters.people.*.name[0]", []),
    ("variables" + ".a" * 60, None), ("parameters.object" + "['a']" * 60, None), ("not(" * 49 + "1" + ")" * 49, False),
    ("parameters.object.*.deep", ["x"]), ("parameters.text.*", []), ("split('a,b', ',')[1]", "b"),
    ("parameters.people[1].tags[0]", "z"), ("variables[format('{0}', 'letters')]", "ABC"),
]  # fmt: skip
LOGIC = [
    ("and(true, true)", True), ("and(true, false)", False), ("and(true, true, true)", True), ("and(1, 'x')", True),
    ("and(1, '')", False), ("and('false', true)", True), ("and(false, ge('x', 1))", False),
    ("and(variables.no, true)", True), ("and(variables.empty, true)", False), ("and(variables.nope, true)", False),
    ("or(false, true)", True), ("or(false, false)", False), ("or(false, '', 0)", False), ("or(true, lt(1, 'x'))", True),
    ("or('', 'x')", True), ("or(false, variables.no)", True), ("not(true)", False), ("not(false)", True),
    ("not('')", True), ("not('false')", False), ("not(0)", True), ("not(1)", False), ("not(variables.nope)", True),
    ("not(1.0.0)", False), ("not(parameters.list)", False), ("xor(true, false)", True), ("xor(true, true)", False),
    ("xor(false, false)", False), ("xor('', 'a')", True), ("xor(1, 0)", True), ("AND(true, True)", True),
    ("Not(False)", True), ("and(parameters.none, true)", True), ("or(0, 0.0)", False), ("not(-0)", True),
    ("and(1.2.3, parameters.object)", True), ("or(parameters.none, false)", True), ("and('0', ' ')", True), ("not(' ')", False), ("not(0.0)", True), ("xor(1.2.3, parameters.list)", False), ("xor(variables.nope, 1)", True),
    ("or(variables.nope, variables.empty)", False), ("and(true, 1, 'x', 1.0.0)", True), ("and(or(false, true), not(false))", True), ("not(not('x'))", True), ("xor(variables.no, '')", True),
]  # fmt: skip
COMPARISON = [
    ("eq(1, 1)", True), ("eq(1, 2)", False), ("eq('a', 'A')", True), ("eq('a', 'b')", False),
    ("eq(true, 'false')", True), ("eq(true, '')", False), ("eq(false, '')", True), ("eq('true', true)", True),
    ("eq('True', true)", True), ("eq('1', true)", False), ("eq(true, 1)", True), ("eq(true, 0)", False),
    ("eq(1, true)", True), ("eq(0, false)", True), ("eq(1, '1')", True), ("eq(1, '1.0')", True), ("eq('1', 1)", True),
    ("eq('1.0', 1)", False), ("eq(1, 'x')", False), ("eq(0, '')", True), ("eq(0, variables.nope)", True),
    ("eq('', variables.nope)", True), ("eq(variables.nope, '')", True), ("eq(variables.nope, 0)", False),
    ("eq(variables.nope, false)", False), ("eq(variables.nope, variables.nope2)", True), ("eq(1000, '1,000')", True),
    ("eq(1, ' 1 ')", True), ("eq(1.2.3, '1.2.3')", True), ("eq('1.2.3', 1.2.3)", True), ("eq(1.2.3, '1.2')", False),
    ("eq(1.2.3, 1.2)", False), ("eq(1.10, 1.1)", True), ("eq('1.10', 1.10)", False),
    ("eq(variables.letters, 'abc')", True), ("eq(variables.number, 123)", True), ("eq(variables.no, false)", True),
    ("eq(variables.no, 'False')", True), ("eq(parameters.flag, 'true')", True), ("eq(parameters.off, 'false')", False),
    ("eq(parameters.list, parameters.list)", True), ("eq(parameters.list, 'one')", False),
    ("eq('one', parameters.list)", False), ("eq(parameters.object, parameters.object)", True),
    ("eq(1, parameters.list)", False), ("eq(true, parameters.none)", True), ("eq('', 'x')", False),
    ("ne(1, 2)", True), ("ne(1, 1)", False), ("ne('a', 'A')", False), ("ne(1, 'x')", True), ("ne(true, 'false')", False),
    ("ne(variables.letters, 'x')", True), ("ne(variables.nope, '')", False), ("ne('x', parameters.list)", True),
    ("gt(5, 2)", True), ("gt(2, 5)", False), ("gt(5, 5)", False), ("gt('10', 9)", False), ("gt(10, '9')", True),
    ("gt('b', 'A')", True), ("gt('B', 'a')", True), ("gt(true, false)", True), ("gt(true, '')", True),
    ("gt(false, 'x')", False), ("gt(1.10.0, '1.9.0')", True), ("gt(1.2.3, 1.2.2)", True), ("gt(1, variables.nope)", True),
    ("ge(5, 5)", True), ("ge(4, 5)", False), ("ge('a', 'A')", True), ("ge(variables.nope, 0)", True),
    ("lt(2, 5)", True), ("lt(5, 2)", False), ("lt('10', '9')", True), ("lt('a', 'B')", True), ("lt(1.2.3, '1.10.0')", True),
    ("lt(false, true)", True), ("lt(variables.ten, 9)", True), ("lt(9, variables.ten)", True), ("lt(-1, 0)", True),
    ("le(2, 2)", True), ("le(3, 2)", False), ("le('A', 'a')", True), ("le('', 'a')", True), ("le(1.2.3, 1.2.3)", True),
    ("in('B', 'A', 'B', 'C')", True), ("in('b', 'A', 'B')", True), ("in('x', 'A')", False), ("in('x')", False),
    ("in(1, '2', '1')", True), ("in('1', 1)", True), ("in(true, 'x')", True), ("in(variables.letters, 'abc', 'd')", True),
    ("in(1, 'x', 1)", True), ("in(1, 1, gt(1, 'x'))", True), ("notIn(1, 1, gt(1, 'x'))", False), ("in(parameters.list, 'one', 'two')", False), ("in(1.2.3, '1.2.3')", True), ("in('a', parameters.list, 'A')", True),
    ("eq(.5, '0.5')", True), ("eq('0.5', .5)", True), ("eq('1000', 1000)", True), ("eq(1, '1,')", True), ("eq(1, '+1')", True), ("eq(-1, '-1')", True), ("eq(1, '1e0')", False), ("eq(1, '0x1')", False),
    ("eq(1.2.0, '1.2')", False), ("eq(1.2.0, 1.2)", False), ("lt(1.2.0, '1.3')", True), ("lt(1.2.0, 1.3)", True), ("eq(1.2.3, ' 1 . 2.3 ')", True), ("eq(1.2.3, 'v1.2.3')", False), ("ge(1.2.3.4, 1.2.3)", True),
    ("eq(parameters.list, split('one,two,three', ','))", False), ("eq(parameters.object.inner, parameters.object.inner)", True), ("ne(parameters.list, parameters.none)", True), ("eq(parameters.mixed.nothing, '')", True),
    ("eq('é', 'É')", True), ("eq(' a', 'a')", False), ("ne(true, 1)", False), ("ne('', variables.nope)", False), ("gt(0.2, 0.1)", True), ("gt(1.10, 1.9)", False), ("gt(1.10.0, 1.9.0)", True),
    ("gt('Z', 'a')", True), ("lt('', 'a')", True), ("ge(variables.empty, '')", True), ("le(false, '')", True), ("lt(0, true)", True), ("notIn('D', 'A', 'B', 'C')", True), ("notIn('A', 'a')", False), ("notin('A')", True),
    ("NOTIN(1, '1')", False), ("in(variables.nope, '', 'x')", True), ("notIn(1, 'x', 'y')", True),
]  # fmt: skip
TEXT = [
    ("contains('ABCDE', 'BCD')", True), ("contains('ABCDE', 'bcd')", True), ("contains('ABCDE', 'x')", False),
    ("contains('abc', '')", True), ("contains(123, 2)", True), ("contains(true, 'RU')", True), ("contains('', 'a')", False),
    ("contains(variables['Build.SourceBranch'], 'heads')", True), ("contains(variables.nope, 'a')", False),
    ("startsWith('ABCDE', 'AB')", True), ("startsWith('ABCDE', 'ab')", True), ("startsWith('ABCDE', 'B')", False),
    ("startsWith(variables['build.sourceBranch'], 'refs/heads/')", True), ("startsWith(123, 12)", True),
    ("endsWith('ABCDE', 'DE')", True), ("endsWith('ABCDE', 'de')", True), ("endsWith('ABCDE', 'A')", False),
    ("endsWith(1.2.3, '.3')", True), ("upper('aBc')", "ABC"), ("lower('aBc')", "abc"), ("lower(true)", "true"),
    ("upper(variables.nope)", ""), ("trim('  a b ')", "a b"), ("trim(12)", "12"), ("length('fabrikam')", 8),
    ("length('')", 0), ("length(parameters.list)", 3), ("length(parameters.none)", 0), ("length(variables.nope)", 0),
    ("replace('https://www.tinfoilsecurity.com/saml/consume', 'https://www.tinfoilsecurity.com', 'http://server')", "http://server/saml/consume"),
    ("replace('aAa', 'a', 'b')", "bAb"), ("replace('abc', 'x', 'y')", "abc"), ("replace('a.b', '.', '')", "ab"),
    ("replace(true, 'T', 't')", "true"), ("split('a,b,c', ',')", ["a", "b", "c"]), ("split('a,,b,', ',')", ["a", "", "b", ""]),
    ("split(variables.list, ', ')", ["a", "b", "c"]), ("split('abc', 'x')", ["abc"]), ("split('', ',')", [""]),
    ("join(';', split('a,b', ','))", "a;b"), ("join(';', parameters.list)", "one;two;three"), ("join(';', 'abc')", "abc"),
    ("join(', ', parameters.none)", ""), ("join(';', parameters.object.list)", ";;"), ("join(';', parameters.people.*.name)", "ann;bob"),
    ("join('', parameters.list)", "onetwothree"), ("join(1, parameters.list)", "one1two1three"), ("join(';', parameters.object)", ""),
    ("format('Hello {0} {1}', 'John', 'Doe')", "Hello John Doe"), ("format('{1}{0}{1}', 'a', 'b')", "bab"),
    ("format('{{0}}', 'a')", "{0}"), ("format('literal {{ and }}')", "literal { and }"), ("format('{{{0}}}', 1)", "{1}"),
    ("format('{0}', true)", "True"), ("format('{0}', 1.10)", "1.1"), ("format('{0}', variables.nope)", ""),
    ("format('{0}', 1.10.0)", "1.10.0"), ("format('plain')", "plain"), ("format('')", ""), ("format('{0}{0}', 'x')", "xx"),
    ("coalesce(variables.nope, variables.empty, 'last')", "last"), ("coalesce('first', 'second')", "first"),
    ("coalesce('', '')", None), ("coalesce('a', gt(1, 'x'))", "a"), ("coalesce(variables.nope, 0, gt(1, 'x'))", 0), ("coalesce(variables.nope, false)", False), ("coalesce(0, 1)", 0),
    ("coalesce(parameters.nothing, parameters.list)", ["one", "two", "three"]), ("coalesce(variables.nope, variables.nope)", None),
    ("iif(true, 'a', 'b')", "a"), ("iif(false, 'a', 'b')", "b"), ("iif('', 1, 2)", 2), ("iif('false', 1, 2)", 1),
    ("iif(eq(variables.letters, 'abc'), parameters.list, '')", ["one", "two", "three"]), ("iif(variables.nope, 'a', 'b')", "b"),
    ("containsValue(parameters.list, 'TWO')", True), ("containsValue(parameters.list, 'four')", False),
    ("containsValue(parameters.object, 'value')", True), ("containsValue('abc', 'a')", False), ("containsValue(parameters.none, '')", False),
    ("containsValue(split('1,2', ','), 2)", True), ("containsValue(parameters.people.*.name, 'bob')", True),
    ("convertToJson('a')", '"a"'), ("convertToJson(true)", "true"), ("convertToJson(1.5)", "1.5"), ("convertToJson(parameters.none)", "[]"),
    ("convertToJson(split('a,b', ','))", '[\n  "a",\n  "b"\n]'), ("convertToJson(parameters.object.inner)", '{\n  "deep": "x"\n}'),
    ("convertToJson(variables.nope)", "null"), ("convertToJson(1.10)", "1.1"), ("convertToJson(0.0000001)", "0.0000001"), ("convertToJson(1.2.3)", '"1.2.3"'),
    ("convertToJson(123456789012345678)", "123456789012345678"), ("convertToJson('a\"b')", '"a\\"b"'), ("convertToJson('é')", '"é"'), ("convertToJson(parameters.text)", '"Hello"'),
    ("convertToJson(parameters.people.*.tags)", '[\n  [\n    "x",\n    "y"\n  ],\n  [\n    "z"\n  ]\n]'), ("convertToJson(parameters.count)", "3"), ("convertToJson(parameters.flag)", "true"),
    ("convertToJson(parameters.people[1])", '{\n  "name": "bob",\n  "tags": [\n    "z"\n  ]\n}'), ("convertToJson(parameters.mixed)", '{\n  "n": 1,\n  "b": false,\n  "nothing": null,\n  "empty": {},\n  "none": []\n}'),
    ("length(parameters.object)", 3), ("length(parameters.mixed.empty)", 0), ("length(1.10)", 3), ("length(true)", 4),
    ("replace('a', '', 'b')", "a"), ("replace('AaA', 'a', 'x')", "AxA"), ("replace(123, 2, 0)", "103"), ("replace('a', 'a', variables.nope)", ""),
    ("split('a,b;c,,', ',;')", ["a,b;c,,"]), ("split('abc', '')", ["abc"]), ("split('a, b', ', ')", ["a", "b"]), ("split(1.2.3, '.')", ["1", "2", "3"]), ("split('a-B-c', 'b')", ["a-B-c"]),
    ("split(variables.nope, ',')", [""]), ("join(',', split('', ','))", ""), ("join(variables.nope, parameters.list)", "onetwothree"), ("join(';', parameters.mixed.none)", ""),
    ("join('-', 12)", "12"), ("join('-', true)", "True"), ("join('-', variables.nope)", ""), ("format('{1}-{0}-{1}', 'A', 'B')", "B-A-B"), ("format('{0}{1}', 1, 1.2.3)", "11.2.3"),
    ("format('{{{0}}} {{ and }}', 'x')", "{x} { and }"), ("format('{{}}')", "{}"), ("format('{00}', 'x')", "x"), ("format(123)", "123"), ("format('{0}', 1000)", "1000"),
    ("upper('äbc')", "ÄBC"), ("lower('ÄBC')", "äbc"), ("upper(true)", "TRUE"), ("lower(1.2.3)", "1.2.3"), ("trim('\t a\n')", "a"), ("trim(variables.empty)", ""),
    ("startsWith('abc', '')", True), ("endsWith('abc', '')", True), ("startsWith('', 'a')", False), ("startsWith(true, 'tr')", True), ("endsWith('refs/heads/MAIN', 'main')", True),
    ("contains('a', variables.nope)", True), ("contains(1.10, '1.1')", True), ("containsValue(parameters.object, 'VALUE')", True), ("containsValue(parameters.mixed, 1)", True),
    ("containsValue(parameters.numbers, 1)", True), ("containsValue(parameters.numbers, '1')", False), ("containsValue(parameters.mixed, false)", True), ("containsValue(variables.nope, '')", False),
    ("iif(0, 'a', 'b')", "b"), ("iif('0', 'a', 'b')", "a"), ("iif(parameters.none, 'a', 'b')", "a"), ("coalesce(parameters.nothing, parameters.text)", "Hello"),
    ("length(convertToJson(parameters.none))", 2),
]  # fmt: skip
ERRORS = [
    ("", PARSE, 1), ("   ", PARSE, 1), ("nope", PARSE, 1), ("nope(1)", PARSE, 1), ("null", PARSE, 1), ("1 2", PARSE, 3),
    ("'open", PARSE, 1), ("(true)", PARSE, 1), ("and(true)", PARSE, 9), ("not()", PARSE, 5), ("not(1, 2)", PARSE, 6),
    ("eq(1)", PARSE, 5), ("eq(1, 2, 3)", PARSE, 8), ("eq(1,)", PARSE, 6), ("eq(1 2)", PARSE, 6), ("eq(1, 2", PARSE, 1), ("eq(1,", PARSE, 1),
    ("eq", PARSE, 1), ("and", PARSE, 1), ("nope 2", PARSE, 6), ("nope(1) 2", PARSE, 9), ("eq(1) 2", PARSE, 5), ("and(nope, 1", PARSE, 1),
    ("1e3", PARSE, 1), ("0x1F", PARSE, 1), ("1..2", PARSE, 1), ("-1.2.3", PARSE, 1), ("+1", PARSE, 1), ("NaN", PARSE, 1), ("NULL", PARSE, 1),
    ("parameters.object.9num", PARSE, 19), ("true & false", PARSE, 6), ("1 > 0", PARSE, 3), ("'a' 'b'", PARSE, 5), ("xor(true)", PARSE, 9),
    ("xor(true, true, true)", PARSE, 15), ("contains('a')", PARSE, 13), ("split('a')", PARSE, 10), ("replace('a', 'b')", PARSE, 17), ("join(',')", PARSE, 9),
    ("length()", PARSE, 8), ("convertToJson()", PARSE, 15), ("lower('a', 'b')", PARSE, 10), ("iif(1, 2, 3, 4)", PARSE, 12), ("or(true)", PARSE, 8),
    ("eq(1, 2))", PARSE, 9), ("1 == 1", PARSE, 3), ("true && false", PARSE, 6), ("!true", PARSE, 1), ("true || false", PARSE, 6),
    ("variables.", PARSE, 10), ("variables.1", PARSE, 11), ("variables['a'", PARSE, 10), ("variables[]", PARSE, 11), ("'a'[0]", PARSE, 4),
    ('eq("a", 1)', PARSE, 4), ("iif(true, 1)", PARSE, 12), ("1.2.3.4.5", PARSE, 1), ("1a", PARSE, 1), ("-", PARSE, 1), ("1,2", PARSE, 2),
    ("in()", PARSE, 4), ("format()", PARSE, 8), ("coalesce('a')", PARSE, 13), ("succeeded()", PARSE, 1), ("always()", PARSE, 1),
    ("counter('a', 1)", PARSE, 1), ("dependencies.A.result", PARSE, 1), ("variables.a-b", PARSE, 12), ("$(x)", PARSE, 1),
    ("@x", PARSE, 1), ("Infinity", PARSE, 1), ("and(true, nope)", PARSE, 11), ("not(" * 60 + "1" + ")" * 60, PARSE, 201),
    ("not(" * 50 + "1" + ")" * 50, PARSE, 201), ("variables" + ".a" * 301, PARSE, 610), ("'" + "a" * 21000 + "'", PARSE, 21000), ("parameters..flag", PARSE, 12),
    ("parameters.nope", EVAL, 1), ("upper(parameters.none)", EVAL, 1), ("gt(variables.letters, parameters.object)", EVAL, 1),
    ("lt(parameters.list, parameters.list)", EVAL, 1), ("gt(parameters.object, parameters.object)", EVAL, 1), ("ge(1.2.3, 2)", EVAL, 1), ("lt(1.2.3, variables.nope)", EVAL, 1),
    ("format('{0', 1)", EVAL, 1), ("format('{1}', 1)", EVAL, 1), ("format('{-1}', 1)", EVAL, 1), ("coalesce('', gt(1, 'x'))", EVAL, 14),
    ("in(1, 2, gt(1, 'x'))", EVAL, 10), ("replace(parameters.list, 'a', 'b')", EVAL, 1), ("trim(parameters.object)", EVAL, 1), ("join(parameters.list, parameters.list)", EVAL, 1),
    ("upper(parameters)", EVAL, 1), ("gt(variables, 1)", EVAL, 1),
    ("parameters['nope']", EVAL, 1), ("gt(1, 'x')", EVAL, 1), ("lt(1.2.3, 'x')", EVAL, 1),
    ("ge(1, 1.2.3)", EVAL, 1), ("le(1, parameters.list)", EVAL, 1), ("gt(parameters.list, 1)", EVAL, 1), ("gt('a', parameters.list)", EVAL, 1),
    ("contains(parameters.list, 'one')", EVAL, 1), ("upper(parameters.object)", EVAL, 1), ("format('{0}', parameters.list)", EVAL, 1),
    ("format('{0}')", EVAL, 1), ("format('{')", EVAL, 1), ("format('}')", EVAL, 1), ("format('{x}', 1)", EVAL, 1), ("format('{0:N}', 1)", EVAL, 1),
    ("iif(true, 1, gt(1, 'x'))", EVAL, 14),
    ("and(true, gt(1, 'x'))", EVAL, 11), ("split(parameters.list, ',')", EVAL, 1), ("startsWith('a', parameters.list)", EVAL, 1),
]  # fmt: skip


def answer(expression: str, slot: str = "compile", **more: Any) -> dict[str, Any]:
    return Evaluator().evaluate(
        {"expression": expression, "slot": slot, "context": CONTEXT, **more}
    )


@pytest.mark.parametrize(("expression", "value"), LITERALS + NAMES + LOGIC + COMPARISON + TEXT)
def test_value(expression: str, value: Any) -> None:
    actual = answer(expression)
    assert "error" not in actual, actual
    assert actual["value"] == value
    assert type(actual["value"]) is type(value)


@pytest.mark.parametrize(("expression", "phase", "at"), ERRORS)
def test_error(expression: str, phase: str, at: int) -> None:
    error = answer(expression)["error"]
    assert (error["phase"], error["at"]) == (phase, at), error
    assert "\n" not in error["message"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("true", "True"),
        ("false", "False"),
        ("1.10", "1.1"),
        ("1.0", "1"),
        ("100", "100"),
        ("-0.0000001", "-0.0000001"),
        ("0.00000001", "0"),
        ("123456789012345678", "123456789012345678"),
        ("1.10.0", "1.10.0"),
        ("variables.nope", ""),
        ("'x'", "x"),
        ("parameters.list", None),
        ("parameters.object", None),
    ],
)
def test_text(expression: str, text: str | None) -> None:
    assert answer(expression)["text"] == text


# Which names and functions each place knows.
SLOTS = [
    ("compile", "parameters.flag", True), ("root-var", "parameters.flag", None), ("runtime-var", "parameters.flag", None),
    ("step-condition", "parameters.flag", None), ("job-condition", "parameters.flag", None), ("stage-condition", "parameters.flag", None),
    ("root-var", "variables.letters", "ABC"), ("runtime-var", "variables.letters", "ABC"), ("step-condition", "variables.letters", "ABC"),
    ("job-condition", "variables.letters", "ABC"), ("stage-condition", "variables.letters", "ABC"),
    ("root-var", "dependencies.A.result", None), ("step-condition", "dependencies.A.result", None), ("runtime-var", "dependencies.A.result", "Succeeded"),
    ("job-condition", "dependencies.a.RESULT", "Succeeded"), ("stage-condition", "dependencies.A.result", "Succeeded"),
    ("runtime-var", "dependencies.A.outputs['step.var']", "out"), ("job-condition", "dependencies.A.outputs['STEP.VAR']", "out"),
    ("job-condition", "dependencies.A.outputs.step", ""), ("job-condition", "dependencies.Z.result", ""),
    ("runtime-var", "stageDependencies.S.J.outputs['step.var']", "far"), ("job-condition", "stageDependencies.S.J.result", "Failed"),
    ("stage-condition", "stageDependencies.S.J.result", None), ("root-var", "stageDependencies.S.J.result", None),
    ("root-var", "succeeded()", None), ("runtime-var", "always()", None), ("step-condition", "succeeded('A')", None),
    ("root-var", "counter('x', 100)", 100), ("runtime-var", "counter('x', 7)", 7), ("step-condition", "counter('x', 1)", None),
    ("job-condition", "counter('x', 1)", None), ("stage-condition", "counter('x', 1)", None),
    ("root-var", "format('{0:yyyyMMdd}', pipeline.startTime)", "20260304"), ("runtime-var", "format('{0:yyyy-MM-dd HH:mm:ss}', pipeline.startTime)", "2026-03-04 05:06:07"),
    ("step-condition", "pipeline.startTime", None), ("step-condition", "resources.repositories", None), ("job-condition", "resources.repositories", None),
    ("stage-condition", "resources.repositories", None), ("job-condition", "format('{0:yyyy}', pipeline.startTime)", "2026"), ("stage-condition", "format('{0:MM}', pipeline.startTime)", "03"),
    ("root-var", "resources.repositories.self.ref", ""), ("compile", "dependencies.A.result", None), ("compile", "stageDependencies.S.J.result", None), ("compile", "resources.x", None),
    ("job-condition", "always('A')", None), ("job-condition", "canceled('A')", None), ("stage-condition", "always('A')", None), ("step-condition", "failed('A')", None), ("step-condition", "succeededOrFailed('A')", None),
    ("job-condition", "always", None), ("compile", "always", None), ("job-condition", "SUCCEEDED('a')", True), ("root-var", "eq(pipeline.startTime, '2026-03-04T05:06:07Z')", True),
    ("root-var", "gt(pipeline.startTime, '2026-03-04')", True), ("root-var", "eq(pipeline.startTime, 'x')", ""), ("root-var", "format('{0}', pipeline.startTime)", "03/04/2026 05:06:07 +00:00"),
    ("root-var", "format('{0:yy.M.d}', pipeline.startTime)", "26.3.4"), ("compile", "pipeline.startTime", None),
]  # fmt: skip


@pytest.mark.parametrize(("slot", "expression", "value"), SLOTS)
def test_slot(slot: str, expression: str, value: Any) -> None:
    actual = answer(expression, slot)
    if value is None:
        assert actual["error"]["phase"] == PARSE
    else:
        assert (actual["value"] or "") == value


S, I, F, K, C = "Succeeded", "SucceededWithIssues", "Failed", "Skipped", "Canceled"  # noqa: E741
STEP = [
    ("succeeded()", S, True), ("succeeded()", I, True), ("succeeded()", F, False), ("succeeded()", C, False),
    ("failed()", S, False), ("failed()", F, True), ("failed()", C, False), ("always()", F, True), ("always()", C, True),
    ("canceled()", C, True), ("canceled()", F, False), ("succeededOrFailed()", F, True), ("succeededOrFailed()", S, True),
    ("succeededOrFailed()", C, False), ("and(always(), eq(1, 2))", S, False), ("eq(variables.nope, '')", F, True),
]  # fmt: skip
GRAPH = [
    ("succeeded()", {}, True), ("succeeded()", {"a": S}, True), ("succeeded()", {"a": I}, True), ("succeeded()", {"a": S, "b": K}, False),
    ("succeeded()", {"a": F}, False), ("succeeded()", {"a": K}, False), ("succeeded('a')", {"a": S, "b": F}, True),
    ("succeeded('A', 'b')", {"a": S, "b": F}, False), ("failed()", {"a": S}, False), ("failed()", {"a": S, "b": F}, True),
    ("failed('a')", {"a": S, "b": F}, False), ("failed('b')", {"a": S, "b": F}, True), ("failed()", {"a": K}, False), ("failed()", {}, False),
    ("failed()", {"a": "Rejected"}, True), ("always()", {"a": F}, True), ("always()", {"a": K}, True), ("canceled()", {"a": F}, False),
    ("succeededOrFailed()", {"a": K}, False), ("succeededOrFailed()", {"a": K, "b": K}, False), ("succeededOrFailed()", {"a": F}, True),
    ("succeededOrFailed()", {"a": S, "b": K}, True), ("succeededOrFailed()", {}, True), ("succeededOrFailed('a')", {"a": K, "b": S}, False),
    ("not(failed())", {"a": K}, True), ("and(succeeded(), ne(variables['Build.Reason'], 'PullRequest'))", {"a": S}, True),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "status", "value"), STEP)
def test_status_of_a_step(expression: str, status: str, value: bool) -> None:
    assert answer(expression, "step-condition", jobStatus=status)["value"] is value


@pytest.mark.parametrize("slot", ["job-condition", "stage-condition"])
@pytest.mark.parametrize(("expression", "results", "value"), GRAPH)
def test_status_of_dependencies(
    slot: str, expression: str, results: dict[str, str], value: bool
) -> None:
    assert answer(expression, slot, results=results)["value"] is value


@pytest.mark.parametrize(
    ("expression", "value"),
    [("succeeded()", False), ("failed()", False), ("always()", True), ("canceled()", True)],
)
def test_status_of_a_cancelled_run(expression: str, value: bool) -> None:
    actual = answer(expression, "job-condition", jobStatus="Canceled", results={"a": S, "b": F})
    assert actual["value"] is value


@pytest.mark.parametrize("function", ["succeeded", "failed", "succeededOrFailed"])
def test_a_name_that_is_no_dependency_has_no_result(function: str) -> None:
    assert answer(f"{function}('zz')", "job-condition", results={"a": S})["value"] is False
    assert answer(f"{function}('')", "job-condition", results={"a": S})["value"] is False


def test_counters_go_on_and_are_kept_apart() -> None:
    evaluator = Evaluator()
    ask = [("a", 5), ("a", 5), ("b", 1), ("a", 9)]
    questions = [
        {"expression": f"counter('{name}', {seed})", "slot": "root-var"} for name, seed in ask
    ]
    assert [evaluator.evaluate(question)["value"] for question in questions] == [5, 6, 1, 7]


def test_there_are_enough_cases() -> None:
    tables = [LITERALS, NAMES, LOGIC, COMPARISON, TEXT, ERRORS, SLOTS, STEP, GRAPH]
    assert sum(map(len, tables)) >= 250


def test_a_line_each_from_the_command_line() -> None:
    questions = [
        {"expression": "eq(variables.a, 'X')", "context": {"variables": {"a": "x"}}},
        {"expression": "eq(", "slot": "runtime-var"},
        {"expression": "1", "slot": "nowhere"},
    ]
    text = "\n".join(map(json.dumps, questions)) + "\nnot json\n\n"
    done = subprocess.run(
        [sys.executable, "-m", "pipelines_local", "eval", "--jsonl"],
        input=text, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second, third, fourth = map(json.loads, done.stdout.splitlines())
    assert first == {"value": True, "text": "True"}
    assert second["error"]["phase"] == "parse"
    assert third["error"]["phase"] == fourth["error"]["phase"] == "input"
