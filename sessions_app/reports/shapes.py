"""What a report is made of, for the page, the API and the CSV files alike."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal["text", "day", "count", "number", "share", "ms"]


class Figure(NamedTuple):
    """``value`` is None where there is nothing to tell: no average of no chats."""

    name: str
    label: str
    value: float | None
    kind: Kind = "count"


class Column(NamedTuple):
    name: str
    label: str
    kind: Kind = "count"


class Table(NamedTuple):
    """``name`` is also that of its CSV file. The first column says what a row is about."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[tuple]
    chart: Literal["", "bars", "stack"] = ""

    @property
    def is_empty(self) -> bool:
        return not any(value for row in self.rows for value in row[1:])


class Report(NamedTuple):
    name: str
    title: str
    note: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]


COUNT_AND_SHARE = (Column("chats", "Chats"), Column("share", "Share", "share"))


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def with_shares(rows: Sequence[tuple[str, int]]) -> list[tuple[str, int, float | None]]:
    whole = sum(count for _, count in rows)
    return [(label, count, share(count, whole)) for label, count in rows]


def figures_table(report: Report) -> Table:
    """A report's figures as a table, for its CSV file."""
    columns = (Column("figure", "Figure", "text"), Column("value", "Value", "number"))
    return Table(report.name, report.title, columns, [(figure.name, figure.value) for figure in report.figures])
