"""Passwords do not reach the log, in whatever way a statement spells them."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.audit.redact import redact, without_passwords, without_secrets_of

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "ALTER ROLE bob PASSWORD 'hunter2'",
        "ALTER ROLE bob WITH LOGIN PASSWORD 'hunter2' VALID UNTIL 'infinity'",
        "alter user bob encrypted password'hunter2'",
        "CREATE ROLE bob PASSWORD E'hunter2\\'; more'",
        "CREATE ROLE bob PASSWORD e'\\'hunter2'",
        "CREATE ROLE bob PASSWORD U&'hunter2'",
        "CREATE ROLE bob PASSWORD U&'!0068unter2 hunter2' UESCAPE '!'",
        "CREATE ROLE bob PASSWORD 'it''s hunter2'",
        "CREATE ROLE bob PASSWORD 'hun'\n  'hunter2'",
        "CREATE ROLE bob PASSWORD $$hunter2$$",
        "CREATE ROLE bob PASSWORD $pw$ hunter2 $$ $pw$",
        "CREATE ROLE bob PASSWORD /* now */ 'hunter2'",
        "CREATE ROLE bob PASSWORD -- now\n 'hunter2'",
        "CREATE ROLE bob PASSWORD\n'hunter2'",
        "CREATE ROLE bob PASSWORD 'hunter2",
        "CREATE ROLE bob PASSWORD $$hunter2",
        "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password 'hunter2')",
        "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', \"password\" 'hunter2')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2 user=bob' PUBLICATION p",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password = ''hunter2 and more'' user=bob' PUBLICATION p",
        "CREATE SUBSCRIPTION s CONNECTION 'postgresql://bob:hunter2@db/shop' PUBLICATION p",
        "SELECT * FROM dblink('postgres://bob:hunter2@db/shop?x=1', 'select 1') AS t(a int)",
        "SELECT dblink_connect('host=h sslpassword=hunter2')",
        "SELECT dblink_connect('host=h passwd=hunter2 port=1')",
        "SELECT dblink_connect('postgresql://db/shop?user=bob&password=hunter2&port=1')",
        "DO $$ BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''hunter2'''; END $$",
        "SET password = 'hunter2'",
        "SET app.password TO 'hunter2'",
        "SET LOCAL \"app.password\" = 'hunter2'",
        "SELECT set_config('app.password', 'hunter2', false)",
        "SELECT set_config('app.db_password', 'hunter2', false)",
        "SELECT login(password => 'hunter2')",
        "SELECT login(password := 'hunter2')",
        "UPDATE users SET password = 'hunter2' WHERE id = 1",
        "UPDATE users SET password_hash = 'hunter2' WHERE id = 1",
        "/* ALTER ROLE bob PASSWORD 'hunter2' */ SELECT 1",
        "SELECT 1 -- ALTER ROLE bob PASSWORD 'hunter2'",
        "/* /* nested */ PASSWORD 'hunter2' */ SELECT 1",
        "DO $a$ $b$ $c$ $d$ $e$ ALTER ROLE bob PASSWORD 'hunter2' $e$ $d$ $c$ $b$ $a$",
        "could not connect with host=h password=hunter2 dbname=d",
        "SELECT id FROM users WHERE password = crypt('hunter2', password)",
        "SELECT id FROM users WHERE password = encode(digest('hunter2', 'sha256'), 'hex')",
        "SELECT dblink_connect('host=h password=' || 'hunter2')",
        "was quoted' from here on PASSWORD 'hunter2'",
        "DO $body$ BEGIN EXECUTE $q$ALTER ROLE bob PASSWORD 'hunter2'$q$; END $body$",
        "DO $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD %L', 'bob', 'x'); SET password = 'hunter2'; END $$",
        "CREATE FUNCTION f() RETURNS text AS 'SELECT dblink(''host=h password=hunter2'', ''x'')' LANGUAGE sql",
        'syntax error at or near "x" in: ALTER ROLE bob PASSWORD \'hunter2\'',
        "ALTER ROLE a PASSWORD 'hunter2'; ALTER ROLE b PASSWORD 'hunter2'",
    ],
)
def test_the_password_is_gone(text: str) -> None:
    """And what remains still says what was done."""
    redacted = redact(text)

    assert SECRET not in redacted
    assert "[redacted]" in redacted
    assert redacted[:5] == text[:5]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, email FROM customers WHERE email = 'a@b.c'",
        "ALTER ROLE bob PASSWORD NULL",
        "SELECT password FROM users",
        "SELECT 'a' FROM t WHERE x = 'b'",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY t FROM '/etc/passwd'",
        "SELECT id FROM users WHERE password = $1 AND name = 'bob'",
        "SELECT id FROM users WHERE password IS NULL AND name = 'bob'",
        "UPDATE users SET password = other, name = 'bob'",
        "SELECT password, 'x' FROM users",
        "SELECT * FROM settings WHERE name = 'password' AND value = 'x'",
        "SELECT 'https://example.com/a' AS url, 'me@example.com' AS mail",
        "COPY t TO STDOUT",
        "SELECT '12:30'::time, 'x@y'",
        "",
    ],
)
def test_other_statements_stay_as_they_are(text: str) -> None:
    """An auditor reads what was really sent."""
    assert redact(text) == text


def test_what_stands_around_a_password_stays() -> None:
    """Only the literal is replaced."""
    text = "ALTER ROLE bob WITH PASSWORD 'hunter2' VALID UNTIL '2027-01-01'"

    assert redact(text) == "ALTER ROLE bob WITH PASSWORD '[redacted]' VALID UNTIL '2027-01-01'"


@given(st.text(st.sampled_from("passwordPASSWORD '\"$=:/@\\E-*\n;x,()"), max_size=60))
def test_any_text_is_survived(text: str) -> None:
    """And redacting twice changes nothing more."""
    once = redact(text)

    assert redact(once).count("[redacted]") == once.count("[redacted]")


@given(st.text(st.characters(codec="utf-8", exclude_characters="'\\"), min_size=1))
def test_no_quoted_password_is_left(secret: str) -> None:
    """Whatever it is made of."""
    assert redact(f"ALTER ROLE bob PASSWORD '{secret}'") == "ALTER ROLE bob PASSWORD '[redacted]'"


@pytest.mark.parametrize(
    "text",
    [
        "password '", "'", "password = ", "/* password ", "/*", "$a$ password ", "$", "a://b:c ", "a.a.", "x://",
        "password=''", "password ", "password", "E'\\", '"password', "passwd\\'", "password''", "password.",
        "passwd = \\'", "--password\n", "\n", "password_", "E'password", "password =>",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """Every statement passes through here on its way; half a megabyte of anything is done at once."""
    whole = f"password{text * (500_000 // len(text))}@://"
    tags = "".join(f"$a{n}$password" for n in range(20_000))
    within(5.0, redact, whole)
    within(5.0, redact, tags)


@pytest.mark.parametrize("literal", ["'hunter2'", "E'hunter2'", "$$hunter2$$", "U&'hunter2'", "'x' 'hunter2'"])
def test_an_error_that_quotes_the_password(literal: str) -> None:
    """PostgreSQL says near what a syntax error is; that may be the password, with nothing that tells it is one."""
    text = f"alter role a password {literal} oops"

    for near in (literal.split()[-1], "hunter2"):
        assert "hunter2" not in without_secrets_of(text, f'syntax error at or near "{near}"')
    assert without_secrets_of("select 1", "hunter2 is fine") == "hunter2 is fine"


@pytest.mark.parametrize(("text", "hidden"), [
    ("update users set password = $1 where id = $2", {1}),
    ("update users set name = $1, passwd=$2", {2}),
    ("select set_config('app.password', $1, false)", {1}),
    ("select crypt(password => $2, salt => $1)", {2}),
    ("select f(app_password := $1::text)", {1}),
    ("select * from users where password = crypt($1, password)", {1}),
    ("select $1 as password", set()),
    ("select name from users where id = $1", set()),
    ("select '$1 password = $1'", set()),
])  # fmt: skip
def test_a_parameter_that_stands_for_a_password(text: str, hidden: set[int]) -> None:
    """It is blank; its neighbours and null are not."""
    values = ("one", "two")
    shown = without_passwords(text, values)

    assert {at for at, value in enumerate(shown, 1) if value == "[redacted]"} == hidden
    assert without_passwords(text, (None, None)) == (None, None)


def within(seconds: float, action: Callable[[str], str], text: str) -> None:
    """Run `action`; a regular expression that has run away is stopped, and the test fails."""
    def stop(*_: object) -> None:
        raise AssertionError("it takes too long")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        action(text)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
