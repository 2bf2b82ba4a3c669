from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from agents_app.models import Agent, CannedReply
from sessions_app.models import Tenant

REPLIES = {
    "hello": "Hello {{visitor.name}}, this is {{agent.name}}. How can I help you?",
    "moment": "One moment, please. I am looking it up.",
    "email": "I will send the details to {{visitor.email}}.",
    "returns": "You can send everything back within 30 days. The label is in your parcel.",
    "bye": "Glad that I could help. Have a nice day!",
}


class Command(BaseCommand):
    help = (
        "Makes the tenant demo-tenant with canned replies, its agents alice (a supervisor) and bob, and an admin. "
        "Safe to run again."
    )

    @transaction.atomic
    def handle(self, **options) -> None:
        password = settings.DEMO_PASSWORD
        if not password:
            raise CommandError("DEMO_PASSWORD is not set: the demo accounts need a password.")
        tenant, _ = Tenant.objects.get_or_create(slug="demo-tenant", defaults={"name": "Demo shop"})
        users = get_user_model().objects
        for username in ("alice", "bob"):
            user, _ = users.get_or_create(username=username, defaults={"first_name": username.capitalize()})
            _set_password(user, password)
            agent, _ = Agent.objects.get_or_create(user=user)
            agent.tenants.add(tenant)
            if username == "alice":
                user.user_permissions.add(Permission.objects.get(codename="supervise"))
        if not tenant.canned_replies.exists():
            replies = [CannedReply(tenant=tenant, shortcut=shortcut, text=text) for shortcut, text in REPLIES.items()]
            CannedReply.objects.bulk_create(replies)
        admin, _ = users.get_or_create(username="admin", defaults={"is_staff": True, "is_superuser": True})
        _set_password(admin, password)
        self.stdout.write("Demo tenant and accounts are ready.")


def _set_password(user, password: str) -> None:
    # Only when it changed: a new hash ends the login sessions of whoever is trying the demo.
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
