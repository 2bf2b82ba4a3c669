from collections import Counter

from django.core.management.base import BaseCommand

from sessions_app import selectors, services


class Command(BaseCommand):
    help = "Abandons the chats whose visitors are gone or silent for too long. Safe to run at any time, any number."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be abandoned, change nothing")

    def handle(self, *, dry_run: bool, **options) -> None:
        abandoned: Counter[str] = selectors.due_counts() if dry_run else services.sweep()
        done = "would be abandoned" if dry_run else "abandoned"
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(abandoned.items()))
        self.stdout.write(f"{abandoned.total()} {done}" + (f": {counts}" if counts else ""))
