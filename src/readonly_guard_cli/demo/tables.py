"""The tables of the synthetic database as values: columns, rows, and the whole of it as one `Dataset`.

Here lives the shape that `millennium.sql` declares and the generator fills; a test compares the two. What the rows say
is not decided here and no database is spoken to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from readonly_guard_cli.demo.staff import Employee

__all__ = [
    "AUDIT_COLUMNS",
    "COLUMNS",
    "SYSTEM_ID",
    "WINDOW_END",
    "WINDOW_START",
    "Dataset",
    "PlantedRow",
    "Row",
    "RowBuilder",
    "Value",
]

Value: TypeAlias = int | str | bytes | datetime | None
Row: TypeAlias = tuple[Value, ...]

WINDOW_START: Final = datetime(2024, 11, 11, 23, tzinfo=UTC)
"""12 November 2024 at midnight in Sweden: the first instant of the window (statement S02)."""
WINDOW_END: Final = datetime(2024, 11, 20, 23, tzinfo=UTC)
"""21 November 2024 at midnight in Sweden: the first instant after the window."""

SYSTEM_ID: Final = 1
"""``updt_id`` of what no person wrote: the system's own build and its interfaces. No row in prsnl has it."""

AUDIT_COLUMNS: Final = ("active_ind", "create_dt_tm", "updt_dt_tm", "updt_id", "updt_cnt")
"""What every table ends with."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "code_value": ("code_value", "code_set", "cdf_meaning", "display"),
    "organization": ("organization_id", "org_name", "hsa_id", "vardgivare_hsa_id", "forvaltning", "sodra_ind"),
    "person": (
        "person_id", "name_last", "name_first", "name_full_formatted", "birth_dt_tm", "sex_cd", "skyddad_ind",
    ),
    "person_alias": (
        "person_alias_id", "person_id", "alias", "person_alias_type_cd", "beg_effective_dt_tm", "end_effective_dt_tm",
    ),
    "prsnl": ("person_id", "username", "name_full_formatted", "position_cd", "hsa_id", "organization_id"),
    "encounter": (
        "encntr_id", "person_id", "organization_id", "encntr_type_cd", "loc_nurse_unit_cd", "reg_dt_tm", "disch_dt_tm",
    ),
    "encntr_prsnl_reltn": (
        "encntr_prsnl_reltn_id", "encntr_id", "prsnl_person_id", "encntr_prsnl_r_cd", "beg_effective_dt_tm",
        "end_effective_dt_tm",
    ),
    "orders": (
        "order_id", "person_id", "encntr_id", "catalog_cd", "order_mnemonic", "order_status_cd", "orig_order_dt_tm",
        "ordering_prsnl_id",
    ),
    "clinical_event": (
        "clinical_event_id", "event_id", "parent_event_id", "person_id", "encntr_id", "order_id", "event_cd",
        "event_class_cd", "event_title_text", "result_val", "result_units_cd", "result_status_cd", "event_end_dt_tm",
        "performed_dt_tm", "performed_prsnl_id", "verified_dt_tm", "verified_prsnl_id", "contributor_system_cd",
        "discipline", "valid_from_dt_tm", "valid_until_dt_tm",
    ),
    "ce_blob": ("event_id", "blob_seq_num", "blob_length", "compression_cd", "format_cd", "blob_contents"),
    "ce_event_prsnl": (
        "ce_event_prsnl_id", "event_id", "action_type_cd", "action_status_cd", "action_dt_tm", "action_prsnl_id",
    ),
    "diagnosis": (
        "diagnosis_id", "person_id", "encntr_id", "source_identifier", "diagnosis_display", "diag_type_cd",
        "diag_dt_tm", "diag_prsnl_id",
    ),
    "allergy": (
        "allergy_id", "person_id", "encntr_id", "substance_ftdesc", "severity_cd", "reaction_status_cd", "onset_dt_tm",
    ),
    "sch_appt": (
        "sch_appt_id", "person_id", "organization_id", "appt_type_cd", "sch_state_cd", "beg_dt_tm", "end_dt_tm",
    ),
}  # fmt: skip
"""The columns of each table before :data:`AUDIT_COLUMNS`, key first; a table comes after those it refers to."""


class PlantedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is there to test or to tell something.

    Attributes:
        table: where it stands.
        key: column and value that find exactly this row.
        why: what it shows.
    """

    table: str
    key: tuple[str, int]
    why: str


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """The whole synthetic database.

    Attributes:
        seed: what it was generated from.
        tables: the rows by table, in an order that satisfies every foreign key; the columns are :data:`COLUMNS` and
            :data:`AUDIT_COLUMNS`.
        staff: who works there; each is a database role.
    """

    seed: int
    tables: Mapping[str, tuple[Row, ...]]
    staff: tuple[Employee, ...]

    def records(self, table: str) -> tuple[dict[str, Value], ...]:
        """The rows of a table by column name."""
        columns = (*COLUMNS[table], *AUDIT_COLUMNS)
        return tuple(dict(zip(columns, row, strict=True)) for row in self.tables[table])


class RowBuilder:
    """Collects rows, hands out keys, and fills in the audit columns."""

    _FIRST_KEYS: Final = {name: (place + 1) * 10_000 for place, name in enumerate(COLUMNS)}
    # apart from one another, so that a join on the wrong column finds nothing

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {name: [] for name in COLUMNS}
        self._keys = dict(self._FIRST_KEYS)

    def add(
        self,
        table: str,
        created: datetime,
        *,
        key: int | None = None,
        by: int = SYSTEM_ID,
        updated: tuple[datetime, int] | None = None,
        **values: Value,
    ) -> int:
        """Add a row and return its key.

        Args:
            table: one of :data:`COLUMNS`.
            created: when the row was created, ``create_dt_tm``.
            key: of the row, in the table's first column; the table's next unless given.
            by: who created it, a person_id.
            updated: when and by whom it was changed after that.
            values: the columns but the key; those left out are NULL.
        """
        columns = COLUMNS[table][1:]
        if unknown := values.keys() - set(columns):
            raise ValueError(f"{table} has no {', '.join(sorted(unknown))}")
        next_key = self._keys[table]
        if key is None or key == next_key:
            key, self._keys[table] = next_key, next_key + 1
        changed_at, changed_by = updated or (created, by)
        audit = (1, created, changed_at, changed_by, int(updated is not None))
        self._rows[table].append((key, *(values.get(column) for column in columns), *audit))
        return key

    def next_key(self, table: str) -> int:
        """The key that the next row of a table gets unless it brings its own."""
        return self._keys[table]

    def tables(self) -> Mapping[str, tuple[Row, ...]]:
        """Everything added so far."""
        return {name: tuple(rows) for name, rows in self._rows.items()}
