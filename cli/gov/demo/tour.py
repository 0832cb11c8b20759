"""`gov demo tour`: the whole story, played with real commands and checked against the real database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from gov.demo import shop
from gov.demo.actor import Actor, Answer, Running, Untrue
from gov.demo.issuer_client import approve_device
from gov.demo.sign_in import sign_in
from gov.demo.stage import TARGET, Stage
from gov.demo.transcript import Transcript

REQUEST = r"\brq-[0-9a-z]{6}\b"
FILE = "bounced.parquet"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who plays, and where."""

    stage: Stage
    transcript: Transcript
    alice: Actor
    bob: Actor
    carol: Actor

    def prove(self, claim: str, holds: bool) -> None:
        """Show the claim.

        Raises:
            Untrue: It does not hold.
        """
        if not holds:
            self.transcript.failed(claim)
            raise Untrue(f"not true: {claim}", hint="please report it, with the lines above")
        self.transcript.proved(claim)

    def count(self, table: str) -> int | None:
        """Rows of a table as its superuser sees it; None when there is no such table."""
        with psycopg.connect(self.stage.cluster.admin_dsn_of(shop.DATABASE)) as connection:
            try:
                row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            except psycopg.errors.UndefinedTable:
                return None
        return int(row[0]) if row else None

    def leaks(self, answer: Answer) -> list[str]:
        """Sensitive values of the first customers that are in the answer."""
        query = "SELECT email, ssn, phone, credit_card FROM customers ORDER BY id LIMIT 200"
        with psycopg.connect(self.stage.cluster.admin_dsn_of(shop.DATABASE)) as connection:
            values = [value for row in connection.execute(query) for value in row]
        return [value for value in values if value in answer.output]


def play(file: IO[str], say: Callable[[str], None], *, picture: Path | None = None) -> None:
    """Play everything on a stage of its own, which is gone afterwards.

    Raises:
        Untrue: A command did not do what it promises.
    """
    transcript = Transcript(file)
    with _stage(say) as stage:
        scene = Scene(stage, transcript, *(_actor(stage, transcript, each) for each in ("alice", "bob", "carol")))
        for chapter in CHAPTERS:
            transcript.chapter((chapter.__doc__ or "").splitlines()[0].rstrip("."))
            chapter(scene)
        if picture:
            transcript.save(picture, "gov demo tour")
        transcript.chapter("everything held; nothing is left behind")


@contextmanager
def _stage(say: Callable[[str], None]) -> Iterator[Stage]:
    stage = Stage(Path(tempfile.mkdtemp(prefix="gov-tour-")))
    try:
        stage.up(say)
        for each in ("bob", "carol"):
            sign_in(stage, each)
        yield stage
    finally:
        stage.down()


def _actor(stage: Stage, transcript: Transcript, name: str) -> Actor:
    home = stage.directory / "users" / name
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Actor(name, home, transcript, stage.broker_url)


