"""Template expansion: pipelines with their templates, and the expanded steps."""

from pathlib import Path
from typing import Any

import pytest

from pipelines_local import InvalidPipeline
from pipelines_local.load import load_pipeline
from pipelines_local.yamltree import loads, to_data, to_yaml

STEPS = "parameters:\n- {name: word, type: string, default: hi}\nsteps:\n- bash: echo ${{ parameters.word }}\n"

# name, the pipeline, other files, the steps of its only job
STEP_CASES: list[tuple[str, str, dict[str, str], list[dict[str, Any]]]] = [
    ("plain", "steps:\n- bash: a", {}, [{"bash": "a"}]),
    ("text", "parameters: [{name: p, default: x}]\nsteps:\n- bash: a ${{ parameters.p }} b", {}, [{"bash": "a x b"}]),
    ("number", "parameters: [{name: p, type: number, default: 1.10}]\nsteps:\n- bash: ${{ parameters.p }}", {}, [{"bash": "1.1"}]),
    ("string keeps 1.10", "parameters: [{name: p, type: string, default: 1.10}]\nsteps:\n- bash: ${{ parameters.p }}", {}, [{"bash": "1.10"}]),
    ("boolean", "parameters: [{name: p, type: boolean, default: true}]\nsteps:\n- bash: ${{ parameters.p }}", {}, [{"bash": "True"}]),
    ("two in a text", "parameters: [{name: p, default: x}]\nsteps:\n- bash: ${{ parameters.p }}${{ parameters.p }}", {}, [{"bash": "xx"}]),
    ("braces in quotes", "steps:\n- bash: ${{ 'a}}b' }}", {}, [{"bash": "a}}b"}]),
    ("escaped", "steps:\n- bash: ${{ 'my${{value' }}", {}, [{"bash": "my${{value"}]),
    ("undefined variable is empty", "steps:\n- bash: a${{ variables.nope }}b", {}, [{"bash": "ab"}]),
    ("macro stays", "steps:\n- bash: $(nope) $[x]", {}, [{"bash": "$(nope) $[x]"}]),
    ("variable", "variables: {v: 1}\nsteps:\n- bash: ${{ variables.V }}", {}, [{"bash": "1"}]),
    ("variable of a variable", "variables:\n  a: x\n  b: ${{ variables.a }}y\nsteps:\n- bash: ${{ variables.b }}", {}, [{"bash": "xy"}]),
    ("variables as a list", "variables:\n- name: a\n  value: x\nsteps:\n- bash: ${{ variables.a }}", {}, [{"bash": "x"}]),
    ("variables below the steps", "steps:\n- bash: ${{ variables.a }}\nvariables: {a: x}", {}, [{"bash": "x"}]),
    ("predefined variable", "steps:\n- bash: ${{ variables['Build.Reason'] }}", {}, [{"bash": "Manual"}]),
    ("if", "steps:\n- ${{ if true }}:\n  - bash: a\n- ${{ if false }}:\n  - bash: b", {}, [{"bash": "a"}]),
    ("if with one mapping", "steps:\n- ${{ if true }}:\n    bash: a", {}, [{"bash": "a"}]),
    ("else", "steps:\n- ${{ if false }}:\n  - bash: a\n- ${{ else }}:\n  - bash: b", {}, [{"bash": "b"}]),
    ("elseif", "steps:\n- ${{ if false }}:\n  - bash: a\n- ${{ elseif true }}:\n  - bash: b\n- ${{ elseif true }}:\n  - bash: c\n- ${{ else }}:\n  - bash: d", {}, [{"bash": "b"}]),
    ("an ordinary item keeps the chain", "steps:\n- ${{ if false }}:\n  - bash: a\n- bash: x\n- ${{ else }}:\n  - bash: b", {}, [{"bash": "x"}, {"bash": "b"}]),
    ("two ifs are two chains", "steps:\n- ${{ if true }}:\n  - bash: a\n- ${{ if false }}:\n  - bash: b\n- ${{ else }}:\n  - bash: c", {}, [{"bash": "a"}, {"bash": "c"}]),
    ("nested if", "steps:\n- ${{ if true }}:\n  - ${{ if false }}:\n    - bash: a\n  - ${{ else }}:\n    - bash: b", {}, [{"bash": "b"}]),
    ("'false' is true", "steps:\n- ${{ if 'false' }}:\n  - bash: a", {}, [{"bash": "a"}]),
    ("if among keys", "steps:\n- bash: a\n  ${{ if true }}:\n    displayName: d\n  ${{ else }}:\n    name: n", {}, [{"bash": "a", "displayName": "d"}]),
    ("if in env", "steps:\n- bash: a\n  env:\n    A: 1\n    ${{ if true }}:\n      B: 2\n    ${{ if false }}:\n      C: 3", {}, [{"bash": "a", "env": {"A": "1", "B": "2"}}]),
    ("each of a list", "parameters: [{name: p, type: object, default: [x, y]}]\nsteps:\n- ${{ each i in parameters.p }}:\n  - bash: ${{ i }}", {}, [{"bash": "x"}, {"bash": "y"}]),
    ("each of a mapping", "parameters: [{name: p, type: object, default: {k: v, l: w}}]\nsteps:\n- ${{ each i in parameters.p }}:\n  - bash: ${{ i.key }}=${{ i.value }}", {}, [{"bash": "k=v"}, {"bash": "l=w"}]),
    ("each of a split", "steps:\n- ${{ each i in split('a, b', ', ') }}:\n  - bash: ${{ i }}", {}, [{"bash": "a"}, {"bash": "b"}]),
    ("each of nothing", "parameters: [{name: p, type: object, default: []}]\nsteps:\n- bash: a\n- ${{ each i in parameters.p }}:\n  - bash: ${{ i }}", {}, [{"bash": "a"}]),
    ("each in each", "parameters: [{name: p, type: object, default: [{n: a, c: [1, 2]}]}]\nsteps:\n- ${{ each f in parameters.p }}:\n  - ${{ each c in f.c }}:\n    - bash: ${{ f.n }}${{ c }}", {}, [{"bash": "a1"}, {"bash": "a2"}]),
    ("each with if", "parameters: [{name: p, type: object, default: [a, b]}]\nsteps:\n- ${{ each i in parameters.p }}:\n  - ${{ if eq(i, 'b') }}:\n    - bash: ${{ i }}", {}, [{"bash": "b"}]),
    ("each among keys", "parameters: [{name: p, type: object, default: {A: 1, B: 2}}]\nsteps:\n- bash: a\n  env:\n    ${{ each i in parameters.p }}:\n      X_${{ i.key }}: ${{ i.value }}", {}, [{"bash": "a", "env": {"X_A": "1", "X_B": "2"}}]),
    ("insert", "parameters: [{name: p, type: object, default: {B: 2}}]\nsteps:\n- bash: a\n  env:\n    A: 1\n    ${{ insert }}: ${{ parameters.p }}", {}, [{"bash": "a", "env": {"A": "1", "B": "2"}}]),
    ("insert after if false", "steps:\n- bash: a\n  env:\n    ${{ if false }}:\n      A: 1\n    ${{ else }}:\n      B: 2", {}, [{"bash": "a", "env": {"B": "2"}}]),
    ("step list as an item", "parameters: [{name: p, type: stepList, default: [{bash: x}, {bash: y}]}]\nsteps:\n- bash: a\n- ${{ parameters.p }}", {}, [{"bash": "a"}, {"bash": "x"}, {"bash": "y"}]),
    ("step as an item", "parameters: [{name: p, type: step, default: {bash: x}}]\nsteps:\n- ${{ parameters.p }}", {}, [{"bash": "x"}]),
    ("empty step list", "parameters: [{name: p, type: stepList, default: []}]\nsteps:\n- bash: a\n- ${{ parameters.p }}", {}, [{"bash": "a"}]),
    ("whole list", "parameters: [{name: p, type: stepList, default: [{bash: x}]}]\nsteps: ${{ parameters.p }}", {}, [{"bash": "x"}]),
    ("object as a value", "parameters: [{name: p, type: object, default: {A: 1}}]\nsteps:\n- bash: a\n  env: ${{ parameters.p }}", {}, [{"bash": "a", "env": {"A": "1"}}]),
    ("key from an expression", "parameters: [{name: p, default: A}]\nsteps:\n- bash: a\n  env:\n    ${{ parameters.p }}: 1", {}, [{"bash": "a", "env": {"A": "1"}}]),
    ("kind from an expression", "steps:\n- ${{ 'bash' }}: a", {}, [{"bash": "a"}]),
    ("wrapped steps", "parameters: [{name: p, type: stepList, default: [{bash: x, displayName: d, name: n}]}]\nsteps:\n- ${{ each s in parameters.p }}:\n  - ${{ each pair in s }}:\n      ${{ if ne(pair.key, 'displayName') }}:\n        ${{ pair.key }}: ${{ pair.value }}", {}, [{"bash": "x", "name": "n"}]),
    ("template", "steps:\n- template: t.yml", {"t.yml": STEPS}, [{"bash": "echo hi"}]),
    ("template with a parameter", "steps:\n- template: t.yml\n  parameters:\n    WORD: yo", {"t.yml": STEPS}, [{"bash": "echo yo"}]),
    ("template @self", "steps:\n- template: t.yml@self", {"t.yml": STEPS}, [{"bash": "echo hi"}]),
    ("template from the root", "steps:\n- template: /a/t.yml", {"a/t.yml": "steps:\n- template: /t.yml", "t.yml": STEPS}, [{"bash": "echo hi"}]),
    ("template relative to its file", "steps:\n- template: a/t.yml", {"a/t.yml": "steps:\n- template: b/u.yml", "a/b/u.yml": "steps:\n- template: ../../t.yml", "t.yml": STEPS}, [{"bash": "echo hi"}]),
    ("template named by an expression", "parameters: [{name: p, default: t}]\nsteps:\n- template: ${{ parameters.p }}.yml", {"t.yml": STEPS}, [{"bash": "echo hi"}]),
    ("template under if", "steps:\n- ${{ if true }}:\n  - template: t.yml\n- ${{ else }}:\n  - template: nope.yml", {"t.yml": STEPS}, [{"bash": "echo hi"}]),
    ("template in a loop", "steps:\n- ${{ each i in split('a,b', ',') }}:\n  - template: t.yml\n    parameters: {word: '${{ i }}'}", {"t.yml": STEPS}, [{"bash": "echo a"}, {"bash": "echo b"}]),
    ("template sees variables", "variables: {v: x}\nsteps:\n- template: t.yml", {"t.yml": "steps:\n- bash: ${{ variables.v }}"}, [{"bash": "x"}]),
    ("untyped parameters", "steps:\n- template: t.yml\n  parameters: {a: {k: v}}", {"t.yml": "parameters:\n  a: ''\n  b: y\nsteps:\n- bash: ${{ parameters.a.k }}${{ parameters.b }}"}, [{"bash": "vy"}]),
    ("steps given to a template", "steps:\n- template: t.yml\n  parameters:\n    before:\n    - bash: ${{ variables['Build.Reason'] }}\n    - template: u/u.yml", {"t.yml": "parameters: [{name: before, type: stepList, default: []}]\nsteps:\n- ${{ parameters.before }}\n- bash: own", "u/u.yml": STEPS}, [{"bash": "Manual"}, {"bash": "echo hi"}, {"bash": "own"}]),
    ("given text is not evaluated again", "steps:\n- template: t.yml\n  parameters:\n    s:\n    - bash: ${{ '${{ parameters.word }}' }}", {"t.yml": "parameters: [{name: s, type: stepList}]\nsteps:\n- ${{ parameters.s }}"}, [{"bash": "${{ parameters.word }}"}]),
    ("variables template", "variables:\n- template: v.yml\n  parameters: {d: x}\n- name: b\n  value: ${{ variables.a }}!\nsteps:\n- bash: ${{ variables.b }}", {"v.yml": "parameters: [{name: d}]\nvariables:\n  a: a-${{ parameters.d }}"}, [{"bash": "a-x!"}]),
    ("conditional variables", "variables:\n  ${{ if true }}:\n    a: 1\n  ${{ else }}:\n    a: 2\nsteps:\n- bash: ${{ variables.a }}", {}, [{"bash": "1"}]),
    ("conditional variables of a list", "variables:\n- name: a\n  value: 1\n- ${{ if eq(variables.a, 1) }}:\n  - name: b\n    value: 2\nsteps:\n- bash: ${{ variables.b }}", {}, [{"bash": "2"}]),
    ("string list", "parameters: [{name: p, type: stringList, default: [a, b]}]\nsteps:\n- bash: ${{ join('+', parameters.p) }}", {}, [{"bash": "a+b"}]),
    ("object as JSON", "parameters: [{name: p, type: object, default: {a: [1]}}]\nsteps:\n- bash: ${{ replace(convertToJson(parameters.p), ' ', '') }}", {}, [{"bash": '{\n"a":[\n1\n]\n}'}]),
    ("an object keeps its types", "parameters: [{name: p, type: object, default: {s: text, n: 3, f: 0.5, b: true, q: '1', v: 1.2.3, nil: }}]\nsteps:\n- bash: ${{ replace(convertToJson(parameters.p), ' ', '') }}", {}, [{"bash": '{\n"s":"text",\n"n":3,\n"f":0.5,\n"b":true,\n"q":"1",\n"v":"1.2.3",\n"nil":""\n}'}]),
    ("false in an object is false", "parameters: [{name: p, type: object, default: [{on: false}, {on: 'false'}]}]\nsteps:\n- ${{ each i in parameters.p }}:\n  - ${{ if i.on }}:\n    - bash: taken\n  - ${{ else }}:\n    - bash: left", {}, [{"bash": "left"}, {"bash": "taken"}]),
    ("3.10 in an object is 3.1", "parameters: [{name: p, type: object, default: [3.10, '3.10', 007, true]}]\nsteps:\n- ${{ each i in parameters.p }}:\n  - bash: ${{ i }}", {}, [{"bash": "3.1"}, {"bash": "3.10"}, {"bash": "7"}, {"bash": "True"}]),
    ("an object put in place", "parameters: [{name: p, type: object, default: {A: true, B: 1.0, C: x}}]\nsteps:\n- bash: a\n  env: ${{ parameters.p }}", {}, [{"bash": "a", "env": {"A": "True", "B": "1", "C": "x"}}]),
    ("an object that is a text", "parameters: [{name: p, type: object, default: plain}]\nsteps:\n- bash: ${{ parameters.p }}", {}, [{"bash": "plain"}]),
    ("values of an object are not looked at", "parameters: [{name: p, type: object, default: {a: b}, values: [x]}]\nsteps:\n- bash: ${{ parameters.p.a }}", {}, [{"bash": "b"}]),
    ("values of a number are numbers", "steps:\n- template: t.yml\n  parameters: {p: '2.0'}", {"t.yml": "parameters: [{name: p, type: number, values: [1, 2]}]\nsteps:\n- bash: ${{ parameters.p }}"}, [{"bash": "2"}]),
    ("a scalar keeps how it is written", "steps:\n- template: t.yml\n  parameters: {p: 1.0, q: True}", {"t.yml": "parameters: [{name: p}, {name: q}]\nsteps:\n- bash: ${{ parameters.p }} ${{ parameters.q }}"}, [{"bash": "1.0 True"}]),
    ("what follows the one taken is not looked at", "steps:\n- ${{ if true }}:\n  - bash: a\n- ${{ elseif gt(1, 'x') }}:\n  - bash: b\n- ${{ elseif parameters.nope }}:\n  - bash: c", {}, [{"bash": "a"}]),
    ("what is not taken is not evaluated", "steps:\n- bash: a\n- ${{ if false }}:\n  - bash: ${{ parameters.nope }}", {}, [{"bash": "a"}]),
    ("an empty list is true", "parameters: [{name: p, type: object, default: []}]\nsteps:\n- ${{ if parameters.p }}:\n  - bash: a\n- ${{ if variables.nope }}:\n  - bash: b", {}, [{"bash": "a"}]),
    ("two equal directives", "steps:\n- bash: a\n  env:\n    ${{ if true }}:\n      A: 1\n    ${{ if true }}:\n      B: 2", {}, [{"bash": "a", "env": {"A": "1", "B": "2"}}]),
    ("no room inside the braces", "steps:\n- ${{if eq(1,1)}}:\n  - bash: ${{'a'}}", {}, [{"bash": "a"}]),
    ("room around an expression stays", "steps:\n- bash: '  ${{ 'a' }}  '".replace("'a'", "''a''"), {}, [{"bash": "  a  "}]),
    ("loop variable in another case", "steps:\n- ${{ each ITEM in split('a', ',') }}:\n  - bash: ${{ item }}", {}, [{"bash": "a"}]),
    ("' in ' inside of the collection", "steps:\n- ${{ each i in split('a in b', ' in ') }}:\n  - bash: ${{ i }}", {}, [{"bash": "a"}, {"bash": "b"}]),
    ("keys keep their order", "parameters: [{name: p, type: object, default: {'10': ten, '2': two, Z: z, a: a}}]\nsteps:\n- ${{ each i in parameters.p }}:\n  - bash: ${{ i.key }}=${{ i.value }}", {}, [{"bash": "10=ten"}, {"bash": "2=two"}, {"bash": "Z=z"}, {"bash": "a=a"}]),
    ("insert makes one step", "parameters: [{name: p, type: object, default: {bash: x, displayName: d}}]\nsteps:\n- ${{ insert }}: ${{ parameters.p }}", {}, [{"bash": "x", "displayName": "d"}]),
    ("insert between others", "steps:\n- bash: a\n  env:\n    A: 1\n    ${{ insert }}: {B: 2}\n    C: 3", {}, [{"bash": "a", "env": {"A": "1", "B": "2", "C": "3"}}]),
    ("a version in a text", "steps:\n- bash: v${{ 1.2.3.4 }} ${{ 1.0 }} ${{ true }}", {}, [{"bash": "v1.2.3.4 1 True"}]),
    ("not read as YAML again", "steps:\n- bash: \"${{ 'a: b' }}\"", {}, [{"bash": "a: b"}]),
    ("a block keeps its lines", "parameters: [{name: p, default: x}]\nsteps:\n- bash: |\n    one\n    ${{ parameters.p }}\n    three\n", {}, [{"bash": "one\nx\nthree\n"}]),
    ("paths: ./, backslash, an empty repository", "steps:\n- template: ./a/t.yml\n- template: a\\t.yml\n- template: a/t.yml@\n- template: a/t.yml@SELF", {"a/t.yml": "steps:\n- bash: x"}, [{"bash": "x"}] * 4),
    ("a template twice is no circle", "steps:\n- template: t.yml\n- template: t.yml", {"t.yml": STEPS}, [{"bash": "echo hi"}] * 2),
    ("a template sees its own parameters only", "parameters: [{name: outer, default: x}]\nsteps:\n- template: t.yml\n  parameters: {p: '${{ parameters.outer }}'}", {"t.yml": "parameters: [{name: p}]\nsteps:\n- bash: ${{ replace(convertToJson(parameters), ' ', '') }}"}, [{"bash": '{\n"p":"x"\n}'}]),
    ("templateContext", "steps:\n- template: t.yml\n  parameters:\n    jobs:\n    - job: a\n      templateContext: {code: 200}\n      steps: [{bash: a}]", {"t.yml": "parameters: [{name: jobs, type: jobList}]\nsteps:\n- ${{ each j in parameters.jobs }}:\n  - ${{ if eq(j.templateContext.code, 200) }}:\n    - bash: good\n    - ${{ j.steps }}"}, [{"bash": "good"}, {"bash": "a"}]),
    ("extends", "extends:\n  template: t.yml\n  parameters:\n    s:\n    - bash: mine", {"t.yml": "parameters: [{name: s, type: stepList}]\nsteps:\n- bash: first\n- ${{ parameters.s }}"}, [{"bash": "first"}, {"bash": "mine"}]),
    ("extends twice", "extends: {template: t.yml}", {"t.yml": "extends: {template: u.yml}", "u.yml": STEPS}, [{"bash": "echo hi"}]),
    ("extends sees variables", "variables: {v: x}\nextends: {template: t.yml}", {"t.yml": "steps:\n- bash: ${{ variables.v }}"}, [{"bash": "x"}]),
    ("a template without parameters accepts some", "steps:\n- template: t.yml\n  parameters: {p: x}", {"t.yml": "steps:\n- bash: ${{ parameters.p }}"}, [{"bash": "x"}]),
    ("a legacy mapping of parameters is open", "steps:\n- template: t.yml\n  parameters: {q: x}", {"t.yml": "parameters: {p: y}\nsteps:\n- bash: ${{ parameters.p }}${{ parameters.q }}"}, [{"bash": "yx"}]),
    ("a string list with values", "parameters: [{name: p, type: stringList, default: [a], values: [a, b]}]\nsteps:\n- bash: ${{ join('+', parameters.p) }}", {}, [{"bash": "a"}]),
    ("pool beside extends", "pool: {vmImage: ubuntu-latest}\nextends: {template: t.yml}", {"t.yml": STEPS}, [{"bash": "echo hi"}]),
    ("a template that has nothing", "steps:\n- bash: a\n- template: t.yml", {"t.yml": "steps: []"}, [{"bash": "a"}]),
]  # fmt: skip

