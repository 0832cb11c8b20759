"""Statements made at random over small tables of small numbers, by a seed.

Whatever they return is the same each time for the same data, in some order: LIMIT comes with a total order,
no value depends on which of two equal rows comes first, and UPDATE and MERGE meet each row once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

SETUP = """
CREATE TABLE t (id bigint PRIMARY KEY, a bigint, b bigint, c bigint);
CREATE TABLE u (id bigint PRIMARY KEY, a bigint, d bigint, e bigint);
CREATE TABLE w (id bigint PRIMARY KEY, d bigint, f bigint, twice bigint GENERATED ALWAYS AS (f * 2 + d) STORED);
CREATE TABLE sink (id bigint PRIMARY KEY, p bigint, q bigint, total bigint GENERATED ALWAYS AS (p + q) STORED);
CREATE VIEW plain AS SELECT id, a, b + c AS bc FROM t WHERE c IS NOT NULL;
CREATE VIEW joined AS SELECT t.id, u.d, sum(u.e) AS es FROM t JOIN u ON t.a = u.a GROUP BY t.id, u.d;
CREATE VIEW nested AS SELECT p.a, j.es, w.twice FROM plain p LEFT JOIN joined j USING (id) LEFT JOIN w ON w.d = p.a;
CREATE MATERIALIZED VIEW kept AS SELECT a, count(*) AS n, max(d) AS d FROM u GROUP BY a;
"""
TABLES = {"t": "id a b c", "u": "id a d e", "w": "id d f twice", "sink": "id p q total"}
SETTABLE = {"t": "a b c", "u": "a d e", "w": "d f", "sink": "p q"}
RELATIONS = {
    **TABLES, "plain": "id a bc", "joined": "id d es", "nested": "a es twice", "kept": "a n d",
}  # fmt: skip


class Part(NamedTuple):
    """Something in FROM: what it is called, its columns, and whether it is a row of a relation."""

    alias: str
    columns: tuple[str, ...]
    row: bool = False


class Query(NamedTuple):
    """A query and the names of its columns."""

    text: str
    columns: tuple[str, ...]


@dataclass
class Generator:
    """One statement."""

    chance: random.Random
    named: list[Part] = field(default_factory=list)
    """WITH queries in sight."""
    count: int = 0

    def fresh(self) -> str:
        """A name that nothing else has."""
        self.count += 1
        return f"x{self.count}"

    def maybe(self, one_in: int) -> bool:
        """True now and then."""
        return self.chance.randrange(one_in) == 0

    # statements

    def statement(self) -> str:
        """Any statement."""
        kind = self.chance.randrange(12)
        if kind < 8:
            return self.query(3).text
        return [self.insert, self.update, self.delete, self.merge][kind - 8]()

    def insert(self) -> str:
        """INSERT, with new ids, or old ones and ON CONFLICT."""
        source = self.query(2, width=2, limited=False)
        conflict = self.chance.choice([
            "", " ON CONFLICT (id) DO NOTHING", " ON CONFLICT DO NOTHING",
            " ON CONFLICT (id) DO UPDATE SET p = excluded.q + sink.p",
            f" ON CONFLICT (id) DO UPDATE SET q = excluded.p WHERE sink.p {self.operator()} excluded.q",
        ])  # fmt: skip
        first, second = source.columns
        base = 1000 if not conflict else 1
        text = (
            f"INSERT INTO sink (id, p, q) SELECT {base} + row_number() OVER (ORDER BY s.{first}, s.{second}),"
            f" s.{first}, s.{second} FROM ({source.text}) s{conflict}"
        )
        return self.returning(text, Part("sink", ("id", "p", "q", "total"), row=True))

    def update(self) -> str:
        """UPDATE, from what meets each row once."""
        inner = self.query(2, width=2, limited=False)
        first, second = inner.columns
        me = Part("sink", ("id", "p", "q", "total"), row=True)
        shape = self.chance.randrange(4)
        if shape == 0:
            source = f" FROM (SELECT s.{first} AS k, max(s.{second}) AS v FROM ({inner.text}) s GROUP BY 1) k"
            where = f" WHERE k.k = sink.{self.chance.choice('pq')}"
            seen = [me, Part("k", ("k", "v"))]
        elif shape == 1:
            source, where, seen = " FROM u", " WHERE u.id = sink.id", [me, Part("u", tuple(TABLES["u"].split()))]
        else:
            source, where, seen = "", f" WHERE {self.condition(seen := [me], 2)}", [me]
        if shape == 3:
            sets = f"(p, q) = (SELECT max({first}), count({second}) FROM ({inner.text}) s)"
        else:
            sets = ", ".join(f"{each} = {self.value(seen, 2)}" for each in self.chance.sample("pq", self.width(2)))
        return self.returning(f"UPDATE sink SET {sets}{source}{where}", me, *seen[1:])

    def delete(self) -> str:
        """DELETE, USING another or not."""
        me = Part("sink", ("id", "p", "q", "total"), row=True)
        other = Part("u", tuple(TABLES["u"].split()), row=True)
        if self.maybe(2):
            text = f"DELETE FROM sink WHERE {self.condition([me], 2)}"
            return self.returning(text, me)
        return f"DELETE FROM sink USING u WHERE sink.p = u.a AND {self.condition([me, other], 2)}"

    def merge(self) -> str:
        """MERGE with a source of unique ids."""
        me, other = Part("sink", ("id", "p", "q", "total")), Part("u", tuple(TABLES["u"].split()))
        both = [me, other]
        whens = [
            f"WHEN MATCHED AND {self.condition(both, 1)} THEN UPDATE SET p = {self.value(both, 1)}",
            "WHEN MATCHED AND u.e = 1 THEN DELETE",
            f"WHEN NOT MATCHED AND {self.condition([other], 1)} THEN INSERT (id, p) VALUES (u.id + 100,"
            f" {self.value([other], 1)})",
        ]  # fmt: skip
        chosen = " ".join(self.chance.sample(whens, self.width(3)))
        return f"MERGE INTO sink USING u ON sink.id = u.id AND {self.condition(both, 1)} {chosen}"

    def returning(self, text: str, *seen: Part) -> str:
        """RETURNING, sometimes; in a WITH query, sometimes."""
        if self.maybe(2):
            return text
        columns = ", ".join(f"{self.value([*seen], 1)} AS {self.fresh()}" for _ in range(self.width(2)))
        text = f"{text} RETURNING {columns}"
        if self.maybe(3):
            return f"WITH done AS ({text}) SELECT count(*) AS n, sum({self.value([Part('t', ('a', 'b'))], 1)}) AS s" \
                   " FROM done, t"  # fmt: skip
        return text

    # queries

    def width(self, most: int = 3) -> int:
        """A number of things."""
        return self.chance.randint(1, most)

    def query(self, depth: int, outer: tuple[Part, ...] = (), width: int = 0, *, limited: bool = True) -> Query:
        """A query with `width` columns, or some."""
        before, prefix = [*self.named], ""
        if depth and self.maybe(4):
            prefix = self.with_(depth - 1, outer)
        if depth and self.maybe(6):
            query = self.set_operation(depth - 1, outer, width or self.width())
        else:
            query = self.select(depth, outer, width)
        if limited and self.maybe(8):
            order = ", ".join(str(place) for place in range(1, len(query.columns) + 1))
            query = query._replace(
                text=f"SELECT * FROM ({query.text}) {self.fresh()} ORDER BY {order} LIMIT {self.chance.randint(1, 4)}"
            )
        self.named = before
        return query._replace(text=prefix + query.text)

    def with_(self, depth: int, outer: tuple[Part, ...]) -> str:
        """WITH; now and then a recursive one, or one that hides a table."""
        name = self.chance.choice(["t", "u", self.fresh()])
        if self.maybe(3):
            table = self.chance.choice(["t", "u"])
            other = TABLES[table].split()[1:]
            first, second = self.chance.choice(other), self.chance.choice(other)
            body = (
                f"SELECT 1 AS n, {first} AS v FROM public.{table} WHERE {second} > 0 UNION"
                f" SELECT r.n + 1, s.{second} FROM {name} r JOIN public.{table} s ON s.{first} = r.v WHERE r.n < 4"
            )
            self.named.append(Part(name, ("n", "v")))
            return f"WITH RECURSIVE {name} (n, v) AS ({body}) "
        inner = self.query(depth, outer)
        renamed = tuple(self.fresh() for _ in inner.columns) if self.maybe(2) else inner.columns
        columns = f" ({', '.join(renamed)})" if renamed != inner.columns else ""
        self.named.append(Part(name, renamed))
        return f"WITH {name}{columns} AS ({inner.text}) "

    def set_operation(self, depth: int, outer: tuple[Part, ...], width: int) -> Query:
        """UNION and its kin."""
        left, right = (self.query(depth, outer, width, limited=False) for _ in range(2))
        how = self.chance.choice(["UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"])
        return Query(f"({left.text}) {how} ({right.text})", left.columns)

    def select(self, depth: int, outer: tuple[Part, ...], width: int) -> Query:
        """SELECT: plain, grouped, or with windows."""
        sources, parts = self.from_(depth, outer)
        seen = [*parts, *outer]
        where = f" WHERE {self.condition(seen, depth)}" if self.maybe(2) else ""
        names = tuple(self.fresh() for _ in range(width or self.width()))
        shape = self.chance.randrange(6)
        if shape == 0 and not width:
            star = self.star(parts)
            if star is not None:
                return Query(f"SELECT {star.text} FROM {sources}{where}", star.columns)
        if shape in (1, 2):
            return self.grouped(sources, where, parts, outer, names, depth)
        values = [self.window(seen) if shape == 3 else self.value(seen, depth) for _ in names]
        distinct = "DISTINCT " if self.maybe(5) else ""
        listed = ", ".join(f"{value} AS {name}" for value, name in zip(values, names, strict=True))
        if not distinct and self.maybe(6):
            order = ", ".join(str(place) for place in range(1, len(names) + 1))
            return Query(f"SELECT DISTINCT ON (1) {listed} FROM {sources}{where} ORDER BY {order}", names)
        return Query(f"SELECT {distinct}{listed} FROM {sources}{where}", names)

    def star(self, parts: list[Part]) -> Query | None:
        """`*` or `x.*`, where no name comes twice."""
        part = self.chance.choice(parts)
        if self.maybe(2):
            return Query(f"{part.alias}.*", part.columns)
        columns = tuple(column for each in parts for column in each.columns)
        return Query("*", columns) if len({*columns}) == len(columns) else None

    def grouped(
        self, sources: str, where: str, parts: list[Part], outer: tuple[Part, ...], names: tuple[str, ...], depth: int
    ) -> Query:
        """GROUP BY and aggregates."""
        keys = [self.value(parts, 1) for _ in range(self.width(2))]
        values = [self.chance.choice(keys) if self.maybe(3) else self.aggregate(parts) for _ in names]
        listed = ", ".join(f"{value} AS {name}" for value, name in zip(values, names, strict=True))
        how = self.chance.choice(["{}", "{}", "ROLLUP ({})", "GROUPING SETS (({}), ())"]).format(", ".join(keys))
        if not any(value in keys for value in values) and self.maybe(3):
            return Query(f"SELECT {listed} FROM {sources}{where}", names)
        having = f" HAVING {self.aggregate(parts)} {self.operator()} 1" if self.maybe(3) else ""
        return Query(f"SELECT {listed} FROM {sources}{where} GROUP BY {how}{having}", names)

    def from_(self, depth: int, outer: tuple[Part, ...]) -> tuple[str, list[Part]]:
        """FROM: one thing, or two or three joined."""
        text, part = self.source(depth, outer)
        parts = [part]
        for _ in range(self.chance.choice([0, 0, 1, 1, 2])):
            how = self.chance.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "USING", ",", "LATERAL"])
            if how == "LATERAL":
                inner = self.query(max(depth - 1, 0), (*parts, *outer), limited=False)
                part = Part(self.fresh(), inner.columns)
                text += f" CROSS JOIN LATERAL ({inner.text}) {part.alias}"
            elif how == "USING":
                text, part = self.using(text, parts, depth, outer)
            else:
                more, part = self.source(depth, outer)
                text += f"{how} {more}" if how == "," else f" {how} {more}"
                if how != ",":
                    left = self.chance.choice(parts)
                    text += f" ON {self.pick(left)} = {self.pick(part)}"
                    if how in ("JOIN", "LEFT JOIN") and self.maybe(3):
                        text += f" AND {self.condition([*parts, part], 1)}"
            parts.append(part)
        return text, parts

    def using(self, text: str, parts: list[Part], depth: int, outer: tuple[Part, ...]) -> tuple[str, Part]:
        """JOIN … USING or NATURAL JOIN, with a subquery that shares one name."""
        candidates = [column for each in parts for column in each.columns]
        shared = [column for column in candidates if candidates.count(column) == 1]
        if not shared:
            more, part = self.source(depth, outer)
            return f"{text}, {more}", part
        name = self.chance.choice(shared)
        table = self.chance.choice(["t", "u", "w"])
        first, second = self.chance.sample(SETTABLE[table].split(), 2)
        other, alias = self.fresh(), self.fresh()
        inner = f"(SELECT {first} AS {name}, {second} AS {other} FROM public.{table}) {alias}"
        kind = self.chance.choice(["", "LEFT ", "FULL ", "RIGHT "])
        if self.maybe(3):
            return f"{text} NATURAL {kind}JOIN {inner}", Part(alias, (other,))
        return f"{text} {kind}JOIN {inner} USING ({name})", Part(alias, (other,))

    def source(self, depth: int, outer: tuple[Part, ...]) -> tuple[str, Part]:
        """One thing in FROM."""
        alias, kind = self.fresh(), self.chance.randrange(8)
        if self.named and kind < 2:
            part = self.chance.choice(self.named)
            return f"{part.alias} {alias}", Part(alias, part.columns)
        if depth and kind == 2:
            inner = self.query(depth - 1, outer)
            return f"({inner.text}) {alias}", Part(alias, inner.columns)
        if kind == 3:
            value = self.value(list(outer), 1) if outer else "3"
            return f"generate_series(1, least(abs({value}), 3)) {alias} (g)", Part(alias, ("g",))
        if kind == 4:
            rows = ", ".join(f"({self.chance.randrange(4)}, {self.chance.randrange(4)})" for _ in range(3))
            return f"(VALUES {rows}) {alias} (k, m)", Part(alias, ("k", "m"))
        name = self.chance.choice(["t", "u", "w", "plain", "joined", "nested", "kept"])
        columns = tuple(RELATIONS[name].split())
        hidden = any(part.alias == name for part in self.named)
        called = f"public.{name}" if hidden or self.maybe(4) else name
        if self.maybe(6):
            renamed = tuple(self.fresh() for _ in columns)
            return f"{called} {alias} ({', '.join(renamed)})", Part(alias, renamed, row=True)
        return f"{called} {alias}", Part(alias, columns, row=True)

    # expressions

    def pick(self, part: Part) -> str:
        """A column of it."""
        return f"{part.alias}.{self.chance.choice(part.columns)}"

    def operator(self) -> str:
        """A comparison."""
        return self.chance.choice(["=", "<>", "<", ">", "<=", ">=", "IS DISTINCT FROM"])

    def value(self, seen: list[Part], depth: int) -> str:
        """A small number."""
        if not seen:
            return str(self.chance.randrange(4))
        kind = self.chance.randrange(14 if depth else 5)
        if kind < 4:
            return self.column(seen)
        if kind == 4:
            return str(self.chance.randrange(4))
        one, other = self.value(seen, depth - 1), self.value(seen, depth - 1)
        if kind == 5:
            return f"(({one} {self.chance.choice('+-*')} {other}) % 11)"
        if kind == 6:
            otherwise = f" ELSE {other}" if self.maybe(2) else ""
            return f"CASE WHEN {self.condition(seen, depth - 1)} THEN {one}{otherwise} END"
        if kind == 7:
            return f"{self.chance.choice(['coalesce', 'nullif', 'greatest', 'least'])}({one}, {other})"
        if kind == 8:
            return f"abs({one})"
        if kind == 9:
            inner = self.query(depth - 1, tuple(seen), 1, limited=False)
            how = self.chance.choice(["max", "min", "sum", "count"])
            return f"(SELECT {how}({inner.columns[0]}) FROM ({inner.text}) {self.fresh()})"
        if kind == 10:
            return f"({self.condition(seen, depth - 1)})::int"
        if kind == 11:
            inner = self.query(depth - 1, tuple(seen), 1, limited=False)
            name = self.fresh()
            ordered = f"SELECT {inner.columns[0]} FROM ({inner.text}) {name} ORDER BY 1"
            return f"cardinality(ARRAY({ordered}))"
        if kind == 12:
            return f"(ARRAY[{one}, {other}])[1 + abs({self.column(seen)}) % 2]"
        rows = [part for part in seen if part.row]
        if not rows:
            return one
        part = self.chance.choice(rows)
        return f"({part.alias}).{self.chance.choice(part.columns)}"

    def column(self, seen: list[Part]) -> str:
        """A column, qualified unless its name is one of a kind."""
        part = self.chance.choice(seen)
        name = self.chance.choice(part.columns)
        alone = sum(each.columns.count(name) for each in seen) == 1 and name.startswith("x")
        return name if alone and self.maybe(2) else f"{part.alias}.{name}"

    def condition(self, seen: list[Part], depth: int) -> str:
        """Something true or false."""
        kind = self.chance.randrange(9 if depth else 3)
        one, other = self.value(seen, max(depth - 1, 0)), self.value(seen, max(depth - 1, 0))
        if kind < 2:
            return f"{one} {self.operator()} {other}"
        if kind == 2:
            return f"{one} IS {self.chance.choice(['', 'NOT '])}NULL"
        if kind == 3:
            left, right = self.condition(seen, depth - 1), self.condition(seen, depth - 1)
            return f"({left} {self.chance.choice(['AND', 'OR'])} {right})"
        if kind == 4:
            return f"NOT ({self.condition(seen, depth - 1)})"
        inner = self.query(depth - 1, tuple(seen), 1, limited=False)
        if kind == 5:
            return f"EXISTS ({inner.text})"
        if kind == 6:
            return f"{one} {self.chance.choice(['', 'NOT '])}IN ({inner.text})"
        if kind == 7:
            return f"{one} {self.chance.choice(['=', '<', '>'])} {self.chance.choice(['ANY', 'ALL'])} ({inner.text})"
        return f"({one}, {other}) IN ((1, 2), (0, {self.value(seen, 0)}))"

    def aggregate(self, seen: list[Part]) -> str:
        """An aggregate, which does not care for the order of rows."""
        one = self.value(seen, 1)
        how = self.chance.choice(["sum", "max", "min", "count", "count(DISTINCT", "count(*)"])
        if how == "count(*)":
            return how
        call = f"{how} {one})" if how.endswith("DISTINCT") else f"{how}({one})"
        return f"{call} FILTER (WHERE {self.condition(seen, 1)})" if self.maybe(4) else call

    def window(self, seen: list[Part]) -> str:
        """A window function, the same for equal rows."""
        partition = f"PARTITION BY {self.value(seen, 1)} " if self.maybe(2) else ""
        order = f"ORDER BY {self.value(seen, 1)}" if self.maybe(2) else ""
        how = self.chance.choice([f"sum({self.value(seen, 1)})", f"max({self.value(seen, 1)})", "count(*)", "rank()"])
        return f"{how} OVER ({partition}{order})"


def statement(seed: int) -> str:
    """The statement of a seed."""
    return Generator(random.Random(seed)).statement()
