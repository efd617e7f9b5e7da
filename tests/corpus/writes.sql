-- expect: RG-W01
INSERT INTO clinical_event (event_id) VALUES (1)
-- expect: RG-W01
INSERT INTO millennium.ce_blob SELECT * FROM millennium.ce_blob
-- expect: RG-W02
UPDATE person SET name_last = 'x' WHERE person_id = 1
-- expect: RG-W03
UPDATE ce_event_prsnl SET action_status_cd = 2
-- expect: RG-W03
INSERT INTO ce_event_prsnl (event_id) VALUES (1)
-- expect: RG-W03
UPDATE clinical_event SET verified_prsnl_id = 7, verified_dt_tm = now()
-- expect: RG-W04
INSERT INTO sch_appt (person_id) VALUES (1) ON CONFLICT DO NOTHING
-- expect: RG-W04 RG-W02
INSERT INTO person (person_id) VALUES (1) ON CONFLICT (person_id) DO UPDATE SET name_last = 'x'
-- expect: RG-W05
DELETE FROM person
-- expect: RG-W05
TRUNCATE person, encounter
-- expect: RG-W02 RG-W05 RG-W04
MERGE INTO person p USING encounter e ON p.person_id = e.person_id WHEN MATCHED AND e.active_ind THEN UPDATE SET name_last = 'x' WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (person_id) VALUES (1)
-- expect: RG-W05
WITH gone AS (DELETE FROM person RETURNING *) SELECT * FROM gone
-- expect: RG-W02
SELECT * FROM (WITH x AS (UPDATE person SET updt_cnt = 1 RETURNING 1) SELECT * FROM x) s
-- expect: RG-W05
SELECT 1; DELETE FROM person
-- expect: RG-W05
EXPLAIN ANALYZE DELETE FROM person
-- expect: RG-W05
EXPLAIN (COSTS OFF) DELETE FROM person
-- expect: RG-W05
COPY (DELETE FROM person RETURNING *) TO STDOUT
-- expect: RG-W05
PREPARE x AS DELETE FROM person
-- expect: RG-W04
COPY person FROM STDIN
-- expect: RG-W04
COPY person FROM PROGRAM 'id'
-- expect: RG-W00
COPY person TO PROGRAM 'cat'
-- expect: RG-W00
COPY person TO '/tmp/x'
-- expect: RG-W00
SELECT * INTO copy_of_person FROM person
-- expect: RG-W00
SELECT * FROM person FOR UPDATE
-- expect: RG-W00
SELECT * FROM (SELECT * FROM person FOR KEY SHARE SKIP LOCKED) s
-- expect: RG-W00
DECLARE c CURSOR FOR SELECT * FROM person FOR UPDATE
-- expect: RG-W00
CREATE TABLE x (i int)
-- expect: RG-W00
CREATE TEMP TABLE x AS SELECT 1
-- expect: RG-W00
DROP TABLE person
-- expect: RG-W00
ALTER TABLE person ADD COLUMN x int
-- expect: RG-W00
ALTER SYSTEM SET fsync = off
-- expect: RG-W00
GRANT ALL ON person TO PUBLIC
-- expect: RG-W00
DO $$ BEGIN DELETE FROM person; END $$
-- expect: RG-W00
CALL do_it()
-- expect: RG-W00
NOTIFY channel, 'payload'
-- expect: RG-W00
LOCK TABLE person
-- expect: RG-W00
LOCK TABLE person IN ROW SHARE MODE
-- expect: RG-W00
VACUUM person
-- expect: RG-W00
ANALYZE
-- expect: RG-W00
CLUSTER person
-- expect: RG-W00
CHECKPOINT
-- expect: RG-W00
REINDEX TABLE person
-- expect: RG-W00
REFRESH MATERIALIZED VIEW m
-- expect: RG-W00
COMMENT ON TABLE person IS 'x'
-- expect: RG-W00
SECURITY LABEL ON TABLE person IS 'x'
-- expect: RG-W00
PREPARE TRANSACTION 'x'
-- expect: RG-W00
COMMIT PREPARED 'x'
-- expect: RG-W00
LOAD 'auto_explain'
-- expect: RG-W00
IMPORT FOREIGN SCHEMA s FROM SERVER t INTO u
-- expect: RG-W00
EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1
-- expect: RG-W00
REASSIGN OWNED BY a TO b
