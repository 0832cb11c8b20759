"""The root: words, help, errors and exit statuses."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import pytest

from commands.fake_broker import FakeBroker, Gov
from gov.client.api import Broker
from gov.commands import load
from gov.commands.asking import Asking
from gov.commands.completion import Shell, script
from gov.commands.wallet import Wallet
from gov.commands.words import WORDS
from gov.errors import Denied, NotLoggedIn, every_error

HEAVY = {"psycopg", "prompt_toolkit", "pygments", "rich", "httpx", "pydantic", "sqlalchemy", "cryptography"}


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["conect"]])
def test_nothing_heavy_is_imported_for(words: list[str]) -> None:
    """Version, help and a mistyped word answer at once: no library that takes long to load is loaded."""
    code = ("import sys; from gov.commands import run; run(sys.argv[1:]);"
            "print(*{name.partition('.')[0] for name in sys.modules})")

    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)

    assert HEAVY & set(ran.stdout.splitlines()[-1].split()) <= {"pydantic"}  # typer's own, in recent versions


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_help_with_an_example(gov: Gov, word: str) -> None:
    """`gov WORD --help` explains and ends with lines to paste."""
    ran = gov(word, "--help")

    assert ran.status == 0
    assert all(f"  {example}\n" in ran.out for example in WORDS[word].examples)


@pytest.mark.parametrize("word", WORDS)
def test_examples_parse(word: str) -> None:
    """An example uses options that exist."""
    command = load(word)
    for example in WORDS[word].examples:
        said = shlex.split(re.sub(r".*\(gov (.*?)\).*", r"gov \1", example))
        options = {name for param in _params(command, said[2:]) for name in param.opts}
        used = {part for part in _before_dashes(said[2:]) if part.startswith("-") and part != "-"}
        assert used <= options | {"--help"}, example


def _before_dashes(words: list[str]) -> list[str]:
    return words[: words.index("--")] if "--" in words else words


def _params(command: object, rest: list[str]) -> list[object]:
    commands = getattr(command, "commands", None)
    if commands and rest and rest[0] in commands:
        command = commands[rest[0]]
    return list(command.params)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("words", "error", "hint"), [
    (["conect"], "no such command: conect", "did you mean `gov connect`?"),
    (["xyzzy"], "no such command: xyzzy", "gov --help"),
    (["exec", "prod", "--formt", "csv"], "no such option: --formt", "did you mean --format"),
    (["deny", "rq-1"], "missing option `--reason`", "gov deny --help"),
    (["explain"], "missing argument `TARGET`", "gov explain --help"),
    (["exec", "prod", "--format", "xml"], "invalid value for `--format`", "gov exec --help"),
])
def test_usage_errors(gov: Gov, words: list[str], error: str, hint: str) -> None:
    """Two lines and status 2: what is wrong, and what was probably meant."""
    ran = gov(*words)

    assert (ran.status, ran.out) == (2, "")
    first, second = ran.err.splitlines()
    assert first.startswith(f"gov: error: {error}")
    assert second.startswith(f"gov: hint: {hint}")


def test_a_group_of_commands_alone_shows_its_help(gov: Gov) -> None:
    """As it is meant to be read, on standard error, with status 2: nothing was asked for."""
    ran = gov("audit")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("Usage: gov audit [OPTIONS] COMMAND")
    assert ran.err.splitlines()[2] == "  Search, show and verify the trail."


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.code)
def test_an_error_of_the_broker_is_shown(gov: Gov, broker: FakeBroker, kind: type) -> None:
    """Whatever the broker refuses arrives as the same error, with its exit status."""
    broker.refusal = kind("it is so", hint="do that", detail="one\ntwo")

    ran = gov("targets")

    assert ran.status == kind.exit_status
    hint = "set GOV_TOKEN anew, or unset it to use the login" if kind is NotLoggedIn else "do that"  # it is set here
    assert ran.err == f"gov: error: it is so\ngov: detail: one\ngov: detail: two\ngov: hint: {hint}\n"


def test_with_json_an_error_is_json(gov: Gov, broker: FakeBroker) -> None:
    """A program that asked for JSON gets the error as JSON too, on standard error."""
    broker.refusal = Denied("no \x1b[2J", hint="ask")

    ran = gov("leases", "--json")

    assert (ran.status, ran.out) == (4, "")
    assert "\x1b" not in ran.err
    assert json.loads(ran.err)["error"] == {
        "code": "denied", "what": "no \x1b[2J", "hint": "ask", "detail": "", "exit_status": 4}


def test_not_logged_in(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 3 and the command that helps."""
    monkeypatch.setenv("GOV_TOKEN", "mallory")

    ran = gov("targets")

    assert ran.status == 3
    assert "gov: hint: set GOV_TOKEN anew, or unset it" in ran.err  # a login would not help: the token goes first


