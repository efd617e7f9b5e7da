-- The demo's schema: shaped like public knowledge of Millennium's data model, far from the whole of it.
-- † in a comment marks what is ours. Names, not contents, follow the original; `_cd` columns point to code_value,
-- `_ind` columns are 0 or 1, `_dt_tm` columns are points in time.
--
-- Run as superuser in an empty database, inside one transaction, with the roles below possibly there already (roles
-- belong to the cluster, and several databases of one cluster may hold the same demo).

-- roles

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['millennium_owner', 'readers', 'writers'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
    END LOOP;
    -- unqualified names work, as they do for the reports that this stands for
    EXECUTE format('ALTER DATABASE %I SET search_path = millennium, public', current_database());
END
$$;

COMMENT ON ROLE millennium_owner IS 'Owns the demo''s tables; nobody logs in as it';
COMMENT ON ROLE readers IS 'May read every table';
COMMENT ON ROLE writers IS
    'May write every table. The staff are members on purpose: "det saknas tekniskt stöd som hindrar att information '
    'tillförs". The demo shows that the guard stops a write, so no missing grant may stop it first';

CREATE SCHEMA millennium AUTHORIZATION millennium_owner;
COMMENT ON SCHEMA millennium IS 'Synthetic copy of Millennium, 12-20 November 2024';
SET LOCAL search_path = millennium, public;
SET LOCAL ROLE millennium_owner;

-- who, where, codes

CREATE TABLE code_value (
    code_value   bigint PRIMARY KEY,
    code_set     integer NOT NULL,
    cdf_meaning  text NOT NULL,
    display      text NOT NULL,
    active_ind   smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm   timestamptz NOT NULL DEFAULT now(),
    updt_id      bigint NOT NULL,
    updt_cnt     integer NOT NULL DEFAULT 0,
    UNIQUE (code_set, cdf_meaning)
);
COMMENT ON TABLE code_value IS 'Every coded value, by code set';

CREATE TABLE organization (
    organization_id   bigint PRIMARY KEY,
    org_name          text NOT NULL,
    hsa_id            text NOT NULL UNIQUE,
    vardgivare_hsa_id text NOT NULL,
    forvaltning       text NOT NULL,
    sodra_ind         smallint NOT NULL CHECK (sodra_ind IN (0, 1)),
    active_ind        smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm      timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm        timestamptz NOT NULL DEFAULT now(),
    updt_id           bigint NOT NULL,
    updt_cnt          integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE organization IS 'Units';
COMMENT ON COLUMN organization.hsa_id IS '† HSA-id of the unit';
COMMENT ON COLUMN organization.vardgivare_hsa_id IS '† HSA-id of the care provider (vårdgivare) the unit belongs to';
COMMENT ON COLUMN organization.forvaltning IS '† Administration (förvaltning) as the routine names it';
COMMENT ON COLUMN organization.sodra_ind IS '† 1 when the unit belongs to the southern area';

CREATE TABLE person (
    person_id           bigint PRIMARY KEY,
    name_last           text NOT NULL,
    name_first          text NOT NULL,
    name_full_formatted text NOT NULL,
    birth_dt_tm         timestamptz NOT NULL,
    sex_cd              bigint NOT NULL REFERENCES code_value,
    skyddad_ind         smallint NOT NULL DEFAULT 0 CHECK (skyddad_ind IN (0, 1)),
    active_ind          smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm        timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm          timestamptz NOT NULL DEFAULT now(),
    updt_id             bigint NOT NULL,
    updt_cnt            integer NOT NULL DEFAULT 0
);
CREATE INDEX person_name ON person (name_last, name_first);
COMMENT ON TABLE person IS 'Patients and staff';
COMMENT ON COLUMN person.skyddad_ind IS '† 1 for protected personal data (skyddade personuppgifter)';

CREATE TABLE person_alias (
    person_alias_id       bigint PRIMARY KEY,
    person_id             bigint NOT NULL REFERENCES person,
    alias                 text NOT NULL,
    person_alias_type_cd  bigint NOT NULL REFERENCES code_value,
    beg_effective_dt_tm   timestamptz NOT NULL,
    end_effective_dt_tm   timestamptz,
    active_ind            smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm          timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm            timestamptz NOT NULL DEFAULT now(),
    updt_id               bigint NOT NULL,
    updt_cnt              integer NOT NULL DEFAULT 0,
    UNIQUE (alias, person_alias_type_cd)
);
CREATE INDEX person_alias_person ON person_alias (person_id);
COMMENT ON TABLE person_alias IS 'Personnummer, samordningsnummer, reservnummer';

CREATE TABLE prsnl (
    person_id           bigint PRIMARY KEY REFERENCES person,
    username            text NOT NULL UNIQUE,
    name_full_formatted text NOT NULL,
    position_cd         bigint NOT NULL REFERENCES code_value,
    hsa_id              text NOT NULL UNIQUE,
    organization_id     bigint NOT NULL REFERENCES organization,
    active_ind          smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm        timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm          timestamptz NOT NULL DEFAULT now(),
    updt_id             bigint NOT NULL,
    updt_cnt            integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE prsnl IS 'Staff; username is also the database role';
COMMENT ON COLUMN prsnl.hsa_id IS '† HSA-id of the employee';
COMMENT ON COLUMN prsnl.organization_id IS '† Unit of the commission';

-- encounters and care relations

CREATE TABLE encounter (
    encntr_id         bigint PRIMARY KEY,
    person_id         bigint NOT NULL REFERENCES person,
    organization_id   bigint NOT NULL REFERENCES organization,
    encntr_type_cd    bigint NOT NULL REFERENCES code_value,
    loc_nurse_unit_cd bigint NOT NULL REFERENCES code_value,
    reg_dt_tm         timestamptz NOT NULL,
    disch_dt_tm       timestamptz,
    active_ind        smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm      timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm        timestamptz NOT NULL DEFAULT now(),
    updt_id           bigint NOT NULL,
    updt_cnt          integer NOT NULL DEFAULT 0
);
CREATE INDEX encounter_person ON encounter (person_id);
COMMENT ON TABLE encounter IS 'Care contacts (vårdkontakter)';

CREATE TABLE encntr_prsnl_reltn (
    encntr_prsnl_reltn_id bigint PRIMARY KEY,
    encntr_id             bigint NOT NULL REFERENCES encounter,
    prsnl_person_id       bigint NOT NULL REFERENCES prsnl,
    encntr_prsnl_r_cd     bigint NOT NULL REFERENCES code_value,
    beg_effective_dt_tm   timestamptz NOT NULL,
    end_effective_dt_tm   timestamptz,
    active_ind            smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm          timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm            timestamptz NOT NULL DEFAULT now(),
    updt_id               bigint NOT NULL,
    updt_cnt              integer NOT NULL DEFAULT 0
);
CREATE INDEX encntr_prsnl_reltn_encounter ON encntr_prsnl_reltn (encntr_id);
CREATE INDEX encntr_prsnl_reltn_prsnl ON encntr_prsnl_reltn (prsnl_person_id);
COMMENT ON TABLE encntr_prsnl_reltn IS 'Who took part in which care contact: the care relation';

-- clinical content

CREATE TABLE orders (
    order_id            bigint PRIMARY KEY,
    person_id           bigint NOT NULL REFERENCES person,
    encntr_id           bigint NOT NULL REFERENCES encounter,
    catalog_cd          bigint NOT NULL REFERENCES code_value,
    order_mnemonic      text NOT NULL,
    order_status_cd     bigint NOT NULL REFERENCES code_value,
    orig_order_dt_tm    timestamptz NOT NULL,
    ordering_prsnl_id   bigint NOT NULL REFERENCES prsnl,
    active_ind          smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm        timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm          timestamptz NOT NULL DEFAULT now(),
    updt_id             bigint NOT NULL,
    updt_cnt            integer NOT NULL DEFAULT 0
);
CREATE INDEX orders_person ON orders (person_id);
CREATE INDEX orders_encounter ON orders (encntr_id);
COMMENT ON TABLE orders IS 'Orders';
COMMENT ON COLUMN orders.ordering_prsnl_id IS '† Who ordered';

CREATE TABLE clinical_event (
    clinical_event_id     bigint PRIMARY KEY,
    event_id              bigint NOT NULL,
    parent_event_id       bigint NOT NULL,
    person_id             bigint NOT NULL REFERENCES person,
    encntr_id             bigint NOT NULL REFERENCES encounter,
    order_id              bigint REFERENCES orders,
    event_cd              bigint NOT NULL REFERENCES code_value,
    event_class_cd        bigint NOT NULL REFERENCES code_value,
    event_title_text      text NOT NULL,
    result_val            text,
    result_units_cd       bigint REFERENCES code_value,
    result_status_cd      bigint NOT NULL REFERENCES code_value,
    event_end_dt_tm       timestamptz NOT NULL,
    performed_dt_tm       timestamptz NOT NULL,
    performed_prsnl_id    bigint NOT NULL REFERENCES prsnl,
    verified_dt_tm        timestamptz,
    verified_prsnl_id     bigint REFERENCES prsnl,
    contributor_system_cd bigint NOT NULL REFERENCES code_value,
    discipline            text,
    valid_from_dt_tm      timestamptz NOT NULL,
    valid_until_dt_tm     timestamptz,
    active_ind            smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm          timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm            timestamptz NOT NULL DEFAULT now(),
    updt_id               bigint NOT NULL,
    updt_cnt              integer NOT NULL DEFAULT 0,
    UNIQUE (event_id, valid_from_dt_tm),
    CHECK ((verified_dt_tm IS NULL) = (verified_prsnl_id IS NULL))
);
CREATE INDEX clinical_event_person ON clinical_event (person_id);
CREATE INDEX clinical_event_encounter ON clinical_event (encntr_id);
CREATE INDEX clinical_event_order ON clinical_event (order_id);
COMMENT ON TABLE clinical_event IS
    'Results, measurements, vaccinations and notes; one row for each version of an event';
COMMENT ON COLUMN clinical_event.event_id IS
    'The same for all versions, so no foreign key can point to it; the version in force has no valid_until_dt_tm';
COMMENT ON COLUMN clinical_event.discipline IS '† kemi, immunologi, hematologi, serologi, mikrobiologi, patologi, genetik';

CREATE TABLE ce_blob (
    event_id       bigint NOT NULL,
    blob_seq_num   integer NOT NULL,
    blob_length    integer NOT NULL,
    compression_cd bigint NOT NULL REFERENCES code_value,
    format_cd      bigint NOT NULL REFERENCES code_value,
    blob_contents  bytea NOT NULL,
    active_ind     smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm   timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm     timestamptz NOT NULL DEFAULT now(),
    updt_id        bigint NOT NULL,
    updt_cnt       integer NOT NULL DEFAULT 0,
    PRIMARY KEY (event_id, blob_seq_num),
    CHECK (blob_length = octet_length(blob_contents))
);
COMMENT ON TABLE ce_blob IS 'Bodies of notes and PDF answers';

CREATE TABLE ce_event_prsnl (
    ce_event_prsnl_id bigint PRIMARY KEY,
    event_id          bigint NOT NULL,
    action_type_cd    bigint NOT NULL REFERENCES code_value,
    action_status_cd  bigint NOT NULL REFERENCES code_value,
    action_dt_tm      timestamptz,
    action_prsnl_id   bigint NOT NULL REFERENCES prsnl,
    active_ind        smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm      timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm        timestamptz NOT NULL DEFAULT now(),
    updt_id           bigint NOT NULL,
    updt_cnt          integer NOT NULL DEFAULT 0
);
CREATE INDEX ce_event_prsnl_event ON ce_event_prsnl (event_id);
COMMENT ON TABLE ce_event_prsnl IS 'Who wrote, signed and verified an event; writing here is signing';

CREATE TABLE diagnosis (
    diagnosis_id       bigint PRIMARY KEY,
    person_id          bigint NOT NULL REFERENCES person,
    encntr_id          bigint NOT NULL REFERENCES encounter,
    source_identifier  text NOT NULL,
    diagnosis_display  text NOT NULL,
    diag_type_cd       bigint NOT NULL REFERENCES code_value,
    diag_dt_tm         timestamptz NOT NULL,
    diag_prsnl_id      bigint NOT NULL REFERENCES prsnl,
    active_ind         smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm       timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm         timestamptz NOT NULL DEFAULT now(),
    updt_id            bigint NOT NULL,
    updt_cnt           integer NOT NULL DEFAULT 0
);
CREATE INDEX diagnosis_person ON diagnosis (person_id);
COMMENT ON TABLE diagnosis IS 'Diagnoses';
COMMENT ON COLUMN diagnosis.source_identifier IS '† ICD-10-SE code';

CREATE TABLE allergy (
    allergy_id         bigint PRIMARY KEY,
    person_id          bigint NOT NULL REFERENCES person,
    encntr_id          bigint NOT NULL REFERENCES encounter,
    substance_ftdesc   text NOT NULL,
    severity_cd        bigint NOT NULL REFERENCES code_value,
    reaction_status_cd bigint NOT NULL REFERENCES code_value,
    onset_dt_tm        timestamptz,
    active_ind         smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm       timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm         timestamptz NOT NULL DEFAULT now(),
    updt_id            bigint NOT NULL,
    updt_cnt           integer NOT NULL DEFAULT 0
);
CREATE INDEX allergy_person ON allergy (person_id);
COMMENT ON TABLE allergy IS 'Alerts (uppmärksamhetsinformation)';

CREATE TABLE sch_appt (
    sch_appt_id     bigint PRIMARY KEY,
    person_id       bigint NOT NULL REFERENCES person,
    organization_id bigint NOT NULL REFERENCES organization,
    appt_type_cd    bigint NOT NULL REFERENCES code_value,
    sch_state_cd    bigint NOT NULL REFERENCES code_value,
    beg_dt_tm       timestamptz NOT NULL,
    end_dt_tm       timestamptz NOT NULL CHECK (end_dt_tm > beg_dt_tm),
    active_ind      smallint NOT NULL DEFAULT 1 CHECK (active_ind IN (0, 1)),
    create_dt_tm    timestamptz NOT NULL DEFAULT now(),
    updt_dt_tm      timestamptz NOT NULL DEFAULT now(),
    updt_id         bigint NOT NULL,
    updt_cnt        integer NOT NULL DEFAULT 0
);
CREATE INDEX sch_appt_person ON sch_appt (person_id);
COMMENT ON TABLE sch_appt IS 'Bookings';

-- a report that only reads

CREATE VIEW journal_overview AS
SELECT e.encntr_id, e.person_id, p.name_full_formatted, o.org_name, e.reg_dt_tm,
       (SELECT count(*) FROM clinical_event AS c WHERE c.encntr_id = e.encntr_id) AS events
FROM encounter AS e
JOIN person AS p USING (person_id)
JOIN organization AS o USING (organization_id);
COMMENT ON VIEW journal_overview IS '† One line for each care contact';

-- † Traps: everything below looks like reading and is not.

CREATE SEQUENCE loggnummer_seq START 1000;
COMMENT ON SEQUENCE loggnummer_seq IS '† nextval() changes it, also when the transaction is rolled back';

CREATE TABLE visit_log (
    visit_log_id bigint PRIMARY KEY DEFAULT nextval('loggnummer_seq'),
    person_id    bigint NOT NULL,
    visited_by   text NOT NULL DEFAULT session_user,
    visit_dt_tm  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE visit_log IS '† Written by the traps; empty as long as nothing gets through';

CREATE FUNCTION log_visit(visited_person_id bigint) RETURNS bigint
    LANGUAGE sql VOLATILE
    SET search_path = millennium, pg_catalog, pg_temp
    AS 'INSERT INTO visit_log (person_id) VALUES (visited_person_id) RETURNING visit_log_id';
COMMENT ON FUNCTION log_visit(bigint) IS '† SELECT log_visit(1) writes';

-- PostgreSQL forbids a STABLE function to write, but not to call a VOLATILE one that does.
CREATE FUNCTION patient_summary(summarised_person_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = millennium, pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM log_visit(summarised_person_id);
    RETURN (SELECT name_full_formatted FROM person WHERE person_id = summarised_person_id);
END
$$;
COMMENT ON FUNCTION patient_summary(bigint) IS '† Declared STABLE, and writes';

CREATE VIEW visited_person AS
SELECT p.person_id, p.name_full_formatted, log_visit(p.person_id) AS visit_log_id FROM person AS p;
COMMENT ON VIEW visited_person IS '† SELECT * FROM visited_person writes one row for each person read';

CREATE FUNCTION same_person(one bigint, other text) RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = millennium, pg_catalog, pg_temp
    AS 'SELECT log_visit(one) IS NOT NULL AND one::text = other';

CREATE OPERATOR === (LEFTARG = bigint, RIGHTARG = text, FUNCTION = same_person);
COMMENT ON OPERATOR === (bigint, text) IS '† A comparison that writes';

-- grants

GRANT USAGE ON SCHEMA millennium TO readers, writers;
GRANT SELECT ON ALL TABLES IN SCHEMA millennium TO readers;
GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA millennium TO writers;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA millennium TO writers;

RESET ROLE;
