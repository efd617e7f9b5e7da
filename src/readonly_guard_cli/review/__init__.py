"""`readonly-guard review`: what a manager does on the first Monday of the month, on the command line.

The commands as they are called; what they do is in `readonly_guard_cli.review.work`, which needs the extra ``review``
and is imported only when one of them runs.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

import typer

from readonly_guard.errors import ConfigurationError
from readonly_guard_cli.output import speaking_plainly

__all__ = ["app"]

app = typer.Typer(help="Review the log: select, assess, sign; and extracts for patients.", no_args_is_help=True)

_Directory = Annotated[
    Path, typer.Option("--review", envvar="READONLY_GUARD_REVIEW", help="The review's directory, with review.toml.")
]
_Period = Annotated[str, typer.Option(help="The month, 2026-10.")]
_Unit = Annotated[str, typer.Option(help="The care unit, as review.toml names it.")]
_By = Annotated[str, typer.Option("--by", help="Who reviews, a database user. Who runs the command is recorded, too.")]
_Events = Annotated[list[str], typer.Argument(help="Decision ids, as `review list` shows them.")]
_Comment = Annotated[str, typer.Option(help="What there is to say.")]
_Language = Annotated[Literal["sv", "en"], typer.Option(help="Of texts for people.")]
_Answer = Literal["clear", "ask", "justify", "remark", "act", "reconsider"]


def _work(name: str = "work") -> ModuleType:
    try:
        work = import_module(f"readonly_guard_cli.review.{name}")  # it needs the extra, the rest does not
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the review needs {error.name}: python -m pip install 'readonly-guard[review]'"
        ) from None
    return work


@app.command("import")
def import_log(directory: _Directory = Path("review")) -> None:
    """Verify the log and bring the review's store up to date with it.

    All chains of all journals in review.toml are checked first, against what was imported before and against anchors;
    nothing is imported from a log that is broken.

    Exit status: 0 imported, 1 a chain is broken (which and where is said), 2 it cannot be read.
    """
    with speaking_plainly():
        _work().import_log(directory)


@app.command()
def run(by: _By, directory: _Directory = Path("review")) -> None:
    """What a timer does: import, select last month's events of every unit, and look for information added in read mode.

    What was done before is not done again, so it can run every day (deploy/systemd). --by is one whom review.toml names
    as an officer.

    Exit status: 0 all is well, 1 a chain is broken, something is overdue or was added, or a unit has no reviewer,
    2 it cannot be.
    """
    with speaking_plainly():
        _work().run(directory, by)


@app.command()
def select(by: _By, period: _Period, unit: _Unit, directory: _Directory = Path("review")) -> None:
    """Select the events of a unit and a month, once, and assign them.

    All emergency accesses, prints, denied writes and flagged events, and a random sample of the rest that anybody can
    draw again from its seed.

    Exit status: 0 selected, 2 it cannot be, or was before.
    """
    with speaking_plainly():
        _work().select(directory, by, period, unit)


@app.command("list")
def list_events(
    by: _By,
    period: Annotated[str | None, typer.Option(help="Only this month.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only this care unit.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those that stand there, `assigned` for example.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the manager's list into this file, CSV for Excel.")] = None,
    directory: _Directory = Path("review"),
) -> None:
    """Show the selected events of the reviewer's units, or write the manager's list.

    Exit status: 0 shown or written, 2 it cannot be.
    """
    with speaking_plainly():
        _work().list_events(directory, by, period, unit, state, output)


@app.command()
def show(by: _By, event: str, language: _Language = "sv", directory: _Directory = Path("review")) -> None:
    """Show one event with its flags, codes and history. An assigned event is under review from then on.

    Exit status: 0 shown, 2 there is none of that id among the reviewer's units.
    """
    with speaking_plainly():
        _work().show(directory, by, event, language)


@app.command()
def assign(by: _By, to: Annotated[str, typer.Option(help="The unit's reviewer or superior.")], events: _Events,
           directory: _Directory = Path("review")) -> None:  # fmt: skip
    """Hand events to the unit's reviewer or superior.

    Exit status: 0 assigned, 2 not possible (why is said).
    """
    with speaking_plainly():
        _work().take(directory, by, "assign", events, reviewer=to)


@app.command()
def assess(
    by: _By,
    outcome: Annotated[_Answer, typer.Option(help="The answer.")],
    events: _Events,
    comment: _Comment = "",
    directory: _Directory = Path("review"),
) -> None:
    """Answer: `clear` (utan anmärkning), `ask` for an explanation, `justify` (befogad), `remark` (med anmärkning).

    `act` says what was done about an escalated event, `reconsider` takes an answer back. All but `clear` need a
    comment. Several events at once are all answered or none; only what the sample brought can be cleared together.

    Exit status: 0 answered, 2 not possible (why is said).
    """
    with speaking_plainly():
        _work().take(directory, by, outcome, events, comment=comment)


@app.command()
def escalate(
    by: _By,
    reference: Annotated[str, typer.Option(help="The number of the case in MedControl PRO.")],
    events: _Events,
    comment: _Comment = "",
    directory: _Directory = Path("review"),
) -> None:
    """Escalate events with a remark, with the number of the deviation report.

    Exit status: 0 escalated, 2 not possible (why is said).
    """
    with speaking_plainly():
        _work().take(directory, by, "escalate", events, comment=comment, reference=reference)


@app.command()
def sign(
    by: _By,
    period: _Period,
    unit: _Unit,
    output: Annotated[Path | None, typer.Option(help="Where to write NAME.json, NAME.html and NAME.pdf.")] = None,
    language: _Language = "sv",
    directory: _Directory = Path("review"),
) -> None:
    """Verify the log once more and sign the protocol of a unit and a month; signed before, it is written again.

    Exit status: 0 signed, 1 the log or the review's own chain is broken, 2 an event has no answer yet, or it cannot be.
    """
    with speaking_plainly():
        _work().sign(directory, by, period, unit, output, language)


@app.command()
def status(directory: _Directory = Path("review")) -> None:
    """Verify the log and the review's own chain, and say what is due for whom.

    Exit status: 0 all is whole and nothing overdue, 1 something is broken or overdue, 2 it cannot be read.
    """
    with speaking_plainly():
        _work().status(directory)


@app.command()
def report(
    by: _By,
    months: Annotated[int, typer.Option(min=1, max=60, help="So many months back.")] = 12,
    output: Annotated[Path | None, typer.Option(help="The file; .html or .pdf with charts, or .csv for Excel.")] = None,
    language: _Language = "sv",
    directory: _Directory = Path("review"),
) -> None:
    """Show how far the review has come in each unit and month, what is overdue, and, in a file, the trends.

    Reviewers get the figures of their units, those whom review.toml names as officers all.

    Exit status: 0 shown or written, 1 the review's own chain is broken, 2 it cannot be.
    """
    with speaking_plainly():
        _work("figures").report(directory, by, months, output, language)


@app.command()
def late(by: _By, directory: _Directory = Path("review")) -> None:
    """Look for information that was added or changed after read mode began, in the database of [late_writes].

    What is found is appended to the review's own chain: keys and times, no content.

    Exit status: 0 nothing was added, 1 something was, or the review's own chain is broken, 2 it cannot be read.
    """
    with speaking_plainly():
        _work("figures").late(directory, by)


@app.command()
def routine(
    by: _By,
    report_file: Annotated[
        Path | None, typer.Option("--import", help="A report: user or HSA-id and date on each line, alind;2024-12-18.")
    ] = None,
    roster: Annotated[
        Path | None, typer.Option(help="Enter the imported dates in this data document of the policy, too.")
    ] = None,
    directory: _Directory = Path("review"),
) -> None:
    """Show who has confirmed the routine, or import a report of who has.

    The policy warns (RG-R90) for as long as its own roster does not say so: --roster enters it there, and the guard
    takes it when it loads its policies again.

    Exit status: 0 shown or imported, 1 the review's own chain is broken, 2 it cannot be.
    """
    with speaking_plainly():
        _work("figures").routine(directory, by, report_file, roster)


@app.command()
def extract(
    by: Annotated[str, typer.Option("--by", help="Who makes the extract; recorded.")],
    patient: Annotated[
        list[str], typer.Option(help="A personnummer that the log knows, or a key, `person_id:7`; of several, all.")
    ],
    since: Annotated[str, typer.Option(help="From this day on, 2026-03-01.")],
    until: Annotated[str, typer.Option(help="Before this day.")],
    output: Annotated[Path, typer.Option(help="The file; .html, .pdf, or .csv for Excel.")],
    names: Annotated[bool, typer.Option("--names", help="Name the staff; otherwise unit and role only.")] = False,
    language: _Language = "sv",
    directory: _Directory = Path("review"),
) -> None:  # fmt: skip
    """Write a patient's extract of the log (loggutdrag, patientdatalagen 8 kap. 5 §), in plain words.

    The log is verified and imported first. That the extract was made is recorded in the review's own chain.

    Exit status: 0 written, 1 the log is broken, 2 it cannot be.
    """
    with speaking_plainly():
        _work().extract(directory, by, patient, since, until, output, names, language)


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen; other than this machine itself only with TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8443,
    certificate: Annotated[Path | None, typer.Option(help="For TLS: the certificate and its chain, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="For TLS: its private key, PEM.")] = None,
    directory: _Directory = Path("review"),
) -> None:
    """Serve the review's web page until SIGTERM or Ctrl-C. Who may sign in: `review account`.

    Exit status: 0 stopped, 2 it could not start.
    """
    with speaking_plainly():
        _work("serving").serve(directory, host, port, certificate, key)


@app.command()
def account(
    user: Annotated[str | None, typer.Argument(help="A database user; without it, those who have an account.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the account away.")] = False,
    directory: _Directory = Path("review"),
) -> None:
    """Give somebody an account for the web page, or a new password, which is read from standard input.

    Exit status: 0 done, 2 it cannot be.
    """
    with speaking_plainly():
        _work("serving").account(directory, user, remove)


@app.command()
def demo(directory: Annotated[Path, typer.Argument(help="A new directory for it.")]) -> None:
    """Make a review to try: last month's invented activity, imported and selected, with accounts for the page.

    The activity is decided and logged by a real guard; what stands out is planted in it. Nobody in it exists.

    Exit status: 0 made, 2 the directory is there already.
    """
    with speaking_plainly():
        _work("trying").demo(directory)
