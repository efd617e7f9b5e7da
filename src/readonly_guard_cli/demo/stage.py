"""Where the story is acted: a real server, a real proxy process, real clients; and what they answer, shown.

Everything is made in a temporary directory and gone afterwards, also after Ctrl-C.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import psycopg
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from readonly_guard.audit import read, verify
from readonly_guard.domain import DecisionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard_cli.demo.last_act import LastAct, last_act
from readonly_guard_cli.demo.planted import PLANTED
from readonly_guard_cli.demo.roster import write_policy_data
from readonly_guard_cli.demo.server import EmbeddedServer
from readonly_guard_cli.demo.store import Checksum, DemoDatabase, changed, install
from readonly_guard_cli.demo.story import ACTS, Scene

__all__ = ["Outcome", "Stage", "perform"]

_READY_S: Final = 20.0
_CLIENT_S: Final = 30.0
_CODE: Final = re.compile(r"RG-[A-Z]+-?[0-9]+")
_LISTENING: Final = re.compile(r"listening on [^ ]+:([0-9]+)")

_GUARD_TOML: Final = """\
# What this demo runs with; a guard.toml of one's own looks the same.
[listener]
port = 0                      # any free port; in earnest 5432 or 6432
language = "en"               # of error messages; a session may ask for "sv"

[upstream]
host = "{host}"
port = {port}

[catalog]
dsn = "{catalog}"             # a role of the guard's own: what views, functions and operators really run

[policy]
data = ["roster.json"]        # who may read; laid over the shipped policies

[journal]
path = "journal"              # every decision, written before the statement is released

[reading]
search_path = ["millennium", "public"]
"""


class Outcome(NamedTuple):
    """What a client was answered: its rows or its error, and the guard's code in it, if any."""

    text: str
    code: str | None


class Stage(NamedTuple):
    """The scenery while it stands."""

    database: DemoDatabase
    port: int
    home: Path

    @property
    def journal(self) -> Path:
        """The log's directory."""
        return self.home / "journal"

    def play(self, scene: Scene) -> Outcome:
        """Send a scene's statement through the guard with its client."""
        options = " ".join(f"-c readonly_guard.{name}={value}" for name, value in scene.declared.items())
        dsn = self.database.dsn(scene.user, port=self.port)
        match scene.client:
            case "psql":
                return _psql(self.database.server.psql, dsn, options, scene.sql)
            case "asyncpg":
                return asyncio.run(_asyncpg(dsn, scene))
            case "psycopg":
                return _psycopg(dsn, options, scene.sql)


@contextlib.contextmanager
def set_stage(console: Console) -> Iterator[Stage]:
    """Start the database, fill it, start the proxy in front; take everything down at the end."""
    with tempfile.TemporaryDirectory(prefix="readonly-guard-demo-") as name, EmbeddedServer() as server:
        home = Path(name)
        with console.status("starting PostgreSQL 18 and filling the synthetic database …"):
            database = install(server)
        write_policy_data(home / "roster.json")
        config = home / "guard.toml"
        text = _GUARD_TOML.format(host=server.host, port=server.port, catalog=database.guard_dsn)
        config.write_text(text, encoding="utf-8")
        with _proxy(config) as port:
            yield Stage(database, port, home)


@contextlib.contextmanager
def _proxy(config: Path) -> Iterator[int]:
    """The proxy as its own process, started as anyone would start it."""
    command = [sys.executable, "-m", "readonly_guard_cli", "proxy", "--config", str(config)]
    with (config.parent / "proxy.log").open("w+b") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield _wait_for_port(process, config.parent / "proxy.log")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_READY_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        text = log.read_text(encoding="utf-8", errors="replace")
        if found := _LISTENING.search(text):
            return int(found[1])
        if process.poll() is not None:
            raise ConfigurationError(f"the proxy did not start: {text.strip()}")
        time.sleep(0.02)
    raise ConfigurationError(f"the proxy was not ready within {_READY_S:.0f} s")


