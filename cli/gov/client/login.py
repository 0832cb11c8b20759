"""Logging in: meet a broker, get tokens from its issuer, see whom the broker takes them for, and remember.

The way in is a function (`device`, `browser`, `service`); everything else is the same for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gov.audit.note import VerifierKey
from gov.audit.rotation import Link, follow
from gov.client import browser, device
from gov.client.access import client_credentials, client_secret
from gov.client.api import Broker
from gov.client.checkpoints import Witness
from gov.client.config import Context, Contexts, Places, StoreKind, broker_url
from gov.client.provider import Provider
from gov.client.sealed import SealedStore
from gov.client.tokens import Tokens, keyring_complaint, token_store
from gov.client.transport import Transport, Untrusted, unsafe_trust_anybody
from gov.control.access import Info, Whoami
from gov.errors import ConfigError, NotLoggedIn, Unreachable, Unverified, UsageError

Way = Callable[[Provider, Context], Tokens]
"""How tokens are got from the issuer."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login that worked."""

    context: Context
    whoami: Whoami
    renews: bool = False
    """Whether the access token is renewed by itself when it ends."""


class Forgotten(StrEnum):
    """How far a logout reached."""

    NOTHING = "nothing"  # there was no login
    HERE = "here"  # tokens are gone from this machine
    EVERYWHERE = "everywhere"  # the issuer has ended the login too


