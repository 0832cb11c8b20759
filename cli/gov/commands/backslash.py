"""The few backslash commands of our prompt, as plain SQL over the catalogs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

HELP = """\
  \\q            leave (Ctrl-D too)
  \\dt           tables and views
  \\d NAME       columns of a table or view, and which are masked for you
  \\x            rows as one line for each column, on and off
  \\timing       how long each statement took, on and off
  \\?            this help
  Ctrl-C        clears the line; cancels what runs; withdraws what is held
"""

TABLES = """\
select n.nspname as schema, c.relname as name,
       case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
            when 'm' then 'materialized view' else 'foreign table' end as type
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|gov_m_|information_schema$)'
order by 1, 2"""

COLUMNS = """\
select a.attname as column, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
       case when a.attnotnull then 'not null' else '' end as nullable,
       n.nspname || '.' || c.relname || '.' || a.attname as mask
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum"""


@dataclass(slots=True)
class Switches:
    """What the prompt remembers between statements."""

    expanded: bool = False
    timing: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """SQL to run for the command, with its parameters."""

    sql: str
    parameters: tuple[str, ...] = ()
    masks: bool = False
    """Whether each row ends with a column's path, to be shown as `masked` or nothing."""


@dataclass(frozen=True, slots=True)
class Say:
    """Something to print."""

    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Time to go."""


Outcome = Ask | Say | Leave


def command(line: str, switches: Switches) -> Outcome:
    """What the backslash command `line` wants done."""
    word, _, rest = line.strip().rstrip(";").partition(" ")
    rest = rest.strip()
    match word:
        case "\\q":
            return Leave()
        case "\\dt":
            return Ask(TABLES)
        case "\\d":
            return Ask(COLUMNS, (rest,), masks=True) if rest else Ask(TABLES)
        case "\\x":
            switches.expanded = not switches.expanded
            return Say(f"expanded display is {_state(switches.expanded)}")
        case "\\timing":
            switches.timing = not switches.timing
            return Say(f"timing is {_state(switches.timing)}")
        case "\\?":
            return Say(HELP.rstrip())
        case _:
            return Say(f"no such command: {word}; \\? lists them")


def _state(on: bool) -> str:
    return "on" if on else "off"


Row = tuple[str | None, ...]


def with_masks(rows: Collection[Row], masked: Collection[str]) -> list[Row]:
    """Rows of `COLUMNS` with their last cell, the column's path, turned into `masked` or nothing."""
    return [(*row[:-1], "masked" if row[-1] in masked else "") for row in rows]