TWICE = "jobs:\n- template: t.yml\n- template: t.yml"
ONE = "jobs:\n- job:\n  steps:\n  - bash: x"

# name, the pipeline, other files, position, code of the diagnostic
BAD: list[tuple[str, str, dict[str, str], str, str]] = [
    ("empty file", "", {}, "p.yml:1:1", "empty-file"),
    ("a list", "- a", {}, "p.yml:1:1", "invalid-type"),
    ("no YAML", "steps:\n- bash: 'x", {}, "p.yml:2:11", "invalid-yaml"),
    ("tab", "steps:\n\t- bash: x", {}, "p.yml:2:1", "invalid-yaml"),
    ("anchor", "steps:\n- bash: &a x", {}, "p.yml:2:9", "yaml-anchor"),
    ("alias", "x: &a 1\ny: *a", {}, "p.yml:1:4", "yaml-anchor"),
    ("tag", "steps:\n- bash: !!str x", {}, "p.yml:2:9", "yaml-tag"),
    ("two documents", "steps:\n- bash: x\n---\na: b", {}, "p.yml:3:1", "yaml-documents"),
    ("key twice", "steps:\n- bash: x\n  name: a\n  name: b", {}, "p.yml:4:3", "duplicate-key"),
    ("key twice after expansion", "steps:\n- bash: x\n  name: a\n  ${{ if true }}:\n    name: b", {}, "p.yml:5:5", "duplicate-key"),
    ("undeclared parameter", "steps:\n- bash: ${{ parameters.nope }}", {}, "p.yml:2:9", "undeclared-parameter"),
    ("unknown name", "steps:\n- bash: ${{ nope }}", {}, "p.yml:2:9", "expression-syntax"),
    ("runtime function", "steps:\n- bash: ${{ succeeded() }}", {}, "p.yml:2:9", "expression-syntax"),
    ("open expression", "steps:\n- bash: ${{ 'a'", {}, "p.yml:2:9", "unclosed-expression"),
    ("empty expression", "steps:\n- bash: ${{ }}", {}, "p.yml:2:9", "expression-syntax"),
    ("object in a text", "parameters: [{name: p, type: object, default: {}}]\nsteps:\n- bash: a ${{ parameters.p }}", {}, "p.yml:3:9", "expression-value"),
    ("else alone", "steps:\n- ${{ else }}:\n  - bash: a", {}, "p.yml:2:3", "else-without-if"),
    ("elseif alone", "steps:\n- ${{ elseif true }}:\n  - bash: a", {}, "p.yml:2:3", "else-without-if"),
    ("else twice", "steps:\n- ${{ if true }}:\n  - bash: a\n- ${{ else }}:\n  - bash: b\n- ${{ else }}:\n  - bash: c", {}, "p.yml:6:3", "else-without-if"),
    ("each breaks the chain", "steps:\n- ${{ if false }}:\n  - bash: a\n- ${{ each x in split('a', ',') }}:\n  - bash: b\n- ${{ else }}:\n  - bash: c", {}, "p.yml:6:3", "else-without-if"),
    ("insert breaks the chain", "steps:\n- bash: a\n  env:\n    ${{ if false }}:\n      A: 1\n    ${{ insert }}: {}\n    ${{ else }}:\n      B: 1", {}, "p.yml:7:5", "else-without-if"),
    ("upper case", "steps:\n- ${{ IF true }}:\n  - bash: a", {}, "p.yml:2:3", "invalid-directive"),
    ("else if", "steps:\n- ${{ if true }}:\n  - bash: a\n- ${{ else if true }}:\n  - bash: b", {}, "p.yml:4:3", "invalid-directive"),
    ("if without an expression", "steps:\n- ${{ if }}:\n  - bash: a", {}, "p.yml:2:3", "invalid-directive"),
    ("each without in", "steps:\n- ${{ each x of y }}:\n  - bash: a", {}, "p.yml:2:3", "invalid-directive"),
    ("each of a text", "parameters: [{name: p, default: x}]\nsteps:\n- ${{ each i in parameters.p }}:\n  - bash: a", {}, "p.yml:3:3", "invalid-type"),
    ("insert a list", "steps:\n- bash: a\n  env:\n    ${{ insert }}: [a]", {}, "p.yml:4:20", "invalid-type"),
    ("a list under a key", "steps:\n- bash: a\n  ${{ if true }}:\n  - b", {}, "p.yml:4:3", "invalid-type"),
    ("insert nothing", "steps:\n- bash: a\n  env:\n    ${{ insert }}:", {}, "p.yml:4:19", "invalid-type"),
    ("insert a text", "parameters: [{name: p, default: x}]\nsteps:\n- bash: a\n  env:\n    ${{ insert }}: ${{ parameters.p }}", {}, "p.yml:5:20", "invalid-type"),
    ("loop variable named variables", "steps:\n- ${{ each variables in split('a', ',') }}:\n  - bash: b", {}, "p.yml:2:3", "reserved-name"),
    ("loop variable named parameters", "steps:\n- ${{ each Parameters in split('a', ',') }}:\n  - bash: b", {}, "p.yml:2:3", "reserved-name"),
    ("loop variable named as a function", "steps:\n- ${{ each eq in split('a', ',') }}:\n  - bash: b", {}, "p.yml:2:3", "reserved-name"),
    ("loop variable of the outer loop", "steps:\n- ${{ each x in split('a', ',') }}:\n  - ${{ each X in split('b', ',') }}:\n    - bash: b", {}, "p.yml:3:5", "reserved-name"),
    ("IN in upper case", "steps:\n- ${{ each x IN split('a', ',') }}:\n  - bash: b", {}, "p.yml:2:3", "invalid-directive"),
    ("else with an expression", "steps:\n- ${{ if true }}:\n  - bash: a\n- ${{ else true }}:\n  - bash: b", {}, "p.yml:4:3", "invalid-directive"),
    ("insert with an expression", "steps:\n- bash: a\n  env:\n    ${{ insert x }}: {}", {}, "p.yml:4:5", "invalid-directive"),
    ("elseif after else", "steps:\n- ${{ if false }}:\n  - bash: a\n- ${{ else }}:\n  - bash: b\n- ${{ elseif true }}:\n  - bash: c", {}, "p.yml:6:3", "else-without-if"),
    ("elseif among keys alone", "steps:\n- bash: a\n  env:\n    ${{ elseif true }}: {A: 1}", {}, "p.yml:4:5", "else-without-if"),
    ("a wrong condition that is reached", "steps:\n- ${{ if false }}:\n  - bash: a\n- ${{ elseif gt(1, 'x') }}:\n  - bash: b", {}, "p.yml:4:3", "expression-value"),
    ("an undeclared parameter in a condition", "steps:\n- ${{ if parameters.nope }}:\n  - bash: a", {}, "p.yml:2:3", "undeclared-parameter"),
    ("if as a value", "steps:\n- bash: ${{ if true }}", {}, "p.yml:2:9", "expression-syntax"),
    ("unknown directive", "steps:\n- ${{ foreach x in split('a', ',') }}:\n  - bash: a", {}, "p.yml:2:3", "expression-syntax"),
    ("key from an object", "parameters: [{name: p, type: object, default: {a: b}}]\nsteps:\n- bash: a\n  env:\n    ${{ parameters.p }}: x", {}, "p.yml:5:5", "expression-value"),
    ("list in a text", "steps:\n- bash: a ${{ split('a', ',') }}", {}, "p.yml:2:9", "expression-value"),
    ("an object with room around it", "parameters: [{name: p, type: object, default: {A: b}}]\nsteps:\n- bash: a\n  env: ' ${{ parameters.p }}'", {}, "p.yml:4:8", "expression-value"),
    ("variable twice in another case", "variables:\n  FOO: a\n  ${{ if true }}:\n    foo: b\nsteps:\n- bash: x", {}, "p.yml:4:5", "duplicate-variable"),
    ("index of a loop", "steps:\n- ${{ each i in split('a', ',') }}:\n  - bash: ${{ index }}", {}, "p.yml:3:11", "expression-syntax"),
    ("the callee's parameter in an argument", "steps:\n- template: t.yml\n  parameters: {word: '${{ parameters.word }}'}", {"t.yml": STEPS}, "p.yml:3:22", "undeclared-parameter"),
    ("a default of another shape", "parameters: [{name: p, default: {a: b}}]\nsteps:\n- bash: x", {}, "p.yml:1:33", "parameter-type"),
    ("an empty number", "steps:\n- template: t.yml\n  parameters: {p: ''}", {"t.yml": "parameters: [{name: p, type: number}]\nsteps: []"}, "p.yml:3:19", "parameter-type"),
    ("values mind the case", "steps:\n- template: t.yml\n  parameters: {p: A}", {"t.yml": "parameters: [{name: p, values: [a]}]\nsteps: []"}, "p.yml:3:19", "parameter-value"),
    ("type in another case", "parameters: [{name: p, type: String}]\nsteps:\n- bash: x", {}, "p.yml:1:30", "unknown-parameter-type"),
    ("path in another case", "steps:\n- template: T.yml", {"t.yml": STEPS}, "p.yml:2:13", "missing-template"),
    ("a path that climbs out from inside", "steps:\n- template: a/t.yml", {"a/t.yml": "steps:\n- template: ../../t.yml"}, "a/t.yml:2:13".rpartition("/")[2], "template-outside-repository"),
    ("two templates in a circle", "steps:\n- template: a.yml", {"a.yml": "steps:\n- template: b.yml", "b.yml": "steps:\n- template: a.yml"}, "a.yml:2:13", "template-nesting"),
    ("loop variable outside", "steps:\n- ${{ each i in split('a', ',') }}:\n  - bash: b\n- bash: ${{ i }}", {}, "p.yml:4:9", "expression-syntax"),
    ("required parameter", "parameters: [{name: p, type: string}]\nsteps:\n- bash: x", {}, "p.yml:1:1", "missing-parameter"),
    ("default of a wrong type", "parameters: [{name: p, type: boolean, default: yes}]\nsteps:\n- bash: x", {}, "p.yml:1:48", "parameter-type"),
    ("1 is no boolean", "parameters: [{name: p, type: boolean, default: 1}]\nsteps:\n- bash: x", {}, "p.yml:1:48", "parameter-type"),
    ("no number", "parameters: [{name: p, type: number, default: x}]\nsteps:\n- bash: x", {}, "p.yml:1:47", "parameter-type"),
    ("default not allowed", "parameters: [{name: p, default: c, values: [a, b]}]\nsteps:\n- bash: x", {}, "p.yml:1:33", "parameter-value"),
    ("default with an expression", "parameters: [{name: p, default: '${{ 1 }}'}]\nsteps:\n- bash: x", {}, "p.yml:1:33", "expression-not-allowed"),
    ("unknown type", "parameters: [{name: p, type: text}]\nsteps:\n- bash: x", {}, "p.yml:1:30", "unknown-parameter-type"),
    ("unknown key of a parameter", "parameters: [{name: p, defalt: x}]\nsteps:\n- bash: x", {}, "p.yml:1:24", "unknown-key"),
    ("parameter twice", "parameters: [{name: p, default: x}, {name: P, default: x}]\nsteps:\n- bash: x", {}, "p.yml:1:37", "duplicate-parameter"),
    ("template missing", "steps:\n- template: t.yml", {}, "p.yml:2:13", "missing-template"),
    ("template outside", "steps:\n- template: ../t.yml", {}, "p.yml:2:13", "template-outside-repository"),
    ("template elsewhere", "steps:\n- template: t.yml@other", {}, "p.yml:2:13", "missing-repository"),
    ("template with more keys", "steps:\n- template: t.yml\n  displayName: x", {"t.yml": STEPS}, "p.yml:3:3", "template-reference"),
    ("template of another kind", "jobs:\n- template: t.yml", {"t.yml": STEPS}, "t.yml:3:1", "template-key"),
    ("template with variables", "steps:\n- template: t.yml", {"t.yml": "variables: {a: b}\nsteps: []"}, "t.yml:1:1", "template-key"),
    ("unknown parameter", "steps:\n- template: t.yml\n  parameters: {wrd: x}", {"t.yml": STEPS}, "p.yml:3:21", "unknown-parameter"),
    ("missing parameter", "steps:\n- template: t.yml", {"t.yml": "parameters: [{name: p, type: string}]\nsteps: []"}, "p.yml:2:13", "missing-parameter"),
    ("wrong parameter", "steps:\n- template: t.yml\n  parameters: {p: x}", {"t.yml": "parameters: [{name: p, type: boolean}]\nsteps: []"}, "p.yml:3:19", "parameter-type"),
    ("not an allowed value", "steps:\n- template: t.yml\n  parameters: {p: x}", {"t.yml": "parameters: [{name: p, type: string, values: [a]}]\nsteps: []"}, "p.yml:3:19", "parameter-value"),
    ("a text for steps", "steps:\n- template: t.yml\n  parameters: {p: x}", {"t.yml": "parameters: [{name: p, type: stepList}]\nsteps: []"}, "p.yml:3:19", "parameter-type"),
    ("a list for a step", "steps:\n- template: t.yml\n  parameters: {p: [x]}", {"t.yml": "parameters: [{name: p, type: step}]\nsteps: []"}, "p.yml:3:19", "parameter-type"),
    ("template in a circle", "steps:\n- template: t.yml", {"t.yml": "steps:\n- template: t.yml"}, "t.yml:2:13", "template-nesting"),
    ("error in a template", "steps:\n- template: t.yml", {"t.yml": "steps:\n- bash: a\n- bash: ${{ parameters.q }}"}, "t.yml:3:9", "undeclared-parameter"),
    ("a template is no mapping", "steps:\n- template: t.yml", {"t.yml": "- bash: x"}, "t.yml:1:1", "invalid-type"),
    ("extends beside steps", "extends: {template: t.yml}\nsteps: []", {"t.yml": STEPS}, "p.yml:2:1", "extends-conflict"),
    ("expression in a trigger", "trigger: ['${{ 1 }}']\nsteps:\n- bash: x", {}, "p.yml:1:11", "expression-not-allowed"),
    ("too much", "steps:\n" + "".join(f"{'  ' * i}- ${{{{ each a{i} in split('{'x,' * 30}', ',') }}}}:\n" for i in range(5)) + " " * 10 + "- bash: x", {}, "p.yml:6:11", "too-many-values"),
    ("a string list with another value", "parameters: [{name: p, type: stringList, default: [c], values: [a, b]}]\nsteps:\n- bash: x", {}, "p.yml:1:51", "parameter-value"),
    ("a list is not an environment", "parameters: [{name: p, type: environment, default: [x]}]\nsteps:\n- bash: x", {}, "p.yml:1:52", "parameter-type"),
    ("a typed template is closed", "steps:\n- template: t.yml\n  parameters: {q: x}", {"t.yml": "parameters: []\nsteps: []"}, "p.yml:3:19", "unknown-parameter"),
    ("too deep", "steps:\n- bash: x\n  env: " + "[" * 100 + "]" * 100, {}, "p.yml:3:65", "too-deep"),
]  # fmt: skip