def test_a_bug_is_one_line(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback for something unforeseen, unless GOV_DEBUG asks for it."""
    monkeypatch.setattr("gov.commands.targets.broker", lambda: 1 / 0)

    ran = gov("targets")

    assert ran.status == 70
    assert ran.err.startswith("gov: error: ZeroDivisionError: division by zero\n")
    assert "GOV_DEBUG=1" in ran.err


def test_an_interrupt_is_130(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command quietly."""
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gov.commands.targets.broker", interrupted)

    ran = gov("targets")

    assert ran.status == 130
    assert "Traceback" not in ran.err


def test_a_reader_that_leaves_is_no_error() -> None:
    """`gov --help | head -1` says nothing more."""
    ran = subprocess.run(["bash", "-c", f"{sys.executable} -c 'from gov.commands import main; main()' --help"
                          " | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}"], capture_output=True, text=True,
                         check=False)

    assert (ran.returncode in (0, 141), ran.stderr) == (True, "")


@pytest.mark.parametrize("shell", Shell)
def test_completions_are_the_generated_ones(shell: Shell, request: pytest.FixtureRequest) -> None:
    """The committed scripts are what `gov completion` prints."""
    committed = request.config.rootpath / "completions" / f"gov.{shell}"

    assert committed.read_text() == script(shell) + "\n"


@pytest.mark.parametrize(("line", "expected"), [
    ("gov co", ["connect", "completion"]), ("gov exec --fo", ["--format"]),
    ("gov exec prod --format js", ["json", "jsonl"]), ("gov exec st", ["staging"]),
])
def test_completion(
    broker: FakeBroker, line: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words, options, values, and the targets that leases were taken for; no broker is asked."""
    with Broker.current() as client:
        Wallet.of(client).lease(client, Asking("staging"))
    broker.asked.clear()
    monkeypatch.setenv("_GOV_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))

    ran = subprocess.run([sys.executable, "-c", "from gov.commands import main; main()"], capture_output=True,
                         text=True, check=True)

    assert ran.stdout.split() == expected
    assert broker.asked == []


@pytest.mark.parametrize(("closed", "status", "said"), [
    (">&-", 1, "gov: error: standard output: bad file descriptor"), ("<&-", 0, ""), ("2>&-", 0, ""),
])
def test_a_closed_stream_is_no_bug(prod: FakeBroker, closed: str, status: int, said: str) -> None:
    """Output that nobody can get is an error, and no connection takes the place of the stream."""
    line = f'exec {sys.executable} -c "from gov.commands import main; main()" targets {closed}'

    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True)

    assert (ran.returncode, ran.stderr.partition("\n")[0]) == (status, said)


@pytest.mark.parametrize("words", [["targets"], ["exec", "prod", "-c", "select 1"]])
def test_a_full_disk_is_no_bug(prod: FakeBroker, words: list[str]) -> None:
    """What cannot be written is said in one line with status 1, whoever notices it."""
    code = "from gov.commands import main; main()"
    with open("/dev/full", "w") as full:
        ran = subprocess.run([sys.executable, "-c", code, *words], stdout=full, stderr=subprocess.PIPE, text=True)

    assert ran.returncode == 1
    assert ran.stderr.startswith("gov: error: standard output: no space left on device\ngov: hint: ")
    assert len(ran.stderr.splitlines()) == 2
