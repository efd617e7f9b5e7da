\set patient 30000 + random(0, 153) + 100000000 * random(0, :copies)
SELECT c.event_title_text, c.performed_dt_tm, b.blob_length, b.blob_contents
FROM millennium.clinical_event AS c JOIN millennium.ce_blob AS b ON b.event_id = c.event_id
WHERE c.person_id = :patient AND c.valid_until_dt_tm IS NULL
ORDER BY c.performed_dt_tm DESC LIMIT 3;