def _psql(psql: Path, dsn: str, options: str, sql: str) -> Outcome:
    done = subprocess.run(
        [psql, "-X", "-q", dsn, "-c", sql],
        env={**os.environ, "PGOPTIONS": options, "PGCLIENTENCODING": "UTF8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_CLIENT_S,
        check=False,
    )
    text = (done.stdout + done.stderr).strip()
    return Outcome(text, _code_in(text) if done.returncode else None)


async def _asyncpg(dsn: str, scene: Scene) -> Outcome:
    settings = {f"readonly_guard.{name}": value for name, value in scene.declared.items()}
    connection = await asyncpg.connect(dsn, server_settings=settings, timeout=_CLIENT_S)
    try:
        arguments = [PLANTED["test_patient"].key[1]] if "$1" in scene.sql else []
        rows = await connection.fetch(scene.sql, *arguments)
    except asyncpg.PostgresError as error:
        return _refusal(f"{type(error).__name__} ({error.sqlstate}): {error.message}", error.detail, error.hint)
    else:
        return Outcome("\n".join(str(row) for row in rows), None)
    finally:
        await connection.close()


def _psycopg(dsn: str, options: str, sql: str) -> Outcome:
    with psycopg.connect(dsn, options=options, autocommit=True) as connection:
        try:
            rows = connection.execute(sql.encode()).fetchall()
        except psycopg.Error as error:
            said = error.diag
            head = f"{type(error).__name__} ({error.sqlstate}): {said.message_primary}"
            return _refusal(head, said.message_detail, said.message_hint)
    return Outcome("\n".join("  ".join(map(str, row)) for row in rows), None)


def _refusal(message: str, detail: str | None, hint: str | None) -> Outcome:
    lines = [message, *(f"{name}:  {text}" for name, text in (("DETAIL", detail), ("HINT", hint)) if text)]
    return Outcome("\n".join(lines), _code_in(message))


def _code_in(text: str) -> str | None:
    found = _CODE.search(text)
    return found[0] if found else None


def perform(console: Console, *, keep: bool) -> bool:
    """Act the whole story.

    Args:
        console: where it is shown.
        keep: leave the guarded database running afterwards, until Ctrl-C.

    Returns:
        Whether everything came as it must: every read through, every refusal with its code, the log unbroken, the
        database unchanged.
    """
    console.print(
        Panel(
            "A health-record system in read mode: staff may search, read and print; nobody may document, change,\n"
            "sign, add or remove. This is a real PostgreSQL 18 with invented people in it, a real readonly-guard\n"
            "in front, and real clients.",
            title=Text("readonly-guard", style="bold"),
            border_style="blue",
        )
    )
    with set_stage(console) as stage:
        before = stage.database.checksums()
        rows = sum(count.rows for name, count in before.items() if name.startswith("millennium."))
        console.print(
            f"The database holds {rows:,} rows in schema millennium. The guard listens on 127.0.0.1:{stage.port}."
        )
        misses = [
            scene.title
            for act in ACTS
            for scene in _announce(console, act.title, act.introduction, act.scenes)
            if not _show(console, scene, stage.play(scene))
        ]
        is_log_whole = _show_log(console, stage)
        is_unchanged = _show_proof(console, before, stage)
        for miss in misses:
            console.print(f"not as expected: {miss}", style="bold red")
        console.print()
        console.print(_heading("The first Monday of the month: a manager reviews the log"))
        with last_act(console, stage.home, late_dsn=stage.database.dsn("farkel")) as review:
            if keep:
                _keep(console, stage, review)
            else:
                console.print(
                    "\nTo try it yourself, and to open the page in a browser: make demo KEEP=1"
                    " (or readonly-guard demo --keep) leaves everything running and tells how."
                )
        return not misses and is_log_whole and is_unchanged and review.is_as_expected


def _heading(text: str) -> Rule:
    return Rule(Text(text, style="bold"), align="left", style="blue")


def _announce(console: Console, title: str, introduction: str, scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    console.print()
    console.print(_heading(title))
    console.print(introduction, style="italic")
    return scenes


def _show(console: Console, scene: Scene, outcome: Outcome) -> bool:
    as_expected = outcome.code == scene.code
    refused = outcome.code is not None
    mark = Text("refused " if refused else "allowed ", style="bold red" if refused else "bold green")
    purpose = scene.declared.get("purpose", "no purpose")
    console.print()
    mark.append(scene.title, style="bold not red").append(f"  {scene.client} · {scene.user} · {purpose}", "dim")
    console.print(mark)
    statement = Syntax(scene.sql, "sql", theme="ansi_light", word_wrap=True, background_color="default")
    console.print(Padding(statement, (0, 2)))
    console.print(Padding(Text(outcome.text, style="red" if refused else "green"), (0, 4)))
    if not as_expected:
        console.print(f"    expected {scene.code or 'to be allowed'}", style="bold red")
    return as_expected


def _show_log(console: Console, stage: Stage) -> bool:
    console.print()
    console.print(_heading("The log: written before anything was released"))
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("nr", "who", "unit", "purpose", "action", "what", "codes"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    for entry in read(stage.journal):
        record = entry.record
        if not isinstance(record, DecisionRecord):
            continue
        if record.action in {"session", "catalog"} and not record.codes:
            continue  # drivers' own housekeeping is logged as well, and would hide the story here
        style = "red" if record.codes else "green"
        what = ", ".join(record.relations) or ", ".join(record.kinds)
        table.add_row(
            str(entry.seq),
            record.subject,
            record.care_unit,
            record.purpose,
            record.activity,
            what,
            Text(", ".join(record.codes) or "allowed", style=style),
        )
    console.print(table)
    checked = verify(stage.journal)
    if checked.ok:
        console.print(
            f"{checked.records} records, hash chain whole, head {str(checked.head)[:24]}…", style="bold green"
        )
    else:
        console.print(f"the log is broken: {checked.first_fault}", style="bold red")
    return checked.ok


def _show_proof(console: Console, before: dict[str, Checksum], stage: Stage) -> bool:
    after = stage.database.checksums()
    differing = changed(before, after)
    console.print()
    console.print(_heading("The proof: nothing changed"))
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("table", "rows before", "rows after", "SHA-256 before", "SHA-256 after"):
        table.add_column(heading)
    for name, now in after.items():
        if name.startswith("millennium."):
            then = before[name]
            digests = (then.digest[:12], now.digest[:12])
            table.add_row(name, str(then.rows), str(now.rows), *digests, style="red" if name in differing else "")
    console.print(table)
    if differing:
        console.print(f"changed: {', '.join(differing)}", style="bold red")
    else:
        console.print(
            f"{len(after)} tables, sequences and system catalogs compared: not one differs.", style="bold green"
        )
    return not differing


def _keep(console: Console, stage: Stage, review: LastAct) -> None:
    dsn = stage.database.dsn("alind", port=stage.port)
    console.print()
    console.print(_heading("It keeps running until Ctrl-C"))
    console.print(
        f"Open {review.address} and sign in with the password {review.made.password}, as", style="bold", soft_wrap=True
    )
    console.print("  enyman   Eva Nyman, manager of the ward: her month waits", highlight=False)
    console.print("  dekman   David Ekman, her superior: follow-up, and what was added in read mode", highlight=False)
    console.print("Connect as Anna Lind:")
    psql = f'PGOPTIONS="-c readonly_guard.purpose=TREAT" {shlex.join([str(stage.database.server.psql), dsn])}'
    console.print(f"  {psql}", soft_wrap=True, style="bold")
    console.print("See the log, and check it:")
    script = Path(sys.executable).with_name("readonly-guard")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "readonly_guard_cli"]
    for subcommand in ("show", "verify"):
        line = shlex.join([*command, "audit", subcommand, str(stage.journal)])
        console.print(f"  {line}", soft_wrap=True, style="bold")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    console.print("\nstopping …")
