import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;

/** What pgjdbc and HikariCP do by themselves. Prints "ok NAME" or "not ok NAME: why" for each step. */
public final class Client {
    private static final String READ = "SELECT name_last FROM person WHERE person_id = ?";
    private static final Map<String, String> GIVEN = System.getenv();
    private static final int EVENTS = Integer.parseInt(GIVEN.get("EVENTS"));

    private interface Step<T> {
        void run(T subject) throws Exception;
    }

    private interface Question {
        ResultSet ask() throws SQLException;
    }

    private Client() {}

    private static String url() {
        return "jdbc:postgresql://%s:%s/%s".formatted(GIVEN.get("PGHOST"), GIVEN.get("PGPORT"), GIVEN.get("PGDATABASE"));
    }

    private static Properties login(String... more) {
        Properties properties = new Properties();
        properties.setProperty("user", GIVEN.get("PGUSER"));
        properties.setProperty("password", GIVEN.get("PGPASSWORD"));
        properties.setProperty("options", GIVEN.get("PGOPTIONS"));
        for (int at = 0; at < more.length; at += 2) {
            properties.setProperty(more[at], more[at + 1]);
        }
        return properties;
    }

    private static void step(String name, Step<Connection> work, String... properties) {
        try (Connection connection = DriverManager.getConnection(url(), login(properties))) {
            work.run(connection);
            System.out.println("ok " + name);
        } catch (Exception error) {
            System.out.println("not ok " + name + ": " + error.toString().replace("\n", " "));
        }
    }

    private static void expect(boolean condition, String what) throws SQLException {
        if (!condition) {
            throw new SQLException(what);
        }
    }

    private static int count(ResultSet rows) throws SQLException {
        int number = 0;
        for (; rows.next(); number++) {
            rows.getObject(1);
        }
        rows.close();
        return number;
    }

