"""Commands run as a person runs them: words in, output and exit status out, against a broker of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands.fake_broker import FakeBroker, Gov, Ran, serving, tls_front
from gov.commands import main
from gov.demo.cluster import Cluster


@pytest.fixture
def gov(capfd: pytest.CaptureFixture[str]) -> Gov:
    """Run `gov WORDS` in this process."""

    def run(*words: str) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(words))
        said = capfd.readouterr()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, said.out, said.err)

    return run


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBroker]:
    """A broker without a database behind it, and the environment that leads to it as alice."""
    made = FakeBroker()
    with serving(made) as url:
        _environment(monkeypatch, tmp_path, url)
        yield made


@pytest.fixture
def prod(
    broker: FakeBroker, cluster: Cluster, fresh_database: Callable[[], str], tmp_path: Path
) -> Iterator[FakeBroker]:
    """The broker with a real, empty database behind TLS as its target `prod`."""
    broker.dsn = fresh_database()
    with tls_front(cluster.host, cluster.port, tmp_path / "tls") as (broker.port, broker.ca):
        yield broker


def _environment(monkeypatch: pytest.MonkeyPatch, directory: Path, url: str) -> None:
    monkeypatch.setenv("GOV_CONFIG_DIR", str(directory / "config"))
    monkeypatch.setenv("GOV_BROKER", url)
    monkeypatch.setenv("GOV_TOKEN", "alice")
    for name in ("GOV_CONTEXT", "GOV_DEBUG", "GOV_RUN_ID", "GOV_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
