from django.core.management.base import BaseCommand

from sessions_app import retention
from sessions_app.models import Tenant


class Command(BaseCommand):
    help = (
        "Deletes closed chats, with all that belongs to them, that are older than their tenants keep them. The worker "
        "does so every hour; safe to run beside it, and to interrupt."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, delete nothing")

    def handle(self, *, dry_run: bool, **options) -> None:
        if dry_run:
            tenants = Tenant.objects.filter(retention_days__isnull=False)
            count, done = sum(retention.old_sessions(tenant).count() for tenant in tenants), "would be deleted"
        else:
            count, done = retention.delete_old_sessions(), "deleted"
        self.stdout.write(f"{count} {done}")
