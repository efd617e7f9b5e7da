\set patient 30000 + random(0, 153) + 100000000 * random(0, :copies)
SELECT d.source_identifier, d.diagnosis_display, d.diag_dt_tm, p.name_full_formatted AS physician
FROM millennium.diagnosis AS d JOIN millennium.prsnl AS p ON p.person_id = d.diag_prsnl_id
WHERE d.person_id = :patient
ORDER BY d.diag_dt_tm DESC;
