import re
from datetime import date, timedelta

from django.core.management.base import BaseCommand, CommandError

from sessions_app.models import Tenant
from sessions_app.reports import Period, today, zones
from sessions_app.simulator import Policy, in_words, simulate

UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def duration(text: str) -> timedelta:
    """As "90s", "20m" or "1h"."""
    found = re.fullmatch(r"([0-9]{1,6})([smh])", text)
    if not found:
        raise CommandError(f'"{text}" is no duration: write 90s, 20m or 1h.')
    return timedelta(**{UNITS[found[2]]: int(found[1])})


class Command(BaseCommand):
    help = "Says what another policy would have done to the chats that there were. Changes nothing."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--expiry", type=duration, help="session expiry, as 20m (default: the tenant's)")
        parser.add_argument("--disconnect", type=duration, help="disconnect timeout, as 3m (default: the tenant's)")
        parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first day (default: 30 days back)")
        parser.add_argument("--to", dest="end", type=date.fromisoformat, help="last day (default: today)")
        parser.add_argument("--timezone", default="UTC", help="whose days (%(default)s)")

    def handle(self, *, tenant, expiry, disconnect, start, end, timezone, **options) -> None:
        row = Tenant.objects.filter(slug=tenant).first()
        if row is None:
            raise CommandError(f'There is no tenant "{tenant}".')
        if timezone not in zones():
            raise CommandError(f'"{timezone}" is no time zone.')
        present = Policy.of(row)
        policy = present._replace(expiry=expiry or present.expiry, disconnect=disconnect or present.disconnect)
        if not policy.is_possible:
            raise CommandError("The disconnect timeout is 150s or more, and the expiry not shorter than that.")
        end = end or today(timezone)
        period = Period(start or end - timedelta(days=29), end, timezone)
        if period.start > period.end:
            raise CommandError("The first day is after the last.")
        found = simulate(row, policy, period)
        self.stdout.write(
            f"{period.start} to {period.end}: {found.chats:,} chats, of which {found.abandoned:,} were abandoned;"
            f" today's {in_words(present.expiry)} and {in_words(present.disconnect)} make it {found.today:,}"
            " by this calculation."
        )
        self.stdout.write(f"With {in_words(policy.expiry)} and {in_words(policy.disconnect)} {found.verdict}")
