\set patient 30000 + random(0, 153) + 100000000 * random(0, :copies)
SELECT p.name_full_formatted, p.birth_dt_tm, s.display AS sex, p.skyddad_ind
FROM millennium.person AS p JOIN millennium.code_value AS s ON s.code_value = p.sex_cd
WHERE p.person_id = :patient;
