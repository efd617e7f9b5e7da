\set patient 30000 + random(0, 153) + 100000000 * random(0, :copies)
SELECT c.event_end_dt_tm, c.event_title_text, c.result_val, u.display AS unit, s.display AS status, c.verified_dt_tm
FROM millennium.clinical_event AS c
LEFT JOIN millennium.code_value AS u ON u.code_value = c.result_units_cd
JOIN millennium.code_value AS s ON s.code_value = c.result_status_cd
WHERE c.person_id = :patient AND c.valid_until_dt_tm IS NULL AND c.active_ind = 1
ORDER BY c.event_end_dt_tm DESC LIMIT 20;
