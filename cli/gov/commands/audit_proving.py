"""`gov audit prove` and `gov audit verify FILE`: proofs that stand alone, made by the broker, checked without it."""

from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import broker
from gov.errors import ConfigError, UsageError
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.audit.checkpoint import Checkpoint
    from gov.commands.proving import Believed

EXAMPLES = (
    "\b\nExamples:\n  gov audit prove 1234 -o 1234.tlog-proof\n  gov audit verify 1234.tlog-proof\n"
    "  gov audit prove --from 1000 -o growth.txt"
)


def prove(
    index: Annotated[int | None, typer.Argument(min=0, metavar="[INDEX]", help="The entry to prove.")] = None,
    since: Annotated[int | None, typer.Option(
        "--from", min=0, metavar="SIZE", help="Instead: that the log goes on from its first SIZE entries.")] = None,
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", metavar="FILE", help="Instead of standard output.")] = None,
) -> None:
    """Fetch the proof that an entry is in the log, for somebody who has nothing but the log's key.

    It carries the entry, and is a C2SP .tlog-proof; with --from it is what a C2SP witness takes.
    """
    if (index is None) == (since is None):
        raise UsageError("either an entry or --from SIZE", hint="gov audit prove INDEX, or gov audit prove --from SIZE")
    with broker() as asked:
        proof = asked.growth(since) if since is not None else asked.proof(index or 0)
    if output is None:
        sys.stdout.write(proof.decode())
        return
    try:
        output.write_bytes(proof)
    except OSError as error:
        raise UsageError(f"{output}: {(error.strerror or str(error)).lower()}", hint="-o FILE") from None
    say(f"gov: next: gov audit verify {escape(str(output))}{' --known CHECKPOINT' if since is not None else ''}")


def check(proof: Path, known: Path | None, key: str, *, json: bool) -> None:
    """Verify a proof offline and print what it proves.

    Raises:
        Unverified: it does not hold.
    """
    from gov.audit.checkpoint import unsigned
    from gov.audit.proof import HEADER, read_consistency, read_inclusion, verify_inclusion
    from gov.commands.proving import believed

    text = _content(proof)
    if text.startswith(HEADER.encode()):
        keys = believed(key, unsigned(read_inclusion(text).note).origin)
        included = verify_inclusion(text, keys.keys)
        _show_entry(included.index, included.entry, included.checkpoint, keys, json=json)
        return
    growth = read_consistency(text)
    _show_growth(text, growth.old, known, believed(key, unsigned(growth.note).origin), json=json)


def _show_growth(text: bytes, old: int, known: Path | None, keys: Believed, *, json: bool) -> None:
    from gov.audit.checkpoint import open_any
    from gov.audit.proof import verify_consistency

    if known is None:
        raise UsageError(
            f"the proof goes out from a log of {old} entries: which one",
            hint="gov audit verify FILE --known CHECKPOINT",
        )
    before = open_any(_content(known), keys.keys)
    now = verify_consistency(text, keys.keys, before)
    if json:
        print_json({**_head(now, keys), "goes_on_from": before.size})
        return
    print(f"the log goes on: its first {before.size} entries are the ones of {escape(str(known))}")
    _say_head(now, keys)


def _show_entry(index: int, entry: bytes, checkpoint: Checkpoint, keys: Believed, *, json: bool) -> None:
    import json as encoding

    if json:
        print_json({**_head(checkpoint, keys), "index": index, "entry": encoding.loads(entry)})
        return
    leaf = encoding.loads(entry)
    print(f"entry {index} is in the log: {escape(leaf['kind'])} at {escape(leaf['at'])}")
    for name, value in leaf["fields"].items():
        shown = value if isinstance(value, str) else encoding.dumps(value, ensure_ascii=False)
        print(f"  {escape(name):<16} {escape(shown)}")
    _say_head(checkpoint, keys)


def _head(checkpoint: Checkpoint, keys: Believed) -> dict[str, object]:
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": b64encode(checkpoint.root).decode(),
        "key": str(keys.keys[-1]),
        "pinned": keys.pinned,
    }


def _say_head(checkpoint: Checkpoint, keys: Believed) -> None:
    say(f"gov: under the checkpoint of {checkpoint.size} entries, signed by {escape(checkpoint.origin)}"
        f"{' (pinned)' if keys.pinned else ''}")


def _content(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}", hint="gov audit verify FILE") from None
