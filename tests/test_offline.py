"""Messages that visitors leave while no agent is there: how they come in, and how agents work through them."""

import json
import threading
from uuid import uuid4

import pytest
from django.db import close_old_connections
from django.urls import reverse

from agents_app.models import Agent, Availability
from sessions_app import events, hub, offline
from sessions_app.errors import Conflict
from sessions_app.models import ChatSession, OfflineMessage
from tests.factories import PASSWORD, make_agent, make_tenant
from tests.test_api import SHOP, Api, error, ok

pytestmark = pytest.mark.django_db

AGENTS = "/api/v1/chat/offline-messages"
WORDS = {"name": "Vera", "email": "vera@shop.example", "body": "Is the fern safe for cats?"}


@pytest.fixture
def api(client):
    return Api(client)


@pytest.fixture
def tenant(db):
    return make_tenant(offline_form=True)


@pytest.fixture
def rung(monkeypatch):
    """The frames that were published."""
    frames = []
    monkeypatch.setattr(hub, "publish", frames.extend)
    return lambda: [(frame.groups, json.loads(frame.text)["payload"]) for frame in frames]


def message(**fields) -> dict[str, object]:
    return {
        "tenant_id": "demo-tenant",
        "message_id": str(uuid4()),
        "name": "Vera",
        "email": "vera@shop.example",
        "message": " Is the fern safe for cats? ",
        "metadata": {"page_url": f"{SHOP}/fern", "page_title": "Fern", "locale": "fr"},
        **fields,
    }


def left(tenant, **fields) -> OfflineMessage:
    return offline.leave_message(tenant, uuid4(), **{**WORDS, **fields})[0]


# --- the visitor's side ---


def test_what_is_left_is_kept_with_the_page_that_it_came_from(api, tenant):
    answer = ok(api.post("offline", message()), 201)

    row = OfflineMessage.objects.get()
    assert (row.tenant, row.name, row.email, row.body) == (tenant, *WORDS.values())
    assert (row.page_url, row.page_title, row.locale) == (f"{SHOP}/fern", "Fern", "fr")
    assert row.done_at is None
    assert answer == {"message_id": str(row.message_id), "created_at": answer["created_at"]}


def test_name_and_page_may_be_left_out(api, tenant):
    ok(api.post("offline", message(name=None, metadata=None)), 201)
    assert OfflineMessage.objects.get().name == ""


def test_a_tenant_without_the_form_takes_none_but_what_it_has_is_told_again(api, tenant):
    taken = message()
    ok(api.post("offline", taken), 201)
    tenant.offline_form = False
    tenant.save()
    ok(api.post("offline", taken), 200)
    error(api.post("offline", message()), "invalid", 400)
    assert OfflineMessage.objects.count() == 1


def test_a_repeat_is_one_message_and_another_text_under_its_id_a_conflict(api, tenant):
    first = message()
    assert ok(api.post("offline", first), 201) == ok(api.post("offline", first), 200)
    error(api.post("offline", {**first, "message": "Something else"}), "conflict", 409)
    error(api.post("offline", {**first, "email": "other@shop.example"}), "conflict", 409)
    assert OfflineMessage.objects.count() == 1


def test_the_same_id_at_another_tenant_is_another_message(api, tenant):
    make_tenant("other-tenant", offline_form=True)
    first = message()
    ok(api.post("offline", first), 201)
    ok(api.post("offline", {**first, "tenant_id": "other-tenant"}), 201)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant_id", None),
        ("tenant_id", 5),
        ("message_id", None),
        ("message_id", "1;drop"),
        ("message_id", 5),
        ("name", {"$ne": 1}),
        ("name", "x" * 201),
        ("name", "a\x00b"),
        ("email", None),
        ("email", ""),
        ("email", "not an address"),
        ("email", f"{'x' * 250}@shop.example"),
        ("email", "ve\x00ra@shop.example"),
        ("message", None),
        ("message", 5),
        ("message", " \u200b "),
        ("message", "x" * 4001),
        ("message", "a\x00b"),
        ("metadata", []),
        ("metadata", {"page_url": "x" * 2001}),
    ],
)
def test_PR07_wrong_fields_are_named_and_nothing_is_stored(api, tenant, field, value):
    answer = error(api.post("offline", message(**{field: value})), "invalid", 400)
    assert list(answer["fields"]) == [field]
    assert not OfflineMessage.objects.exists()