def load(tmp_path: Path, text: str, more: dict[str, str], **options: Any) -> Any:
    for name, content in {"p.yml": text, **more}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return load_pipeline(
        tmp_path / "p.yml", tmp_path, variables={"Build.Reason": "Manual"}, **options
    )


@pytest.mark.parametrize(
    ("text", "more", "steps"), [pytest.param(*c[1:], id=c[0]) for c in STEP_CASES]
)
def test_expansion(tmp_path: Path, text: str, more: dict[str, str], steps: list[Any]) -> None:
    loaded = load(tmp_path, text, more)
    assert to_data(loaded.document)["steps"] == steps


@pytest.mark.parametrize(
    ("text", "more", "place", "code"), [pytest.param(*c[1:], id=c[0]) for c in BAD]
)
def test_diagnostics(
    tmp_path: Path, text: str, more: dict[str, str], place: str, code: str
) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        load(tmp_path, text, more)
    at = caught.value.at
    assert f"{at.file.name}:{at.line}:{at.column}" == place, caught.value
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_there_are_enough_cases() -> None:
    """At least 60 expansions, and for each two that work about two that do not."""
    assert len(STEP_CASES) + len(BAD) >= 60
    assert len(BAD) >= 0.9 * len(STEP_CASES)
    assert len({case[0] for case in (*STEP_CASES, *BAD)}) == len(STEP_CASES) + len(BAD)


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        ("boolean", "TRUE", "True"),
        ("boolean", True, "True"),
        ("number", 3, "3"),
        ("number", "1.50", "1.5"),
        ("string", "1.50", "1.50"),
        ("object", "a: b", "b"),
        ("object", {"a": "b"}, "b"),
        ("stepList", "- bash: q", "q"),
        ("environment", "prod", "prod"),
        ("filePath", "a/b", "a/b"),
        ("pool", "ubuntu", "ubuntu"),
        ("secureFile", "f", "f"),
        ("serviceConnection", "c", "c"),
    ],
)
def test_parameters_of_the_caller(tmp_path: Path, kind: str, given: Any, shown: str) -> None:
    use = {"object": "parameters.p.a", "stepList": "parameters.p[0].bash"}.get(kind, "parameters.p")
    text = f"parameters: [{{name: p, type: {kind}}}]\nsteps:\n- bash: ${{{{ {use} }}}}"
    loaded = load(tmp_path, text, {}, parameters={"P": given})
    assert loaded.pipeline.stages[0].jobs[0].steps[0].inputs["script"] == shown


