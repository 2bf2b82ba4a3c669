"""Run before each process of the Procfile: what it cannot work without is there, or it says so in one sentence."""

import sys

from django.core.management.base import BaseCommand

from chatcenter import health


class Command(BaseCommand):
    help = "Checks the settings, and that PostgreSQL and Redis answer; exit code 1 with one sentence if not."

    def handle(self, *args, **options) -> None:
        problem = health.postgresql_problem() or health.redis_problem()
        if problem:
            sys.exit(problem)
