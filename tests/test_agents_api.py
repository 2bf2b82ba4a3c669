"""The agents' own calls: who I am, who else is there, what is said often, and pictures."""

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from PIL import Image

from agents_app import selectors as agent_selectors
from agents_app.models import Agent, CannedReply
from sessions_app import events, selectors, services
from tests.factories import PASSWORD, actor, fresh, make_agent, make_session, make_tenant

pytestmark = pytest.mark.django_db

API = "/api/v1/chat"


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def as_(client):
    """The client, logged in as this agent."""

    def log_in(agent):
        client.force_login(agent.user)
        return client

    return log_in


def ok(response):
    answer = response.json()
    assert (response.status_code, answer["success"]) == (200, True), answer
    return answer["data"]


def put(client, data):
    return client.put(f"{API}/agents/me", json.dumps(data), content_type="application/json")


# --- me -----------------------------------------------------------------------------------------------------------


def test_me_says_who_i_am_and_what_i_have(as_, alice, tenant):
    make_session(tenant, says="Hello", agent=alice)
    assert ok(as_(alice).get(f"{API}/agents/me")) == {
        "id": alice.user_id,
        "name": "Alice",
        "availability": "online",
        "state": "online",
        "capacity": None,
        "load": 1,
        "is_supervisor": False,
        "tenants": [{"slug": "demo-tenant", "name": "Demo tenant", "typing_preview": False}],
        "picture": None,
    }


def test_a_supervisor_is_told_so(as_, alice):
    alice.user.user_permissions.add(Permission.objects.get(codename="supervise"))
    assert ok(as_(alice).get(f"{API}/agents/me"))["is_supervisor"] is True


def test_a_tenant_that_is_switched_off_is_none_of_mine(as_, alice, tenant):
    alice.tenants.add(make_tenant("closed", is_active=False))
    assert [one["slug"] for one in ok(as_(alice).get(f"{API}/agents/me"))["tenants"]] == ["demo-tenant"]


@pytest.mark.parametrize(
    ("data", "state", "capacity"),
    [
        ({}, "online", 3),
        ({"availability": "away"}, "away", 3),
        ({"availability": "offline"}, "offline", 3),
        ({"capacity": 5}, "online", 5),
        ({"capacity": None}, "online", None),
        ({"availability": "away", "capacity": 1}, "away", 1),
    ],
)
def test_what_is_put_changes_and_what_is_left_out_stays(as_, alice, data, state, capacity):
    Agent.objects.update(capacity=3)
    answer = ok(put(as_(alice), data))
    assert (answer["state"], answer["capacity"]) == (state, capacity)
    assert ok(as_(alice).get(f"{API}/agents/me")) == answer


@pytest.mark.parametrize(
    "data",
    [
        {"availability": "asleep"},
        {"availability": None},
        {"availability": True},
        {"capacity": 0},
        {"capacity": -1},
        {"capacity": "3"},
        {"capacity": True},
        {"capacity": 1.5},
        {"capacity": 32768},
    ],
)
def test_nonsense_is_refused_and_named(as_, alice, data):
    answer = put(as_(alice), data)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, list(data))
    alice.refresh_from_db()
    assert (alice.availability, alice.capacity) == ("online", None)


