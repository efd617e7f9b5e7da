-- diagnoses by sex and age
SELECT left(d.source_identifier, 3) AS category, max(d.diagnosis_display) AS example, x.display AS sex,
       CASE WHEN a.years < 18 THEN '0-17' WHEN a.years < 45 THEN '18-44' WHEN a.years < 65 THEN '45-64'
            WHEN a.years < 80 THEN '65-79' ELSE '80-' END AS age,
       count(DISTINCT d.person_id) AS patients, count(*) AS diagnoses
FROM millennium.diagnosis AS d
JOIN millennium.person AS p ON p.person_id = d.person_id
JOIN millennium.code_value AS x ON x.code_value = p.sex_cd
CROSS JOIN LATERAL (SELECT extract(year FROM age(d.diag_dt_tm, p.birth_dt_tm)) AS years) AS a
WHERE d.active_ind = 1 AND p.active_ind = 1 AND p.skyddad_ind = 0
  AND d.diag_dt_tm BETWEEN '2024-01-01' AND '2024-12-31'
GROUP BY 1, 3, 4
HAVING count(DISTINCT d.person_id) > 5
ORDER BY patients DESC, category
FETCH FIRST 100 ROWS ONLY;
