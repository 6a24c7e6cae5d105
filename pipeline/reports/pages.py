"""How templates become pages: texts from outside are escaped, and a name that nobody gave is an error."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.reports.numbers import as_decimal, in_percent

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, content: Mapping[str, Any], filters: Mapping[str, Any] | None = None) -> str:
    """Fill a template of `templates/`.

    Args:
        template: its name; where it ends in `.html`, what is filled in is escaped for HTML.
        content: name -> what the template shows.
        filters: of its own, beside `place`, `count`, `percent`, `decimal` and `share`.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "place": _place,
        "count": _count,
        "percent": _percent,
        "decimal": as_decimal,
        "share": in_percent,
        **(filters or {}),
    }
    return environment.get_template(template).render(content)


def _place(value: float, lowest: float = 0.0) -> float:
    """Give the place of a value on an axis from `lowest` to 1, in percent of its width."""
    return round(100 * (min(max(value, lowest), 1.0) - lowest) / (1.0 - lowest), 2)


def _count(number: float) -> str:
    return f"{int(number):,}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