def meet(
    broker: str,
    places: Places,
    *,
    ca_file: Path | None = None,
    trust: Callable[[str, str], bool] | None = None,
    new_log: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Context:
    """The context of `broker`, with what it tells about itself over a verified connection.

    A broker with a CA of its own needs `ca_file`, or a person who compares fingerprints: `trust` gets
    the broker's URL and the SHA-256 fingerprint of its root and says yes or no. `new_log` forgets the
    key and the checkpoints of an audit log that the broker had before it was set up anew.

    Raises:
        Untrusted: the certificate does not verify and nobody says it may be believed.
        Unverified: the broker signs its log with another key than at the last login.
    """
    contexts = Contexts(places)
    known = contexts.for_broker(broker_url(broker), environ)
    if ca_file is not None:
        known = contexts.keep_ca(known, _certificates(ca_file))
    try:
        info = _info(known)
    except Untrusted:
        if ca_file is not None or trust is None:
            raise
        known, info = _first_contact(known, contexts, trust)
    witness = Witness(known, places)
    if new_log:
        witness.forget()
    elif witness.pinned and not _goes_on(believed := witness.keys[-1], info):
        raise Unverified(
            f"the broker {known.broker} signs its audit log with another key than at your last login",
            hint=f"gov login {known.broker} --new-log, if whoever runs it says that it was set up anew",
            detail=f"pinned {believed}, now {info.audit_key}",
        )
    return replace(
        known,
        issuer=info.issuer,
        client_id=info.client_id,
        audience=info.audience,
        scopes=info.scopes,
        audit_key=info.audit_key,
    )


def _goes_on(key: VerifierKey, info: Info) -> bool:
    """Whether the broker signs with the key that is believed by now, or proves that its own follows that one.

    Not with the one of the last login: that may have been given up since, and be somebody else's by now.
    """
    if str(key) == info.audit_key:
        return True
    try:
        links = _links(key, info)
    except Unverified:
        return False
    return bool(links) and str(links[-1].new) == info.audit_key


def _links(key: VerifierKey, info: Info) -> Sequence[Link]:
    """How the log gave `key` up, step by step; nothing where it did not. Raises Unverified for a proof that fails."""
    return follow(key, {name: text.encode() for name, text in info.audit_links.items()}.get)


def log_in(context: Context, places: Places, way: Way, *, store: StoreKind) -> Login:
    """Tokens by `way`, kept in `store` once the broker has said whom it takes them for.

    Raises:
        ConfigError: the keyring cannot be used (found out before the person is sent to a browser).
        NotLoggedIn: the issuer or the broker refuses.
    """
    before, context = context, replace(context, store=store)
    if store == "keyring" and (complaint := keyring_complaint(context)):
        raise complaint
    kept = token_store(context, places)
    if isinstance(kept, SealedStore):
        kept.choose()
    tokens = way(Provider.discover(context.issuer), context)
    # It goes out from the key that it remembers, not from that of `context`: so those in between are remembered too.
    witness = Witness(replace(context, audit_key=""), places)
    witness.pin(context.audit_key)
    with Broker(context, token=lambda: tokens.access, witness=witness) as broker:
        whoami = broker.whoami()
        witness.follow(_links(witness.keys[-1], broker.info()))
    kept.save(tokens)
    if before.store not in ("keyring", store):
        token_store(before, places).forget()  # no copy stays in a file that is not used any more
    Contexts(places).save(context)
    return Login(context, whoami, renews=tokens.refresh is not None)


def by_device(show: Callable[[device.Challenge], None]) -> Way:
    """By device code; `show` puts the challenge before the person and returns."""

    def way(provider: Provider, context: Context) -> Tokens:
        challenge = device.begin(
            provider, client_id=context.client_id, scopes=context.scopes, audience=context.audience
        )
        show(challenge)
        return device.wait(provider, challenge, client_id=context.client_id)

    return way


def by_browser(show: Callable[[str], None]) -> Way:
    """By the browser of this machine; `show` opens a URL."""

    def way(provider: Provider, context: Context) -> Tokens:
        return browser.sign_in(
            provider, client_id=context.client_id, scopes=context.scopes, audience=context.audience, show=show
        )

    return way


def by_secret(environ: Mapping[str, str] = os.environ) -> Way:
    """As a service, by GOV_CLIENT_ID and GOV_CLIENT_SECRET."""

    def way(provider: Provider, context: Context) -> Tokens:
        auth = client_secret(environ)
        if auth is None:
            raise UsageError(
                "a service logs in with an id and a secret",
                hint="export GOV_CLIENT_ID=… GOV_CLIENT_SECRET=…",
            )
        return client_credentials(provider, context, auth)

    return way


def device_login(
    broker: str,
    *,
    places: Places,
    show: Callable[[device.Challenge], None],
    ca_file: Path | None = None,
    store: StoreKind = "file",
) -> Login:
    """The whole device login, for programs: `show` gets the challenge, and may confirm it itself."""
    return log_in(meet(broker, places, ca_file=ca_file, environ={}), places, by_device(show), store=store)


def log_out(context: Context, places: Places) -> Forgotten:
    """Forget the tokens, and have the issuer end the login where it offers that."""
    store = token_store(context, places)
    try:
        tokens = store.load()
    except NotLoggedIn:  # unreadable, or nobody gives the passphrase: nothing to tell the issuer
        store.forget()
        return Forgotten.HERE
    store.forget()
    if tokens is None:
        return Forgotten.NOTHING
    return Forgotten.EVERYWHERE if _revoked(context, tokens) else Forgotten.HERE


def _revoked(context: Context, tokens: Tokens) -> bool:
    if tokens.refresh is None:
        return False
    try:
        return Provider.discover(context.issuer).revoke(tokens.refresh, context.client_id)
    except Unreachable:
        return False


def fingerprint(pem: str) -> str:
    """SHA-256 over the DER of the first certificate in `pem`, as `AB:CD:…`.

    Raises:
        ConfigError: there is none.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise ConfigError("that is no certificate", hint="gov login https://BROKER --ca-file FILE") from error
    return sha256(certificate.public_bytes(Encoding.DER)).digest().hex(":").upper()


def _info(context: Context) -> Info:
    with Broker(context) as broker:
        return broker.info()


def _first_contact(context: Context, contexts: Contexts, trust: Callable[[str, str], bool]) -> tuple[Context, Info]:
    """Believe the root that the broker shows, if the person does, and if its certificate really is by it."""
    offered = _offered_root(context)
    if not trust(context.broker, fingerprint(offered)):
        raise Untrusted(
            f"the certificate of {context.broker} was not trusted",
            hint=f"gov login {context.broker} --ca-file FILE",
        )
    believed = contexts.keep_ca(context, offered)
    return believed, _info(believed)


def _offered_root(context: Context) -> str:
    """The root that an unverified broker claims. Nothing secret is sent and nothing else believed."""
    transport = Transport(
        context.broker,
        unsafe_trust_anybody(),
        peer=f"the broker {context.broker}",
        hint="gov login https://BROKER",
        root_hint=f"gov login {context.broker} --ca-file FILE",
    )
    try:
        return Info.model_validate_json(transport.send("GET", "/v1/info").content).ca
    except ValueError as error:
        raise Unreachable(f"{context.broker} is no gov broker", hint="gov login https://BROKER") from error
    finally:
        transport.close()


def _certificates(file: Path) -> str:
    try:
        pem = file.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{file} cannot be read as a CA file",
            hint="gov login https://BROKER --ca-file FILE",
            detail=str(error),
        ) from error
    fingerprint(pem)
    return pem
