import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import org.postgresql.PGConnection;

/** What a tool asks through pgjdbc. Prints a line for each answer: its name, a tab, and what it was. */
public class Metadata {
  interface Question {
    ResultSet ask() throws SQLException;
  }

  static void answer(String name, Object what) {
    System.out.println(name + "\t" + what);
  }

  static void rows(String name, Question question) throws SQLException {
    int count = 0;
    try (ResultSet result = question.ask()) {
      for (; result.next(); count++) {
        for (int column = 1; column <= result.getMetaData().getColumnCount(); column++) {
          result.getObject(column);
        }
      }
    }
    answer(name, count);
  }

  public static void main(String[] words) throws Exception {
    Map<String, String> environment = System.getenv();
    Properties options = new Properties();
    options.put("user", environment.get("PGUSER"));
    options.put("password", environment.get("PGPASSWORD"));
    options.put("sslmode", environment.get("PGSSLMODE"));
    options.put("sslrootcert", environment.get("PGSSLROOTCERT"));
    options.put("ApplicationName", "a tool on JDBC");
    String url = "jdbc:postgresql://" + environment.get("PGHOST") + ":" + environment.get("PGPORT") + "/"
        + environment.get("PGDATABASE");
    try (Connection connection = DriverManager.getConnection(url, options)) {
      metadata(connection.getMetaData());
      settings(connection);
      statements(connection);
      copied(connection);
      refused(connection);
    }
  }

  static void metadata(DatabaseMetaData meta) throws SQLException {
    rows("tables", () -> meta.getTables(null, "public", "%", new String[] {"TABLE"}));
    rows("columns", () -> meta.getColumns(null, "public", "customers", "%"));
    rows("column privileges", () -> meta.getColumnPrivileges(null, "public", "customers", "%"));
    rows("table privileges", () -> meta.getTablePrivileges(null, "public", "%"));
    rows("primary keys", () -> meta.getPrimaryKeys(null, "public", "customers"));
    rows("imported keys", () -> meta.getImportedKeys(null, "public", "payments"));
    rows("exported keys", () -> meta.getExportedKeys(null, "public", "customers"));
    rows("indexes", () -> meta.getIndexInfo(null, "public", "customers", false, true));
    rows("best row", () -> meta.getBestRowIdentifier(null, "public", "customers", 1, true));
    rows("version columns", () -> meta.getVersionColumns(null, "public", "customers"));
    rows("functions", () -> meta.getFunctions(null, "pg_catalog", "lower"));
    rows("function columns", () -> meta.getFunctionColumns(null, "pg_catalog", "lower", "%"));
    rows("procedures", () -> meta.getProcedures(null, "public", "%"));
    rows("types", meta::getTypeInfo);
    rows("own types", () -> meta.getUDTs(null, "public", "%", null));
    rows("catalogs", meta::getCatalogs);
    rows("schemas", meta::getSchemas);
    rows("table types", meta::getTableTypes);
    answer("keywords", meta.getSQLKeywords().length() > 100);
    answer("longest name", meta.getMaxTableNameLength());
  }

  static void settings(Connection connection) throws SQLException {
    connection.setReadOnly(true);
    connection.setReadOnly(false);
    connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    answer("isolation", connection.getTransactionIsolation());
    connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    connection.setSchema("public");
    connection.setClientInfo("ApplicationName", "renamed");
    answer("schema", connection.getSchema());
    answer("valid", connection.isValid(10));
  }

  static void statements(Connection connection) throws SQLException {
    PreparedStatement masked = connection.prepareStatement("select email, ssn, dob from customers where id = ?");
    for (int id = 1; id <= 7; id++) { // the sixth run uses a named statement, and binary results
      masked.setInt(1, id);
      try (ResultSet row = masked.executeQuery()) {
        row.next();
        answer("masked " + id, row.getString(1) + " " + row.getString(2) + " " + row.getDate(3));
      }
    }
    ResultSetMetaData described = masked.getMetaData();
    answer("described", described.getColumnTypeName(3) + " " + described.isNullable(1));
    connection.setAutoCommit(false);
    Statement paged = connection.createStatement();
    paged.setFetchSize(50);
    rows("paged", () -> paged.executeQuery("select * from orders limit 500"));
    Savepoint savepoint = connection.setSavepoint();
    connection.rollback(savepoint);
    connection.rollback();
    connection.setAutoCommit(true);
    Statement updatable =
        connection.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE);
    rows("updatable", () -> updatable.executeQuery("select id, status from orders limit 3"));
  }

  static void copied(Connection connection) throws Exception {
    StringWriter out = new StringWriter();
    String text = "copy (select email from customers where id < 3 order by id) to stdout";
    connection.unwrap(PGConnection.class).getCopyAPI().copyOut(text, out);
    answer("copied", out.toString().trim().replace('\n', ' '));
  }

  static void refused(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("set role postgres");
    } catch (SQLException error) {
      answer("refused", error.getSQLState());
    }
    rows("usable", () -> connection.createStatement().executeQuery("select 1"));
  }
}