def test_lone_surrogates_are_refused(api, tenant):
    error(api.post("offline", json.dumps(message()).replace("cats?", "\\ud800")), "invalid", 400)
    assert not OfflineMessage.objects.exists()


def test_the_longest_text_comes_back_as_it_was(api, tenant):
    text = "🦜" * 4000
    ok(api.post("offline", json.dumps(message(message=text), ensure_ascii=False).encode()), 201)
    assert OfflineMessage.objects.get().body == text


def test_AT02_another_website_is_refused_and_no_browser_too(client, tenant):
    tenant.allowed_origins = ["https://other.example"]
    tenant.save()
    for origin in (SHOP, None):
        error(Api(client, origin).post("offline", message()), "origin_not_allowed", 403)
    assert not OfflineMessage.objects.exists()


def test_a_tenant_that_is_switched_off_takes_none(api, tenant):
    tenant.is_active = False
    tenant.save()
    error(api.post("offline", message()), "tenant_not_found", 404)


def test_an_address_is_limited_and_told_when_to_come_back(api, tenant, settings):
    settings.CHAT_OFFLINE_RATES = ((2, 60),)
    for _ in range(2):
        ok(api.post("offline", message()), 201)
    response = api.post("offline", message())
    assert error(response, "rate_limited", 429)["retry_after_ms"] > 0
    assert int(response["Retry-After"]) > 0