def test_an_unknown_parameter_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        load(tmp_path, "steps:\n- bash: x", {}, parameters={"q": "1"})
    assert caught.value.code == "unknown-parameter"


def test_stages_and_jobs_from_templates(tmp_path: Path) -> None:
    text = """
parameters:
- {name: envs, type: object, default: [dev, prod]}
stages:
- ${{ each env in parameters.envs }}:
  - template: stage.yml
    parameters: {env: "${{ env }}"}
"""
    stage = """
parameters:
- {name: env, type: string}
stages:
- stage: ${{ parameters.env }}
  variables: {env: "${{ parameters.env }}"}
  jobs:
  - template: jobs.yml
    parameters: {name: "on_${{ variables.env }}"}
"""
    jobs = "parameters: [{name: name}]\njobs:\n- job: ${{ parameters.name }}\n  steps:\n  - bash: x"
    loaded = load(tmp_path, text, {"stage.yml": stage, "jobs.yml": jobs})
    stages = loaded.pipeline.stages
    assert [(s.name, s.depends_on, s.jobs[0].name) for s in stages] == [
        ("dev", (), "on_dev"),
        ("prod", ("dev",), "on_prod"),
    ]


def test_jobs_without_names_in_a_template_used_twice(tmp_path: Path) -> None:
    loaded = load(tmp_path, TWICE, {"t.yml": ONE})
    assert [job.name for job in loaded.pipeline.stages[0].jobs] == ["Job1", "Job2"]


