"""The reports' figures against values that were worked out by hand; days in the viewer's time zone."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sessions_app import services
from sessions_app.models import ChatSession, Restoration, SessionEvent
from sessions_app.reports import Period, Reporter, today
from sessions_app.reports.durations import duration_labels
from tests.factories import actor, age, fresh, make_session, make_tenant, say

pytestmark = pytest.mark.django_db

BERLIN = "Europe/Berlin"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


NOON = at("03-04 12:00")  # a Wednesday, 13:00 in Berlin


def chat(tenant, created_at=NOON, **fields) -> ChatSession:
    number = ChatSession.objects.count()
    values = {"conversation_id": f"TEST-{number:04}", "session_key_hash": "x", "created_at": created_at}
    return ChatSession.objects.create(tenant=tenant, **values | fields)


def ended(tenant, created_at=NOON, *, after=10 * MINUTE, **fields) -> ChatSession:
    closed = {"status": "ended", "closed_reason": "agent", "closed_at": created_at + after}
    return chat(tenant, created_at, **closed | fields)


def abandoned(tenant, created_at=NOON, *, after=10 * MINUTE, waited=None, position=None, page="", **fields):
    reason = {"closed_reason": "disconnected", "stage": "missed"}
    closed = {"status": "abandoned", "closed_at": created_at + after, "page_url": page, **reason}
    session = chat(tenant, created_at, **closed | fields)
    abandon(session, session.closed_at, waited, position)
    return session


def abandon(session, moment, waited=None, position=None) -> None:
    move(
        session,
        "abandoned",
        "disconnected",
        moment,
        waited_ms=waited and waited // timedelta(milliseconds=1),
        queue_position=position,
        page_url=session.page_url,
    )


def move(session, to, reason, moment, **fields) -> None:
    party = {"actor_type": "system", "from_status": "queued"}
    SessionEvent.objects.create(session=session, to_status=to, reason=reason, at=moment, **party | fields)


def report(tenant, name, start="2026-03-04", end="2026-03-04", zone="UTC"):
    period = Period(date.fromisoformat(start), date.fromisoformat(end), zone)
    return {one.name: one for one in Reporter([tenant.pk], period).reports()}[name]


def figures(tenant, name, **period) -> dict[str, object]:
    return {figure.name: figure.value for figure in report(tenant, name, **period).figures}


def rows(tenant, table, **period) -> list[tuple]:
    tables = {one.name: one for one in report(tenant, table.split("-")[0], **period).tables}
    return tables[table].rows


def said(tenant, table, **period) -> list[tuple]:
    """The rows that count something."""
    return [row for row in rows(tenant, table, **period) if any(row[1:])]


# --- chats --------------------------------------------------------------------------------------------------------


def test_chats_by_status(tenant, alice):
    chat(tenant)
    chat(tenant, first_visitor_message_at=NOON)
    chat(tenant, status="active", assigned_to=alice.user, first_visitor_message_at=NOON, first_agent_message_at=NOON)
    ended(tenant, first_visitor_message_at=NOON, first_agent_message_at=NOON)
    ended(tenant)
    abandoned(tenant)

    assert figures(tenant, "chats") == {
        "started": 6,
        "queued": 2,
        "active": 1,
        "ended": 2,
        "abandoned": 1,
        "wrote": 3,
        "answered": 2 / 3,
        "abandonment_rate": 1 / 3,
    }
    assert rows(tenant, "chats-by-day") == [(date(2026, 3, 4), 2, 1, 2, 1)]


def test_days_are_those_of_the_viewer(tenant):
    chat(tenant, at("03-03 22:59:59"))  # 23:59:59 in Berlin
    chat(tenant, at("03-03 23:00"))
    chat(tenant, at("03-04 22:59:59"))
    chat(tenant, at("03-04 23:00"))

    assert figures(tenant, "chats", zone=BERLIN)["started"] == 2
    assert rows(tenant, "chats-by-day", start="2026-03-03", end="2026-03-05", zone=BERLIN) == [
        (date(2026, 3, 3), 1, 0, 0, 0),
        (date(2026, 3, 4), 2, 0, 0, 0),
        (date(2026, 3, 5), 1, 0, 0, 0),
    ]


def test_the_day_on_which_clocks_are_set_has_its_23_or_25_hours(tenant):
    for moment in ("03-28 23:00", "03-29 21:59", "03-29 22:00"):  # in Berlin 0:00, 23:59 and, of the next day, 0:00
        chat(tenant, at(moment))
    for moment in ("10-24 22:00", "10-25 22:59", "10-25 23:00"):
        chat(tenant, at(moment))

    spring = figures(tenant, "chats", start="2026-03-29", end="2026-03-29", zone=BERLIN)
    autumn = figures(tenant, "chats", start="2026-10-25", end="2026-10-25", zone=BERLIN)
    assert (spring["started"], autumn["started"]) == (2, 2)


def test_zones_that_differ_by_a_quarter_of_an_hour(tenant):
    kathmandu = "Asia/Kathmandu"  # +05:45
    chat(tenant, at("03-03 18:14:59"))
    chat(tenant, at("03-03 18:15"))
    assert rows(tenant, "chats-by-day", start="2026-03-03", zone=kathmandu) == [
        (date(2026, 3, 3), 1, 0, 0, 0),
        (date(2026, 3, 4), 1, 0, 0, 0),
    ]


def test_other_tenants_do_not_count(tenant):
    other = make_tenant("other-tenant")
    abandoned(other, waited=MINUTE, position=1)
    Restoration.objects.create(tenant=other, session=ended(other), at=NOON, outcome="restored", took_ms=9, recovered=9)
    everything = [report(tenant, name) for name in ("chats", "restoration", "duration", "waits", "abandonment")]
    assert not [figure for one in everything for figure in one.figures if figure.value]
    assert all(table.is_empty for one in everything for table in one.tables)


def test_no_chats_make_no_averages(tenant):
    assert figures(tenant, "duration") == dict.fromkeys(
        ("duration_mean_ms", "duration_median_ms", "duration_p95_ms", "ended_mean_ms", "abandoned_mean_ms")
    ) | {"closed": 0}
    assert figures(tenant, "chats")["abandonment_rate"] is None


# --- restoration --------------------------------------------------------------------------------------------------


def test_restoration_rate_time_and_recovered_messages(tenant):
    session = chat(tenant)
    for number in range(1, 19):
        Restoration.objects.create(
            tenant=tenant, session=session, at=NOON, outcome="restored", took_ms=10 * number, recovered=1
        )
    for took_ms in (190, 1000):
        Restoration.objects.create(
            tenant=tenant, session=session, at=NOON, outcome="reopened", took_ms=took_ms, recovered=6
        )
    for cause in ("expired", "expired", "ended", "abandoned", "network"):
        chat(tenant, previous_outcome=cause)

    # 20 of 25; the 10th of 20 took 100 ms, the 19th 190; 18 * 1 + 2 * 6 messages.
    assert figures(tenant, "restoration") == {
        "restoration_attempts": 25,
        "restored": 20,
        "restoration_rate": 0.8,
        "reopened": 2,
        "restore_median_ms": 100,
        "restore_p95_ms": 190,
        "recovered": 30,
        "recovered_each": 1.5,
    }
    assert rows(tenant, "restoration-by-day") == [(date(2026, 3, 4), 20, 5)]
    assert rows(tenant, "restoration-failures") == [
        ("Expired", 2, 0.4),
        ("Ended", 1, 0.2),
        ("Abandoned", 1, 0.2),
        ("Not found", 0, 0.0),
        ("Network", 1, 0.2),
        ("Storage", 0, 0.0),
    ]


# --- durations ----------------------------------------------------------------------------------------------------


def test_durations(tenant):
    for seconds in (59, 60, 119):
        ended(tenant, after=seconds * SECOND)
    abandoned(tenant, after=7200 * SECOND)
    chat(tenant)

    assert figures(tenant, "duration") == {
        "closed": 4,
        "duration_mean_ms": (59 + 60 + 119 + 7200) * 250,
        "duration_median_ms": 60_000,
        "duration_p95_ms": 7_200_000,
        "ended_mean_ms": pytest.approx((59 + 60 + 119) * 1000 / 3),
        "abandoned_mean_ms": 7_200_000,
    }
    assert said(tenant, "duration-distribution") == [
        ("under 1 min", 1, 0),
        ("1–2 min", 2, 0),
        ("2 h and more", 0, 1),
    ]


def test_waits_and_first_responses(tenant):
    def taken(wrote, accepted, answered=None):
        times = (wrote, accepted, answered)
        columns = ("first_visitor_message_at", "accepted_at", "first_agent_message_at")
        ended(
            tenant, **{name: seconds and NOON + seconds * SECOND for name, seconds in zip(columns, times, strict=True)}
        )

    taken(10, 24, 70)  # waited 14 s, heard something after a minute
    taken(10, 40, 41)  # 30 s, 31 s
    taken(10, 1810)  # 30 minutes, and then nothing
    taken(20, 5, 3)  # taken and greeted before the visitor wrote
    taken(None, 5, 6)  # never wrote
    chat(tenant, first_visitor_message_at=NOON)

    assert figures(tenant, "waits") == {
        "taken": 4,
        "wait_mean_ms": (14 + 30 + 1800 + 0) * 250,
        "wait_median_ms": 14_000,
        "wait_p95_ms": 1_800_000,
        "responded": 2,
        "response_mean_ms": (60 + 31) * 500,
        "response_median_ms": 31_000,
        "response_p95_ms": 60_000,
    }
    assert said(tenant, "waits-distribution") == [
        ("under 15 s", 2, 0),
        ("30 s – 1 min", 1, 1),
        ("1–2 min", 0, 1),
        ("30 min and more", 1, 0),
    ]


# --- abandonment --------------------------------------------------------------------------------------------------


def test_abandonment_by_all_that_explains_it(tenant):
    shop = "https://shop.example"
    abandoned(tenant, waited=14 * SECOND, position=1, page=f"{shop}/cart?item=1")
    abandoned(tenant, waited=15 * SECOND, position=4, page=f"{shop}/cart#top")
    abandoned(tenant, waited=3600 * SECOND, position=11, page=f"{shop}/", stage="waiting_for_agent")
    abandoned(tenant, stage="never_engaged", closed_reason="idle", after=30 * MINUTE)
    ended(tenant, after=50 * MINUTE)

    told = figures(tenant, "abandonment")
    assert (told["abandoned_chats"], told["abandonment_share"]) == (4, 0.8)
    assert said(tenant, "abandonment-by-reason") == [("Left", 3, 0.75), ("Inactive", 1, 0.25)]
    assert said(tenant, "abandonment-by-stage") == [
        ("Never wrote", 1, 0.25),
        ("Never answered", 2, 0.5),
        ("Waiting for an answer", 1, 0.25),
    ]
    assert said(tenant, "abandonment-by-wait") == [
        ("did not wait", 1, 0.25),
        ("under 15 s", 1, 0.25),
        ("15–30 s", 1, 0.25),
        ("30 min and more", 1, 0.25),
    ]
    assert said(tenant, "abandonment-by-position") == [
        ("not in the queue", 1, 0.25),
        ("1", 1, 0.25),
        ("4–5", 1, 0.25),
        ("11 and more", 1, 0.25),
    ]
    assert rows(tenant, "abandonment-by-page") == [
        (f"{shop}/cart", 2, 0.5),
        (f"{shop}/", 1, 0.25),
        ("unknown", 1, 0.25),
    ]
    # Closed at 12:10, 12:10, 12:10, 12:30 and, ended, 12:50.
    assert said(tenant, "abandonment-by-hour") == [("12:00", 4, 5, 0.8)]
    assert said(tenant, "abandonment-by-hour", zone=BERLIN) == [("13:00", 4, 5, 0.8)]
    assert said(tenant, "abandonment-by-weekday") == [("Wednesday", 4, 5, 0.8)]


def test_the_hour_that_comes_twice_in_autumn_counts_both(tenant):
    for moment in ("10-25 00:20", "10-25 01:20"):  # both 2:20 in Berlin
        abandoned(tenant, at(moment), after=10 * MINUTE)
    autumn = {"start": "2026-10-25", "end": "2026-10-25", "zone": BERLIN}
    assert said(tenant, "abandonment-by-hour", **autumn) == [("02:00", 2, 2, 1.0)]
    assert said(tenant, "abandonment-by-weekday", **autumn) == [("Sunday", 2, 2, 1.0)]


def test_only_the_last_abandonment_of_a_chat_explains_it(tenant):
    session = abandoned(tenant, waited=MINUTE, position=1, after=20 * MINUTE)
    abandon(session, NOON + 5 * MINUTE, waited=SECOND, position=9)
    move(session, "queued", "reopened", NOON + 6 * MINUTE, from_status="abandoned")
    assert [row[0] for row in said(tenant, "abandonment-by-position")] == ["1"]


def test_many_pages_are_told_apart_up_to_twenty(tenant):
    for number in range(25):
        for _ in range(1 + (number == 24)):
            abandoned(tenant, page=f"https://shop.example/{number:02}")
    told = rows(tenant, "abandonment-by-page")
    assert (len(told), told[0][:2], told[-1][:2]) == (21, ("https://shop.example/24", 2), ("all others", 5))


def test_false_abandonments_and_chats_saved_by_reopening(tenant):
    """The expiry is half an hour."""

    def reopened(session, *minutes):
        for minute in minutes:
            abandon(session, NOON + minute * MINUTE)
            move(session, "queued", "reopened", NOON + (minute + 1) * MINUTE, from_status="abandoned")

    def returns(session, after, outcome="abandoned"):
        previous = {"previous_session_id": session.session_id, "previous_outcome": outcome}
        chat(tenant, session.closed_at + after, **previous)

    reopened(ended(tenant), 5, 15)  # saved, after two
    reopened(abandoned(tenant, after=20 * MINUTE), 5)  # not saved in the end
    returns(abandoned(tenant), 30 * MINUTE)
    returns(abandoned(tenant, closed_reason="idle"), MINUTE, "expired")
    returns(abandoned(tenant), 30 * MINUTE + SECOND)  # too late to have been false
    returns(ended(tenant), MINUTE, "ended")

    told = figures(tenant, "abandonment")
    assert told["abandoned_chats"] == 4
    assert told["reopenings"] == 3
    assert told["saved"] == 1
    assert told["returned_anew"] == 2
    assert told["false_abandonments"] == 5
    assert told["false_abandonment_rate"] == pytest.approx(5 / (4 + 3))


def test_buckets_are_named_by_their_edges():
    labels = ["under 15 s", "15–30 s", "30 s – 1 min", "1 min – 1 h", "1–2 h", "2 h and more"]
    assert duration_labels((15, 30, 60, 3600, 7200)) == labels


# --- what the verbs record ----------------------------------------------------------------------------------------


def test_the_first_time_that_an_agent_takes_a_chat_stays(tenant, alice, bob):
    session = make_session(tenant, says="Hello")
    assert fresh(session).accepted_at is None
    services.accept_session(session.session.session_id, actor(alice))
    first = fresh(session).accepted_at
    assert fresh(session).created_at < first
    services.transfer_session(session.session.session_id, actor(alice))
    services.accept_session(session.session.session_id, actor(bob))
    assert fresh(session).accepted_at == first


def test_a_life_with_the_real_verbs_is_reported(tenant, alice):
    """Wrote, was taken and answered, left, was abandoned, came back, and ended it."""
    session = make_session(tenant, says="Hello", metadata={"page_url": "https://shop.example/cart"})
    age(session, minutes=2)
    services.accept_session(session.session.session_id, actor(alice))
    say(session, "Hi", agent=alice)
    age(session, minutes=6)
    services.sweep()
    end = today("UTC")
    days = {"start": str(end - timedelta(days=1)), "end": str(end)}  # it may be just after midnight
    assert figures(tenant, "abandonment", **days)["abandoned_chats"] == 1
    assert said(tenant, "abandonment-by-page", **days) == [("https://shop.example/cart", 1, 1.0)]
    services.restore_session(session.session.session_id, is_page_load=True)
    services.end_session(session.session.session_id, services.VISITOR)

    abandonment = figures(tenant, "abandonment", **days)
    assert (abandonment["abandoned_chats"], abandonment["reopenings"], abandonment["saved"]) == (0, 1, 1)
    assert abandonment["false_abandonment_rate"] == 1
    waits = figures(tenant, "waits", **days)
    assert waits["taken"] == 1
    # Whole seconds, of which this test may have taken some itself.
    assert 120_000 <= waits["wait_median_ms"] <= waits["response_median_ms"] < 180_000


def test_a_visitor_without_sockets_is_restored_by_a_poll(tenant, client):
    session = make_session(tenant, says="Hello")
    proof = {"session_id": str(session.session.session_id), "session_key": session.session_key}
    poll = {**proof, "visible": True, "active": False, "after_seq": 0, "hello": {"restored": True}}
    for hello in ({"restored": False}, {"restored": True}):
        answer = client.post("/api/v1/chat/public/poll", poll | {"hello": hello}, content_type="application/json")
        assert answer.status_code == 200
    [noted] = Restoration.objects.all()
    assert (noted.session, noted.outcome, noted.recovered) == (session.session, "restored", 1)
