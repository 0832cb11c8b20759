"""Analysts: real child processes, given what hurts them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gov.broker import analyst
from gov.broker.analysis import LONG, Analysts, Settings, Studied
from gov.broker.grounds import Standing
from gov.broker.study import Executes, Question, Refused, Undoes
from gov.errors import Denied, GovError, NotUnderstood, TooComplex, Unavailable
from gov.policy.decision import MaskSpec, Outcome
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.facts import Facts
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.terms import Column, Effect, Relation

PATH = ("public",)
T = Relation("public", "t")
SHOP = Catalog("1", {T: RelationInfo(T, 7, RelationKind.TABLE, "owner", tuple(
    ColumnInfo(name, "text", number) for number, name in enumerate("abc", 1)
))})  # fmt: skip
MASKED = Standing("prod", SHOP, Outcome(
    "prod", "read", frozenset({T}), {Column(T, "b"): MaskSpec("redact", "secrets", "pii.secret")},
    opened={T: frozenset("ab")},
), {T: Relation("m", "t")})  # fmt: skip
"""Column b is masked, and c is closed."""
NOWHERE = Standing("prod", Catalog("0"), Outcome("prod", "read", frozenset()), {})
QUICK = Settings(seconds=20)
HEAVY = "select " + "1+" * 90_000 + "1"
"""About a second of work."""
MIDDLING = "1+" * 15_000 + "1"


@asynccontextmanager
async def analysts(count: int = 1, settings: Settings = QUICK) -> AsyncIterator[Analysts]:
    """Some analysts at work."""
    found = Analysts()
    await found.start(count, settings)
    try:
        yield found
    finally:
        await found.close()


def play(story: Callable[[Analysts], Awaitable[None]], count: int = 1, settings: Settings = QUICK) -> None:
    """Run a story with analysts of its own."""

    async def run() -> None:
        async with analysts(count, settings) as found:
            await story(found)

    asyncio.run(run())


async def ask(found: Analysts, text: str, who: str = "", on: Standing = NOWHERE) -> Studied:
    """What there is to know of a text that has facts."""
    studied = await found.study(Question(text, PATH), on, who)
    assert isinstance(studied, Studied)
    return studied


async def facts(found: Analysts, text: str) -> Facts:
    """The facts of a text about nothing."""
    return (await ask(found, text)).facts


def stop(pid: int) -> None:
    """Stop a process; SIGSTOP reaches one of its threads, and the others a moment later."""
    os.kill(pid, signal.SIGSTOP)
    while not all("State:\tT" in each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/status")):
        time.sleep(0.001)


def gone(pid: int) -> bool:
    """Whether a process has ended, or is a zombie that nobody waits for."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_facts_are_the_same_through_a_process() -> None:
    """What an analyst answers is what the functions say, again from the cache too; so is a refusal's place."""
    text = "with x as (delete from t returning *) select é.a, f(1) from x as é, public.u order by 1"

    async def story(found: Analysts) -> None:
        studied = await ask(found, text)
        assert studied.facts == resolve(outline(text), NOWHERE.catalog, PATH)
        assert studied.sent == text
        await studied.lineage()
        assert await ask(found, text) is studied
        refused = await found.study(Question("selec 1", PATH), NOWHERE)
        assert refused == Refused('syntax error at or near "selec"', 1)

    play(story)


def test_one_question_brings_the_rewrite_proven_and_the_lineage() -> None:
    """Masks and views are those of the ground where the text stands."""

    async def story(found: Analysts) -> None:
        studied = await ask(found, "select a, b from t", on=MASKED)
        assert studied.sent == 'select a, b from "m"."t"'
        assert studied.objection is None
        (one,) = (await studied.lineage())["lineage"]
        assert [each.get("mask") for each in one["sources"]] == [None, "redact"]
        assert studied.octets > 0

        clear = await ask(found, "select a from t", on=MASKED)
        assert clear.sent == "select a from t"
        assert await (await ask(found, "select 1", on=MASKED)).lineage() == {}

    play(story)


def test_the_closed_column_of_a_ground_is_refused_by_name() -> None:
    """`*` gets along without it, and on another ground it is as open as any."""

    async def story(found: Analysts) -> None:
        with pytest.raises(Denied, match=r"public\.t\.c is closed"):
            await ask(found, "select c from t", on=MASKED)
        starred = await ask(found, "select * from t", on=MASKED)
        assert {each.name for each in starred.facts.columns_read} == {"a", "b"}
        free = Standing("prod", SHOP, Outcome("prod", "read", frozenset({T})), {})
        assert (await ask(found, "select c from t", on=free)).facts.columns_read == {Column(T, "c")}

    play(story)


