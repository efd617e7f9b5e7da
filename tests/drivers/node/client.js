// What node-postgres, postgres.js, knex, sequelize, typeorm and kysely do by themselves.
// Prints "ok NAME" or "not ok NAME: why" for each step.
import "reflect-metadata";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import knexFactory from "knex";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import Cursor from "pg-cursor";
import postgres from "postgres";
import { Sequelize } from "sequelize";
import { DataSource, Table } from "typeorm";

const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGOPTIONS, EVENTS, ENDLESS, LARGE, LARGE_ROWS, TLS_PORT, TLS_ROOT } = process.env;
const READ = "SELECT name_last FROM person WHERE person_id = $1";
const REMOVE = "DELETE FROM person WHERE person_id = $1";

async function step(name, work) {
  try {
    await work();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}: ${[error.message, error.detail, error.sql ?? error.query].join(" | ").replaceAll("\n", " ")}`);
  }
}

function expect(condition, what) {
  if (!condition) throw new Error(what);
}

async function refused(promise, code = "RG-W05", sqlstate = "25006") {
  const error = await promise.then(() => new Error("not refused"), (caught) => caught);
  const told = error.original ?? error.driverError ?? error;
  expect(told.code === sqlstate && told.message.includes(code), `not so: ${told.code} ${told.message}`);
}

const tls = (host) => ({ host, port: Number(TLS_PORT), ssl: { ca: readFileSync(TLS_ROOT) } });

async function unbelieved(promise, code = "ERR_TLS_CERT_ALTNAME_INVALID") {
  const error = await promise.then(() => new Error("believed"), (caught) => caught);
  expect(error.code === code, `${error.code}: ${error.message}`);
}

async function withPg(work, options = {}) {
  const client = new pg.Client(options);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function patient(client) {
  const { rows } = await client.query(READ, [900001]);
  expect(rows[0].name_last === "Tolvansson", "not the patient");
}

await step("pg reads", () => withPg(async (client) => {
  await patient(client);
  for (let turn = 0; turn < 5; turn++) await client.query({ name: "one", text: READ, values: [900001] });
  const { rows } = await client.query("SELECT * FROM clinical_event");
  expect(rows.length === Number(EVENTS), "not all rows");
  await client.query("SELECT 1; SELECT 2");
  await client.query({ text: READ, values: [900001], rowMode: "array", binary: true });
}));
await step("pg refused", () => withPg(async (client) => {
  await refused(client.query("DELETE FROM person"));
  await refused(client.query(REMOVE, [900001]));
  await refused(client.query({ name: "gone", text: REMOVE, values: [900001] }));
  await patient(client);
}));
await step("pg after a denial", () => withPg(async (client) => {
  await client.query("BEGIN");
  await refused(client.query(REMOVE, [900001]));
  await client.query("ROLLBACK");
  await client.query("BEGIN");
  await patient(client);
  await client.query("COMMIT");
}));
await step("pg large", () => withPg(async (client) => {
  const { rows } = await client.query(LARGE);
  expect(rows.length === Number(LARGE_ROWS) && rows.at(-1).filler.length === 400, "not all rows");
}));
await step("pg tls", async () => {
  await withPg(async (client) => {
    await patient(client);
    await refused(client.query("DELETE FROM person"));
  }, tls("localhost"));
  await unbelieved(withPg(patient, tls("127.0.0.1")));
});
await step("pg transactions", () => withPg(async (client) => {
  for (const begin of ["BEGIN", "BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE"]) {
    await client.query(begin);
    await patient(client);
    await client.query("COMMIT");
  }
}));
await step("pg cursor", () => withPg(async (client) => {
  const cursor = client.query(new Cursor("SELECT * FROM clinical_event"));
  let count = 0;
  for (let rows = await cursor.read(200); rows.length; rows = await cursor.read(200)) count += rows.length;
  await cursor.close();
  expect(count === Number(EVENTS), "not all rows");
}));
await step("pg cancel", () => withPg(async (client) => {
  const running = refused(client.query(ENDLESS), "canceling", "57014");
  await sleep(300);
  const { secretKey, processID } = client;
  const canceller = new pg.Connection();
  canceller.connect(PGPORT, PGHOST);
  canceller.once("connect", () => canceller.cancel(processID, secretKey));
  await running;
  await patient(client);
}));
await step("pg pool", async () => {
  const pool = new pg.Pool({ max: 3, statement_timeout: 10000, lock_timeout: 1000, query_timeout: 10000,
    idle_in_transaction_session_timeout: 10000, application_name: "a report" });
  await Promise.all(Array.from({ length: 10 }, () => patient(pool)));
  await pool.end();
});

const porsager = postgres({ connection: { options: PGOPTIONS }, max: 2, onnotice: () => {} });
const where = () => porsager`SELECT name_last FROM person WHERE person_id = ${900001}`;
await step("postgres reads", async () => {
  for (let turn = 0; turn < 5; turn++) expect((await where())[0].name_last === "Tolvansson", "not the patient");
  expect((await porsager`SELECT * FROM clinical_event`).length === Number(EVENTS), "not all rows");
  await porsager`SELECT * FROM person WHERE person_id = ANY(${[900001, 900002]})`; // arrays: it asks pg_type
  await porsager`SELECT * FROM person WHERE person_id IN ${porsager([900001, 900002])}`;
  await where().describe();
  await porsager.unsafe("SELECT 1; SELECT 2").simple();
});
await step("postgres pipeline", () => Promise.all(Array.from({ length: 20 }, where)));
await step("postgres cursor", async () => {
  let count = 0;
  for await (const rows of porsager`SELECT * FROM clinical_event`.cursor(200)) count += rows.length;
  expect(count === Number(EVENTS), "not all rows");
});
await step("postgres transactions", async () => {
  for (const options of ["", "read only", "isolation level serializable read only deferrable"]) {
    await porsager.begin(options, async (held) => {
      await held`SELECT 1`;
      await held.savepoint((inner) => inner`SELECT 1`);
    });
  }
});
await step("postgres refused", async () => {
  await refused(porsager`DELETE FROM person WHERE person_id = ${900001}`);
  await refused(porsager.begin((held) => held`DELETE FROM person`));
  await where();
});
await step("postgres after a denial", () => porsager.reserve().then(async (held) => {
  await held`BEGIN`;
  await refused(held`DELETE FROM person`);
  await held`ROLLBACK`;
  await held`BEGIN`;
  expect((await held`SELECT name_last FROM person WHERE person_id = ${900001}`)[0].name_last === "Tolvansson", "not the patient");
  await held`COMMIT`;
  held.release();
}));
await step("postgres large", async () => {
  const rows = await porsager.unsafe(LARGE);
  expect(rows.length === Number(LARGE_ROWS) && rows.at(-1).filler.length === 400, "not all rows");
});
await step("postgres tls", async () => {
  const withSecure = async (ssl, work) => {
    const secure = postgres({ connection: { options: PGOPTIONS }, max: 1, ...tls("localhost"), ssl });
    try {
      await work(secure);
    } finally {
      await secure.end({ timeout: 1 });
    }
  };
  await withSecure({ ca: readFileSync(TLS_ROOT) }, async (believed) => {
    expect((await believed`SELECT name_last FROM person WHERE person_id = ${900001}`)[0].name_last === "Tolvansson", "not the patient");
    await refused(believed`DELETE FROM person`);
  });
  // the name in a certificate it only checks where it connects by name, so here the authority is a stranger
  await withSecure("verify-full", (stranger) => unbelieved(stranger`SELECT 1`, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"));
});
await step("postgres cancel", async () => {
  const running = porsager.unsafe(ENDLESS);
  const done = refused(running, "canceling", "57014");
  await sleep(300);
  running.cancel();
  await done;
  await where();
});
await step("postgres listen", async () => (await porsager.listen("news", () => {})).unlisten());
await porsager.end({ timeout: 2 });

const knex = knexFactory({ client: "pg", connection: { options: PGOPTIONS }, searchPath: ["millennium", "public"] });
await step("knex", async () => {
  await knex("person").columnInfo();
  expect(await knex.schema.hasTable("person"), "no table");
  expect(await knex.schema.hasColumn("person", "name_last"), "no column");
  expect((await knex("person").where({ person_id: 900001 }).first()).name_last === "Tolvansson", "not the patient");
  expect((await knex("clinical_event").select()).length === Number(EVENTS), "not all rows");
  await knex("encounter").join("person", "person.person_id", "encounter.person_id").groupBy("org").count("* as n")
    .select({ org: "organization_id" }).orderBy("n", "desc").limit(3);
  await knex.transaction((held) => held("person").first(), { isolationLevel: "repeatable read", readOnly: true });
  await refused(knex("person").where({ person_id: 900001 }).update({ name_last: "X" }), "RG-W02");
  await refused(knex.transaction((held) => held("person").where({ person_id: 900001 }).del()));
});
await knex.destroy();

const sequelize = new Sequelize(PGDATABASE, PGUSER, PGPASSWORD, {
  host: PGHOST, port: PGPORT, dialect: "postgres", dialectOptions: { options: PGOPTIONS }, logging: false,
});
await step("sequelize introspection", async () => {
  await sequelize.authenticate();
  const inspector = sequelize.getQueryInterface();
  await inspector.showAllTables();
  await inspector.showAllSchemas();
  await sequelize.databaseVersion();
  const table = { tableName: "clinical_event", schema: "millennium" };
  expect(await inspector.tableExists(table), "no table");
  await inspector.describeTable(table);
  await inspector.showIndex(table);
  await inspector.showConstraint(table);
  await inspector.getForeignKeyReferencesForTable(table);
});
await step("sequelize reads and a refused write", async () => {
  const { DataTypes } = await import("sequelize");
  const Person = sequelize.define("person", {
    person_id: { type: DataTypes.BIGINT, primaryKey: true }, name_last: DataTypes.TEXT,
  }, { freezeTableName: true, timestamps: false, schema: "millennium" });
  expect((await Person.findByPk(900001)).name_last === "Tolvansson", "not the patient");
  await Person.findAndCountAll({ limit: 5, order: [["name_last", "DESC"]] });
  await sequelize.transaction({ readOnly: true }, (transaction) => Person.findOne({ transaction }));
  await refused(Person.update({ name_last: "X" }, { where: { person_id: 900001 } }), "RG-W02");
  await refused(Person.destroy({ where: { person_id: 900001 } }));
});
await sequelize.close();

const source = new DataSource({
  type: "postgres", host: PGHOST, port: Number(PGPORT), username: PGUSER, password: PGPASSWORD, database: PGDATABASE,
  schema: "millennium", extra: { options: PGOPTIONS }, installExtensions: false,
});
await step("typeorm introspection", async () => {
  await source.initialize();
  const runner = source.createQueryRunner();
  await runner.getDatabases();
  await runner.getSchemas("");
  await runner.getCurrentSchema();
  await runner.getCurrentDatabase();
  await runner.getVersion();
  expect(await runner.hasTable("millennium.person"), "no table");
  expect(await runner.hasColumn("millennium.person", "name_last"), "no column");
  const tables = await runner.getTables(["millennium.person", "millennium.clinical_event"]);
  expect(tables.length === 2 && tables[0] instanceof Table, "no tables");
  await runner.getTables();
  await runner.getViews(["millennium.journal_overview"]).catch((error) => {
    if (!error.message.includes("typeorm_metadata")) throw error;
  });
  await runner.startTransaction("SERIALIZABLE");
  await runner.query(READ, [900001]);
  await runner.commitTransaction();
  await refused(runner.query(REMOVE, [900001]));
  await runner.release();
  await source.destroy();
});

const kysely = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ max: 1 }) }) });
await step("kysely", async () => {
  await kysely.introspection.getSchemas();
  expect((await kysely.introspection.getTables()).length > 10, "no tables");
  await kysely.selectFrom("person").selectAll().where("person_id", "=", 900001).executeTakeFirstOrThrow();
  await kysely.transaction().setIsolationLevel("serializable").execute((held) => held.selectFrom("person").selectAll().limit(1).execute());
  await refused(kysely.deleteFrom("person").execute());
});
await kysely.destroy();
