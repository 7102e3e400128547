"""The control-room page: how the agent stands, what was done through it, and the switch. Works without JavaScript.

Everything shown is escaped; nothing shown is a secret. Anybody on this machine may turn the switch down here, because
closing harms no plant; turning it up needs ``[status] may_open = true`` or the command (docs/acting.md).
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import cast

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.mode import STRICTNESS, SwitchError, one_line, plain_files, write_switch
from relay_bridge.agent.site import Site
from relay_bridge.agent.status_report import StatusReport, WritesStatus
from relay_bridge.agent.status_server import Page, StatusServer
from relay_bridge.contract.acting import Mode, SiteMode
from relay_bridge.contract.errors import RequestRefused

REFRESH = 5  # seconds between two looks of a page that is left open
LAST_ACTIONS = 20
CLOSED = "nothing may be changed"
_CALLED = {"full": "full", "read-only": "read-only", "off": "off"}
_MEANING = {
    "full": "Phones see values; what site.toml allows may be changed.",
    "read-only": "Phones see values; nobody acknowledges, writes or commands.",
    "off": "Phones see nothing of this site and change nothing.",
}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccd2d9;vertical-align:top;overflow-wrap:anywhere}
.mode{border:2px solid #1b1f24;padding:1rem;font-size:1.2rem}.bad{font-weight:700}
label{display:block;margin:.8rem 0}input{font:inherit;padding:.3rem;width:20rem;max-width:100%}
button{font:inherit;padding:.5rem 1rem;margin:.5rem .5rem 0 0;min-height:44px}
"""
_STYLE_DIGEST = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


class StatusPage:
    """One site's page. ``server`` runs it."""

    def __init__(self, config: SiteConfig, site: Site, report: Callable[[], StatusReport]) -> None:
        """``report``: how the agent stands now, as ``sightline-site status`` tells it too."""
        self._config = config
        self._site = site
        self._report = report

    def server(self) -> StatusServer | None:
        """The server that ``[status] listen`` asks for, ``None`` when it asks for none."""
        listen = self._config.status.listen
        if listen is None:
            return None
        host, _, port = listen.rpartition(":")
        return StatusServer(host.strip("[]"), int(port), self.show, self.submit)

    async def show(self, path: str, token: str) -> Page | None:
        """``/``: how it stands; ``/switch``: the form, on a page of its own that does not renew itself under a hand."""
        if path == "/":
            return _page(self._config.site.name, await self._overview(), refresh=True)
        if path == "/switch":
            return _page(f"Switch of {self._config.site.name}", self._form(token))
        return None

    async def submit(self, path: str, fields: dict[str, str]) -> Page | None:
        """Turn the switch as the form says."""
        if path != "/switch":
            return None
        wanted, by = fields.get("mode", ""), one_line(fields.get("by", ""), 80)
        if wanted not in STRICTNESS:
            return _page("Not done", "<p>Choose off, read-only or full.</p>", status=400)
        if not by:
            return _page("Not done", "<p>Say who you are: phones and the journal show it.</p>", status=400)
        mode: Mode = wanted
        if not self._may(mode):
            return _page("Not done", f"<p>{escape(self._how_to_open())}</p>", status=403)
        stored = SiteMode(mode, f"{by} (control room)", self._site.clock.wall_ms(), fields.get("why", ""))
        try:
            await asyncio.to_thread(write_switch, Path(self._config.switch.folder), stored)
        except SwitchError as error:
            return _page("Not done", f"<p>{escape(str(error))}</p>", status=409)
        self._site.switch.tell()
        return Page("Done.", 303, see="/")

    def _may(self, wanted: Mode) -> bool:
        return self._config.status.may_open or STRICTNESS[wanted] >= STRICTNESS[self._site.switch.look().mode]

    def _how_to_open(self) -> str:
        return "This page only closes. To open again: sightline-site mode full --by NAME --config FILE."

    # --- the parts ----------------------------------------------------------------------------------------------------

    async def _overview(self) -> str:
        report = self._report()
        mode = report.mode
        held = "".join(f"<br>Held by the file {escape(str(p))}" for p in plain_files(self._site.switch.folder))
        sources = [
            (source.id, source.state, str(source.tags), _time(source.since), source.reason) for source in report.sources
        ]
        return (
            f'<div class="mode">Switch: <strong>{_CALLED[mode.mode]}</strong>{_by(mode)}<br>'
            f'{_MEANING[mode.mode]}{held}<br><a href="/switch">Turn the switch</a></div>'
            f"<h2>State: {report.state}</h2>{_findings(report)}{_table((), facts_of(report))}"
            f"<h2>Sources</h2>{_table(('Source', 'State', 'Tags', 'Since', 'Reason'), sources)}"
            f"<h2>Last actions</h2>{await self._actions()}"
        )

    async def _actions(self) -> str:
        if self._site.acting is None:
            return "<p>None: this site only shows.</p>"
        try:
            deeds = await self._site.acting.deeds(LAST_ACTIONS)
        except RequestRefused as refusal:
            return f'<p class="bad">{escape(refusal.message)}</p>'
        if not deeds:
            return "<p>None.</p>"
        rows = [
            (_time(d.row.t), d.row.what, d.row.target, d.row.res, _change(d.row.before, d.row.after), d.row.msg, d.sub)
            for d in deeds
        ]
        return _table(("When", "What", "Of", "Outcome", "Before and after", "Words", "Person"), rows)

    def _form(self, token: str) -> str:
        mode = self._site.switch.mode
        buttons = "".join(
            f'<button name="mode" value="{wanted}">{called}</button>'
            for wanted, called in _CALLED.items()
            if self._may(cast(Mode, wanted))
        )
        closed_only = "" if self._may("full") else f"<p>{escape(self._how_to_open())}</p>"
        return (
            f"<p>It stands at <strong>{_CALLED[mode.mode]}</strong>{_by(mode)}.</p>"
            f'<form method="post" action="/switch"><input type="hidden" name="token" value="{escape(token)}">'
            '<label>Your name <br><input name="by" required maxlength="80" autocomplete="name"></label>'
            '<label>Why <br><input name="why" maxlength="200"></label>'
            f"{buttons}</form>{closed_only}<p><a href='/'>Back</a></p>"
        )


