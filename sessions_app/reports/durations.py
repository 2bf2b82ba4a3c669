"""Many durations: their average, their percentiles, their distribution."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

# In seconds; a bucket reaches up to the next edge, and does not contain it.
DURATION_EDGES = (60, 120, 300, 600, 1200, 1800, 3600, 7200)
WAIT_EDGES = (15, 30, 60, 120, 300, 600, 1800)


def percentile(counts: Counter[int], percent: int) -> int | None:
    """The least value that so many of 100 do not exceed."""
    rank = -(-counts.total() * percent // 100)
    passed = 0
    for value in sorted(counts):
        passed += counts[value]
        if passed >= rank:
            return value
    return None


class Durations:
    """Counted by whole seconds, which is fine enough for people, and quick for a million: ``rows`` are seconds, how
    many, and the sum of their exact milliseconds."""

    def __init__(self, rows: Iterable[tuple[int, int, float]] = ()) -> None:
        self._seconds: Counter[int] = Counter()
        self._total_ms = 0.0
        for seconds, count, ms in rows:
            self._seconds[seconds] += count
            self._total_ms += ms

    def __add__(self, other: "Durations") -> "Durations":
        both = Durations()
        both._seconds = self._seconds + other._seconds
        both._total_ms = self._total_ms + other._total_ms
        return both

    @property
    def count(self) -> int:
        return self._seconds.total()

    @property
    def mean_ms(self) -> float | None:
        return self._total_ms / self.count if self.count else None

    def percentile_ms(self, percent: int) -> int | None:
        found = percentile(self._seconds, percent)
        return None if found is None else found * 1000

    def buckets(self, edges: Sequence[int]) -> Counter[int]:
        places: Counter[int] = Counter()
        for seconds, count in self._seconds.items():
            places[bisect_right(edges, seconds)] += count
        return places


def distribution(edges: Sequence[int], *measured: Durations) -> list[tuple]:
    columns = [durations.buckets(edges) for durations in measured]
    return [(label, *(column[place] for column in columns)) for place, label in enumerate(duration_labels(edges))]


def duration_labels(edges: Sequence[int]) -> list[str]:
    """Of the buckets between edges in seconds: "under 15 s", "15–30 s", …, "2 h and more"."""
    between = [_between(low, high) for low, high in zip(edges, edges[1:], strict=False)]
    return [f"under {_duration(edges[0])}", *between, f"{_duration(edges[-1])} and more"]


def _between(low: int, high: int) -> str:
    (start, unit), (end, other) = _duration(low).split(), _duration(high).split()
    return f"{start}–{end} {unit}" if unit == other else f"{start} {unit} – {end} {other}"


def _duration(seconds: int) -> str:
    units = ((1, "s"), (60, "min"), (3600, "h"))
    size, unit = units[bisect_right([size for size, _ in units], seconds) - 1]
    return f"{seconds // size} {unit}"