def test_a_change_is_told_to_my_own_consoles_alone(as_, alice, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(events, "publish", rung.extend)
    with django_capture_on_commit_callbacks(execute=True):
        answer = ok(put(as_(alice), {"availability": "away"}))

    [event] = [event for event in rung if event.type == events.AGENT_CHANGED]
    assert event.groups == (events.rights_group(alice.user_id),)
    assert event.payload == {"agent": answer}


def test_a_change_needs_the_csrf_token(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)
    assert put(client, {"availability": "away"}).status_code == 403
    alice.refresh_from_db()
    assert alice.availability == "online"


@pytest.mark.parametrize("path", ["agents", "agents/me", "canned-replies"])
def test_others_get_nothing(client, path):
    assert client.get(f"{API}/{path}").status_code == 401
    client.force_login(User.objects.create_user("dave"))
    assert client.get(f"{API}/{path}").status_code == 403


# --- colleagues ---------------------------------------------------------------------------------------------------


def test_AT04_colleagues_are_those_of_my_tenants_and_nothing_of_others_is_told(as_, alice, bob, charlie, tenant):
    elsewhere = charlie.tenants.get()
    bob.tenants.add(elsewhere, make_tenant("third"))
    Agent.objects.filter(pk=bob.pk).update(availability="away", capacity=4)
    make_agent("erin", [tenant]).user.delete()
    gone = make_agent("frank", [tenant]).user
    gone.is_active = False
    gone.save()
    make_session(tenant, says="Hello", agent=bob)

    mine, bobs = ok(as_(alice).get(f"{API}/agents"))["agents"]
    assert mine["name"] == "Alice"
    assert bobs.pop("last_seen_at").endswith("Z")
    assert bobs == {
        "id": bob.user_id,
        "name": "Bob",
        "availability": "away",
        "state": "away",
        "load": 1,
        "capacity": 4,
        "tenants": ["demo-tenant"],
        "picture": None,
    }


def test_any_number_of_colleagues_costs_the_same_queries(as_, alice, tenant, django_assert_num_queries):
    client = as_(alice)
    for number in range(6):
        make_agent(f"agent-{number}", [tenant, make_tenant(f"tenant-{number}")])
    with django_assert_num_queries(6):  # login and user, rights and their tenants, agents and their tenants
        assert len(ok(client.get(f"{API}/agents"))["agents"]) == 7


# --- canned replies -----------------------------------------------------------------------------------------------


def test_replies_are_those_of_my_tenants(as_, alice, charlie, tenant):
    CannedReply.objects.create(tenant=tenant, shortcut="thanks", text="Thank you, {{visitor.name}}!")
    CannedReply.objects.create(tenant=charlie.tenants.get(), shortcut="secret", text="Not yours")

    reply = {"shortcut": "thanks", "text": "Thank you, {{visitor.name}}!", "tenant": "demo-tenant"}
    assert ok(as_(alice).get(f"{API}/canned-replies")) == {"replies": [reply]}


def test_the_demo_has_replies_and_a_supervisor_and_is_safe_to_make_again(settings):
    settings.DEMO_PASSWORD = PASSWORD
    call_command("seed_demo", stdout=io.StringIO())
    CannedReply.objects.filter(shortcut="hello").delete()
    call_command("seed_demo", stdout=io.StringIO())

    shortcuts = set(CannedReply.objects.values_list("shortcut", flat=True))
    assert shortcuts == {"moment", "email", "returns", "bye"}
    agents = Agent.objects.values_list("user_id", "user__username")
    rights = {name: agent_selectors.rights(user_id) for user_id, name in agents}
    assert {name: one.is_supervisor for name, one in rights.items()} == {"alice": True, "bob": False}


# --- the admin ----------------------------------------------------------------------------------------------------


@pytest.fixture
def admin():
    client = Client()
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    return client


def test_an_admin_writes_replies_once_for_each_shortcut(admin, tenant):
    page = "/admin/agents_app/cannedreply/add/"
    reply = {"tenant": tenant.pk, "shortcut": "hello", "text": "Hello!"}
    assert admin.post(page, reply).status_code == 302
    refused = admin.post(page, {**reply, "shortcut": "HELLO"})
    assert "There is a reply of this shortcut already." in refused.content.decode()
    assert "at most 4000" in admin.post(page, {**reply, "shortcut": "x", "text": "x" * 4001}).content.decode()
    assert admin.get("/admin/agents_app/cannedreply/?q=hello").status_code == 200
    assert CannedReply.objects.count() == 1


def change_page(agent) -> str:
    return f"/admin/agents_app/agent/{agent.pk}/change/"


def save(admin, agent, **fields):
    """The answer to the agent's form, sent as a browser that changed these fields would."""
    form = admin.get(change_page(agent)).context["adminform"].form
    values = {name: form.initial.get(name) for name in form.fields if name != "picture"}
    values |= {"user": agent.user_id, "tenants": list(agent.tenants.values_list("pk", flat=True)), **fields}
    return admin.post(change_page(agent), {name: value for name, value in values.items() if value is not None})


def picture(kind="PNG", size=(300, 200), mode="RGB", **options) -> bytes:
    output = io.BytesIO()
    Image.new(mode, size, "tomato").save(output, kind, **options)
    return output.getvalue()


def upload(content: bytes, name="alice.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def stored(settings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "content",
    [picture(), picture("JPEG"), picture("WEBP", mode="RGBA"), picture("PNG", (40, 900), "P"), picture("GIF")],
)
def test_a_picture_becomes_a_small_square_that_anybody_may_have_for_ever(admin, client, as_, alice, content, settings):
    assert save(admin, alice, picture=upload(content)).status_code == 302
    path = ok(as_(alice).get(f"{API}/agents/me"))["picture"]
    assert ok(client.get(f"{API}/agents"))["agents"][0]["picture"] == path

    answer = Client().get(path)
    assert answer["Content-Type"] == "image/webp"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("WEBP", (128, 128))
    assert len(stored(settings)) == 1


def test_a_picture_stands_as_the_camera_was_held_and_says_nothing_of_the_place(admin, alice):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "at home"
    upright = Image.new("RGB", (200, 400), "tomato")
    upright.paste("navy", (0, 0, 200, 200))
    output = io.BytesIO()
    upright.rotate(90, expand=True).save(output, "JPEG", exif=exif)
    save(admin, alice, picture=upload(output.getvalue()))

    alice.refresh_from_db()
    with Image.open(alice.picture) as image:
        assert not dict(image.getexif())
        top, bottom = image.convert("RGB").getpixel((64, 20)), image.convert("RGB").getpixel((64, 108))
    assert top[2] > top[0]
    assert bottom[0] > bottom[2]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<svg onload=alert(1)>", "PNG, JPEG or WebP"),
        (b"%PDF-1.7\n", "PNG, JPEG or WebP"),
        (picture()[:200], "damaged"),
        (picture("BMP"), "PNG, JPEG or WebP"),
        (picture("PNG", (7100, 7100), "1"), "too many pixels"),
        (picture() + b"\0" * 2 * 1024 * 1024, "2 MB"),
    ],
    ids=["svg", "pdf", "damaged", "bmp", "bomb", "too large"],
)
def test_what_is_no_picture_is_refused_with_a_sentence_and_leaves_the_old_one(
    admin, alice, content, sentence, settings
):
    save(admin, alice, picture=upload(picture()))
    answer = save(admin, alice, picture=upload(content))

    assert answer.status_code == 200
    assert sentence in " ".join(answer.context["adminform"].form.errors["picture"])
    assert len(stored(settings)) == 1
    assert admin.get(change_page(alice)).status_code == 200


