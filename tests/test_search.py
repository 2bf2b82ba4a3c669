"""Finding chats: the history's search and filters, and the list of what is open."""

from datetime import UTC, datetime, timedelta
from unicodedata import category
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from agents_app import finding
from agents_app.selectors import rights
from sessions_app import search, services
from sessions_app.models import ChatSession, Message, SearchText, Tag
from sessions_app.services import VISITOR
from tests.factories import PASSWORD, actor, age, fresh, make_agent, make_session, make_tenant, say

pytestmark = pytest.mark.django_db

API = "/api/v1/chat"


@pytest.fixture
def find(client, alice):
    """What alice finds, by reference: ``find(history=1, q="…")``."""

    def found(**query):
        client.login(username="alice", password=PASSWORD)
        return [session["conversation_id"] for session in ask(client, **query)["sessions"]]

    return found


@pytest.fixture
def holds(find, tenant):
    """Whether the closed chat of one message is found by what somebody types."""

    def holds(said, typed):
        ChatSession.objects.all().delete()
        session = close(make_session(tenant, says=said, customer_name="Vera Lynn", customer_email="vera@mail.example"))
        return find(history=1, q=typed) == [session.conversation_id]

    return holds


def ask(client, **query):
    answer = client.get(f"{API}/sessions", query)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def close(session) -> ChatSession:
    services.end_session(session.session.session_id, VISITOR)
    return fresh(session)


def closed(tenant, **options) -> ChatSession:
    return close(make_session(tenant, **{"says": "Hello", **options}))


# --- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "parcel",
        "PARCEL",
        "parc",  # as it is typed
        "late parcel",  # in any order
        "parcel la",
        "Vera",
        "vera lynn",
        "vera@mail.example",
        "vera@ma",
        "mail.example",
        "@mail",
        "lynn parcel",
    ],
)
def test_a_chat_is_found_by_every_word_of_it(holds, typed):
    assert holds("My parcel is late", typed)


@pytest.mark.parametrize("typed", ["parcels", "arcel", "parcel on time", "pa rcel", "par late", "vera@other"])
def test_a_chat_is_not_found_by_words_that_it_does_not_hold(holds, typed):
    assert not holds("My parcel is late", typed)


@pytest.mark.parametrize(
    ("said", "found", "not_found"),
    [
        (
            "It is a self-service till",
            ["self-service", "self-serv", "self", "service", "self service"],
            ["service-self"],
        ),
        ("Order AB-1234/56, 3.50 EUR", ["ab-1234/56", "AB-12", "1234", "56", "3.50", "3.5"], ["AB-13", "234"]),
        ("Minus -5 degrees, not 12e5", ["-5", "5", "12e5", "12e"], []),
        ("See https://shop.example/cart?id=7#top", ["shop.example/cart", "https://shop.ex", "cart", "id=7"], []),
        ("The file is invoice_2024-07.final.pdf", ["invoice_2024", "2024-07", "final.pdf", "pdf"], []),
        ('Don\'t "quote" (me)', ["don't", "don", '"quote"', "(me)", "quote me"], []),
        ("Der Käse, ÉCLAIR und Straße", ["käse", "KÄSE", "éclair", "straße", "stra"], ["kase", "eclair"]),
        ("Cafe\u0301 decomposed", ["caf\u00e9"], ["cafe"]),
        ("Заказ не пришёл", ["заказ", "ЗАКАЗ", "приш"], ["риш"]),
        ("أين طلبي رقم ٥", ["طلبي", "طل"], []),
        ("我想退货，请问怎么办？", ["退货", "想退货", "怎么办", "退", "请问怎么"], ["货退", "退款"]),
        ("注文した商品が届きません", ["商品", "届きません", "注文した"], ["品商"]),
        ("배송이 늦어요", ["배송", "배송이", "늦어"], ["송배"]),
        ("ｏｒｄｅｒ １２３ｱﾊﾟｰﾄ", ["order", "123", "アパート"], []),
        ("สั่งซื้อสินค้าแล้ว", ["สินค้า", "สั่งซื้อ"], ["ค้าสิน"]),
        ("iPhone充电器坏了", ["iphone", "充电器", "iphone充电器"], []),
    ],
)
def test_words_of_every_kind(holds, said, found, not_found):
    assert [typed for typed in found if not holds(said, typed)] == []
    assert [typed for typed in not_found if holds(said, typed)] == []


