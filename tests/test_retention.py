"""Closed chats go when they are older than their tenant keeps them; with them everything that hangs on them."""

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, transaction

from sessions_app import events, retention, selectors, services, tasks
from sessions_app.models import (
    Attachment,
    ChatSession,
    Hold,
    Message,
    Note,
    OfflineMessage,
    Restoration,
    SearchText,
    SessionEvent,
    Tag,
    TrailEntry,
)
from sessions_app.services import VISITOR
from tests.factories import actor, age, make_agent, make_session, make_tenant
from tests.racing import racers

pytestmark = pytest.mark.django_db(transaction=True)

HANGS_ON_IT = (Message, SessionEvent, Note, Hold, TrailEntry, SearchText, Restoration, Attachment)


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def tenant():
    return make_tenant(retention_days=30)


def closed(tenant, *, days, **fields):
    session = make_session(tenant, says="Hello", metadata={"page_url": "https://shop.example/"}, **fields)
    services.end_session(session.session.session_id, VISITOR)
    age(session, days=days)
    return session.session


def attach(session) -> Attachment:
    attachment = Attachment(session=session, seq=1, name="a.png", content_type="image/png", size=3, sha256="0" * 64)
    attachment.file.save("", ContentFile(b"one"), save=False)
    attachment.thumbnail.save("", ContentFile(b"two"), save=False)
    attachment.save()
    return attachment


def left() -> list[int]:
    return list(ChatSession.objects.order_by("pk").values_list("pk", flat=True))


def test_what_is_older_goes_and_what_is_younger_open_or_anothers_stays(tenant):
    closed(tenant, days=31)
    stays = [
        closed(tenant, days=29),
        make_session(tenant, says="Still open").session,
        closed(make_tenant("keeps-all"), days=4000),
        closed(make_tenant("keeps-longer", retention_days=32), days=31),
    ]
    age(stays[1], only=("created_at",), days=90)

    assert retention.delete_old_sessions() == 1
    assert left() == [session.pk for session in stays]
    assert retention.delete_old_sessions() == 0


def test_everything_that_hangs_on_it_goes_along_and_nothing_else(tenant):
    alice = make_agent("alice", [tenant])
    for days in (31, 1):
        session = closed(tenant, days=days)
        services.add_note(session.session_id, actor(alice), client_message_id=session.session_id, body="Known")
        services.tag_session(session.session_id, actor(alice), ["parcel"])
        Restoration.objects.create(tenant=tenant, session=session, outcome="restored", took_ms=1, recovered=0)
        Hold.objects.create(session=session, agent=alice.user, agent_name="Alice", after_seq=1)
        attach(session)
    before = {model: model.objects.count() for model in HANGS_ON_IT}
    assert all(before.values())
    retention.delete_old_sessions()

    assert {model: model.objects.count() * 2 for model in HANGS_ON_IT} == before
    assert Tag.objects.get().sessions.count() == 1


def test_files_go_even_if_the_process_is_killed_before_the_rows_are_gone(tenant, monkeypatch):
    """Rows first, their files would lie there for ever."""
    attachment = attach(closed(tenant, days=31))
    names = [attachment.file.name, attachment.thumbnail.name]
    assert all(default_storage.exists(name) for name in names)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("django.db.models.query.QuerySet.delete", killed)
        with pytest.raises(KeyboardInterrupt):
            retention.delete_old_sessions()
    assert not any(default_storage.exists(name) for name in names)
    assert Attachment.objects.exists()

    assert retention.delete_old_sessions() == 1
    assert not Attachment.objects.exists()


def test_it_goes_on_until_nothing_is_left_in_batches_or_until_its_time_is_over(tenant):
    for _ in range(7):
        closed(tenant, days=31)
    assert retention.delete_old_sessions(batch_size=2, most_seconds=0) == 2
    assert retention.delete_old_sessions(batch_size=2) == 5


def test_what_is_locked_is_left_to_the_next_run(tenant):
    busy, _ = closed(tenant, days=31), closed(tenant, days=31)
    with racers(1) as race, transaction.atomic():
        ChatSession.objects.select_for_update().get(pk=busy.pk)
        assert race(retention.delete_old_sessions) == [1]
    assert left() == [busy.pk]
    assert retention.delete_old_sessions() == 1


def leave(tenant, *, days, is_done=False) -> OfflineMessage:
    at = selectors.database_now() - timedelta(days=days)
    words = {"name": "Vera", "email": "vera@example.com", "body": "Call me", "created_at": at}
    # Answered just now: what counts is when it was left.
    done_at = selectors.database_now() if is_done else None
    return OfflineMessage.objects.create(tenant=tenant, message_id=uuid4(), done_at=done_at, **words)


def test_messages_that_were_left_go_after_as_many_days_answered_or_not(tenant, monkeypatch):
    published = []
    monkeypatch.setattr(events, "publish", published.extend)
    leave(tenant, days=31, is_done=True)
    stays = [
        leave(tenant, days=29),
        leave(make_tenant("keeps-all"), days=4000),
        leave(make_tenant("keeps-longer", retention_days=32), days=31),
    ]
    assert retention.delete_old_offline_messages() == 1
    assert published == []
    for _ in range(5):
        leave(tenant, days=31)
    assert retention.delete_old_offline_messages(batch_size=2, most_seconds=0) == 2
    assert retention.delete_old_offline_messages(batch_size=2) == 3
    assert set(OfflineMessage.objects.all()) == set(stays)
    # Consoles hear how many there are still to answer.
    assert [event.payload["count"] for event in published] == [4, 2, 1]


def test_the_worker_and_the_command_delete_and_the_dry_run_only_says_so(tenant):
    closed(tenant, days=31)
    leave(tenant, days=31)
    leave(tenant, days=31, is_done=True)
    out = StringIO()
    call_command("delete_old_sessions", "--dry-run", stdout=out)
    assert out.getvalue() == "1 chats and 2 left messages would be deleted\n"
    assert (len(left()), OfflineMessage.objects.count()) == (1, 2)
    call_command("delete_old_sessions", stdout=out)
    assert out.getvalue().endswith("1 chats and 2 left messages deleted\n")

    closed(tenant, days=31)
    leave(tenant, days=31)
    tasks.delete_old_sessions()
    assert not left()
    assert not OfflineMessage.objects.exists()


def test_its_cost_does_not_follow_the_chats_that_stay(tenant):
    with transaction.atomic(), connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "sort"):  # whatever the statistics of the moment favour
            cursor.execute(f"SET LOCAL enable_{way} = off")
        plan = retention.old_sessions(tenant).order_by("closed_at")[:200].explain()
    assert "Index Scan Backward using session_history " in plan
