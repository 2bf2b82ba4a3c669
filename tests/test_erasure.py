"""An admin erases one visitor: nothing says any more who it was and what was said, and the reports stay right."""

from io import StringIO
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.db import connection

from sessions_app import offline, retention, selectors, services, tokens
from sessions_app.errors import SessionNotFound
from sessions_app.models import Attachment, ChatSession, Message, OfflineMessage
from sessions_app.reports import REPORTS, Period, Reporter, today
from tests.factories import actor, age, fresh, make_agent, make_session, make_tenant, say

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "zebrafinch"
EMAIL = f"{CANARY}@shop.example"


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def tenant():
    return make_tenant(offline_form=True)


@pytest.fixture
def alice(tenant):
    return make_agent("alice", [tenant])


@pytest.fixture
def admin():
    return get_user_model().objects.create_superuser("root", password="x")


def talk(tenant, agent=None, **fields):
    """A chat that says the canary in every place where a chat says something of its visitor."""
    metadata = {"page_url": f"https://{CANARY}.example/", "page_title": CANARY, "referrer": CANARY, "locale": "de"}
    options = {"customer_name": CANARY, "customer_email": EMAIL, "user_agent": CANARY, "start_id": uuid4()}
    session = make_session(tenant, says=f"I am {CANARY}", agent=agent, metadata=metadata, **(options | fields))
    id = session.session.session_id
    services.restore_session(id, is_page_load=True, page_url=f"https://{CANARY}.example/pay", page_title=CANARY)
    if agent is not None:
        say(session, f"Hello {CANARY}", agent=agent)
        services.add_note(id, actor(agent), client_message_id=uuid4(), body=f"This is {CANARY}")
    return session


