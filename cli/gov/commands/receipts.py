"""Receipts beside the files they are for: asked of the broker, written, found again, read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from gov.client import files
from gov.errors import GovError, NoSuch, Unverified, UsageError
from gov.ui.escape import escape
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.trail import FileClaim, ReceiptView

RECEIPT, PROOF, CROISSANT = ".receipt.json", ".tlog-proof", ".croissant.json"
"""What is put behind a file's name."""
DIRECTORY = "dataset"
"""How the receipt of a directory of parts is called, before these."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a receipt and its proof are."""

    receipt: Path
    proof: Path

    def read(self) -> tuple[bytes, bytes]:
        """Both.

        Raises:
            NoSuch: One is not there.
        """
        return content(self.receipt), content(self.proof)

    def write(self, view: ReceiptView) -> None:
        """Put both there, each whole or not at all. Raises OSError."""
        _replace(self.proof, view.proof)
        _replace(self.receipt, view.envelope)

    def remove(self) -> None:
        """Take away what an older file has left."""
        for path in (self.receipt, self.proof):
            with suppress(FileNotFoundError):
                path.unlink()


def beside(file: Path) -> Paths:
    """Where a file's receipt is written: behind its name; for a directory, in it."""
    if file.is_dir():
        return Paths(file / f"{DIRECTORY}{RECEIPT}", file / f"{DIRECTORY}{PROOF}")
    return Paths(file.with_name(file.name + RECEIPT), file.with_name(file.name + PROOF))


def found(file: Path, receipt: Path | None = None, proof: Path | None = None) -> Paths:
    """The receipt and the proof for `file`: the given ones, those beside it, or those of its directory of parts.

    `file` may be a receipt itself.

    Raises:
        NoSuch: There is neither the file nor a receipt of that name.
    """
    if not file.exists() and receipt is None and not beside(file).receipt.exists():
        raise NoSuch(f"there is no file {file}", hint="gov exec TARGET -c SQL -o FILE writes one with its receipt")
    if receipt is None and file.name.endswith(RECEIPT):
        receipt = file
    places = beside(file)
    if receipt is None and not places.receipt.exists() and beside(file.absolute().parent).receipt.exists():
        places = beside(file.absolute().parent)
    if receipt is not None:
        named = receipt.name.removesuffix(RECEIPT) if receipt.name.endswith(RECEIPT) else receipt.name
        places = Paths(receipt, receipt.with_name(named + PROOF))
    return Paths(places.receipt, proof or places.proof)


def digest(path: Path) -> str:
    """SHA-256, hex, of a file. Raises UsageError when it cannot be read."""
    try:
        return files.digest(path)
    except OSError as error:
        raise UsageError(
            f"{path}: {(error.strerror or str(error)).lower()}", hint="gov exec TARGET -c SQL -o FILE writes one"
        ) from error


def parts(path: Path) -> list[Path]:
    """The files that a receipt in a directory is for; the file itself where it is one."""
    if not path.is_dir():
        return [path]
    ours = {beside(path).receipt.name, beside(path).proof.name}
    return sorted(
        each for each in path.iterdir()
        if each.is_file() and each.name not in ours and not each.name.startswith(".")
        and not each.name.endswith((RECEIPT, PROOF, CROISSANT))
    )


@dataclass(frozen=True, slots=True)
class Made:
    """What came of asking for a receipt: it, or why there is none."""

    view: ReceiptView | None
    error: GovError | None
    session: str

    @classmethod
    def of(cls, broker: Broker, claims: Sequence[FileClaim]) -> Made:
        """Ask for one receipt for all of `claims`.

        Raises:
            Unverified: The broker has relayed something else: the files are good for nothing.
        """
        from gov.control.trail import ReceiptAsk

        try:
            return cls(broker.issue_receipt(ReceiptAsk(files=[*claims])), None, claims[0].session)
        except Unverified:
            raise
        except GovError as error:
            return cls(None, error, claims[0].session)

    def put(self, place: Path) -> None:
        """Write it beside the file, or into the directory, that it is for.

        Raises:
            GovError: There is none. What an older file has left is gone.
        """
        paths = beside(place.resolve())
        if self.view is not None:
            paths.write(self.view)
            say(f"{escape(str(paths.receipt))}: {self.view.receipt}, entry {self.view.entry} of the log")
            return
        paths.remove()
        assert self.error is not None
        hint = f"gov receipt issue {quote(str(place))} --session {self.session}"
        raise type(self.error)(f"{place} is written, its receipt is not: {self.error.what}", hint=hint)


    def describe(self, place: Path, fields: Sequence[tuple[str, int]]) -> None:
        """Put a Croissant description of the files beside the receipt; `fields` are names with their types' OIDs."""
        from gov.receipt import croissant, envelope, statement

        if self.view is None:
            return
        paths = beside(place.resolve())
        said = statement.read(envelope.read(self.view.envelope.encode()).payload)
        text = croissant.describe(said.predicate, [croissant.Field(*each) for each in fields], paths.receipt.name)
        path = paths.receipt.with_name(paths.receipt.name.removesuffix(RECEIPT) + CROISSANT)
        _replace(path, json.dumps(text, indent=2, ensure_ascii=False) + "\n")
        say(escape(f"{path}: Croissant 1.1"))


def issued(broker: Broker, path: Path, session: str) -> ReceiptView:
    """The receipt for a file: the one the broker knows, else a new one.

    Raises like `Receipts.issue` of the broker.
    """
    from gov.control.trail import FileClaim, ReceiptAsk

    sha256 = digest(path)
    with suppress(NoSuch):
        return broker.find_receipt(sha256)
    claim = FileClaim(name=path.name, sha256=sha256, bytes=path.stat().st_size, session=session,
                      format=path.suffix.removeprefix(".").lower())
    return broker.issue_receipt(ReceiptAsk(files=[claim]))


def content(path: Path) -> bytes:
    """What a receipt or a proof holds. Raises UsageError and NoSuch, which says how to get one."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NoSuch(f"there is no {path}", hint="gov receipt issue FILE, by whoever ran the statement") from None
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}", hint="--receipt FILE") from error


def _replace(path: Path, text: str) -> None:
    with files.replacing(path, 0o644) as out:
        out.write(text.encode())
