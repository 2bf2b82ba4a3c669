"""AT10: guessing passwords blocks the address that guesses, and nobody else."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from tests.factories import PASSWORD, make_agent, make_tenant

pytestmark = pytest.mark.django_db

PAGES = ["/agent/login/", "/admin/login/"]


@pytest.fixture
def alice(db):
    agent = make_agent("alice", [make_tenant()])
    agent.user.is_staff = True
    agent.user.save()
    return agent


def attempt(client, password, page="/agent/login/", address="203.0.113.7", username="alice"):
    return client.post(page, {"username": username, "password": password}, REMOTE_ADDR=address)


@pytest.mark.parametrize("page", PAGES)
def test_AT10_after_20_wrong_passwords_the_address_is_blocked_and_no_other(client, alice, page):
    for _ in range(20):
        assert attempt(client, "wrong", page).status_code == 200
    blocked = attempt(client, PASSWORD, page)

    assert blocked.status_code == 429
    assert 0 < int(blocked["Retry-After"]) <= 600
    assert "Try again in 10 minutes" in blocked.content.decode()
    assert [attempt(client, PASSWORD, other).status_code for other in PAGES] == [429, 429]
    assert attempt(client, PASSWORD, page, address="198.51.100.4").status_code == 302


def test_a_blocked_address_still_sees_the_form(client, alice):
    for _ in range(20):
        attempt(client, "wrong")
    assert client.get("/agent/login/").status_code == 200


def test_right_passwords_are_not_counted(client, alice):
    """A whole office logs in from one address in the morning."""
    for _ in range(25):
        assert attempt(client, PASSWORD).status_code == 302
        client.logout()


def test_a_right_password_of_ones_own_does_not_wipe_out_the_wrong_ones(client, alice):
    User.objects.create_user("mallory", password=PASSWORD)
    for _ in range(20):
        assert attempt(client, "wrong").status_code == 200
        if _ < 19:
            assert attempt(client, PASSWORD, username="mallory").status_code == 302
            client.logout()
    assert attempt(client, PASSWORD).status_code == 429


def test_who_is_logged_in_does_not_guess_for_nothing(client, alice):
    client.force_login(User.objects.create_superuser("mallory"))
    for _ in range(20):
        assert attempt(client, "wrong", "/admin/login/").status_code == 200
    assert attempt(client, PASSWORD, "/admin/login/").status_code == 429


def test_the_limit_is_a_setting(client, alice, settings):
    settings.CHAT_LOGIN_RATES = ((2, 60),)
    assert [attempt(client, "wrong").status_code for _ in range(3)] == [200, 200, 429]
    assert "Try again in 1 minute." in attempt(client, "wrong").content.decode()


def test_a_Redis_that_fails_locks_nobody_out(client, alice, monkeypatch):
    monkeypatch.setattr("sessions_app.throttles.evaluate", lambda *args: None)
    for _ in range(21):
        assert attempt(client, "wrong").status_code == 200
    assert attempt(client, PASSWORD).status_code == 302


def test_a_database_that_fails_costs_nobody_a_try(client, alice, monkeypatch):
    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("django.contrib.auth.forms.authenticate", fail)
        for _ in range(25):
            assert attempt(client, PASSWORD).status_code == 500
    assert attempt(client, PASSWORD).status_code == 302


def fail(*args, **kwargs):
    raise OperationalError


def test_AT10_forty_guesses_at_once_are_no_more_than_twenty(start_server):
    make_agent("alice", [make_tenant()])
    server = start_server(TRUSTED_PROXIES="1")

    def guess(password: str, address: str) -> int:
        headers = {"X-Forwarded-For": address}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60) as client:
            token = client.get("/agent/login/").cookies["csrftoken"]
            form = {"username": "alice", "password": password, "csrfmiddlewaretoken": token}
            return client.post("/agent/login/", data=form).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: guess(f"guess {number}", "203.0.113.7"), range(40)))
    assert (answers.count(200), answers.count(429)) == (20, 20)
    assert guess(PASSWORD, "203.0.113.7") == 429
    assert guess(PASSWORD, "198.51.100.4") == 302