@pytest.mark.django_db(transaction=True)
def test_two_tries_at_once_are_one_message(tenant):
    message_id = uuid4()
    barrier = threading.Barrier(8)
    outcomes = []

    def leave():
        barrier.wait()
        try:
            outcomes.append(offline.leave_message(tenant, message_id, **WORDS)[1])
        finally:
            close_old_connections()

    threads = [threading.Thread(target=leave) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    assert OfflineMessage.objects.count() == 1


# --- whether there is a form at all ---


def start(api, **fields):
    return api.post("start", {"tenant_id": "demo-tenant", "offline_form": True, **fields})


@pytest.fixture
def asking_tenant(db):
    """One that would rather have a message left than a chat that nobody takes."""
    return make_tenant(offline_form=True)


def test_while_nobody_is_there_a_client_with_a_form_gets_no_chat(api, asking_tenant):
    assert ok(start(api), 200) == {"online": False}
    assert not ChatSession.objects.exists()


def test_whoever_has_no_form_gets_a_chat(api, asking_tenant):
    ok(start(api, offline_form=False), 201)
    ok(start(api, offline_form=None), 201)
    error(start(api, offline_form="yes"), "invalid", 400)


def test_with_an_agent_online_there_is_a_chat(api, asking_tenant):
    agent = make_agent("alice", [asking_tenant])
    ok(start(api), 201)
    Agent.objects.filter(pk=agent.pk).update(availability=Availability.AWAY)
    assert ok(start(api), 200) == {"online": False}


def test_a_tenant_without_the_form_has_chats_at_any_time(api, tenant):
    tenant.offline_form = False
    tenant.save()
    ok(start(api), 201)


def test_the_agents_of_other_tenants_do_not_count(api, asking_tenant, charlie):
    assert ok(start(api), 200) == {"online": False}


def test_a_chat_that_has_been_started_already_is_had_again(api, asking_tenant):
    start_id = str(uuid4())
    agent = make_agent("alice", [asking_tenant])
    first = ok(start(api, start_id=start_id), 201)
    agent.delete()
    assert ok(start(api, start_id=start_id), 201)["session_id"] == first["session_id"]


def test_asking_whether_somebody_is_there_uses_up_no_starts(api, asking_tenant, settings):
    settings.CHAT_START_RATES = ((1, 60),)
    for _ in range(3):
        ok(start(api), 200)
    make_agent("alice", [asking_tenant])
    ok(start(api), 201)


@pytest.mark.parametrize("has_form", [True, False])
def test_the_config_says_what_the_tenant_wants(api, has_form):
    make_tenant(offline_form=has_form, typing_preview=has_form)
    config = ok(api.get("config/demo-tenant"))
    assert (config["offline_form"], config["typing_preview"]) == (has_form, has_form)


# --- the agents' side ---


@pytest.fixture
def desk(client, alice):
    client.login(username="alice", password=PASSWORD)
    return client


def put(client, row_id: object, body: object = None):
    data = json.dumps({"done": True} if body is None else body)
    return client.put(f"{AGENTS}/{row_id}", data, content_type="application/json")


def test_agents_see_what_is_to_be_answered_newest_first(desk, tenant):
    first, second, done = left(tenant), left(tenant, body="And for dogs?"), left(tenant, body="Thanks")
    offline.mark_done(done, make_agent("bob", [tenant]).user_id)

    data = ok(desk.get(AGENTS))
    assert [one["id"] for one in data["messages"]] == [second.pk, first.pk]
    assert {key: data[key] for key in ("page", "pages", "total")} == {"page": 1, "pages": 1, "total": 2}
    assert data["messages"][1] == {
        "id": first.pk,
        "tenant": "demo-tenant",
        "tenant_name": "Demo tenant",
        "name": "Vera",
        "email": "vera@shop.example",
        "body": "Is the fern safe for cats?",
        "page_url": "",
        "page_title": "",
        "locale": "",
        "created_at": data["messages"][1]["created_at"],
        "done_at": None,
        "done_by": None,
    }
    [one] = ok(desk.get(AGENTS, {"done": "true"}))["messages"]
    assert (one["id"], one["done_by"]) == (done.pk, "Bob")
    assert one["done_at"]


def test_fifty_are_a_page(desk, tenant):
    for _ in range(51):
        left(tenant)
    assert len(ok(desk.get(AGENTS))["messages"]) == 50
    data = ok(desk.get(AGENTS, {"page": 2}))
    assert (len(data["messages"]), data["page"], data["pages"], data["total"]) == (1, 2, 2, 51)


def test_done_is_told_to_all_consoles_of_the_tenant_and_may_be_taken_back(
    desk, tenant, rung, django_capture_on_commit_callbacks
):
    left(tenant)
    row = left(tenant)
    with django_capture_on_commit_callbacks(execute=True):
        assert ok(put(desk, row.pk))["done_by"] == "Alice"
        assert ok(put(desk, row.pk))["done_by"] == "Alice"
    with django_capture_on_commit_callbacks(execute=True):
        assert ok(put(desk, row.pk, {"done": False}))["done_at"] is None
    group = (events.tenant_group(tenant.pk),)
    assert rung() == [
        (group, {"tenant": "demo-tenant", "count": 1}),
        (group, {"tenant": "demo-tenant", "count": 2}),
    ]


def test_who_was_first_to_answer_stays_the_one(desk, tenant, bob):
    row = left(tenant)
    offline.mark_done(row, bob.user_id)
    assert ok(put(desk, row.pk))["done_by"] == "Bob"


@pytest.mark.parametrize("body", [{}, {"done": "yes"}, {"done": 1}, {"done": None}, []])
def test_nonsense_is_refused(desk, tenant, body):
    error(put(desk, left(tenant).pk, body), "invalid", 400)


def test_AT04_messages_of_other_tenants_are_not_there(desk, charlie):
    other = charlie.tenants.get()
    other.offline_form = True
    foreign = left(other)
    assert ok(desk.get(AGENTS))["messages"] == []
    error(put(desk, foreign.pk), "invalid", 404)
    error(put(desk, "x"), "invalid", 404)
    error(put(desk, 2**70), "invalid", 404)
    foreign.refresh_from_db()
    assert foreign.done_at is None


def test_whoever_is_no_agent_sees_nothing(client, tenant):
    left(tenant)
    error(client.get(AGENTS), "invalid", 401)


def test_a_new_message_rings_and_counts(tenant, desk, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        row = left(tenant)
        offline.leave_message(tenant, row.message_id, **WORDS)  # a repeat is no news
        with pytest.raises(Conflict):
            offline.leave_message(tenant, row.message_id, **{**WORDS, "body": "Other"})
    assert rung() == [((events.tenant_group(tenant.pk),), {"tenant": "demo-tenant", "count": 1})]
    assert ok(desk.get("/api/v1/chat/sessions"))["counts"]["offline"] == 1


def test_PR19_the_admin_shows_them_inert(admin_client, tenant):
    row = left(tenant, name="<script>alert(1)</script>", body="<img src=x onerror=alert(1)>{{7*7}}")
    for page in ("changelist", "change"):
        path = reverse(f"admin:sessions_app_offlinemessage_{page}", args=[row.pk] if page == "change" else [])
        html = admin_client.get(path).content.decode()
        assert "&lt;img src=x" in html
        assert "<script>alert(1)" not in html
