"""What a plain SELECT really runs: a snapshot of a database's catalog and the closure over it.

`SELECT * FROM v` can write: through a view that calls a function, an operator, a cast, a domain's CHECK, a policy of
row-level security, attribute notation, a foreign table. Here every name is resolved as PostgreSQL resolves it, and all
that reading the object runs is followed to its end.

``snapshot`` holds the values, ``capture`` takes them from a live server and ``keeping`` asks it whether they moved (the
only I/O), ``objects`` finds things in them, ``bodies`` and ``plpgsql`` read the SQL inside them, ``names`` and
``meaning`` resolve, ``outcomes`` looks at one object, ``closure`` follows from one to the next, ``resolver`` judges a
statement, ``extensions`` says whose compiled code is known, ``report`` sums up for people.
"""

from readonly_guard.catalog.capture import CatalogUnavailable, capture, fingerprint
from readonly_guard.catalog.closure import Chain, Closure
from readonly_guard.catalog.keeping import CatalogKeeper, read_catalog
from readonly_guard.catalog.report import Finding, Outline, outline, report
from readonly_guard.catalog.resolver import CatalogResolver
from readonly_guard.catalog.snapshot import Snapshot, decode, encode

__all__ = [
    "CatalogKeeper",
    "CatalogResolver",
    "CatalogUnavailable",
    "Chain",
    "Closure",
    "Finding",
    "Outline",
    "Snapshot",
    "capture",
    "decode",
    "encode",
    "fingerprint",
    "outline",
    "read_catalog",
    "report",
]
