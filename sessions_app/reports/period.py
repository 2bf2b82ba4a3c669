"""Days by the calendar of whoever looks at a report."""

from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from django.db import connection


class Period(NamedTuple):
    """Whole days, ``end`` among them, by the calendar of ``zone``, a name such as "Europe/Berlin"."""

    start: date
    end: date
    zone: str

    @property
    def parameters(self) -> dict[str, object]:
        """For IN_PERIOD."""
        return {"start": self.start, "end": self.end + timedelta(days=1), "zone": self.zone}

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=number) for number in range((self.end - self.start).days + 1)]


# The database knows the calendars, as it has the clock: there is one opinion of when a day begins.
SINCE, UNTIL = (f"(%({name})s::date::timestamp AT TIME ZONE %(zone)s)" for name in ("start", "end"))
IN_PERIOD = f"{{0}} >= {SINCE} AND {{0}} < {UNTIL}"


@cache
def zones() -> list[str]:
    """The names of the world's time zones, as browsers tell them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_timezone_names WHERE name ~ '^[A-Z][A-Za-z_]+/[A-Z]' AND name !~ '^(Etc|SystemV)/'"
        )
        return ["UTC", *sorted(name for (name,) in cursor)]


def today(zone: str) -> date:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (statement_timestamp() AT TIME ZONE %s)::date", [zone])
        return cursor.fetchone()[0]
