"""Signatures of webhooks: what an independent verifier accepts, and nothing else."""

from __future__ import annotations

import json
import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from gov.approval.signature import headers, keys

KEY, OTHER = bytes(range(32)), bytes(24)


def secret(key: bytes) -> str:
    """As both sides keep it."""
    return f"whsec_{b64encode(key).decode()}"


def verified(said: dict[str, str], body: bytes, key: bytes = KEY) -> object:
    """What the library of Standard Webhooks makes of a message."""
    return Webhook(secret(key)).verify(body, said)


def test_the_specifications_example() -> None:
    """The one example that its reference implementations share."""
    key = keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    said = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key)

    assert said["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(value=st.text(), at=st.integers(0, 200))
def test_what_is_signed_verifies(value: str, at: int) -> None:
    """Whatever is said, within the minutes that a receiver allows."""
    body = json.dumps({"said": value}).encode()

    assert verified(headers("msg_1", int(time.time()) - at, body, [KEY]), body) == {"said": value}


def test_keys_change_without_a_gap() -> None:
    """A receiver with either key accepts it."""
    body, both = b"{}", keys(f"# the new one\n{secret(KEY)}\n\n{secret(OTHER)}\n")
    said = headers("msg_1", int(time.time()), body, both)

    assert verified(said, body) == verified(said, body, OTHER) == {}


def test_what_was_changed_does_not() -> None:
    """Another body, id, time or key."""
    body = b'{"a":1}'
    said = headers("msg_1", int(time.time()), body, [KEY])
    for changed, text, key in (
        (said, b'{"a":2}', KEY), (said | {"webhook-id": "msg_2"}, body, KEY), (said, body, OTHER),
        (said | {"webhook-timestamp": str(int(said["webhook-timestamp"]) + 1)}, body, KEY),
    ):
        with pytest.raises(WebhookVerificationError):
            verified(changed, text, key)


@pytest.mark.parametrize("text", ["", "# nothing\n", "s3cret", "whsec_", "whsec_!!!!", secret(bytes(23)),
                                  secret(bytes(65))])
def test_what_is_no_key(text: str) -> None:
    """No key, another form, too short or too long: refused without repeating it."""
    with pytest.raises(ValueError, match=r"no key|whsec_ and") as why:
        keys(text)
    assert text.strip("# \n") in ("", "nothing", "whsec_") or text not in str(why.value)


def test_without_a_key_there_is_no_signature() -> None:
    """Slack and Teams look for none."""
    assert headers("msg_1", 1, b"", ()) == {"webhook-id": "msg_1", "webhook-timestamp": "1"}
