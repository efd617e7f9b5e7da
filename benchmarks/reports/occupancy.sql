-- patients in each unit, day by day
WITH days AS (
    SELECT d::date AS day
    FROM generate_series(date_trunc('month', timestamptz '2024-11-01'), timestamptz '2024-11-30', interval '1 day') AS d
)
SELECT o.org_name AS unit, days.day, count(e.encntr_id) AS patients,
       count(*) FILTER (WHERE e.reg_dt_tm::date = days.day) AS admitted,
       count(*) FILTER (WHERE e.disch_dt_tm::date = days.day) AS discharged
FROM days
CROSS JOIN millennium.organization AS o
LEFT JOIN millennium.encounter AS e
       ON e.organization_id = o.organization_id AND e.active_ind = 1
      AND e.reg_dt_tm < days.day + 1 AND (e.disch_dt_tm IS NULL OR e.disch_dt_tm >= days.day)
WHERE o.active_ind = 1
GROUP BY o.org_name, days.day
ORDER BY o.org_name, days.day;
