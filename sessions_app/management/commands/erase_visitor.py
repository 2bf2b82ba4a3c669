from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from sessions_app import retention
from sessions_app.models import ChatSession


class Command(BaseCommand):
    help = "Erases what the chats of one visitor say of that visitor, for good; open ones are ended first."

    def add_arguments(self, parser) -> None:
        parser.add_argument("conversation_id", help="of one of the chats, such as K7Q2-9FXM")
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--by", required=True, metavar="USERNAME", help="whom the audit line names")
        parser.add_argument("--same-email", action="store_true", help="also all chats with the same e-mail address")
        parser.add_argument("--dry-run", action="store_true", help="list the chats, erase nothing")

    def handle(self, *, conversation_id, tenant, by, same_email, dry_run, **options) -> None:
        session = ChatSession.objects.select_related("tenant").filter(
            tenant__slug=tenant, conversation_id=conversation_id.strip().upper()
        )
        session = session.first()
        if session is None:
            raise CommandError(f'"{tenant}" has no chat {conversation_id}.')
        admin = get_user_model().objects.filter(username=by, is_active=True, is_staff=True).first()
        if admin is None:
            raise CommandError(f'"{by}" is no administrator.')
        if dry_run:
            found = retention.sessions_of_visitor(session, has_same_email=same_email)
            references = ", ".join(found.values_list("conversation_id", flat=True))
            self.stdout.write(f"Would be erased: {references}")
            return
        count = retention.erase_visitor(session, admin, has_same_email=same_email)
        self.stdout.write(f"{count} chats were erased")
