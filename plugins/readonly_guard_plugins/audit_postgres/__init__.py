"""The log in PostgreSQL: for searching, joining and reviewing; the journal stays the original.

Make the tables once, as their owner: ``python -m readonly_guard_plugins.audit_postgres HOST DATABASE OWNER``. The sink
then writes as a role that may add records and read nothing else (`readonly_guard_log_writer`); whoever reviews gets
`readonly_guard_log_reader`. Records stand in a partition a month, made when the first record of the month comes.
"""

from readonly_guard_plugins.audit_postgres.schema import migrate
from readonly_guard_plugins.audit_postgres.sink import AuditPostgres

__all__ = ["AuditPostgres", "migrate"]
