-- appointments, kept and not, week by week and against the average of the four before
SELECT w.week, w.unit, w.kind, w.booked, w.kept,
       round(avg(w.kept) OVER (PARTITION BY w.unit, w.kind ORDER BY w.week ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING), 1) AS before,
       sum(w.booked) OVER (PARTITION BY w.unit ORDER BY w.week) AS so_far
FROM (
    SELECT date_trunc('week', b.beg_dt_tm AT TIME ZONE 'Europe/Stockholm') AS week, o.org_name AS unit, t.display AS kind,
           count(*) AS booked,
           count(*) FILTER (WHERE s.cdf_meaning = 'CHECKEDIN' OR EXISTS (
               SELECT FROM millennium.encounter AS e
               WHERE e.person_id = b.person_id AND e.organization_id = b.organization_id
                 AND e.reg_dt_tm BETWEEN b.beg_dt_tm - interval '2 hours' AND b.end_dt_tm
           )) AS kept
    FROM millennium.sch_appt AS b
    JOIN millennium.organization AS o USING (organization_id)
    JOIN millennium.code_value AS t ON t.code_value = b.appt_type_cd
    JOIN millennium.code_value AS s ON s.code_value = b.sch_state_cd
    WHERE b.active_ind = 1 AND b.beg_dt_tm >= now() - interval '1 year'
    GROUP BY 1, 2, 3
) AS w
ORDER BY w.week DESC, w.unit, w.kind;