def facts_of(report: StatusReport) -> list[tuple[str, str]]:
    """What a report says besides its findings, its sources and the switch: what, and how it is."""
    relay, writes = report.relay, report.writes
    return [
        ("Relay", f"{relay.status} since {_time(relay.since)} {relay.reason}".strip()),
        ("Sessions", str(report.sessions)),
        ("Tags watched", f"{report.watched} of {report.tags}"),
        ("Journal", f"is written, {report.seq} events" if report.journal else f"CANNOT BE WRITTEN: {CLOSED}"),
        ("History", report.history or "is kept"),
        ("Alarms", report.alarms or "are kept"),
        ("Writing", _writing(writes)),
        ("Agent's certificate", f"ends {_time(report.agent_certificate_ends)}"),
        ("Web app's certificate", f"ends {_time(report.web_app_certificate_ends)}"),
        ("Machine", f"disk {_or(report.disk_free_mb)} MiB free, memory {_or(report.rss_mb)} MiB"),
        ("Agent", f"{report.agent}, started {_time(report.started)}, now {_time(report.at)}"),
    ]  # fmt: skip


def _writing(writes: WritesStatus) -> str:
    if not writes.allowed:
        return "not allowed by site.toml; the code for it is not loaded"
    return f"{writes.open} of {writes.entries} entries are open." + (
        "" if writes.kept else " CLOSED: the file of keys cannot be used."
    )


def _findings(report: StatusReport) -> str:
    if not report.findings:
        return "<p>All is well.</p>"
    lines = (f'<li class="bad">{escape(found.text)} <code>{found.code}</code></li>' for found in report.findings)
    return f"<ul>{''.join(lines)}</ul>"


def _or(number: int | None) -> str:
    return "?" if number is None else str(number)


def _page(title: str, body: str, *, status: int = 200, refresh: bool = False) -> Page:
    renew = f'<meta http-equiv="refresh" content="{REFRESH}">' if refresh else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{renew}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    return Page(text, status, style=_STYLE_DIGEST)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{lines}</table>"


def _by(mode: SiteMode) -> str:
    by = f" by {mode.by}" if mode.by else ""
    since = f" since {_time(mode.since)}" if mode.since > 1 else ""
    return escape(f"{by}{since}{': ' + mode.why if mode.why else ''}")


def _change(before: object, after: object) -> str:
    return "" if before is None and after is None else f"{_shown(before)} → {_shown(after)}"


def _shown(value: object) -> str:
    return "?" if value is None else str(value)


def _time(ms: int) -> str:
    """UTC, as the journal has it."""
    try:
        return f"{datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "?"
