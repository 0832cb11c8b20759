"""History and the editor."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gov.commands.editing import edited, history
from gov.errors import UsageError


@pytest.mark.parametrize(("text", "kept"), [
    ("select 1;", True), ("select passenger from flights;", True),
    ("alter role x with PASSWORD 'hunter2';", False), ("create user y encrypted password 'hunter2';", False),
    ("select dblink('host=h passwd=hunter2');", False), ("select dblink('postgresql://u:hunter2@h/d');", False),
    ("update t set api_key = 'hunter2';", False), ("update t set token = 'hunter2';", False),
    ("create user mapping for x options (user 'u', password 'hunter2');", False)])
def test_secrets_are_not_kept(tmp_path: Path, text: str, kept: bool) -> None:
    """They can be recalled until the prompt ends, and are not in the file, which is its owner's alone."""
    past = history(tmp_path, "context", "prod")

    past.append_string(text)

    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert past.get_strings() == [text]
    assert (text in path.read_text(), "hunter2" in path.read_text()) == (kept, False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_history_that_others_could_read_is_closed(tmp_path: Path) -> None:
    """Whatever its mode was."""
    history(tmp_path, "c", "prod")
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.chmod(0o644)

    history(tmp_path, "c", "prod")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that `$EDITOR` runs."""
    path = tmp_path / "an editor"
    path.write_text("#!/bin/sh\nstat -c %a \"$1\" \"$(dirname \"$1\")\" > " + f"{tmp_path}/modes\n"
                    "sed -i 's/1/2/' \"$1\"\necho \"$1\" > " + f"{tmp_path}/where\n")
    path.chmod(0o700)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{path}'")
    return path


def test_a_statement_goes_through_the_editor(editor: Path, tmp_path: Path) -> None:
    """It comes back as it was saved; the file was in a directory of one's own, and is gone."""
    assert edited("select 1;") == "select 2;"
    assert (tmp_path / "modes").read_text().split()[1] == "700"
    assert not Path((tmp_path / "where").read_text().strip()).exists()


def test_a_file_is_edited_where_it_is(editor: Path, tmp_path: Path) -> None:
    """And what it holds then is what comes back."""
    (tmp_path / "a.sql").write_text("select 1;\n")

    assert edited("ignored", str(tmp_path / "a.sql")) == "select 2;\n"


@pytest.mark.parametrize(("command", "said"), [
    ("false", "ended with status 1"), ("/no/such/editor", "cannot be run"), ("'", "cannot be run")])
def test_an_editor_that_fails(monkeypatch: pytest.MonkeyPatch, command: str, said: str) -> None:
    """Nothing comes back, and what to do is said."""
    monkeypatch.setenv("VISUAL", command)

    with pytest.raises(UsageError, match=said):
        edited("select 1")
