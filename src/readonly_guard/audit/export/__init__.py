"""The log in other systems' formats: streamed, record by record, with a manifest to check what arrived.

Pure but for the file that is written: entries come in as an iterator, so memory is bounded by one record. Every format
says in its module where it is defined, and what of a record it cannot hold.
"""

from readonly_guard.audit.export.formats import FORMATS, Origin, StoreLogCodes
from readonly_guard.audit.export.writer import Exported, write_export

__all__ = ["FORMATS", "Exported", "Origin", "StoreLogCodes", "write_export"]
