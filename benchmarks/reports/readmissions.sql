-- patients who came back within thirty days
WITH stays AS (
    SELECT e.encntr_id, e.person_id, e.organization_id, e.reg_dt_tm, e.disch_dt_tm,
           lead(e.reg_dt_tm) OVER (PARTITION BY e.person_id ORDER BY e.reg_dt_tm) AS next_reg_dt_tm,
           lead(e.organization_id) OVER (PARTITION BY e.person_id ORDER BY e.reg_dt_tm) AS next_organization_id
    FROM millennium.encounter AS e
    JOIN millennium.code_value AS t ON t.code_value = e.encntr_type_cd
    WHERE e.active_ind = 1 AND t.cdf_meaning = 'INPATIENT'
)
SELECT o.org_name AS unit, n.org_name AS next_unit, date_trunc('quarter', s.disch_dt_tm) AS quarter,
       count(*) AS discharged,
       count(*) FILTER (WHERE s.next_reg_dt_tm - s.disch_dt_tm <= interval '30 days') AS came_back,
       round(100.0 * count(*) FILTER (WHERE s.next_reg_dt_tm - s.disch_dt_tm <= interval '30 days') / nullif(count(*), 0), 1) AS percent
FROM stays AS s
JOIN millennium.organization AS o ON o.organization_id = s.organization_id
LEFT JOIN millennium.organization AS n ON n.organization_id = s.next_organization_id
WHERE s.disch_dt_tm IS NOT NULL
GROUP BY GROUPING SETS ((o.org_name, n.org_name, date_trunc('quarter', s.disch_dt_tm)), (o.org_name), ())
ORDER BY unit NULLS LAST, quarter NULLS LAST;
