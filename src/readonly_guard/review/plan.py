"""review.toml, typed: whose units, which log, how much, and from when on something stands out.

It lies in the directory of the review, beside what the review keeps there: ``events.duckdb`` (made anew from the log
at any time), ``ledger`` (the chain of what was done), ``accounts.json`` (who may sign in to the page). Relative paths
are relative to it.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.review.carried import check_dsn
from readonly_guard.settings import CertificateRule

__all__ = [
    "DatabasePlan",
    "LateWritesPlan",
    "ReviewPlan",
    "SampleSettings",
    "SignInPlan",
    "Thresholds",
    "UnitPlan",
    "load_plan",
]

PLAN: Final = "review.toml"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class UnitPlan(_Section, frozen=True, kw_only=True):
    """Who reviews a unit: database users, as the roster has them.

    The superior takes what the reviewer may not or did not: the reviewer's own accesses, and what is overdue.
    """

    reviewer: str
    superior: str


class SampleSettings(_Section, frozen=True, kw_only=True):
    """How many of the events that nothing else selects: the percentage, at least the minimum."""

    minimum: int = 10
    percent: int = 10


class Thresholds(_Section, frozen=True, kw_only=True):
    """From when on something stands out."""

    volume_factor: float = 3.0
    """F05: so many times the median of patients that the unit's people open in a day …"""
    volume_minimum: int = 15
    """… and at least so many."""
    work_begins: int = 7
    """F06: the first hour of work, by the clock on the wall."""
    work_ends: int = 18
    """The first hour after it."""
    around_the_clock: tuple[str, ...] = ()
    """Units that work at all hours: no F06 there."""
    write_attempts: int = 3
    """F10: so many denied writes of one user in a day."""
    broad_rows: int = 500
    """F13: a search that gave so many rows or more."""
    informative: tuple[str, ...] = ("F14",)
    """Flags that are shown, but do not select an event by themselves."""


class LateWritesPlan(_Section, frozen=True, kw_only=True):
    """Where to look for information that was added after read mode began: a database, as a role that may only read.

    ``dsn`` is a PostgreSQL connection string (a password belongs into ~/.pgpass); every table of ``schemas`` that has
    one of the columns ``created`` and ``changed`` is looked at. A time without a zone is taken as Swedish.
    """

    dsn: str
    schemas: tuple[str, ...] = ("millennium",)
    since: date = date(2024, 11, 21)
    """The first day of read mode (routine S02: information was created 12 to 20 November 2024)."""
    created: str = "create_dt_tm"
    changed: str = "updt_dt_tm"
    by: str = "updt_id"
    keep: int = 1000
    """How many rows are named, the latest first; all are counted."""


class DatabasePlan(_Section, frozen=True, kw_only=True):
    """A PostgreSQL to which the plugin `audit_postgres` carries a log; ``dsn`` is of a role that may read it there.

    A password belongs into ~/.pgpass; over a network the connection is made with ``sslmode=verify-full``.
    """

    dsn: str


class SignInPlan(_Section, frozen=True, kw_only=True):
    """How people sign in to the page: with passwords (`review account`), with certificates, or with either.

    ``client_ca`` are the roots of client certificates and ``client_crl`` their revocation lists, PEM. A rule of
    ``certificates`` says what of the certificate names the person: an HSA-id of the roster, or a database user.
    """

    passwords: bool = True
    client_ca: str | None = None
    client_crl: str | None = None
    certificates: tuple[CertificateRule, ...] = (CertificateRule(),)


class ReviewPlan(_Section, frozen=True, kw_only=True):
    """The whole file.

    ``journals`` are the directories of the log and ``databases``, by names of their own, where else it is; ``data`` is
    the policy's data (as ``policy.data`` in guard.toml), ``policies`` its source where it is not the shipped one,
    ``facts`` what only the hospital knows (`readonly_guard.review.knowledge`), ``public_keys`` who may have signed the
    log's heads, ``anchors`` heads that were kept elsewhere, ``signing_key`` the key that signs protocols. ``officers``
    look after the log as a whole: they import, select, and see every unit's figures. ``late_writes`` says where
    information may have been added.
    """

    units: dict[str, UnitPlan]
    journals: tuple[str, ...] = ()
    databases: dict[str, DatabasePlan] = {}
    data: tuple[str, ...] = ()
    policies: str | None = None
    facts: str | None = None
    public_keys: tuple[str, ...] = ()
    anchors: str | None = None
    officers: tuple[str, ...] = ()
    signing_key: str | None = None
    late_writes: LateWritesPlan | None = None
    sign_in: SignInPlan = SignInPlan()
    overdue_days: int = 30
    sample: SampleSettings = SampleSettings()
    thresholds: Thresholds = Thresholds()

    def units_of(self, user: str) -> list[str]:
        """The units that a user reviews, or is the superior of."""
        return sorted(name for name, unit in self.units.items() if user in {unit.reviewer, unit.superior})


def load_plan(directory: Path) -> ReviewPlan:
    """Read and check the review.toml of a directory; relative paths become absolute.

    Raises:
        ConfigurationError: it cannot be read, is not TOML, or a key or value is wrong; the text names it.
    """
    path = directory / PLAN
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        plan = msgspec.convert(tree, ReviewPlan)
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: is not there; docs/review.md shows how to write one") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: is not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    _check(path, plan)
    base = path.resolve().parent
    changes: dict[str, Any] = {
        name: None if (value := getattr(plan, name)) is None else str(base / value)
        for name in ("policies", "facts", "anchors", "signing_key")
    }
    changes |= {
        name: tuple(str(base / item) for item in getattr(plan, name)) for name in ("journals", "data", "public_keys")
    }
    changes["sign_in"] = msgspec.structs.replace(
        plan.sign_in,
        **{
            name: None if (value := getattr(plan.sign_in, name)) is None else str(base / value)
            for name in ("client_ca", "client_crl")
        },
    )
    return msgspec.structs.replace(plan, **changes)


def _check(path: Path, plan: ReviewPlan) -> None:
    if not plan.journals and not plan.databases:
        raise ConfigurationError(f"{path}: journals: name at least one directory of a log, or a [databases.NAME]")
    for name, database in plan.databases.items():
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{path}: databases.{name}: a name is letters, digits, - and _")
        try:
            check_dsn(database.dsn)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: databases.{name}.dsn: {error}") from None
    if plan.databases and not plan.public_keys:
        raise ConfigurationError(f"{path}: public_keys: name them; a log in a database is believed by its signed heads")
    for name, unit in plan.units.items():
        if unit.reviewer == unit.superior:
            raise ConfigurationError(
                f"{path}: units.{name}: reviewer and superior are both {unit.reviewer!r}; nobody reviews themselves"
            )
    times = plan.thresholds
    if not 0 <= times.work_begins < times.work_ends <= 24:  # noqa: PLR2004  hours
        raise ConfigurationError(f"{path}: thresholds: work_begins and work_ends are hours, 0 to 24, in this order")
    if plan.sample.minimum < 1 or not 0 <= plan.sample.percent <= 100:  # noqa: PLR2004
        raise ConfigurationError(f"{path}: sample: minimum is at least 1, percent 0 to 100")
    if not plan.sign_in.passwords and plan.sign_in.client_ca is None:
        raise ConfigurationError(f"{path}: sign_in: nobody can sign in; give client_ca, or allow passwords")
    if plan.overdue_days < 1:
        raise ConfigurationError(f"{path}: overdue_days: at least 1")
