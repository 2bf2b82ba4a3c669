from time import perf_counter

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from agents_app.models import Agent
from sessions_app import services
from sessions_app.demo import Person, write_history
from sessions_app.models import ChatSession, Tenant
from sessions_app.serializers import agent_name

COLLEAGUES = ("Clara", "Dimitri", "Esra", "Farid")


class Command(BaseCommand):
    help = (
        "Writes months of made-up chats, for screenshots and a look at the reports: days and weeks with their busy "
        "hours, several agents, abandonments of every kind, ratings, restorations."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--tenant", default="demo-tenant", help="the tenant's slug (%(default)s)")
        parser.add_argument("--months", type=int, default=3, help="how far back, 1 to 36 (%(default)s)")
        parser.add_argument("--sessions", type=int, default=20_000, help="about how many chats (%(default)s)")
        parser.add_argument("--seed", type=int, default=0, help="another number is another history (%(default)s)")
        parser.add_argument("--force", action="store_true", help="also into a tenant that has chats already")

    def handle(self, *, tenant: str, months: int, sessions: int, seed: int, force: bool, **options) -> None:
        if not 1 <= months <= 36 or sessions < 1:
            raise CommandError("Months are 1 to 36, sessions at least 1.")
        row = Tenant.objects.filter(slug=tenant).first()
        if row is None:
            raise CommandError(f'There is no tenant "{tenant}".')
        if not force and ChatSession.objects.filter(tenant=row).exists():
            raise CommandError(
                f'"{tenant}" has chats already, and made-up ones could not be told from them. --force adds them.'
            )
        began = perf_counter()
        written = write_history(row, _people(row), days=months * 30, sessions=sessions, seed=seed)
        services.index_history()
        self.stdout.write(f"{written} chats of {months} months in {perf_counter() - began:.1f} s.")


def _people(tenant: Tenant) -> list[Person]:
    """The tenant's agents, and colleagues who have a name but no password: nobody can log in as one of them."""
    users = get_user_model().objects
    for name in COLLEAGUES:
        user, is_new = users.get_or_create(username=f"demo-{name.lower()}", defaults={"first_name": name})
        if is_new:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        agent, _ = Agent.objects.get_or_create(user=user)
        agent.tenants.add(tenant)
    agents = Agent.objects.filter(tenants=tenant).select_related("user")
    return [Person(agent.user_id, agent_name(agent.user)) for agent in agents.order_by("pk")]