    private static void patient(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(READ)) {
            statement.setLong(1, 900_001);
            ResultSet rows = statement.executeQuery();
            expect(rows.next() && rows.getString(1).equals("Tolvansson"), "not the patient");
        }
    }

    private static void refused(Connection connection, String code, Step<Connection> work) throws Exception {
        try {
            work.run(connection);
        } catch (SQLException error) {
            expect("25006".equals(error.getSQLState()) && error.getMessage().contains(code), "not so: " + error);
            return;
        }
        throw new SQLException("not refused: " + code);
    }

    private static void metadata(Connection connection) throws Exception {
        DatabaseMetaData about = connection.getMetaData();
        List<String> failed = new ArrayList<>();
        String s = "millennium";
        String t = "person";
        Map<String, Question> questions = new java.util.TreeMap<>();
        questions.put("getBestRowIdentifier", () -> about.getBestRowIdentifier(null, s, t, DatabaseMetaData.bestRowSession, true));
        questions.put("getCatalogs", about::getCatalogs);
        questions.put("getClientInfoProperties", about::getClientInfoProperties);
        questions.put("getColumnPrivileges", () -> about.getColumnPrivileges(null, s, t, "%"));
        questions.put("getColumns", () -> about.getColumns(null, s, "%", "%"));
        questions.put("getColumns of all", () -> about.getColumns(null, null, null, null));
        questions.put("getCrossReference", () -> about.getCrossReference(null, s, t, null, s, "encounter"));
        questions.put("getExportedKeys", () -> about.getExportedKeys(null, s, t));
        questions.put("getFunctionColumns", () -> about.getFunctionColumns(null, s, "%", "%"));
        questions.put("getFunctions", () -> about.getFunctions(null, s, "%"));
        questions.put("getImportedKeys", () -> about.getImportedKeys(null, s, "clinical_event"));
        questions.put("getIndexInfo", () -> about.getIndexInfo(null, s, t, false, true));
        questions.put("getIndexInfo unique", () -> about.getIndexInfo(null, s, t, true, false));
        questions.put("getPrimaryKeys", () -> about.getPrimaryKeys(null, s, t));
        questions.put("getProcedureColumns", () -> about.getProcedureColumns(null, null, "%", "%"));
        questions.put("getProcedures", () -> about.getProcedures(null, null, "%"));
        questions.put("getSchemas", about::getSchemas);
        questions.put("getSchemas of a pattern", () -> about.getSchemas(null, "mill%"));
        questions.put("getTablePrivileges", () -> about.getTablePrivileges(null, s, "%"));
        questions.put("getTableTypes", about::getTableTypes);
        questions.put("getTables", () -> about.getTables(null, null, "%", null));
        questions.put("getTables of a kind", () -> about.getTables(null, s, "%", new String[] {"TABLE", "VIEW", "SEQUENCE", "INDEX", "TYPE", "MATERIALIZED VIEW", "FOREIGN TABLE", "PARTITIONED TABLE"}));
        questions.put("getTypeInfo", about::getTypeInfo);
        questions.put("getUDTs", () -> about.getUDTs(null, s, "%", null));
        questions.put("getVersionColumns", () -> about.getVersionColumns(null, s, t));
        for (Map.Entry<String, Question> question : questions.entrySet()) {
            try {
                count(question.getValue().ask());
            } catch (SQLException error) {
                failed.add(question.getKey() + ": " + error.getMessage());
            }
        }
        about.getSQLKeywords();
        about.getNumericFunctions();
        about.getMaxTableNameLength();
        about.getUserName();
        about.getDatabaseProductVersion();
        about.getDefaultTransactionIsolation();
        expect(failed.isEmpty(), failed.toString());
    }

    private static void reads(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(READ)) {
            for (int turn = 0; turn < 12; turn++) { // from the fifth on the server keeps it
                statement.setLong(1, 900_001);
                expect(count(statement.executeQuery()) == 1, "not one row");
            }
        }
        try (Statement statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery("SELECT * FROM clinical_event");
            rows.getMetaData().getColumnTypeName(1);
            ((org.postgresql.PGResultSetMetaData) rows.getMetaData()).getBaseTableName(1);
            expect(count(rows) == EVENTS, "not all rows");
            statement.setMaxRows(7);
            statement.setQueryTimeout(20);
            count(statement.executeQuery("SELECT * FROM clinical_event"));
        }
        try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
            ResultSet rows = statement.executeQuery("SELECT person_id, name_last FROM person WHERE person_id = 900001");
            rows.next(); // an updatable result makes it look for the primary key
            rows.updateString(2, "X");
            try {
                rows.updateRow();
            } catch (SQLException error) {
                expect(error.getMessage().contains("RG-W02"), error.toString());
            }
        }
        connection.getSchema();
        connection.getCatalog();
        expect(connection.isValid(5), "not valid");
        connection.setClientInfo("ApplicationName", "a name");
        connection.createArrayOf("text", new String[] {"a"}).getBaseTypeName();
    }

    private static void descriptions(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(READ)) {
            statement.getParameterMetaData().getParameterType(1);
            statement.getMetaData().isNullable(1); // asks pg_attribute
            statement.getMetaData().isAutoIncrement(1);
        }
    }

    private static void types(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery(
                "SELECT p, ARRAY[p], 'person'::regclass, 'YES'::information_schema.yes_or_no, int4range(1, 3), '{}'::jsonb,"
                + " now(), 1::numeric, true, '\\x00'::bytea, '1 day'::interval, '(1,2)'::point FROM person AS p LIMIT 3");
            while (rows.next()) {
                for (int column = 1; column <= rows.getMetaData().getColumnCount(); column++) {
                    rows.getObject(column);
                    rows.getMetaData().getColumnClassName(column);
                    rows.getMetaData().getPrecision(column);
                }
            }
        }
    }

    private static void transactions(Connection connection) throws SQLException {
        connection.setReadOnly(true);
        connection.setAutoCommit(false);
        for (int level : new int[] {
            Connection.TRANSACTION_READ_COMMITTED, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE
        }) {
            connection.setTransactionIsolation(level);
            patient(connection);
            connection.getTransactionIsolation();
            java.sql.Savepoint savepoint = connection.setSavepoint("inner");
            patient(connection);
            connection.rollback(savepoint);
            connection.commit();
        }
        connection.setReadOnly(false);
        patient(connection);
        connection.commit();
        connection.setAutoCommit(true);
        patient(connection);
    }

    private static void cursor(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(100);
            expect(count(statement.executeQuery("SELECT * FROM clinical_event")) == EVENTS, "not all rows");
        }
        connection.commit();
    }

    private static void cancelled(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            var timer = Executors.newSingleThreadScheduledExecutor();
            timer.schedule(() -> {
                statement.cancel();
                return null;
            }, 300, TimeUnit.MILLISECONDS);
            try {
                statement.execute(GIVEN.get("ENDLESS"));
                throw new SQLException("not cancelled");
            } catch (SQLException error) {
                expect("57014".equals(error.getSQLState()), error.toString());
            } finally {
                timer.shutdown();
            }
        }
        patient(connection);
    }

    private static void copies(Connection connection) throws Exception {
        connection.createStatement().execute("SET readonly_guard.print_reason = 'MEDICAL_NEED'");
        var copier = connection.unwrap(PGConnection.class).getCopyAPI();
        StringWriter out = new StringWriter();
        expect(copier.copyOut("COPY clinical_event TO STDOUT", out) == EVENTS, "not all rows");
        refused(connection, "RG-W04", same -> copier.copyIn("COPY visit_log FROM STDIN", new StringReader("1\t1\n")));
        patient(connection);
    }

    private static void writes(Connection connection) throws Exception {
        refused(connection, "RG-W05", same -> same.createStatement().executeUpdate("DELETE FROM person"));
        patient(connection);
        refused(connection, "RG-W05", same -> {
            PreparedStatement statement = same.prepareStatement("DELETE FROM person WHERE person_id = ?");
            statement.setLong(1, 900_001);
            statement.executeUpdate();
        });
        patient(connection);
        refused(connection, "RG-W04", same -> {
            PreparedStatement statement = same.prepareStatement("INSERT INTO visit_log (person_id) VALUES (?)");
            for (long number = 1; number < 4; number++) {
                statement.setLong(1, number);
                statement.addBatch();
            }
            statement.executeBatch();
        });
        patient(connection);
    }

    private static void afterADenial(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        refused(connection, "RG-W05", same -> same.createStatement().executeUpdate("DELETE FROM person"));
        connection.rollback();
        patient(connection);
        connection.commit();
    }

    private static void large(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery(GIVEN.get("LARGE"));
            expect(count(rows) == Integer.parseInt(GIVEN.get("LARGE_ROWS")), "not all rows");
        }
    }

    private static Connection secure(String host) throws SQLException {
        String url = "jdbc:postgresql://%s:%s/%s".formatted(host, GIVEN.get("TLS_PORT"), GIVEN.get("PGDATABASE"));
        return DriverManager.getConnection(url, login("sslmode", "verify-full", "sslrootcert", GIVEN.get("TLS_ROOT")));
    }

    private static void tls(Connection plain) throws Exception {
        try (Connection connection = secure("localhost")) {
            patient(connection);
            refused(connection, "RG-W05", same -> same.createStatement().executeUpdate("DELETE FROM person"));
            patient(connection);
        }
        try (Connection stranger = secure("127.0.0.1")) {
            throw new SQLException("a certificate for another host was believed");
        } catch (SQLException error) {
            expect(error.getMessage().contains("hostname"), error.toString());
        }
    }

    private static void readOnlyBySession(Connection connection) throws SQLException {
        connection.setReadOnly(true);
        patient(connection);
    }

    private static void writableAgain(Connection connection) throws SQLException {
        connection.setReadOnly(true);
        connection.setReadOnly(false);
        patient(connection);
    }

    private static void pool() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url());
        config.setDataSourceProperties(login());
        config.setReadOnly(true);
        config.setMaximumPoolSize(2);
        config.setSchema("millennium");
        config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        config.setConnectionTestQuery("SELECT 1");
        try (HikariDataSource source = new HikariDataSource(config)) {
            for (int turn = 0; turn < 5; turn++) {
                try (Connection connection = source.getConnection()) {
                    connection.setReadOnly(false); // given back, the pool turns it to what was configured
                    connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
                    connection.setNetworkTimeout(Runnable::run, 20_000);
                    patient(connection);
                }
            }
            System.out.println("ok pool");
        } catch (Exception error) {
            System.out.println("not ok pool: " + error.toString().replace("\n", " "));
        }
    }

    public static void main(String[] arguments) {
        step("metadata", Client::metadata);
        step("reads", Client::reads);
        step("reads prepared at once", Client::reads, "prepareThreshold", "1");
        step("reads in binary", Client::reads, "prepareThreshold", "-1", "binaryTransfer", "true");
        step("reads by simple protocol", Client::reads, "preferQueryMode", "simple");
        step("reads, extended for prepared", Client::reads, "preferQueryMode", "extendedForPrepared");
        step("descriptions", Client::descriptions);
        step("types", Client::types);
        step("transactions", Client::transactions);
        step("cursor, autosave", Client::cursor, "autosave", "always", "cleanupSavepoints", "true");
        step("cursor", Client::cursor);
        step("adaptive cursor", Client::cursor, "adaptiveFetch", "true", "defaultRowFetchSize", "10", "maxResultBuffer", "10M");
        step("refused", Client::writes);
        step("refused by simple protocol", Client::writes, "preferQueryMode", "simple");
        step("after a denial", Client::afterADenial);
        step("large", Client::large);
        step("tls", Client::tls);
        step("copy", Client::copies);
        step("cancel", Client::cancelled);
        step("readOnlyMode=always", Client::readOnlyBySession, "readOnlyMode", "always", "readOnly", "true");
        step("readOnlyMode=always and back", Client::writableAgain, "readOnlyMode", "always");
        step("every parameter", Client::reads, "currentSchema", "millennium,public", "assumeMinServerVersion", "12",
            "ApplicationName", "a report", "connectTimeout", "5", "reWriteBatchedInserts", "true", "tcpKeepAlive", "true",
            "gssEncMode", "prefer", "sslmode", "prefer", "targetServerType", "preferSecondary", "stringtype", "unspecified",
            "databaseMetadataCacheFields", "0", "hideUnprivilegedObjects", "true");
        step("metadata that hides", Client::metadata, "hideUnprivilegedObjects", "true");
        pool();
    }
}
