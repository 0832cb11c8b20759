"""Parquet and Arrow files, group by group."""

from __future__ import annotations

import io

import pyarrow
import pyarrow.parquet
import pytest

from gov.errors import GovError, UsageError
from gov.ui import columnar
from gov.ui.columnar import Columnar
from gov.ui.results import Format


def written(kind: Format, rows: int, step: int) -> io.BytesIO:
    """A file of so many rows, `step` at a time."""
    out = io.BytesIO()
    shown = Columnar(kind, out)
    shown.columns(("n", "s"), (23, 25), (-1, -1))
    for start in range(0, rows, step):
        shown.rows([(str(n), None if n % 7 == 0 else f"s{n}") for n in range(start, min(start + step, rows))])
    shown.end()
    return io.BytesIO(out.getvalue())


@pytest.mark.parametrize("step", [1, 333, 500, 5000])
def test_every_row_comes_back(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they come, rows stand in groups of bounded size, in their order."""
    monkeypatch.setattr(columnar, "GROUP_ROWS", 2000)
    file = pyarrow.parquet.ParquetFile(written(Format.PARQUET, 4500, step))

    assert file.metadata.num_row_groups == (1 if step == 5000 else 3 if step != 333 else 2)
    assert file.read().to_pylist() == [{"n": n, "s": None if n % 7 == 0 else f"s{n}"} for n in range(4500)]
    assert file.schema_arrow.field("n").metadata[b"pg_type"] == b"integer"


def test_arrow_files() -> None:
    """The IPC file format: what Arrow and Feather read."""
    table = pyarrow.ipc.open_file(written(Format.ARROW, 1200, 500)).read_all()

    assert table.column("n").to_pylist() == [*range(1200)]
    assert table.schema.field("s").metadata == {b"pg_type": b"text"}


def test_an_empty_result_keeps_its_columns() -> None:
    """No row is no reason for no schema."""
    for kind in (Format.PARQUET, Format.ARROW):
        file = written(kind, 0, 1)
        read = pyarrow.parquet.read_table(file) if kind is Format.PARQUET else pyarrow.ipc.open_file(file).read_all()
        assert (read.num_rows, read.schema.names) == (0, ["n", "s"])


def test_one_file_is_one_result() -> None:
    """A second result has no place, none at all makes no file, and a value that does not fit names its column."""
    shown = Columnar(Format.PARQUET, io.BytesIO())
    with pytest.raises(UsageError, match="no statement returned rows"):
        shown.end()
    shown.columns(("born",), (1082,), (-1,))
    with pytest.raises(UsageError, match="holds one result"):
        shown.columns(("n",), (23,), (-1,))
    shown.rows([("infinity",)])
    with pytest.raises(GovError, match="the column born holds a value that date cannot") as refused:
        shown.end()
    assert "born::text" in refused.value.hint
    shown.abandon()