def test_what_a_name_stands_for_is_asked_for_and_followed() -> None:
    """EXECUTE is told first; with what its PREPARE left behind it has that statement's facts and lineage."""

    async def story(found: Analysts) -> None:
        ((name, what),) = (await ask(found, "prepare p as delete from t where b = '1'", on=MASKED)).prepares
        question = Question("execute p", PATH, tell=True)
        assert await found.study(question, MASKED) == Executes(("p",))
        assert await found.study(question._replace(names={}), MASKED) == Executes(("p",))
        followed = await found.study(question._replace(names={name: what.outline}), MASKED)
        assert isinstance(followed, Studied)
        assert Effect.DELETE in followed.facts.effects
        assert (await followed.lineage())["lineage"][0]["writes"]
        assert what.octets > 512
        assert (await ask(found, "execute p")).facts.unknown == (
            "EXECUTE p: the prepared statement is not known",
        )  # fmt: skip

    play(story)


def test_a_text_that_goes_back_is_told() -> None:
    """What names mean behind COMMIT is not certain where search_path was changed before."""

    async def story(found: Analysts) -> None:
        question = Question("commit; select a from t", PATH)
        studied = await found.study(question, MASKED)
        assert isinstance(studied, Studied)
        assert studied.undoing
        assert await found.study(question._replace(settled=False), MASKED) == Undoes()
        assert isinstance(await found.study(Question("commit", PATH, settled=False), MASKED), Studied)

    play(story)


def test_grounds_come_and_go() -> None:
    """A new catalog takes the place of the one before it, at every analyst, and one that crashed is told anew."""

    async def story(found: Analysts) -> None:
        for number in range(6):
            info = RelationInfo(T, 7, RelationKind.TABLE, "owner", (ColumnInfo(f"c{number}", "text", 1),))
            newer = NOWHERE._replace(catalog=Catalog(str(number), {T: info}))
            told = await asyncio.gather(*(
                ask(found, f"select * from t as x{n}", on=on) for n in range(4) for on in (newer, MASKED)
            ))  # fmt: skip
            assert [sorted(each.name for each in one.facts.columns_read) for one in told] == [
                [f"c{number}"], ["a", "b"],
            ] * 4  # fmt: skip
            if number == 3:
                for pid in found.pids:
                    os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(0.3)

    play(story, count=2)


@pytest.mark.parametrize(
    ("bomb", "error"),
    [
        ("select " + "1+" * 100_001 + "1", TooComplex),
        ("select " + "(" * 90_000 + "1" + ")" * 90_000, TooComplex),
        ("select " + "not " * 100_000 + "true", TooComplex),
        ("select '" + "x" * (1 << 20) + "'", TooComplex),
        ("select " + ",".join(f"a{number}" for number in range(25_000)), TooComplex),
        ("select 1\0", NotUnderstood),
        ("select '\ud800'", NotUnderstood),
    ],
    ids=["operators", "parentheses", "not", "bytes", "names", "nul", "surrogate"],
)
def test_a_bomb_is_refused_and_the_next_statement_works(bomb: str, error: type[GovError]) -> None:
    """Depth, length and rubbish get an error of ours, and nobody else notices."""

    async def story(found: Analysts) -> None:
        before = found.pids
        with pytest.raises(error) as refused:
            await ask(found, bomb)

        assert refused.value.hint
        assert (await facts(found, "select 1")).kinds == ("SelectStmt",)
        assert found.pids == before

    play(story)


def test_depth_that_can_be_judged_is_judged() -> None:
    """Generated SQL nests deeper than any person would."""

    async def story(found: Analysts) -> None:
        for text in (HEAVY, "select " + "(" * 3_000 + "1" + ")" * 3_000):
            assert (await facts(found, text)).effects == {Effect.READ}

    play(story)


def test_a_crash_costs_one_statement_and_one_process() -> None:
    """Who was with the dead analyst is told that it cannot be judged; everybody else is served."""

    async def story(found: Analysts) -> None:
        (pid,) = found.pids
        doomed = asyncio.create_task(ask(found, HEAVY))
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(ask(found, f"select {number}")) for number in range(5)]
        os.kill(pid, signal.SIGSEGV)

        with pytest.raises(TooComplex, match="beyond the bounds of analysis"):
            await doomed
        assert all(each.facts.effects for each in await asyncio.gather(*waiting))
        assert pid not in found.pids
        assert len(found.pids) == 1

    play(story)


def test_an_analyst_that_died_idle_is_not_asked() -> None:
    """Nobody's statement is refused because of somebody else's."""

    async def story(found: Analysts) -> None:
        (pid,) = found.pids
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.3)

        assert (await facts(found, "select 1")).effects

    play(story)


def test_a_statement_has_its_time() -> None:
    """An analyst that stalls is replaced when the time is up."""

    async def story(found: Analysts) -> None:
        (pid,) = found.pids
        stop(pid)

        with pytest.raises(TooComplex):
            await ask(found, "select 1")
        assert (await facts(found, "select 2")).effects
        assert gone(pid)

    play(story, settings=Settings(seconds=1))


def test_time_that_others_take_does_not_count() -> None:
    """On a machine that is busy a statement has longer: what counts is what it uses."""

    async def story(found: Analysts) -> None:
        (pid,) = found.pids
        stop(pid)
        asyncio.get_running_loop().call_later(1.5, os.kill, pid, signal.SIGCONT)
        assert (await facts(found, "select 1")).effects
        assert found.pids == {pid}

    play(story, settings=Settings(seconds=0.5))