@pytest.mark.parametrize(
    "typed",
    [
        "'", "\\", "\\'", "''", '"', ":*", "a:*b", "a & | !", "!(", "<->", "a <-> ", "<2>", "&&", "|| '",
        "'; DROP TABLE x", "%", "%s", "%(a)s", "{}", "-", "--", "*", ":", "🙂", "\u200b", "\u202e", "a\\",
        "x" * 200, "ab " * 66, "\ufdfa" * 200, "\u200b \u200b", "0x1f e1 1e", "<b>x</b>",
        "&amp;", "//", "a@", "@", ".", "1.", ".1", "-1", "+",
    ],
)  # fmt: skip
def test_nothing_that_is_typed_is_an_error(find, tenant, typed):
    closed(tenant, says="My parcel is late")
    assert find(history=1, q=typed) in ([], [ChatSession.objects.get().conversation_id])


def test_every_beginning_of_every_word_finds_it(alice, tenant):
    """PostgreSQL's parser must cut nothing in two that stands between spaces, however it begins."""
    words = [
        "k7q2", "9fxm", "1e5", "12e5abc", "0x1f", "3d", "2nd", "e10", "1234567890123456789012345", "abc123def", "zäh5",
        "5zäh", "наш2", "2наш", "ß", "v1beta2", "1abc2def3", "9e", "9e9e9", "naïve", "x86", "q1w2e3r4", "1é", "é1é",
    ]  # fmt: skip
    close(make_session(tenant, says=" ".join(words)))
    of_alice = rights(alice.user_id)
    lost = [
        word[:end]
        for word in words
        for end in range(1, len(word) + 1)
        if not finding.find_sessions(of_alice, finding.Query(history=True, q=word[:end])).total
    ]
    assert lost == []


def test_the_reference_is_found_however_it_was_written_down(find, tenant):
    session = closed(tenant)
    closed(tenant)
    reference = session.conversation_id
    for typed in (
        reference,
        reference.lower(),
        reference.replace("-", ""),
        reference.replace("-", " "),
        f" {reference} ",
    ):
        assert find(history=1, q=typed) == [reference]
    SearchText.objects.all().delete()
    assert find(history=1, q=reference) == [reference]


