\set patient 30000 + random(0, 153) + 100000000 * random(0, :copies)
SELECT substance_ftdesc, onset_dt_tm FROM millennium.allergy WHERE person_id = :patient AND active_ind = 1;
