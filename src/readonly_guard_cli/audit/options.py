"""What `audit show`, `tail` and `export` share: which records of which journal, and where that is recorded."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from readonly_guard.audit import Identities, Selection, find_chains, parse_moment, record_reading
from readonly_guard_cli.output import speaking_plainly

__all__ = ["READING_LOG", "Asked", "reading"]

_JOURNAL: Final = Annotated[Path, typer.Argument(help="The journal's directory.")]
_FILTERS: Final[dict[str, Any]] = {
    "user": Annotated[str | None, typer.Option(help="A database user or HSA-id.")],
    "patient": Annotated[
        str | None,
        typer.Option(help="A patient as the log names it, `person_id:7`, the value alone, or a personnummer."),
    ],
    "unit": Annotated[str | None, typer.Option(help="A care unit.")],
    "code": Annotated[str | None, typer.Option(help="A reason code, of a denial or a warning.")],
    "decision": Annotated[str | None, typer.Option(help="A decision id, as the client was shown it.")],
    "since": Annotated[str | None, typer.Option(help="From this moment on: 2026-03-01 or 2026-03-01T08:00Z; UTC.")],
    "until": Annotated[str | None, typer.Option(help="Before this moment.")],
    "denied": Annotated[bool, typer.Option("--denied", help="Only denials.")],
}
READING_LOG = Annotated[
    Path | None, typer.Option(help="Keep the record of this reading here, where the journal cannot be written.")
]
"""Of every command that shows what is in the log."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to read.

    ``reading_log`` is where that is recorded instead of in the journal.
    """

    path: Path
    selection: Selection
    reading_log: Path | None

    def record(self, command: str, **more: str) -> None:
        """Record that it is about to be read.

        Raises:
            ConfigurationError: there is no journal, or it cannot be recorded.
        """
        find_chains(self.path)
        record_reading(self.path, command=command, selection=self.selection.told() | more, kept_in=self.reading_log)

    def known(self) -> tuple[Selection, Identities]:
        """The selection, with all keys of the patient that it names, and whose keys are whose.

        Raises:
            ConfigurationError: the chain that says so cannot be read.
        """
        identities = Identities.of_journal(self.path)
        keys = identities.keys_of(self.selection.patient or "")
        return msgspec.structs.replace(self.selection, patient_keys=tuple(sorted(keys))), identities


def reading(*, without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command that takes an :class:`Asked` one that takes the options which make it up.

    Args:
        without: options that this command has not.
    """
    filters = {name: kind for name, kind in _FILTERS.items() if name not in without}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(path: Path, reading_log: Path | None, **options: Any) -> None:
            with speaking_plainly():
                asked = Asked(path=path, reading_log=reading_log, selection=_selection({
                    name: options.pop(name) for name in filters
                }))  # fmt: skip
            command(asked, **options)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        by_keyword = inspect.Parameter.KEYWORD_ONLY
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        signature = inspect.Signature(
            [
                inspect.Parameter("path", by_keyword, annotation=_JOURNAL),
                *(item.replace(kind=by_keyword) for item in own),
                *(
                    inspect.Parameter(name, by_keyword, annotation=kind, default=False if name == "denied" else None)
                    for name, kind in filters.items()
                ),
                inspect.Parameter("reading_log", by_keyword, annotation=READING_LOG, default=None),
            ]
        )
        # what typer makes the options of
        run.__dict__["__signature__"] = signature
        run.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
        return run

    return decorate


def _selection(options: dict[str, Any]) -> Selection:
    moments = {
        name: parse_moment(text, f"--{name}") for name in ("since", "until") if (text := options.get(name)) is not None
    }
    return Selection(**(options | moments))