def test_what_an_agent_says_and_notes_is_found_and_system_lines_are_not(find, tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    say(session, "Your voucher", agent=alice)
    id = uuid4()
    services.add_note(session.session.session_id, actor(alice), client_message_id=id, body="Suspicious")
    reference = close(session).conversation_id

    assert find(history=1, q="voucher") == [reference]
    assert find(history=1, q="suspicious") == [reference]
    assert find(history=1, q="joined") == []


def test_a_note_to_a_closed_chat_is_found(find, tenant, alice):
    session = make_session(tenant, says="Hello")
    reference = close(session).conversation_id
    id = uuid4()
    services.add_note(session.session.session_id, actor(alice), client_message_id=id, body="Refunded")
    assert find(history=1, q="refunded") == [reference]
    assert find(history=1, q="hello refunded") == [reference]


# --- when it is written -------------------------------------------------------------------------------------------


def test_an_open_chat_has_no_search_text_and_messages_cost_nothing_more(tenant):
    session = make_session(tenant, says="Hello")
    say(session, "My parcel is late")
    assert not SearchText.objects.exists()


def test_a_whole_batch_of_the_sweep_is_written_by_one_statement(tenant, alice, find):
    sessions = [make_session(tenant, says=f"Word{number}") for number in range(5)]
    for session in sessions:
        age(session, minutes=6)
    statements = []

    def note_down(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note_down):
        services.sweep()
    assert SearchText.objects.count() == 5
    # The statements of rows.py do not pass through Django's cursors: none of these may be about a session alone.
    assert not [sql for sql in statements if "searchtext" in sql]
    assert find(history=1, q="word3") == [sessions[3].session.conversation_id]


def test_a_chat_that_was_reopened_is_found_by_what_was_said_since_when_it_is_closed_again(tenant, find):
    session = make_session(tenant, says="Hello")
    age(session, minutes=6)
    services.sweep()
    assert len(find(history=1, q="hello")) == 1
    say(session, "I am back")
    assert find(history=1, q="hello") == []
    close(session)
    assert find(history=1, q="hello back") == [session.session.conversation_id]
    assert SearchText.objects.count() == 1


def test_an_erased_session_is_erased_from_the_search(tenant):
    closed(tenant)
    ChatSession.objects.all().delete()
    assert not SearchText.objects.exists()


def test_nothing_that_was_said_keeps_a_chat_from_being_closed(tenant, find):
    """PostgreSQL refuses a tsvector over 1 MB, and words over 2 KB are left out with a notice."""
    session = make_session(tenant, says="First")
    row = fresh(session)
    alphabet = [chr(0x4E00 + number) for number in range(20000)]
    texts = [
        "".join(alphabet[start : start + 4000]) for start in range(0, 20000, 4000)
    ] + ["-".join(uuid4().hex[:5] for _ in range(660)) for _ in range(60)] + ["x" * 4000] * 5  # fmt: skip
    Message.objects.bulk_create(
        Message(session=row, seq=2 + index, client_message_id=uuid4(), sender_type="visitor", body=text)
        for index, text in enumerate(texts)
    )
    ChatSession.objects.filter(pk=row.pk).update(last_seq=1 + len(texts))
    close(session)
    assert find(history=1, q="first") == [session.session.conversation_id]


def test_the_longest_text_that_is_read_makes_no_tsvector_too_long():
    """The worst that a text of MAX_CHARS can be: short different words, of wide characters."""
    wide = [chr(0x10400 + number) for number in range(40)]
    worst = [
        " ".join(f"{a}{b}{c}" for a in wide for b in wide for c in wide)[: search.MAX_CHARS],
        "".join(chr(0x20000 + number % 40000) for number in range(search.MAX_CHARS)),
        " ".join(f"{number:x}" for number in range(search.MAX_CHARS // 5))[: search.MAX_CHARS],
        # One character that NFKC makes eighteen of.
        "".join(f"{number:x}\ufdfa" for number in range(search.MAX_CHARS // 5))[: search.MAX_CHARS],
    ]
    # And with different letters in between, which is what a visitor would have to type.
    letters = [chr(code) for code in range(0x10000, 0x1FFFF) if category(chr(code)).startswith("L")]
    worst.append("".join(f"{sign}{letter}" for sign in "\ufdfa\ufdfb" for letter in letters)[: search.MAX_CHARS])
    with connection.cursor() as cursor:
        for text in worst:
            cursor.execute(f"SELECT pg_column_size(to_tsvector('simple', {search._words('%s::text')}))", [text])
            assert cursor.fetchone()[0] < 2**20


def test_a_text_that_grows_once_it_is_normalised_keeps_no_chat_from_being_closed(tenant, alice):
    vera = make_session(tenant, says="Hello", agent=alice)
    letters = [chr(code) for code in range(0x10000, 0x1FFFF) if category(chr(code)).startswith("L")]
    grown = "".join(f"\ufdfa{letter}" for letter in letters)
    for start in range(0, 100_000, 4000):
        say(vera, grown[start % len(grown) :][:4000])
    assert close(vera).closed_at is not None
    assert SearchText.objects.filter(session=vera.session).exists()


def test_of_very_many_lines_the_newest_are_read(tenant, find, monkeypatch):
    vera = make_session(tenant, says="first")
    for line in range(4):
        say(vera, f"line{line}")
    monkeypatch.setattr(search, "INDEX", search.INDEX.replace(f"LIMIT {search.MAX_LINES}", "LIMIT 2"))
    close(vera)
    assert (find(history=1, q="first"), len(find(history=1, q="line3"))) == ([], 1)


def test_chats_that_an_older_release_has_closed_are_made_findable(tenant, find, capsys):
    references = {closed(tenant).conversation_id for _ in range(5)}
    make_session(tenant, says="Hello")
    SearchText.objects.all().delete()
    assert services.index_history(batch_size=2) == 5
    assert set(find(history=1, q="hello")) == references
    call_command("index_history")
    assert capsys.readouterr().out == "0 chats were made findable\n"


# --- filters ------------------------------------------------------------------------------------------------------


def test_the_history_is_filtered_by_everything_that_a_row_shows(find, tenant, alice, bob):
    other_tenant = make_tenant("second")
    alice.tenants.add(other_tenant)
    ended = make_session(tenant, says="Hello", agent=bob)
    services.end_session(ended.session.session_id, actor(bob))
    missed, idle = make_session(tenant, says="Hello"), make_session(tenant, says="Hello")
    age(missed, only=("last_seen_at",), minutes=6)
    age(idle, only=("last_activity_at",), minutes=31)
    services.sweep()
    never = make_session(tenant)
    age(never, minutes=6)
    services.sweep()
    elsewhere = make_session(other_tenant, says="Hello")
    close(elsewhere)
    services.tag_session(missed.session.session_id, actor(alice), ["Refund"])
    services.tag_session(elsewhere.session.session_id, actor(alice), ["refund"])
    make_session(tenant, says="Still open")

    names = {
        session.session.conversation_id: name
        for name, session in {
            "ended": ended, "missed": missed, "idle": idle, "never": never, "elsewhere": elsewhere,
        }.items()
    }  # fmt: skip

    def named(**query):
        return {names[reference] for reference in find(history=1, **query)}

    assert named() == {"ended", "missed", "idle", "never", "elsewhere"}
    assert named(status="ended") == {"ended", "elsewhere"}
    assert named(status="abandoned") == {"missed", "idle", "never"}
    assert named(status="queued") == set()
    assert named(reason="agent") == {"ended"}
    assert named(reason="idle") == {"idle"}
    assert named(reason="idle", status="ended") == set()
    assert named(stage="never_engaged") == {"never"}
    assert named(stage="missed", reason="disconnected") == {"missed"}
    assert named(assigned=bob.user_id) == {"ended"}
    assert named(assigned="me") == set()
    assert named(assigned=0) == set()
    assert named(assigned="none") == {"missed", "idle", "never", "elsewhere"}
    assert named(tag="REFUND") == {"missed", "elsewhere"}
    assert named(tag="unknown") == set()
    assert named(tag="refund", tenant="second") == {"elsewhere"}
    assert named(tenant="second") == {"elsewhere"}
    assert named(tenant="other-tenant") == set()
    assert named(q="hello", status="abandoned") == {"missed", "idle"}
    assert named(q="hello", tag="refund", stage="missed", assigned="none") == {"missed"}
    # What a form sends that was left empty.
    assert named(q="", status="", reason="", stage="", assigned="", tag="", tenant="", **{"from": "", "to": ""}) == set(
        names.values()
    )


def test_dates_are_days_in_UTC_and_both_included(find, tenant):
    session = closed(tenant)
    at = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    ChatSession.objects.filter(pk=session.pk).update(closed_at=at)

    def is_found(**query):
        return bool(find(history=1, **query))

    assert is_found(**{"from": "2026-01-31", "to": "2026-01-31"})
    assert is_found(**{"from": "2026-01-01"})
    assert not is_found(to="2026-01-30")
    assert not is_found(**{"from": "2026-02-01"})
    assert is_found(**{"from": "2026-02-01T01:59:59+02:00"})
    assert not is_found(**{"from": "2026-02-01T00:00:00Z"})
    assert is_found(to="2026-02-01T00:00:00Z")
    assert not is_found(to="2026-01-31T23:59:59Z")  # a time as the end is the first that is out


@pytest.mark.parametrize(
    "query",
    [
        {"reason": "x"},
        {"stage": "x"},
        {"from": "yesterday"},
        {"from": "2026-13-01"},
        {"to": "9999-12-31"},
        {"to": "2026-02-30T00:00:00Z"},
        {"q": "x" * 201},
        {"q": "a\x00b"},
        {"tag": "x" * 41},
        {"tenant": "a\x00"},
        {"page": "2001"},
        {"history": "perhaps"},
    ],
)
def test_nonsense_filters_are_named(client, alice, query):
    client.login(username="alice", password=PASSWORD)
    answer = client.get(f"{API}/sessions", query)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == list(query)


def test_the_history_of_several_tenants_is_one_list_the_newest_closing_first(find, tenant, alice):
    second = make_tenant("second")
    alice.tenants.add(second)
    sessions = [closed(tenants) for tenants in (tenant, second, tenant, second)]
    for minutes, session in enumerate(sessions):
        age(session, only=("closed_at",), minutes=minutes)
    for query in ({}, {"status": "ended"}, {"q": "hello"}, {"assigned": "none"}):
        assert find(history=1, **query) == [session.conversation_id for session in sessions]


def test_AT04_nothing_of_another_tenant_is_found(client, tenant, charlie):
    session = closed(tenant, says="Parcel")
    services.tag_session(session.session_id, actor(make_agent("dave", [tenant])), ["refund"])
    client.login(username="charlie", password=PASSWORD)
    for query in (
        {"history": 1},
        {"history": 1, "q": "parcel"},
        {"history": 1, "q": session.conversation_id},
        {"history": 1, "tag": "refund"},
        {"history": 1, "tenant": "demo-tenant"},
        {"tag": "refund"},
        {"open": 1},
    ):
        assert ask(client, **query)["sessions"] == []
        assert ask(client, **query)["total"] == 0


def test_an_agent_of_no_tenant_finds_nothing(client, db):
    make_agent("dave")
    client.login(username="dave", password=PASSWORD)
    for query in ({"history": 1}, {"open": 1}, {"history": 1, "q": "x"}, {}):
        assert ask(client, **query)["sessions"] == []


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def long_history(tenant, monkeypatch):
    """Seven closed chats, the newest first, of which two make a page and four are counted."""
    monkeypatch.setattr(finding, "HISTORY_PAGE", 2)
    monkeypatch.setattr(finding, "MOST", 4)
    sessions = [closed(tenant) for _ in range(7)]
    for minutes, session in enumerate(sessions):
        age(session, only=("closed_at",), minutes=minutes)
    return [session.conversation_id for session in sessions]


def test_totals_are_capped_and_older_pages_are_there_nevertheless(client, alice, long_history):
    client.login(username="alice", password=PASSWORD)
    seen = []
    for page, pages in ((1, 2), (2, 3), (3, 4), (4, 4)):
        answer = ask(client, history=1, page=page)
        assert (answer["total"], answer["is_capped"]) == (4, True)
        assert (answer["page"], answer["pages"]) == (page, pages)
        seen += [session["conversation_id"] for session in answer["sessions"]]
    assert seen == long_history


def test_what_can_be_counted_is_counted(client, alice, long_history):
    client.login(username="alice", password=PASSWORD)
    answer = ask(client, history=1, q=long_history[3])
    assert (answer["total"], answer["is_capped"], answer["page"], answer["pages"]) == (1, False, 1, 1)
    assert ask(client, history=1, status="abandoned", page=9)["page"] == 1


def test_exactly_as_many_as_are_counted_are_not_capped(client, alice, long_history):
    ChatSession.objects.filter(conversation_id__in=long_history[4:]).delete()
    client.login(username="alice", password=PASSWORD)
    answer = ask(client, history=1, page=9)
    assert (answer["total"], answer["is_capped"], answer["page"], answer["pages"]) == (4, False, 2, 2)


# --- what is open -------------------------------------------------------------------------------------------------


def test_open_chats_stand_by_who_waits_longest_then_by_the_newest_activity(find, tenant, alice, bob):
    quiet = make_session(tenant, says="Hello", agent=bob)
    say(quiet, "Hi", agent=bob)
    talking = make_session(tenant, says="Hello", agent=alice)
    say(talking, "Hi", agent=alice)
    silent = make_session(tenant)
    age(silent, only=("last_activity_at",), minutes=9)
    first, second = make_session(tenant, says="Hello"), make_session(tenant, says="Hello", agent=bob)
    age(first, only=("waiting_since",), minutes=5)
    closed(tenant)
    order = [session.session.conversation_id for session in (first, second, talking, quiet, silent)]

    assert find(open=1) == order
    assert find(open=1, status="queued") == [order[0], order[4]]
    assert find(open=1, assigned=bob.user_id) == [order[1], order[3]]
    assert find(open=1, assigned="me") == [order[2]]
    services.tag_session(second.session.session_id, actor(alice), ["vip"])
    assert find(open=1, tag="VIP") == [order[1]]
    assert find(open=1, tenant="demo-tenant") == order
    assert find(open=1, tenant="x") == []


def test_open_chats_are_found_by_who_it_is(find, tenant):
    session = make_session(tenant, says="Hello", customer_email="vera@example.com").session
    make_session(tenant, says="vera@example.com", customer_name="Walter")
    for typed in ("ver", "VERA@exam", session.conversation_id.lower()):
        assert find(open=1, q=typed) == [session.conversation_id]


def test_every_page_takes_as_many_queries(client, alice, bob, tenant, django_assert_max_num_queries):
    client.login(username="alice", password=PASSWORD)
    for number in range(8):
        session = make_session(tenant, says="Hello", agent=bob if number % 2 else None)
        services.tag_session(session.session.session_id, actor(alice), [f"tag {number}"])
        if number > 3:
            close(session)
    assert Tag.objects.count() == 8
    for query in ({"open": 1}, {"history": 1}, {"history": 1, "q": "hello", "tag": "tag 5", "status": "ended"}):
        # 2 login, 2 rights, 1 to 3 of finding, 1 sessions, 1 tags, 1 clock, 1 last messages, 2 what was said, 4 counts
        with django_assert_max_num_queries(18):
            ask(client, **query)


# --- the visitor --------------------------------------------------------------------------------------------------


def test_what_is_known_of_the_visitor(client, tenant, alice):
    metadata = {
        "page_url": "https://shop.example/cart",
        "page_title": "Cart",
        "referrer": "https://search.example/",
        "locale": "fr-CA",
        "timezone": "America/Toronto",
    }
    start = {"tenant_id": tenant.slug, "metadata": metadata, "previous": {"session_id": None, "outcome": "storage"}}
    agent = "Mozilla/5.0 (X11; Linux x86_64) " + "x" * 400
    headers = {"Origin": "https://shop.example", "User-Agent": agent}
    answer = client.post(f"{API}/public/start", start, content_type="application/json", headers=headers)
    id = answer.json()["data"]["session_id"]
    services.record_page(UUID(id), url="https://shop.example/pay", title="Pay")
    client.login(username="alice", password=PASSWORD)
    visitor = client.get(f"{API}/sessions/{id}/visitor").json()["data"]

    assert [entry["url"] for entry in visitor.pop("trail")] == ["https://shop.example/cart", "https://shop.example/pay"]
    assert visitor == {
        "started_page": {"url": "https://shop.example/cart", "title": "Cart"},
        "referrer": "https://search.example/",
        "user_agent": agent[:300],
        "locale": "fr-CA",
        "timezone": "America/Toronto",
        "previous_outcome": "storage",
        "explanation": None,
        "holds": [],
        "earlier": [],
    }


def test_an_abandonment_is_explained_to_agents(client, tenant, alice):
    session = make_session(tenant, says="Hello", metadata={"page_url": "https://shop.example/cart"})
    age(session, minutes=6)
    services.sweep()
    client.login(username="alice", password=PASSWORD)
    explanation = client.get(f"{API}/sessions/{session.session.session_id}/visitor").json()["data"]["explanation"]

    assert explanation.pop("at")
    assert explanation.pop("waited_ms") >= 360_000
    assert explanation == {
        "reason": "disconnected",
        "stage": "missed",
        "queue_position": 1,
        "page_url": "https://shop.example/cart",
    }


@pytest.fixture
def earlier(client, alice):
    """(reference, match) of the other chats that alice is shown beside a session."""

    def earlier(session):
        client.login(username="alice", password=PASSWORD)
        visitor = client.get(f"{API}/sessions/{session.session.session_id}/visitor").json()["data"]
        return [(other["conversation_id"], other["match"]) for other in visitor["earlier"]]

    return earlier


def then(tenant, previous, **options):
    """The next chat of the same browser."""
    return make_session(tenant, previous_session_id=previous.session.session_id, previous_outcome="ended", **options)


def test_other_chats_of_the_same_browser_are_found_in_both_directions(earlier, tenant):
    first = make_session(tenant, says="Hello")
    second = then(tenant, first)
    third = then(tenant, second)
    make_session(tenant, says="Somebody else")
    references = [session.session.conversation_id for session in (first, second, third)]

    assert earlier(third) == [(references[1], "browser"), (references[0], "browser")]
    assert earlier(first) == [(references[2], "browser"), (references[1], "browser")]


def test_the_same_address_is_a_weaker_match(earlier, tenant):
    browser = make_session(tenant, customer_email="vera@example.com")
    address = make_session(tenant, customer_email="VERA@example.com")
    session = then(tenant, browser, customer_email="Vera@Example.com")
    make_session(tenant, customer_email="walter@example.com")
    make_session(tenant)

    assert earlier(session) == [
        (address.session.conversation_id, "email"),
        (browser.session.conversation_id, "browser"),
    ]
    assert earlier(make_session(tenant)) == []


def test_AT04_chats_with_another_tenant_are_nobodys_business(earlier, tenant, charlie, alice):
    other_tenant = charlie.tenants.get()
    elsewhere = make_session(other_tenant, customer_email="vera@example.com")
    here = then(tenant, elsewhere, customer_email="vera@example.com")
    then(other_tenant, here)
    assert earlier(here) == []
    alice.tenants.add(other_tenant)  # even for an agent of both: they are two websites
    assert earlier(here) == []


def test_only_the_newest_of_many_are_shown(earlier, tenant, monkeypatch):
    monkeypatch.setattr(finding, "EARLIER", 3)
    last = make_session(tenant)
    chain = [last := then(tenant, last) for _ in range(6)]
    session = then(tenant, last)
    assert earlier(session) == [(other.session.conversation_id, "browser") for other in reversed(chain[3:])]


def test_a_reference_in_another_chats_text_is_found_beside_the_chat_itself(find, tenant):
    session = closed(tenant)
    mention = closed(tenant, says=f"It is about {session.conversation_id}")
    ChatSession.objects.filter(pk=session.pk).update(closed_at=session.closed_at - timedelta(minutes=1))
    assert find(history=1, q=session.conversation_id) == [mention.conversation_id, session.conversation_id]
