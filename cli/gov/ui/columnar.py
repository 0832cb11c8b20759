"""A query's result as a Parquet or Arrow file, written group by group and never held whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from gov.errors import UsageError
from gov.ui.arrow import Shape, library, refused, shape
from gov.ui.results import Format, Row

CHUNK = 500
"""Rows that become arrays at a time."""
GROUP_ROWS = 65_536
GROUP_BYTES = 32 * 1024 * 1024
"""Of Arrow arrays in memory: a row group ends at whichever comes first."""


class Columnar:
    """Takes one result and writes it to `out`; `end` completes the file."""

    def __init__(self, kind: Format, out: BinaryIO) -> None:
        """Raises UsageError where pyarrow is not installed."""
        self._arrow = library()
        self._kind = kind
        self._out = out
        self._names: list[str] = []
        self._shapes: list[Shape] = []
        self._schema: Any = None
        self._writer: Any = None
        self._texts: list[Row] = []
        self._held: list[Any] = []
        self._rows = self._bytes = 0

    def columns(self, names: Sequence[str], types: Sequence[int], modifiers: Sequence[int]) -> None:
        """A result begins.

        Raises:
            UsageError: There was one before: such a file holds one result.
        """
        if self._schema is not None:
            raise UsageError(f"a {self._kind} file holds one result", hint="one statement for each file")
        self._names = [*names]
        self._shapes = [shape(oid, modifier) for oid, modifier in zip(types, modifiers, strict=True)]
        fields = [
            self._arrow.field(name, each.type, metadata={"pg_type": each.name})
            for name, each in zip(names, self._shapes, strict=True)
        ]
        self._schema = self._arrow.schema(fields)
        if self._kind is Format.PARQUET:
            self._writer = self._arrow.parquet.ParquetWriter(self._out, self._schema, compression="zstd")
        else:
            self._writer = self._arrow.ipc.new_file(self._out, self._schema)

    def rows(self, rows: Sequence[Row]) -> None:
        """Some of its rows.

        Raises:
            GovError: A value does not fit into its column's type.
        """
        self._texts += rows
        if len(self._texts) >= CHUNK:
            self._convert()
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write()

    def end(self) -> None:
        """Complete the file.

        Raises:
            UsageError: No statement returned rows.
        """
        if self._writer is None:
            raise UsageError("no statement returned rows to write", hint="gov exec TARGET -c 'select …'")
        if self._texts:
            self._convert()
        self._write()
        self._writer.close()

    def abandon(self) -> None:
        """The file comes to nothing."""
        if self._writer is not None and self._kind is Format.PARQUET:
            self._writer.is_open = False  # or it would complete itself when it is collected

    def _convert(self) -> None:
        columns = zip(*self._texts, strict=True)
        arrays = [self._array(place, values) for place, values in enumerate(columns)]
        self._held.append(self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows += len(self._texts)
        self._bytes += self._held[-1].nbytes
        self._texts = []

    def _array(self, place: int, values: Sequence[str | None]) -> Any:
        one = self._shapes[place]
        try:
            return one.convert(values)
        except (self._arrow.ArrowInvalid, ValueError) as error:
            raise refused(self._names[place], one.name, error) from error

    def _write(self) -> None:
        if not self._held:
            return
        table = self._arrow.Table.from_batches(self._held, self._schema).combine_chunks()
        if self._kind is Format.PARQUET:
            self._writer.write_table(table, row_group_size=max(self._rows, 1))
        else:
            self._writer.write_table(table)
        self._held, self._rows, self._bytes = [], 0, 0
