"""The pages around the console: who gets in, and what the shell brings along."""

import json
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders

from sessions_app.models import CLOSING, Stage
from tests.factories import PASSWORD, make_agent, make_tenant

pytestmark = pytest.mark.django_db

CHAT_ID = "7f3f6d5c-3c0e-4f0f-9a43-6d1f1f1b7c11"
CHAT = f"/agent/chats/{CHAT_ID}/"
VIEWS = ["/agent/all/", "/agent/history/", "/agent/messages/", "/agent/team/"]
PATHS = ["/agent/", CHAT, *VIEWS, f"/agent/all/{CHAT_ID}/", f"/agent/history/{CHAT_ID}/"]


@pytest.fixture
def alice():
    return make_agent("alice", tenants=[make_tenant()])


@pytest.mark.parametrize("path", PATHS)
def test_an_agent_gets_the_console_and_the_csrf_cookie_and_nothing_is_cached(client, alice, path):
    client.force_login(alice.user)
    response = client.get(path)
    assert response.status_code == 200
    assert response.context["config"]["agent_id"] == alice.user_id
    assert response.cookies["csrftoken"].value
    assert "no-store" in response["Cache-Control"]


def test_the_site_leads_to_the_console_and_so_does_the_admin(client, alice, admin_client):
    client.force_login(alice.user)
    assert client.get("/")["Location"] == "/agent/"
    assert '<a href="/agent/">View site</a>' in admin_client.get("/admin/").content.decode()


def test_the_demo_shop_is_there_only_where_it_is_wanted(client, db, settings):
    assert client.get("/widget-demo.html").status_code == 404
    settings.DEMO_PAGE = True
    assert client.get("/widget-demo.html").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_others_log_in_first_and_are_led_back(client, path):
    assert client.get(path)["Location"] == f"/agent/login/?next={path}"


def test_a_user_who_is_no_agent_is_refused_without_a_loop(client):
    client.force_login(User.objects.create_user("carol"))
    assert client.get("/agent/").status_code == 403
    assert client.get("/agent/login/")["Location"] == "/agent/"


def test_a_deactivated_agent_is_logged_out(client, alice):
    client.force_login(alice.user)
    alice.user.is_active = False
    alice.user.save()
    assert client.get("/agent/").status_code == 302


def test_the_login_leads_nowhere_else(client, alice):
    login = {"username": "alice", "password": PASSWORD, "next": "https://evil.example/agent/"}
    assert client.post("/agent/login/", login)["Location"] == "/agent/"


def test_a_hostile_user_name_is_text_in_the_login_form(client):
    response = client.post("/agent/login/", {"username": '"><script>alert(1)</script>', "password": "x"})
    assert response.status_code == 200
    assert "<script>alert(1)" not in response.content.decode()


def test_logging_out_takes_a_post(client, alice):
    client.force_login(alice.user)
    assert client.get("/agent/logout/").status_code == 405
    assert client.post("/agent/logout/")["Location"] == "/agent/login/"
    assert client.get("/agent/").status_code == 302


def test_an_address_that_is_no_chat_is_not_found(client, alice):
    client.force_login(alice.user)
    assert client.get("/agent/chats/1/").status_code == 404


def test_the_page_names_every_module_that_the_console_imports(client, alice):
    client.force_login(alice.user)
    page = client.get("/agent/").content.decode()
    named = set(re.findall(r'rel="modulepreload" href="/static/agents_app/([^"]+)"', page))
    assert named == imports("console.js")


def test_the_filters_say_the_words_that_rows_reports_and_admin_say(client, alice):
    """tests/js/console_history.test.js asks the console's rows the same."""
    words = json.loads((Path(__file__).parent / "vectors" / "words.json").read_text())
    assert {reason.value: reason.label for reason in CLOSING} == words["reasons"]
    assert dict(Stage.choices) == words["stages"]
    client.force_login(alice.user)
    page = client.get("/agent/history/").content.decode()
    offered = re.findall(r'<option value="([^"]+)">([^<]+)</option>', page)
    assert (words["reasons"] | words["stages"]).items() <= dict(offered).items()


def imports(name: str) -> set[str]:
    """The module and, all the way down, those of its folder that it imports."""
    found, todo = set(), {name}
    while todo:
        found.add(module := todo.pop())
        text = Path(finders.find(f"agents_app/{module}")).read_text()
        todo |= set(re.findall(r'from "\./([^"]+)"', text)) - found
    return found