def log_in(scene: Scene) -> None:
    """alice logs in with a device code; nobody gives her a database password."""
    line = f"gov login {scene.stage.broker_url} --ca-file {scene.stage.ca_file} --store file"
    login = scene.alice.begins(line, shown=f"gov login {scene.stage.broker_url}")
    code = login.until(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b").group()
    approve_device(scene.stage.issuer_url, code, "alice")
    login.ends(shows=["alice"])
    scene.alice.does("gov whoami", shows=["alice", "engineering"])
    scene.alice.does("gov targets", shows=[TARGET, "read"])


def read_masked(scene: Scene) -> None:
    """What she may not see never leaves the database."""
    rows = scene.alice.does(f"gov exec {TARGET} -c 'select id, full_name, email, ssn, phone from customers limit 3'")
    scene.prove("names are clear, addresses and numbers are not", not scene.leaks(rows) and "@e***.com" in rows.output)


def spell_otherwise(scene: Scene) -> None:
    """However she spells it."""
    spellings = {
        "a whole row": "select row_to_json(c)->>'email' as email from public.customers c limit 2",
        "a copy": "copy (select id, email, ssn from customers limit 2) to stdout",
        "an aggregate": "select max(email), max(ssn) from customers where id < 100",
    }
    for what, statement in spellings.items():
        answer = scene.alice.does(f'gov exec {TARGET} -c "{statement}"')
        scene.prove(f"{what} shows nothing more", not scene.leaks(answer))
    xml = "select query_to_xml('select * from customers limit 3', true, false, '')"
    answer = scene.alice.does(f'gov exec {TARGET} -c "{xml}"', status=4)
    scene.prove("SQL inside a string is denied", not scene.leaks(answer))


def hold_and_approve(scene: Scene) -> None:
    """What is dangerous waits on the wire until somebody else says yes."""
    drop = scene.alice.begins(f"gov exec {TARGET} -c 'DROP TABLE orders'", background=True)
    request = drop.until(REQUEST).group()
    scene.alice.does(f"gov approve {request} --yes", status=4)
    scene.prove("nobody approves their own, and nothing has run", scene.count("orders") == 100_000)
    scene.bob.does("gov requests", shows=[request, "(?i)drop table orders", "alice"])
    scene.bob.does(f"gov approve {request} --yes")
    _resumed(scene, drop).ends(shows=["DROP TABLE"])
    scene.prove("it ran once bob had said yes", scene.count("orders") is None)


def deny_by_rule(scene: Scene) -> None:
    """Some things nobody has to be asked about."""
    answer = scene.alice.does(f"gov exec {TARGET} -c \"COPY customers TO '/tmp/x'\"", status=4)
    scene.prove("denied, with the rule and the reason", "no-server-files" in answer.output)


def deny_by_person(scene: Scene) -> None:
    """A no comes with its reason, on the requester's screen."""
    before = scene.count("payments")
    delete = scene.alice.begins(f"gov exec {TARGET} -c 'DELETE FROM payments'", background=True)
    request = delete.until(REQUEST).group()
    scene.bob.does(f"gov deny {request} --reason 'forgot the WHERE?'")
    _resumed(scene, delete).ends(status=5, shows=[r"forgot the WHERE\?"])
    scene.prove("not a row is gone", scene.count("payments") == before)


def ask_the_trail(scene: Scene) -> None:
    """Who read it, masked or clear, and who approved what: one command."""
    scene.carol.does(f"gov exec {TARGET} -c 'select email from customers where id = 1'", shows=["samir.abbott1@"])
    search = "gov audit search --column public.customers.email --limit 3"
    scene.carol.does(search, shows=["alice .* masked", "carol .* clear"])
    scene.carol.does("gov audit search --table public.orders --limit 3", shows=["(?i)drop table orders", "bob"])
    scene.carol.does("gov audit verify")


def export_with_approval(scene: Scene) -> None:
    """Who needs the clear values asks; the file that is written carries its origin."""
    query = "select id, email, country from customers where id <= 80"
    export = scene.alice.begins(
        f"gov exec {TARGET} --unmask customers.email --purpose support --reason 'bounced mail' -c '{query}' -o {FILE}",
        background=True,
    )
    request = export.until(REQUEST).group()
    scene.carol.does(f"gov approve {request} --yes", shows=["unmask public.customers.email", "bounced mail"])
    _resumed(scene, export).ends(shows=["80 rows", "receipt"])
    masked = scene.alice.does(f"gov exec {TARGET} -c '{query} limit 2'")
    scene.prove("only that lease saw them: the next reads masks again", not scene.leaks(masked))


def trace_the_file(scene: Scene) -> None:
    """Where did this file come from, and who approved its use?"""
    answer = scene.alice.does(f"gov trace {FILE}", shows=["by alice for support", "approved by carol", "verified"])
    scene.prove("every column, its source and the approver", f"{TARGET}:public.customers.email" in answer.output)
    scene.alice.does(f"gov receipt verify {FILE}", shows=["verified"])
    _flip_a_byte(scene.alice.directory / FILE)
    scene.alice.does(f"gov receipt verify {FILE}", status=8, shown=f"gov receipt verify {FILE}   # one byte changed")


def tamper(scene: Scene) -> None:
    """And whoever edits the trail is found out."""
    copy = Path(tempfile.mkdtemp(prefix="gov-copy-"))
    try:
        shutil.copytree(scene.stage.audit_directory, copy / "audit")
        _flip_a_byte(_largest(copy / "audit"))
        line = f"gov audit verify --dir {copy / 'audit'}"
        scene.carol.does(line, status=8, shown="gov audit verify --dir EDITED-COPY")
        scene.prove("one changed byte is found", True)
    finally:
        shutil.rmtree(copy)


def _resumed(scene: Scene, running: Running) -> Running:
    scene.transcript.typed("alice", "fg")
    return running


def _largest(directory: Path) -> Path:
    """Of the log this is the record of what was done."""
    return max((each for each in directory.rglob("*") if each.is_file()), key=lambda each: each.stat().st_size)


def _flip_a_byte(file: Path) -> None:
    """Change a letter in the middle."""
    with file.open("r+b") as opened:
        middle = file.stat().st_size // 2
        opened.seek(middle)
        byte = opened.read(1)
        opened.seek(middle)
        opened.write(bytes([byte[0] ^ 1]))


CHAPTERS: tuple[Callable[[Scene], None], ...] = (
    log_in,
    read_masked,
    spell_otherwise,
    hold_and_approve,
    deny_by_rule,
    deny_by_person,
    ask_the_trail,
    export_with_approval,
    trace_the_file,
    tamper,
)
