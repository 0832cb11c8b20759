"""The broker's configuration: from the text of broker.yaml to one frozen value, or every complaint.

Pure: reads no file and opens nothing, so that the daemon, `gov broker check` and the tests agree.
Relative paths are relative to the configuration file. The documented example is `docs/broker.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from gov.errors import ConfigError
from gov.identity.config import IdentityConfig
from gov.terms import TargetName

HINT = "gov broker init DIR writes a commented example"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def address(value: object) -> Address:
    """`host:port` or `[v6]:port` as an address.

    Raises:
        ValueError: it is neither.
    """
    host, colon, port = str(value).rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("write HOST:PORT, like 0.0.0.0:6432")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _resolved(path: Path, info: ValidationInfo) -> Path:
    return _base(info) / path


def _base(info: ValidationInfo) -> Path:
    assert info.context is not None
    return Path(info.context["base"])


def _state(url: str, info: ValidationInfo) -> str:
    """A SQLite URL, its path resolved: three slashes relative, four absolute."""
    if url.startswith("sqlite:///"):
        return f"sqlite:///{_base(info) / url.removeprefix('sqlite:///')}"
    raise ValueError("write sqlite:///FILE")


def _web(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("write https://HOST[:PORT], without a path")
    return url.rstrip("/")


def _off(value: object) -> object:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if value is False else value


AddressText = Annotated[Address, BeforeValidator(address)]
FilePath = Annotated[Path, AfterValidator(_resolved)]


class Section(BaseModel):
    """A frozen mapping that knows its keys and refuses every other."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Listen(Section):
    """Where the daemon listens."""

    gateway: AddressText
    api: AddressText


class Public(Section):
    """How clients reach it: what the certificate names and what `gov credentials` prints."""

    gateway: AddressText
    api: Annotated[str, AfterValidator(_web)]


class Certificate(Section):
    """A certificate of one's own, PEM, instead of the broker's own CA."""

    certificate: FilePath
    key: FilePath
    ca: FilePath | None = None
    """The root that clients shall trust; left out: the system's roots."""


class Identity(Section):
    """One believed issuer: the fields of `identity.config.IdentityConfig`."""

    issuer: str
    client_id: str
    audience: str = "gov"
    groups_claim: str = "groups"
    algorithms: tuple[str, ...] = ("RS256",)
    services: bool = False

    @model_validator(mode="after")
    def _believable(self) -> Self:
        try:
            self.issuer_config()
        except ConfigError as error:
            raise ValueError(error.what) from None
        return self

    def issuer_config(self) -> IdentityConfig:
        """The value that the verifier works with."""
        return IdentityConfig(**self.model_dump())


def _duration(value: object) -> float:
    """`90s`, `15m`, `8h` or `1d` as seconds."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", str(value))
    if found is None:
        raise ValueError("write a duration like 30s, 5m or 1h")
    return float(int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]])


def _lasting(value: object) -> float | None:
    """The same; nothing at all is for ever."""
    return None if value is None else _duration(value)


class Retention(Section):
    """How long what can be erased of the trail is kept. Left out: for ever."""

    payload: Annotated[float | None, Field(ge=1), BeforeValidator(_lasting)] = None
    """Seconds: who it was by name, statements, parameters, errors."""


class Audit(Section):
    """The trail."""

    directory: FilePath
    origin: str | None = None
    """The log's name in its checkpoints; left out: `HOST/gov` of the public API."""
    tiles: Literal["members", "public"] = "members"
    """Who may read hashes and checkpoints of the log under `/gov/`: whoever is logged in, or anybody."""
    retention: Retention = Retention()


def _destination(to: str, info: ValidationInfo) -> str:
    """A file, its path resolved, or a URL."""
    if "://" not in to or to.startswith("file://"):
        return str(_base(info) / to.removeprefix("file://"))
    return web_address(to, instead="a file, or ")


def web_address(to: str, *, instead: str = "") -> str:
    """A URL that something may be posted to; `instead` is what else the author could have written.

    Raises:
        ValueError: it is none, not https beyond this machine, or holds a password.
    """
    parts = urlsplit(to)
    local = Address(parts.hostname or "", parts.port or 0).loopback
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError(f"write {instead}https://HOST/PATH; http only to this machine")
    if parts.username or parts.password:
        raise ValueError("no password in a URL: write it into a file, and that under `headers`")
    return to