@pytest.mark.parametrize("how", ["replaced", "cleared", "deleted"])
def test_a_picture_that_nobody_has_any_more_is_deleted(
    admin, client, alice, how, settings, django_capture_on_commit_callbacks
):
    save(admin, alice, picture=upload(picture()))
    [old] = stored(settings)
    with django_capture_on_commit_callbacks(execute=True):
        if how == "replaced":
            save(admin, alice, picture=upload(picture("JPEG")))
        elif how == "cleared":
            save(admin, alice, **{"picture-clear": "on"})
        else:
            Agent.objects.get(pk=alice.pk).delete()

    assert old not in stored(settings)
    assert len(stored(settings)) == (1 if how == "replaced" else 0)
    assert client.get(f"{API}/public/agent-picture/{old.name}").status_code == 404


@pytest.mark.parametrize("name", ["..%2F..%2Fmanage.py", "x.webp", "%00.webp", "alice.png", "a" * 300 + ".webp"])
def test_no_other_file_is_served_as_a_picture(client, name):
    assert client.get(f"{API}/public/agent-picture/{name}").status_code == 404


def test_the_form_of_an_agent_overwrites_no_stamp(admin, alice, monkeypatch):
    """Consoles stamp all the time: a form that saves the whole row would take the agent away."""
    saved = []
    monkeypatch.setattr(Agent, "save", lambda self, **options: saved.append(set(options["update_fields"])))
    save(admin, alice, capacity=3, availability="away")
    assert saved == [{"capacity", "availability"}]


def test_the_forms_change_is_told_to_the_agents_consoles(admin, alice, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(events, "publish", rung.extend)
    with django_capture_on_commit_callbacks(execute=True):
        save(admin, alice, availability="away", capacity=2)

    assert [event.type for event in rung] == [events.RIGHTS_CHANGED, events.AGENT_CHANGED]
    assert rung[1].payload["agent"]["state"] == "away"


def test_the_list_of_agents_says_who_is_there_and_who_supervises(admin, alice, bob):
    Agent.objects.filter(pk=bob.pk).update(availability="away")
    alice.user.user_permissions.add(Permission.objects.get(codename="supervise"))
    rows = {agent.user_id: agent for agent in admin.get("/admin/agents_app/agent/").context["cl"].result_list}
    assert [rows[one.user_id].state for one in (alice, bob)] == ["online", "away"]
    assert [rows[one.user_id].is_supervisor for one in (alice, bob)] == [True, False]
    assert admin.get("/admin/agents_app/agent/add/").status_code == 200


# --- what visitors see of them ------------------------------------------------------------------------------------


def test_a_visitor_sees_the_picture_of_the_agent_who_has_the_chat(admin, alice, bob, tenant, as_):
    save(admin, alice, picture=upload(picture()))
    path = ok(as_(alice).get(f"{API}/agents/me"))["picture"]
    session = make_session(tenant, says="Hello")
    assert selectors.visitor_view(fresh(session))["agent_picture"] is None
    for agent, expected in ((alice, path), (bob, None)):
        session = make_session(tenant, says="Hello", agent=agent)
        assert selectors.visitor_view(fresh(session))["agent_picture"] == expected


def test_who_joins_is_told_with_name_and_picture(
    admin, alice, tenant, as_, monkeypatch, django_capture_on_commit_callbacks
):
    save(admin, alice, picture=upload(picture()))
    path = ok(as_(alice).get(f"{API}/agents/me"))["picture"]
    session = make_session(tenant, says="Hello")
    rung = []
    monkeypatch.setattr(events, "publish", rung.extend)
    with django_capture_on_commit_callbacks(execute=True):
        services.accept_session(session.session.session_id, actor(alice))

    [told] = [event for event in rung if event.type == events.SESSION_ASSIGNED]
    assert told.payload == {"agent_name": "Alice", "agent_picture": path}
