"""The Jinja environment of the pages: one for each language, with filters and labels."""

from __future__ import annotations

from functools import cache
from typing import Any

from nbrelease.control_characters import replace_control_characters
from nbrelease.records import Language
from nbrelease.report import criteria, formats, labels, metric_labels, tasks
from nbrelease.report.translations import translator


@cache
def environment(language: Language) -> Any:
    """The templates in a language.

    Compiling them takes longer than rendering them, so Jinja keeps their bytecode in the user's
    temporary folder.
    """
    import jinja2

    jinja = jinja2.Environment(
        loader=jinja2.PackageLoader("nbrelease.report"),
        bytecode_cache=jinja2.FileSystemBytecodeCache(),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    jinja.template_class = _template_class()
    translate = translator(language)

    def translate_plural(one: str, many: str, number: int) -> str:
        return translate(one if number == 1 else many)

    jinja.install_gettext_callables(translate, translate_plural, newstyle=True)  # type: ignore[attr-defined]
    jinja.globals |= {
        "language": language,
        "actual": criteria.actual,
        "criterion_name": lambda each, slices: criteria.criterion_name(each, translate, slices),
        "describe_task": lambda comparison: tasks.describe_task(comparison, translate),
        "direction_name": lambda direction: metric_labels.direction_name(direction, translate),
        "kind_name": lambda kind: tasks.kind_name(kind, translate),
        "metric_name": lambda name: metric_labels.metric_name(name, translate),
        "state_name": lambda state: labels.state_name(state, translate),
        "threshold": lambda each: criteria.threshold(each, translate),
        "indent_json": formats.indent_json,
        "outline": formats.outline,
        "shorten": formats.shorten,
        "tone_of": labels.tone_of,
        "tone_of_interval": labels.tone_of_interval,
    }
    jinja.filters |= {
        "as_code": _as_code,
        "clock": formats.clock,
        "compact": formats.compact,
        "count": formats.count,
        "difference": formats.difference,
        "duration": formats.duration,
        "interval": formats.interval,
        "metric": formats.metric,
        "milliseconds": formats.milliseconds,
        "p_value": formats.p_value,
        "percent": formats.percent,
        "source_name": formats.source_name,
        "utc": formats.utc_unbroken,
    }
    return jinja


@cache
def _template_class() -> Any:
    import jinja2

    class Page(jinja2.Template):
        """A template whose text has no control characters: neither HTML nor XML may hold them."""

        def render(self, *args: Any, **context: Any) -> str:
            return replace_control_characters(super().render(*args, **context))

    return Page


def _as_code(text: str) -> Any:
    import markupsafe

    return markupsafe.Markup("<code>{}</code>").format(text)