class Ship(Section):
    """Where the trail goes continuously."""

    to: Annotated[str, Field(min_length=1), AfterValidator(_destination)]
    """A file, or an https URL that entries are posted to."""
    format: Literal["ocsf", "jsonl", "csv"] = "ocsf"
    headers: FilePath | None = None
    """A file of `Name: value` lines for every request: this is where a token goes."""
    ca: FilePath | None = None
    """PEM of the root that signs the endpoint's certificate; left out: the system's roots."""
    lag: Annotated[float, Field(ge=1), BeforeValidator(lambda value: _duration(value))] = 60.0
    """Seconds that an entry may wait before the trail says that the destination lags."""


class Webhook(Section):
    """Who is told of approval requests. What they are told of is policy's `notify`."""

    to: Annotated[str | None, AfterValidator(lambda to: None if to is None else web_address(to))] = None
    """An https URL."""
    to_file: FilePath | None = None
    """Instead: a file that holds it, for addresses that are secrets themselves."""
    format: Literal["json", "slack", "teams"] = "json"
    key: FilePath | None = None
    """A file of `whsec_…` lines that messages are signed with; read for each."""
    headers: FilePath | None = None
    """A file of `Name: value` lines for every request."""
    ca: FilePath | None = None
    """PEM of the root that signs the endpoint's certificate; left out: the system's roots."""

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        if (self.to is None) == (self.to_file is None):
            raise ValueError("give either `to` or `to_file`")
        if self.format == "json" and self.key is None:
            raise ValueError("`key` is missing: whoever gets JSON must be able to tell that it is from here")
        return self


def _webhook_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        raise ValueError("a webhook's name is lower case letters, digits, - and _")
    return name


class TargetConfig(Section):
    """A database to govern."""

    dsn: str = Field(min_length=1)
    """libpq connection string of the broker's own role."""
    tls: Annotated[Literal["verify-full", "off"], BeforeValidator(_off)] = "verify-full"
    environment: str = "production"


class Analysis(Section):
    """The processes that parse SQL."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How much time of a processor one statement may take."""


class Limits(Section):
    """What a client may use up."""

    leases_per_principal: Annotated[int, Field(ge=1)] = 50
    requests_per_principal: Annotated[int, Field(ge=1)] = 50
    body_bytes: Annotated[int, Field(ge=1024)] = 2 * 1024 * 1024
    """The largest body that the API reads."""
    half_open: Annotated[int, Field(ge=1)] = 512
    """Connections that are not authenticated yet."""
    half_open_per_address: Annotated[int, Field(ge=1)] = 256
    """The same for one address, or one /64 of IPv6."""
    sessions_per_lease: Annotated[int, Field(ge=1)] = 100
    message_bytes: Annotated[int, Field(ge=65536, le=1 << 30)] = 16 * 1024 * 1024
    """The largest message of a client, CopyData apart."""
    pending_bytes: Annotated[int, Field(ge=65536)] = 1024 * 1024
    """What a client may send ahead while a statement of its own is awaited."""
    prepared_per_session: Annotated[int, Field(ge=1)] = 10_000
    """Prepared statements, and as many portals."""
    prepared_bytes: Annotated[int, Field(ge=65536)] = 32 * 1024 * 1024
    """Their texts together."""
    unread_seconds: Annotated[float, Field(ge=0)] = 900.0
    """How long a client may leave a result unread; 0 is for ever."""


class Janitor(Section):
    """What looks for roles that no lease owns, and for leases whose role is gone."""

    every: Annotated[float, Field(ge=1, le=3600), BeforeValidator(_duration)] = 30.0
    """Seconds between two rounds, give or take a fifth."""


