\set patient 30000 + random(0, 153) + 100000000 * random(0, :copies)
SELECT e.encntr_id, e.reg_dt_tm, e.disch_dt_tm, o.org_name, t.display AS encounter_type
FROM millennium.encounter AS e
JOIN millennium.organization AS o ON o.organization_id = e.organization_id
JOIN millennium.code_value AS t ON t.code_value = e.encntr_type_cd
WHERE e.person_id = :patient AND e.active_ind = 1
ORDER BY e.reg_dt_tm DESC;
