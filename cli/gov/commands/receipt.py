"""`gov receipt`: where a file came from, who approved it, and whether that is true."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gov.commands import asking as words
from gov.commands.asking import broker
from gov.ui.escape import escape
from gov.ui.output import print_json

if TYPE_CHECKING:
    from gov.receipt.verify import Verified

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A file, a directory of parts, or a receipt.")]
ReceiptOption = Annotated[Path | None, typer.Option(
    "--receipt", metavar="FILE", help="The receipt.  [default: FILE.receipt.json]", show_default=False)]
ProofOption = Annotated[Path | None, typer.Option(
    "--proof", metavar="FILE", help="Its proof.  [default: FILE.tlog-proof]", show_default=False)]


@app.command("show")
def show(file: File, receipt: ReceiptOption = None, json: words.JsonFlag = False) -> None:
    """Print what a receipt says. It is not checked: see gov receipt verify."""
    from gov.commands.receipts import found
    from gov.receipt import envelope, statement

    held = envelope.read(_bytes(found(file, receipt).receipt))
    said = statement.read(held.payload)
    if json:
        print_json({"subjects": [{"name": each.name, "sha256": each.sha256} for each in said.subjects],
                    "key": held.keyid, "predicate": dict(said.predicate)})
    else:
        typer.echo(_lines(said.predicate))


@app.command("verify")
def verify(
    file: File,
    receipt: ReceiptOption = None,
    proof: ProofOption = None,
    key: Annotated[str, typer.Option(
        "--checkpoint-key", metavar="VKEY", help="The log's key, or a file that holds it.  "
        "[default: the one pinned at login]")] = "",
    directory: Annotated[Path | None, typer.Option(
        "--dir", metavar="COPY", help="A copy of the log that must go on from the proof's checkpoint.",
        show_default=False)] = None,
    json: words.JsonFlag = False,
) -> None:
    """Check offline that a file is the one of its receipt, and that the log vouches for the receipt.

    Status 8 when a byte of the file, the receipt or the proof was changed, or the log was cut short.
    """
    from gov.commands import receipts
    from gov.commands.vouching import vouched
    from gov.receipt.verify import complete, covers

    paths = receipts.found(file, receipt, proof)
    verified = vouched(*paths.read(), key, directory)
    files = [] if file == paths.receipt else receipts.parts(file)
    digests = [*map(receipts.digest, files)]
    covers(verified, digests)
    if file.is_dir():
        complete(verified, digests)
    if json:
        print_json(_report(verified, files))
        return
    typer.echo(_lines(verified.predicate))
    checkpoint = verified.included.checkpoint
    what = "the receipt" if not files else f"{file} is the file of the receipt, which"
    typer.echo(escape(f"verified: {what} is entry {verified.included.index} of {checkpoint.origin}"
                      f" ({checkpoint.size} entries)"))


@app.command("issue")
def issue(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that a statement of yours brought.")],
    session: Annotated[str, typer.Option(
        "--session", metavar="ID", help="Whose statements it came from.  [default: the COPY that brought it]")] = "",
    json: words.JsonFlag = False,
) -> None:
    """Have the broker write the receipt for a file, beside it.

    What COPY TO STDOUT brought (psql's \\copy too) is found by its digest, if the file holds exactly that.
    """
    from gov.commands import receipts

    with broker() as asked:
        view = receipts.issued(asked, file, session)
    paths = receipts.beside(file)
    paths.write(view)
    if json:
        print_json({"receipt": view.receipt, "entry": view.entry, "file": str(paths.receipt),
                    "proof": str(paths.proof)})
    else:
        typer.echo(escape(f"{paths.receipt}: {view.receipt}, entry {view.entry} of the log"))


def _lines(predicate: Mapping[str, Any]) -> str:
    """What a receipt says, for a terminal.

    Raises:
        Unverified: It is signed JSON, and no receipt of ours.
    """
    from gov.errors import Unverified
    from gov.ui.receipt import lines

    try:
        return "\n".join(map(escape, lines(predicate)))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Unverified("the receipt says things in a form that this version of gov does not read",
                         hint="gov receipt show --json") from None


def _bytes(path: Path) -> bytes:
    from gov.commands.receipts import content

    return content(path)


def _report(verified: Verified, files: list[Path]) -> dict[str, object]:
    checkpoint = verified.included.checkpoint
    return {
        "verified": True, "files": [*map(str, files)], "receipt": verified.predicate.get("receipt"),
        "entry": verified.included.index, "origin": checkpoint.origin, "size": checkpoint.size,
        "predicate": dict(verified.predicate),
    }