def test_a_client_that_gives_up_leaves_no_answer_for_the_next() -> None:
    """Answers never change places."""

    async def story(found: Analysts) -> None:
        task = asyncio.create_task(ask(found, HEAVY))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert (await facts(found, "drop table t")).effects == {Effect.DROP}

    play(story)


def test_many_share_few() -> None:
    """Each gets its own answer."""

    async def story(found: Analysts) -> None:
        texts = [f"select {number} from t{number}" for number in range(200)]
        answers = await asyncio.gather(*(facts(found, text) for text in texts))

        assert [[each.name for each in answer.reads] for answer in answers] == [[f"t{n}"] for n in range(200)]

    play(story, count=2)


def test_one_client_does_not_keep_the_others_waiting() -> None:
    """Another's statement comes next, however many heavy ones somebody has asked for before."""

    async def story(found: Analysts) -> None:
        done: list[str] = []

        async def wait(text: str, who: str) -> None:
            await ask(found, text, who)
            done.append(who)

        heavy = [asyncio.create_task(wait(f"select {n}+{MIDDLING}", "heavy")) for n in range(4)]
        await asyncio.sleep(0)
        await wait("select 1", "light")
        assert len(done) <= 2
        await asyncio.gather(*heavy)

    play(story)


def test_a_client_that_gives_up_costs_no_analyst() -> None:
    """Hanging up again and again does not keep the broker busy with new processes."""

    async def story(found: Analysts) -> None:
        before = found.pids
        for number in range(3):
            task = asyncio.create_task(ask(found, f"select {number}+{MIDDLING}"))
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert (await facts(found, "select 1")).effects
        assert found.pids == before

    play(story)


def test_long_work_of_ours_does_not_hold_the_loop() -> None:
    """What is done with long input lets others go on meanwhile, and what is short is done at once."""

    async def story(found: Analysts) -> None:
        def work(seconds: float) -> str:
            time.sleep(seconds)
            return "done"

        task = asyncio.create_task(found.beside(LONG, "", work, 0.2))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert await task == "done"
        assert turns > 5
        assert await found.beside(LONG - 1, "", work, 0) == "done"

    play(story)


def test_closed_is_closed() -> None:
    """After `close` there are no processes and no answers."""

    async def story() -> None:
        async with analysts(2) as found:
            pids = found.pids
        with pytest.raises(Unavailable):
            await ask(found, "select 1")
        assert all(map(gone, pids))

    asyncio.run(story())


def test_children_do_not_outlive_their_parent() -> None:
    """However the broker dies, its analysts die with it, even while they work."""
    program = (
        "import asyncio\n"
        "from gov.broker.analysis import Analysts\n"
        "from gov.broker.grounds import Standing\n"
        "from gov.broker.study import Question\n"
        "from gov.policy.decision import Outcome\n"
        "from gov.sql.catalog import Catalog\n"
        "async def main():\n"
        "    found = Analysts()\n"
        "    await found.start(2)\n"
        "    print(*found.pids, flush=True)\n"
        "    nowhere = Standing('prod', Catalog('0'), Outcome('prod', 'read', frozenset()), {})\n"
        "    await found.study(Question('select ' + '1+' * 90000 + '1', ()), nowhere)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    until = time.monotonic() + 20
    while not all(map(gone, pids)) and time.monotonic() < until:
        time.sleep(0.02)

    assert len(pids) == 2
    assert all(map(gone, pids))


def test_an_analyst_does_not_hear_ctrl_c() -> None:
    """Ctrl-C in a terminal goes to the whole process group; the analyst ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-m", "gov.broker.analyst"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def ask() -> int:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(analyst.frame(analyst.PING))
            child.stdin.flush()
            length, status = analyst.HEADER.unpack(child.stdout.read(analyst.HEADER.size))
            child.stdout.read(length)
            return int(status)

        assert ask() == analyst.DONE
        child.send_signal(signal.SIGINT)
        assert ask() == analyst.DONE
        child.stdin.close()
        assert child.wait(20) == 0


def test_an_unexpected_frame_ends_the_analyst() -> None:
    """Nothing is guessed: a process that is not spoken to properly is gone."""
    answer = subprocess.run(
        [sys.executable, "-m", "gov.broker.analyst"],
        input=analyst.frame(ord("?"), b"rubbish"), capture_output=True, check=False, timeout=60,
    )  # fmt: skip

    assert answer.returncode != 0
    assert answer.stdout == b""


def test_the_cache_forgets_what_was_not_used() -> None:
    """It is bounded by bytes, and one text cannot fill it."""

    async def story(found: Analysts) -> None:
        first = await ask(found, "select 1")
        for number in range(100):
            await ask(found, f"select {number} as filler")

        assert await ask(found, "select 1") is not first
        assert await ask(found, "select 99 as filler") is await ask(found, "select 99 as filler")

    play(story, settings=Settings(seconds=20, cache_bytes=8_000))
