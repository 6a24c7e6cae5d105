"""The page itself, by Gradio, within an application that lets it ask nothing of anywhere else.

Its fonts are those of the system, its analytics are off, and a policy in the head of each answer forbids the
browser whatever would come from another host. Reports are shown in a frame of their own that reaches nothing
of the page around it, for what stands in them came from strangers.
"""

import functools
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.reports.examination_page import VERDICTS
from pipeline.reports.rendering import NOTE
from pipeline.web.desk import Desk, Shown

_OF_PAGE = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; frame-ancestors 'self'; "
    "form-action 'self'"
)
_OF_REPORT = "sandbox allow-scripts; frame-ancestors 'self'"
_HERE = ["127.0.0.1", "localhost", "[::1]"]
_SHOWN = Markup(
    '<details class="shown"{open}><summary><strong class="{level}">{verdict}</strong> <span>{name}</span>'
    "<br><small>{reason}</small></summary>{page}</details>"
)
_PAGE = Markup(
    '<p><a href="/report/{token}" target="_blank" rel="noopener">open it alone</a> · '
    '<a href="/report/{token}?download" download="{name}.html">download the report</a></p>'
    '<iframe src="/report/{token}" loading="lazy" sandbox="allow-scripts" title="report of {name}"></iframe>'
)
_TABLE = Markup(
    "<table class='answers'><tr><th>verdict</th><th>picture</th>"
    "<th>genuine pictures as suspicious</th><th>reason</th></tr>{rows}</table>"
)
_ROW = Markup(
    "<tr><td><strong class='{level}'>{verdict}</strong></td><td>{name}</td><td>{p_value}</td>"
    "<td>{reason}</td></tr>"
)
_STYLE = """
.shown { border: 1px solid var(--border-color-primary); padding: .6rem .9rem; margin: .6rem 0; }
.shown summary { cursor: pointer; overflow-wrap: anywhere; } .shown summary strong { font-size: 1.15rem; }
.shown iframe { width: 100%; height: 88vh; border: 1px solid var(--border-color-primary); background: #fff; }
.shown a { text-decoration: underline; }
.answers { width: 100%; border-collapse: collapse; font-size: .9rem; }
.answers td { overflow-wrap: anywhere; vertical-align: top; min-width: 4.5rem; }
.answers th, .answers td { text-align: left; padding: .3rem .5rem .3rem 0; }
.answers tr { border-bottom: 1px solid var(--border-color-primary); }
.shown .bad, .answers .bad { color: #c8372d; } .shown .warning, .answers .warning { color: #b97500; }
.shown .good, .answers .good { color: #00875f; } .shown .note, .answers .note { color: #4a73a8; }
footer { display: none !important; }
"""


def mounted(desk: Desk, max_mib: float, only_here: bool) -> FastAPI:
    """Return the application.

    Args:
        desk: that judges and keeps the pages.
        max_mib: of an upload.
        only_here: whether it is asked for by a name of this machine alone: a page of another site, whose name
            was made to lead here, gets no answer then.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def keep_to_ourselves(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers.setdefault("Content-Security-Policy", _OF_PAGE)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    if only_here:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=_HERE)

    @app.get("/report/{token}")
    def report(token: str, request: Request) -> Response:
        found = desk.page(token)
        if found is None:
            return HTMLResponse("<p>This report is no longer kept; drop the picture again.</p>", 404)
        name, path = found
        headers = {"Content-Security-Policy": _OF_REPORT}
        if "download" in request.query_params:
            quoted = urllib.parse.quote(f"{name}.html")
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quoted}"
        return HTMLResponse(path.read_text(encoding="utf-8"), headers=headers)

    return gradio.mount_gradio_app(
        app,
        _blocks(desk),
        path="/",
        max_file_size=int(max_mib * 2**20),
        show_error=True,
        footer_links=[],
        theme=gradio.themes.Base(
            font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"], primary_hue="blue"
        ),
        css=_STYLE,
    )


def _blocks(desk: Desk) -> gradio.Blocks:
    with gradio.Blocks(
        title="Is this picture tampered with?", analytics_enabled=False, delete_cache=(600, 3600)
    ) as blocks:
        gradio.Markdown("# Is this picture tampered with?")
        about = desk.detector.about
        gradio.Markdown(f"Detector `{about.id}`, {about.trained_on}; {about.measured_on}.")
        with gradio.Tab("One or a few pictures"):
            dropped = gradio.File(label="Drop pictures here", file_count="multiple", elem_id="dropped")
            with gradio.Accordion("Compare with a claimed original", open=False):
                against = gradio.File(label="Drop the claimed original here first", elem_id="against")
            shown = gradio.HTML(elem_id="shown")
            dropped.upload(
                functools.partial(_shown, desk), [dropped, against], shown,
                api_visibility="private",
            )  # fmt: skip
            dropped.clear(lambda: "", None, shown, api_visibility="private")
        with gradio.Tab("Many pictures"):
            many = gradio.File(label="Drop pictures here", file_count="multiple", elem_id="many")
            table = gradio.HTML(elem_id="table")
            many.upload(functools.partial(_table, desk), many, table, api_visibility="private")
            many.clear(lambda: "", None, table, api_visibility="private")
    blocks.queue(default_concurrency_limit=1)  # a picture keeps all cores busy
    return blocks


def _shown(desk: Desk, paths: Sequence[str] | None, original: str | None) -> Iterator[str]:
    """Yield what is shown of all pictures, as they are done."""
    parts: list[Markup] = []
    for path in paths or []:
        parts.append(
            _part(desk.examine(Path(path), Path(original) if original else None), is_first=not parts)
        )
        yield "".join(parts)


def _part(shown: Shown, is_first: bool) -> Markup:
    page = _PAGE.format(token=shown.page, name=shown.name) if shown.page else ""
    opened = Markup(" open") if is_first else ""
    said = {"level": _level(shown), "verdict": shown.verdict, "name": shown.name, "reason": shown.reason}
    return _SHOWN.format(open=opened, page=page, **said)


def _table(desk: Desk, paths: Sequence[str] | None) -> Iterator[str]:
    """Yield the table of all pictures, the most suspicious first, as they are done."""
    judged: list[Shown] = []
    for path in paths or []:
        judged.append(desk.judge(Path(path)))
        rows = Markup("").join(map(_row, sorted(judged, key=lambda each: each.order)))
        yield _TABLE.format(rows=rows)


def _row(shown: Shown) -> Markup:
    p_value = "–" if shown.p_value is None else f"{shown.p_value:.2%}"
    return _ROW.format(
        level=_level(shown), verdict=shown.verdict, name=shown.name, p_value=p_value, reason=shown.reason
    )


def _level(shown: Shown) -> str:
    return VERDICTS[shown.verdict][0] if shown.verdict in VERDICTS else NOTE
