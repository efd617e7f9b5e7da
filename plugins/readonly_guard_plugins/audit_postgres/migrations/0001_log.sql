-- Two roles of the cluster; who gets them is the administrator's to say: GRANT readonly_guard_log_writer TO guard_log;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'readonly_guard_log_writer') THEN
        CREATE ROLE readonly_guard_log_writer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'readonly_guard_log_reader') THEN
        CREATE ROLE readonly_guard_log_reader NOLOGIN;
    END IF;
END
$$;

-- How far each chain has come. The row is locked while a batch is added: batches of one chain never interleave.
CREATE TABLE readonly_guard_log.chain (
    chain text PRIMARY KEY,
    seq   bigint NOT NULL,
    hash  text NOT NULL
);

CREATE TABLE readonly_guard_log.entry (
    chain       text NOT NULL,
    seq         bigint NOT NULL,
    hash        text NOT NULL,
    time        timestamptz NOT NULL,
    type        text NOT NULL,
    decision_id text,
    session_id  text,
    subject     text,
    hsa_id      text,
    care_unit   text,
    purpose     text,
    activity    text,
    verdict     text,
    codes       text[],
    patients    text[],
    record      jsonb NOT NULL,
    PRIMARY KEY (chain, seq, time)   -- the time because a key of a partitioned table must hold what it is partitioned by
) PARTITION BY RANGE (time);

CREATE INDEX entry_time ON readonly_guard_log.entry (time);
CREATE INDEX entry_subject ON readonly_guard_log.entry (subject, time);
CREATE INDEX entry_decision ON readonly_guard_log.entry (decision_id);
CREATE INDEX entry_patients ON readonly_guard_log.entry USING gin (patients);

-- The writer may have a partition made for a month, and make nothing else.
CREATE FUNCTION readonly_guard_log.ensure_month(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first timestamptz := date_trunc('month', moment);
    name  text := 'entry_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass('readonly_guard_log.' || name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('readonly_guard_log.' || name, 0));
        IF to_regclass('readonly_guard_log.' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE readonly_guard_log.%I PARTITION OF readonly_guard_log.entry'
                           ' FOR VALUES FROM (%L) TO (%L)', name, first, first + interval '1 month');
        END IF;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION readonly_guard_log.ensure_month(timestamptz) FROM PUBLIC;

GRANT USAGE ON SCHEMA readonly_guard_log TO readonly_guard_log_writer, readonly_guard_log_reader;
GRANT SELECT, INSERT, UPDATE ON readonly_guard_log.chain TO readonly_guard_log_writer;
GRANT INSERT ON readonly_guard_log.entry TO readonly_guard_log_writer;
GRANT EXECUTE ON FUNCTION readonly_guard_log.ensure_month(timestamptz) TO readonly_guard_log_writer;
GRANT SELECT ON readonly_guard_log.chain, readonly_guard_log.entry TO readonly_guard_log_reader;
