-- what waits to be signed, by who wrote it
SELECT w.name_full_formatted AS author, k.display AS position, o.org_name AS unit, count(*) AS unsigned,
       min(c.performed_dt_tm) AS oldest, string_agg(DISTINCT v.display, ', ' ORDER BY v.display) AS kinds
FROM millennium.clinical_event AS c
JOIN millennium.ce_event_prsnl AS a ON a.event_id = c.event_id AND a.active_ind = 1
JOIN millennium.code_value AS t ON t.code_value = a.action_type_cd AND t.cdf_meaning = 'PERFORM'
JOIN millennium.prsnl AS w ON w.person_id = a.action_prsnl_id
JOIN millennium.organization AS o ON o.organization_id = w.organization_id
JOIN millennium.code_value AS k ON k.code_value = w.position_cd
JOIN millennium.code_value AS v ON v.code_value = c.event_cd
WHERE c.valid_until_dt_tm IS NULL AND c.active_ind = 1
  AND NOT EXISTS (
      SELECT 1
      FROM millennium.ce_event_prsnl AS s
      JOIN millennium.code_value AS y ON y.code_value = s.action_type_cd
      WHERE s.event_id = c.event_id AND y.cdf_meaning = 'SIGN' AND s.action_dt_tm IS NOT NULL
  )
GROUP BY w.name_full_formatted, k.display, o.org_name
ORDER BY unsigned DESC, oldest
LIMIT 200;
