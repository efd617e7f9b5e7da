-- The canonical text of the record, which its hash was made of: with it the log can be given back as it was written, and
-- the review verifies it. A row that was carried before this has none, and cannot be verified.
ALTER TABLE readonly_guard_log.entry ADD COLUMN canonical text;
