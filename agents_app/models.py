"""Agent: what makes a user an agent, and of which tenants."""

from datetime import timedelta

from django.conf import settings
from django.db import models

from sessions_app.models import Tenant

# A console beats every 30 s; after this long without one the agent is not there.
CONSOLE_TTL = timedelta(minutes=2)


class Agent(models.Model):
    """The profile that lets a user into the console, for the chats of ``tenants`` and no others."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent")
    tenants = models.ManyToManyField(Tenant, related_name="agents")
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return self.user.get_full_name() or self.user.get_username()