def test_job_list_wrapped_by_a_template(tmp_path: Path) -> None:
    """The documentation's own example: each job's steps between two of the template."""
    text = "jobs:\n- template: t.yml\n  parameters:\n    jobs:\n    - job: A\n      steps:\n      - bash: a\n    - job: B\n      dependsOn: A\n      steps:\n      - bash: b\n"
    template = """
parameters:
- {name: jobs, type: jobList, default: []}
jobs:
- job: Special
  steps:
  - bash: s
- ${{ each job in parameters.jobs }}:
  - ${{ each pair in job }}:
      ${{ if notIn(pair.key, 'steps', 'dependsOn') }}:
        ${{ pair.key }}: ${{ pair.value }}
    dependsOn:
    - Special
    - ${{ if job.dependsOn }}:
      - ${{ job.dependsOn }}
    steps:
    - bash: before
    - ${{ job.steps }}
    - bash: after
"""
    jobs = load(tmp_path, text, {"t.yml": template}).pipeline.stages[0].jobs
    assert [(job.name, job.depends_on) for job in jobs] == [
        ("Special", ()),
        ("A", ("Special",)),
        ("B", ("Special", "A")),
    ]
    assert [step.inputs["script"] for step in jobs[2].steps] == ["before", "b", "after"]


def test_the_expanded_document_is_the_same_pipeline(tmp_path: Path) -> None:
    text = "variables: {a: 'yes', b: '1.10', c: '', d: ' x: y', e: 'true'}\nsteps:\n- bash: |\n    a\n    b\n- template: t.yml"
    first = load(tmp_path, text, {"t.yml": STEPS})
    again = load(tmp_path, to_yaml(first.document), {})
    assert to_data(again.document) == to_data(first.document)
    assert to_data(loads(to_yaml(first.document), Path("x"))) == to_data(first.document)


def test_more_than_100_files(tmp_path: Path) -> None:
    more = {f"t{i}.yml": STEPS for i in range(101)}
    text = "steps:\n" + "".join(f"- template: {name}\n" for name in more)
    with pytest.raises(InvalidPipeline) as caught:
        load(tmp_path, text, more)
    assert caught.value.code == "too-many-files"