class Config(Section):
    """broker.yaml, checked and with its paths resolved."""

    listen: Listen
    public: Public
    tls: Certificate | None = None
    identity: tuple[Identity, ...] = Field(min_length=1)
    state: Annotated[str, AfterValidator(_state)]
    keys: FilePath | None = None
    """Directory of the broker's own keys, 0700; left out: `keys` beside the SQLite state."""
    audit: Audit
    policy: tuple[FilePath, ...] = Field(min_length=1)
    targets: dict[TargetName, TargetConfig] = Field(min_length=1)
    ship: tuple[Ship, ...] = ()
    webhooks: dict[Annotated[str, AfterValidator(_webhook_name)], Webhook] = Field(default_factory=dict)
    analysis: Analysis = Analysis()
    janitor: Janitor = Janitor()
    limits: Limits = Limits()

    @property
    def key_directory(self) -> Path:
        """Where the broker's keys are."""
        if self.keys is not None:
            return self.keys
        return self.state_directory / "keys"

    @property
    def state_directory(self) -> Path:
        """Where the SQLite state is, and beside it what else the broker remembers."""
        return Path(self.state.removeprefix("sqlite:///")).parent

    @property
    def index(self) -> Path:
        """The index of the trail: not in the log's directory, where every file is accounted for."""
        return self.state_directory / "trail-index.db"

    @property
    def identities(self) -> tuple[IdentityConfig, ...]:
        """Every issuer that is believed."""
        return tuple(each.issuer_config() for each in self.identity)

    @property
    def origin(self) -> str:
        """The log's name: stable, or clients take it for another log."""
        return self.audit.origin or f"{urlsplit(self.public.api).hostname}/gov"


def parse(name: str, text: str, base: Path) -> Config:
    """The configuration in `text`, which is the file `name` in the directory `base`.

    Raises:
        ConfigError: with every complaint, one a line, as `file:line:column: key: message`.
    """
    document = _compose(name, text)
    complaints = list(_duplicates(document))
    try:
        config = Config.model_validate_json(json.dumps(yaml.safe_load(text), default=str), context={"base": base})
    except ValidationError as error:
        complaints += [_complaint(document, dict(each)) for each in error.errors() if not _echo(dict(each))]
    else:
        complaints += _contradictions(document, config)
    if complaints:
        lines = sorted(complaints, key=lambda each: (each[0].line, each[0].column))
        raise _refused(name, [f"{mark.line + 1}:{mark.column + 1}: {message}" for mark, message in lines])
    return config


Complaint = tuple[yaml.Mark, str]


def _refused(name: str, lines: Sequence[str]) -> ConfigError:
    detail = "\n".join(f"{name}:{line}" for line in lines)
    first = detail.split("\n", 1)[0]
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return ConfigError(f"{first}{more}", hint=HINT, detail=detail)


def _compose(name: str, text: str) -> yaml.Node:
    try:
        document = yaml.compose(text, yaml.SafeLoader)
        yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise _refused(name, [f"{where}: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise _refused(name, [f"1:1: {str(error).splitlines()[0]}"]) from None
    if not isinstance(document, yaml.MappingNode):
        raise _refused(name, ["1:1: the file holds no mapping"])
    return document


def _duplicates(node: yaml.Node) -> Iterator[Complaint]:
    """Keys written twice: YAML lets the last one win in silence."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark, f"`{key.value}` is written twice"
            seen.add(key.value)
            yield from _duplicates(value)


def _complaint(document: yaml.Node, error: dict[str, object]) -> Complaint:
    where = tuple(error["loc"]) if isinstance(error["loc"], tuple) else ()
    path = ".".join(map(str, where))
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return _mark(document, where, key=True), f"{path}: unknown key{_suggestion(str(where[-1]))}"
    if error["type"] in ("missing", "missing_argument"):
        return _mark(document, where[:-1]), f"{path}: missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return _mark(document, where), f"{path}: {message[:1].lower()}{message[1:]}"


def _echo(error: dict[str, object]) -> bool:
    """Whether it only counts what another complaint already names: bad items leave a list too short."""
    return error["type"] == "too_short" and bool(error["input"])


def _mark(node: yaml.Node, where: Sequence[object], *, key: bool = False) -> yaml.Mark:
    """Where in the file the value at the path `where` begins; as near as the file has it."""
    mark: yaml.Mark = node.start_mark
    for step in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                return mark
            mark, node = found[0].start_mark if key else found[1].start_mark, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
    return mark


def _suggestion(key: str) -> str:
    known = {name for section in _sections() for name in section.model_fields}
    near = get_close_matches(key, sorted(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _sections() -> tuple[type[Section], ...]:
    sections = Config, Listen, Public, Certificate, Identity, Audit, Retention, Ship, TargetConfig, Analysis, Janitor
    return (*sections, Webhook, Limits)


def _contradictions(document: yaml.Node, config: Config) -> Iterator[Complaint]:
    """What each key may say, but not together."""
    if urlsplit(config.public.api).scheme == "http" and not config.listen.api.loopback:
        # Tokens would cross the network in the clear.
        yield (
            _mark(document, ("public", "api"), key=True),
            "public.api: http only where listen.api is loopback",
        )
