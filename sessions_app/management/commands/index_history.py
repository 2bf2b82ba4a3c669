from django.core.management.base import BaseCommand

from sessions_app import services


class Command(BaseCommand):
    help = (
        "Makes closed chats findable that a release without the history's search has closed. "
        "Needed once, after the upgrade; safe to run again, and while the site serves."
    )

    def handle(self, **options) -> None:
        self.stdout.write(f"{services.index_history()} chats were made findable")
