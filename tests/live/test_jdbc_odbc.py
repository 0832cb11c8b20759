"""The JDBC and ODBC drivers through the gateway, where the system has them: what most desktop tools stand on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from live.door import variables
from live.wire import Lease

Environment = Callable[[str], dict[str, str]]
JAR = Path("/usr/share/java/postgresql.jar")
PROGRAM = Path(__file__).parent / "programs" / "Metadata.java"


def test_jdbc(reader: Lease, as_user: Environment, tmp_path: Path) -> None:
    """Its questions about the database, settings, pages, prepared statements and COPY; nothing is held or refused."""
    java = shutil.which("java")
    if not java or not JAR.exists():
        pytest.skip("no java, or no PostgreSQL driver for it in /usr/share/java (libpostgresql-jdbc-java)")
    if subprocess.run([java, "--list-modules"], capture_output=True, text=True).stdout.find("jdk.compiler") < 0:
        pytest.skip("this java cannot run a source file (it is a JRE)")
    done = subprocess.run(
        [java, "-XX:TieredStopAtLevel=1", "-cp", str(JAR), str(PROGRAM)], env=as_user("alice") | variables(reader),
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = dict(line.split("\t") for line in done.stdout.splitlines())

    assert int(said["tables"]) >= 8
    assert said["columns"] == "11"
    assert {said[key] for key in ("primary keys", "imported keys", "exported keys", "best row")} == {"1"}
    assert said["indexes"] == "2"
    assert int(said["types"]) > 100
    assert said["masked 1"] == "s***@e***.com [redacted] 1970-01-01"
    assert said["masked 2"] == said["masked 2"].replace("@example", "") == "z***@e***.net [redacted] 1970-01-01"
    assert all("***@e***" in said[f"masked {n}"] for n in range(1, 8))
    assert said["described"] == "date 1"
    assert (said["paged"], said["updatable"], said["usable"]) == ("500", "3", "1")
    assert said["copied"] == "s***@e***.com z***@e***.net"
    assert said["refused"] == "42501"


def test_odbc(reader: Lease, as_user: Environment, tmp_path: Path) -> None:
    """psqlODBC, as isql drives it: tables, columns, rows."""
    isql = shutil.which("isql")
    driver = next(iter(sorted(Path("/usr/lib").glob("*/odbc/psqlodbcw.so"))), None)
    if not isql or driver is None:
        pytest.skip("no isql (unixodbc), or no PostgreSQL driver for it (odbc-postgresql)")
    places = tmp_path / "odbc.ini"
    places.write_text(
        f"[gov]\nDriver={driver}\nServername={reader['pghost']}\nPort={reader['pgport']}\n"
        f"Database={reader['pgdatabase']}\nUserName={reader['pguser']}\nPassword={reader['pgpassword']}\n"
        f"SSLmode={reader['pgsslmode']}\nPqopt=sslrootcert={reader['pgsslrootcert']}\n"
    )
    asked = "help\nhelp customers\nselect email, ssn from customers where id = 1\nselect count(*) from orders\n"
    done = subprocess.run(
        [isql, "gov", "-b", "-v", "-d|"], env=as_user("alice") | {"ODBCINI": str(places)}, input=asked,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout
    lines = done.stdout.splitlines()
    assert "s***@e***.com|[redacted]" in lines
    assert "100000" in lines
    assert any("|customers|TABLE" in line for line in lines)
    assert any("|customers|credit_card|" in line for line in lines)