def whole_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        tables = [name for (name,) in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            rows += [row for (row,) in cursor.fetchall()]
    return "\n".join(rows)


def test_nothing_in_the_database_or_among_the_files_says_who_it_was(tenant, alice, admin):
    session = talk(tenant, alice)
    attachment = Attachment(
        session=session.session, seq=1, name=f"{CANARY}.txt", content_type="text/plain", size=1, sha256="0" * 64
    )
    attachment.file.save("", ContentFile(CANARY.encode()), save=False)
    attachment.save()
    Message.objects.filter(session=session.session, seq=1).update(message_type="file", body=f"{CANARY}.txt")
    services.end_session(session.session.session_id, services.VISITOR)
    services.rate_session(session.session.session_id, score=5, comment=CANARY)
    assert CANARY in whole_database()

    assert retention.erase_visitor(fresh(session), admin) == 1
    assert CANARY not in whole_database()
    assert not default_storage.exists(attachment.file.name)
    row = fresh(session)
    assert (row.erased_at is not None, row.rating_score, row.last_seq) == (True, 5, session.session.last_seq + 2)


def test_a_live_chat_is_ended_first_and_its_key_opens_nothing_any_more(tenant, alice, admin):
    session = talk(tenant, alice)
    retention.erase_visitor(fresh(session), admin)

    row = fresh(session)
    assert (row.status, row.closed_reason) == ("ended", "admin")
    with pytest.raises(SessionNotFound):
        selectors.session_for_key(row.session_id, session.session_key)
    assert not tokens.is_key("", row.session_key_hash)


def test_one_that_could_be_reopened_cannot_be_had_back(tenant, admin):
    session = talk(tenant)
    age(session, minutes=6)
    services.sweep()
    retention.erase_visitor(fresh(session), admin)
    with pytest.raises(SessionNotFound):
        selectors.session_for_key(session.session.session_id, session.session_key)
    assert fresh(session).status == "abandoned"


def test_the_transcript_keeps_its_places_and_what_the_system_said(tenant, alice, admin):
    session = talk(tenant, alice)
    retention.erase_visitor(fresh(session), admin)
    page = selectors.transcript(fresh(session), limit=50)["messages"]
    assert [line["seq"] for line in page] == list(range(1, fresh(session).last_seq + 1))
    assert [(line["sender_type"], line["sender_name"], line["body"]) for line in page] == [
        ("visitor", "", "(erased)"),
        ("system", "", "Alice joined the chat"),
        ("agent", "Alice", "(erased)"),
        ("system", "", "An administrator ended the chat"),
    ]


def test_the_reports_stay_as_they_were(tenant, alice, admin):
    session = talk(tenant, alice)
    age(talk(tenant), minutes=6)
    services.sweep()
    services.end_session(session.session.session_id, actor(alice))
    period = Period(today("UTC"), today("UTC"), "UTC")

    def figures():
        reporter = Reporter([tenant.pk], period)
        return {name: reporter.report(name).figures for name in REPORTS}

    before = figures()
    retention.erase_visitor(fresh(session), admin)
    assert figures() == before


def test_the_chain_of_one_browser_is_one_visitor_and_an_address_only_if_asked_for(tenant, admin):
    first = talk(tenant, customer_email="")
    second = talk(tenant, previous_session_id=first.session.session_id)
    third = talk(tenant, previous_session_id=second.session.session_id, customer_email="")
    elsewhere = talk(tenant, customer_email=EMAIL.upper())
    other = talk(tenant, customer_email="other@shop.example")
    foreign = talk(make_tenant("other-tenant", offline_form=True), previous_session_id=first.session.session_id)
    for message_tenant in (tenant, foreign.session.tenant):
        offline.leave_message(message_tenant, uuid4(), name=CANARY, email=EMAIL, body=CANARY)

    found = retention.sessions_of_visitor(fresh(second))
    assert list(found) == [one.session for one in (first, second, third)]
    assert retention.erase_visitor(fresh(second), admin) == 3
    assert OfflineMessage.objects.count() == 2
    assert not fresh(elsewhere).erased_at

    fourth = talk(tenant)
    assert retention.erase_visitor(fresh(fourth), admin, has_same_email=True) == 2
    assert fresh(elsewhere).erased_at
    assert not fresh(other).erased_at
    assert not fresh(foreign).erased_at
    assert OfflineMessage.objects.get().tenant == foreign.session.tenant


def test_the_audit_line_says_who_did_it_and_nothing_of_whom(tenant, admin):
    session = talk(tenant)
    retention.erase_visitor(fresh(session), admin)
    line = LogEntry.objects.get()
    assert (line.user, line.object_id, line.change_message) == (
        admin,
        str(fresh(session).pk),
        "Erased the visitor: 1 chats.",
    )
    assert CANARY not in serialize("json", [line])


# --- the doors ----------------------------------------------------------------------------------------------------

CHANGELIST = "/admin/sessions_app/chatsession/"


def act(client, *sessions, **data):
    chosen = [session.session.pk for session in sessions]
    return client.post(CHANGELIST, {"action": "erase_visitors", "_selected_action": chosen, **data})


def test_the_admin_asks_first_and_shows_which_chats(tenant, admin, client):
    session, same = talk(tenant), talk(tenant)
    client.force_login(admin)
    page = act(client, session)
    assert page.status_code == 200
    for one in (session, same):
        assert one.session.conversation_id in page.content.decode()
    assert not fresh(session).erased_at

    act(client, session, confirmed="yes")
    assert fresh(session).erased_at
    assert not fresh(same).erased_at


def test_with_the_box_ticked_the_address_goes_too(tenant, admin, client):
    session, same = talk(tenant), talk(tenant)
    client.force_login(admin)
    act(client, session, confirmed="yes", same_email="on")
    assert fresh(session).erased_at
    assert fresh(same).erased_at


def test_one_visitor_at_a_time_and_only_by_who_may_delete(tenant, admin, client):
    session, other = talk(tenant), talk(tenant)
    client.force_login(admin)
    act(client, session, other, confirmed="yes")
    clerk = get_user_model().objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.set(clerk.user_permissions.model.objects.filter(codename="view_chatsession"))
    client.force_login(clerk)
    act(client, session, confirmed="yes")
    assert not ChatSession.objects.filter(erased_at__isnull=False).exists()


def test_the_command_erases_and_names_an_administrator(tenant, admin):
    session = talk(tenant)
    reference, options = session.session.conversation_id, {"tenant": tenant.slug, "by": "root"}
    out = StringIO()
    call_command("erase_visitor", reference, **options, dry_run=True, stdout=out)
    assert (out.getvalue(), fresh(session).erased_at) == (f"Would be erased: {reference}\n", None)
    for wrong in ({"by": "nobody"}, {"tenant": "other"}):
        with pytest.raises(CommandError):
            call_command("erase_visitor", reference, **(options | wrong))
    call_command("erase_visitor", reference.lower(), **options, stdout=out)
    assert fresh(session).erased_at
