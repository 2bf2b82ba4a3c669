"""The made-up history: believable, the same for the same seed, and nowhere among chats of real people."""

from collections import Counter

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Q

from agents_app.models import Agent
from sessions_app.models import (
    PRESENCE_TTL,
    ChatSession,
    IdlePeriod,
    Message,
    Restoration,
    SearchText,
    SessionEvent,
    TrailEntry,
)
from tests.factories import make_session, make_tenant

pytestmark = pytest.mark.django_db


def make_history(**options) -> None:
    call_command("demo_history", **{"sessions": 600, "months": 2, "verbosity": 0} | options)


def test_a_history_is_whole_and_over(tenant, alice):
    make_history()
    chats = ChatSession.objects.filter(tenant=tenant)
    assert 580 <= chats.count() <= 600
    assert not chats.open().exists()

    # The database's constraints hold the rows; these are the rules between them.
    closings = Count("events", filter=Q(events__to_status__in=["ended", "abandoned"]))
    reopenings = Count("events", filter=Q(events__reason="reopened"))
    assert not chats.annotate(closings=closings, reopenings=reopenings).exclude(closings=F("reopenings") + 1).exists()
    lines = chats.annotate(lines=Count("messages"))
    assert not lines.exclude(lines=F("last_seq")).exists()
    assert not SessionEvent.objects.filter(session__closed_at__lt=F("at")).exists()
    assert not Message.objects.filter(created_at__gt=F("session__closed_at")).exists()
    assert not chats.filter(accepted_at__lt=F("created_at")).exists()
    idle = IdlePeriod.objects.annotate(lasted=F("ended_at") - F("began_at"))
    assert idle.filter(lasted__gte=PRESENCE_TTL).count() == idle.count() > 0
    assert not idle.filter(Q(began_at__lt=F("session__created_at")) | Q(ended_at__gt=F("session__closed_at"))).exists()
    last = SessionEvent.objects.filter(to_status="abandoned", at=F("session__closed_at"), session__status="abandoned")
    assert last.count() == chats.filter(status="abandoned").count()


def test_a_history_is_believable(tenant, alice):
    make_history()
    chats = ChatSession.objects.filter(tenant=tenant)
    hours = Counter(chats.values_list("created_at__hour", flat=True))
    weekdays = Counter(chats.values_list("created_at__iso_week_day", flat=True))
    assert hours[10] > 5 * max(hours[3], 1)
    assert weekdays[2] > 1.5 * weekdays[7]
    assert chats.values("assigned_to").distinct().count() == 6  # alice, four colleagues, and nobody
    for field, kinds in (("closed_reason", 4), ("stage", 5), ("previous_outcome", 4), ("rating_score", 5)):
        assert chats.values(field).distinct().count() >= kinds, field
    assert set(Restoration.objects.values_list("outcome", flat=True)) == {"restored", "reopened"}
    assert set(TrailEntry.objects.values_list("kind", flat=True)) == {"page", "left", "back"}


def test_a_history_can_be_searched(tenant, alice):
    make_history(sessions=50)
    assert SearchText.objects.count() == ChatSession.objects.count()


def story() -> list[tuple]:
    columns = ("status", "closed_reason", "stage", "last_seq", "page_url", "customer_name", "rating_score")
    return list(ChatSession.objects.order_by("created_at").values_list(*columns))


def test_the_same_seed_is_the_same_history(tenant):
    make_history(seed=7)
    first = story()
    ChatSession.objects.all().delete()
    make_history(seed=7)
    again = story()
    ChatSession.objects.all().delete()
    make_history(seed=8)
    # The newest hours depend on when they are asked for.
    assert first[:400] == again[:400] != story()[:400]


def test_it_keeps_away_from_real_chats_unless_told(tenant):
    make_session(tenant, says="I am real")
    with pytest.raises(CommandError, match="has chats already"):
        make_history()
    assert ChatSession.objects.count() == 1
    make_history(force=True, sessions=50)
    assert ChatSession.objects.count() > 40


@pytest.mark.parametrize("options", [{"tenant": "nobody"}, {"months": 0}, {"months": 37}, {"sessions": 0}])
def test_it_refuses_what_makes_no_sense(tenant, options):
    with pytest.raises(CommandError):
        make_history(**options)


def test_the_agents_that_it_makes_cannot_log_in(tenant, client):
    make_history(sessions=10)
    colleagues = Agent.objects.filter(tenants=tenant)
    assert colleagues.count() == 4
    assert not any(agent.user.has_usable_password() for agent in colleagues)


def test_other_tenants_get_nothing(tenant):
    other = make_tenant("other-tenant")
    make_history(sessions=20)
    assert not ChatSession.objects.filter(tenant=other).exists()
