"""The wire shape of agents and of what they say often. Only JSON values come out of here."""

from collections.abc import Iterable

from django.db.models.fields.files import FieldFile
from django.urls import reverse
from rest_framework import serializers

from agents_app.models import LARGEST_CAPACITY, Agent, Availability, CannedReply
from sessions_app.inputs import StrictIntegerField
from sessions_app.models import Tenant
from sessions_app.serializers import agent_name, timestamp


def workload_payload(agent: Agent) -> dict[str, object]:
    """What changes by itself while a console is open; needs ``state`` and ``load``."""
    return {
        "availability": agent.availability,
        "state": agent.state,
        "load": agent.load,
        "capacity": agent.capacity,
    }


def me_payload(agent: Agent, tenants: Iterable[Tenant], *, is_supervisor: bool) -> dict[str, object]:
    """The agent, for the agent's own consoles."""
    return {
        "id": agent.user_id,
        "name": agent_name(agent.user),
        **workload_payload(agent),
        "is_supervisor": is_supervisor,
        "tenants": [
            {"slug": tenant.slug, "name": tenant.name, "typing_preview": tenant.typing_preview} for tenant in tenants
        ],
        "picture": picture_url(agent.picture),
    }


def colleague_payload(agent: Agent, tenants: Iterable[Tenant]) -> dict[str, object]:
    """The agent, for agents of the same ``tenants``."""
    return {
        "id": agent.user_id,
        "name": agent_name(agent.user),
        **workload_payload(agent),
        "tenants": [tenant.slug for tenant in tenants],
        "last_seen_at": timestamp(agent.last_seen_at),
        "picture": picture_url(agent.picture),
    }


def picture_url(picture: FieldFile) -> str | None:
    """A path of this server, which has many names."""
    return reverse("agent-picture", args=[picture.name.rpartition("/")[2]]) if picture else None


def canned_reply_payload(reply: CannedReply) -> dict[str, object]:
    return {"shortcut": reply.shortcut, "text": reply.text, "tenant": reply.tenant.slug}


class MeInput(serializers.Serializer):
    """What is left out stays as it is; a ``capacity`` of null is none."""

    availability = serializers.ChoiceField(choices=Availability.choices, required=False)
    capacity = StrictIntegerField(min_value=1, max_value=LARGEST_CAPACITY, required=False, allow_null=True)
