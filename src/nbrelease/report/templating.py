"""The templates' environment: one a language, with the filters that give figures their form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Any

from nbrelease.records import Language
from nbrelease.report import names
from nbrelease.report.words import translator

NOTHING = "\N{EN DASH}"
GOOD = {"passed", "approved", "Succeeded", "done", "go on", "met"}
BAD = {
    "failed",
    "check failed",
    "Failed",
    "rejected",
    "Rejected",
    "roll back",
    "leave as it is",
    "give no traffic",
}


@cache
def environment(language: Language) -> Any:
    """The templates in a language."""
    import jinja2

    from nbrelease.report.template_cache import Compiled

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("nbrelease.report"),
        bytecode_cache=Compiled(),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    translate = translator(language)

    def plural(one: str, many: str, number: int) -> str:
        return translate(one if number == 1 else many)

    made.install_gettext_callables(translate, plural, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {
        "language": language,
        "tone_of": tone_of,
        "tone_of_difference": tone_of_difference,
        "tone_of_ends": tone_of_ends,
        "short": short,
        **{
            name: partial(_translated, getattr(names, name), translate)
            for name in ("metric_name", "slice_name", "judged_name", "limit_words")
        },
    }
    made.filters |= {
        "as_code": _as_code,
        "clock": clock,
        "compact": compact,
        "figure": figure,
        "interval": interval,
        "p_value": p_value,
        "percent": percent,
        "place": place,
        "seconds": seconds,
        "signed": signed,
        "utc": moment,
        "whole": whole,
    }
    return made


def _translated(say: Callable[[str, Any], str], translate: Any, text: str) -> str:
    return say(text, translate)


def compile_all() -> None:
    """Compile every template, for those who install this: what they compile to is kept."""
    made = environment("en")
    for name in made.list_templates(["j2", "css"]):
        made.get_template(name)


def tone_of(state: str) -> str:
    """The tone of a state or verdict: good, bad, or wait for what is neither."""
    return "good" if state in GOOD else "bad" if state in BAD else "wait"


def tone_of_difference(metric: Any) -> str:
    """Of a difference: good or bad where its whole interval lies on one side of zero."""
    return tone_of_ends(metric.difference_interval)


def tone_of_ends(ends: tuple[float, float] | None) -> str:
    """Of a difference's interval, likewise."""
    if ends is None:
        return ""
    low, high = ends
    return "good" if low > 0 else "bad" if high < 0 else "wait"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return NOTHING
    if value < 90:
        return f"{value:.1f} s"
    minutes, rest = divmod(int(value), 60)
    if minutes < 90:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def utc(time: datetime | None) -> str:
    """A moment, in UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else NOTHING


def moment(time: datetime | None) -> Any:
    """A moment, in UTC, in one piece on the page."""
    import markupsafe

    return markupsafe.Markup('<span class="nowrap">{}</span>').format(utc(time))


def clock(time: datetime | None) -> str:
    """The time of the day, in UTC."""
    return f"{time:%H:%M:%S}" if time else NOTHING


def figure(value: float | str | None) -> str:
    """A metric, with four digits after the point; whole numbers from 2 on as they are."""
    if value is None:
        return NOTHING
    if isinstance(value, int | float):
        whole_number = float(value).is_integer() and abs(value) >= 2
        return _minus(whole(value) if whole_number else f"{value:.4f}")
    return value


def compact(value: float | None) -> str:
    """A number with as many digits as say something."""
    if value is None:
        return NOTHING
    return _minus(whole(value) if float(value).is_integer() else f"{value:,.4g}")


def whole(value: float) -> str:
    """A count, in groups of three digits from five on."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    return NOTHING if value is None else _minus(f"{value:+.4f}")


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def interval(ends: tuple[float, float] | None, sign: bool = False) -> str:
    """Both ends of an interval."""
    if ends is None:
        return NOTHING
    form = signed if sign else figure
    return f"[{form(ends[0])}, {form(ends[1])}]"


def percent(value: float) -> str:
    """A share."""
    return f"{value * 100:.3g}\N{NO-BREAK SPACE}%"


def place(source: str) -> str:
    """Where a source leads, in words: the runbook and its cell, or the file."""
    path, _, cell = source.partition("#")
    runbook = path.removeprefix("html/").removesuffix(".html")
    return f"{runbook} \N{MIDDLE DOT} {cell}" if cell else path


def p_value(value: float) -> str:
    """A p-value; tiny ones as a bound."""
    return "<\N{NO-BREAK SPACE}0.0001" if value < 0.0001 else f"=\N{NO-BREAK SPACE}{value:.4f}"


def short(value: Any, width: int = 400) -> str:
    """A parameter's value as JSON would say it; long ones are cut, the notebook has all of it."""
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else f"{text[:width]} …"


def _as_code(text: str) -> Any:
    import markupsafe

    return markupsafe.Markup("<code>{}</code>").format(text)
