"""SCRAM-SHA-256: both sides facing each other, and a stranger's test vector."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.errors import NotLoggedIn, ProtocolError
from gov.protocol.scram import PLAIN, PLUS, ClientExchange, ServerExchange, Verifier, client_keys

SALT = b"0123456789abcdef"


def verifier_of(password: str, iterations: int = 4096) -> Verifier:
    """What a server would keep for `password`."""
    keys = client_keys(password, SALT, iterations)
    return Verifier(iterations, SALT, hashlib.sha256(keys.client_key).digest(), keys.server_key)


def play(password: str, verifier: Verifier) -> bool:
    """Whether a client with `password` gets in at a server with `verifier`; checks the server too."""
    client, server = ClientExchange("cn"), ServerExchange(verifier, "sn", PLAIN, b"binding")
    challenge = server.challenge(client.first)
    final = server.verify(client.final(challenge, client_keys(password, *client.salt(challenge))))
    if final is not None:
        client.check(final)
    return final is not None


@given(st.text(max_size=20), st.text(max_size=20))
def test_only_the_right_password_gets_in(right: str, tried: str) -> None:
    """Two sides agree exactly when they know the same password."""
    assert play(tried, verifier_of(right, 1)) == (right == tried)


def test_the_example_of_rfc_7677_holds() -> None:
    """The exchange of RFC 7677, section 3, up to the server's signature (the user name apart)."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    keys = client_keys("pencil", salt, 4096)
    verifier = Verifier(4096, salt, hashlib.sha256(keys.client_key).digest(), keys.server_key)
    server = ServerExchange(verifier, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", PLAIN, None)

    challenge = server.challenge("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    final = server.verify(
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )

    assert challenge == "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert final == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_a_verifier_is_read_as_postgresql_writes_it() -> None:
    """`rolpassword` of pg_authid."""
    verifier = verifier_of("s3cret")
    text = "SCRAM-SHA-256$4096:{}${}:{}".format(
        *(base64.b64encode(part).decode() for part in (SALT, verifier.stored_key, verifier.server_key))
    )

    assert Verifier.read(text) == verifier


@pytest.mark.parametrize("first", [
    "", "n", "n,,", "n,a=other,n=,r=x", "n,,n=,r=", "n,,m=ext,n=,r=x", "x,,n=,r=x", "p=tls-unique,,n=,r=x", "n,,r",
    "y,,n=,r=x",
])
def test_a_malformed_or_downgraded_first_message_is_refused(first: str) -> None:
    """`y` while -PLUS was offered means that somebody took it out of the list."""
    with pytest.raises(ProtocolError):
        ServerExchange(verifier_of("x"), "sn", PLAIN, b"binding").challenge(first)


def test_channel_binding_must_match() -> None:
    """A client bound to another certificate is not talking to us alone."""
    server = ServerExchange(verifier_of("x"), "sn", PLUS, b"ours")
    server.challenge("p=tls-server-end-point,,n=,r=cn")
    theirs = base64.b64encode(b"p=tls-server-end-point,,theirs").decode()

    with pytest.raises(ProtocolError, match="channel binding"):
        server.verify(f"c={theirs},r=cnsn,p=AAAA")


def test_a_server_that_cannot_prove_itself_is_refused() -> None:
    """The client checks the server's signature."""
    client = ClientExchange("cn")
    client.final(f"r=cnsn,s={base64.b64encode(SALT).decode()},i=1", client_keys("x", SALT, 1))

    with pytest.raises(NotLoggedIn):
        client.check("v=" + base64.b64encode(bytes(32)).decode())
