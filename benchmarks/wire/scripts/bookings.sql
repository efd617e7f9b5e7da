\set patient 30000 + random(0, 153) + 100000000 * random(0, :copies)
SELECT count(*), min(beg_dt_tm), max(end_dt_tm) FROM millennium.sch_appt WHERE person_id = :patient;
