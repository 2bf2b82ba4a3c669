from django.core.management.base import BaseCommand

from sessions_app import retention


class Command(BaseCommand):
    help = (
        "Deletes closed chats, with all that belongs to them, and left messages that are older than their tenants keep "
        "them. The worker does so every hour; safe to run beside it, and to interrupt."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, delete nothing")

    def handle(self, *, dry_run: bool, **options) -> None:
        if dry_run:
            tenants, done = retention.keeping_tenants(), "would be deleted"
            chats = sum(retention.old_sessions(tenant).count() for tenant in tenants)
            left = sum(retention.old_offline_messages(tenant).count() for tenant in tenants)
        else:
            chats, left, done = retention.delete_old_sessions(), retention.delete_old_offline_messages(), "deleted"
        self.stdout.write(f"{chats} chats and {left} left messages {done}")
