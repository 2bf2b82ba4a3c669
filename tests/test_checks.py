import pytest
from django.core.checks import run_checks


def found() -> set[str]:
    return {message.id for message in run_checks() if message.id.startswith("chatcenter.")}


def with_pool(settings, **pool):
    default = settings.DATABASES["default"]
    settings.DATABASES = {"default": default | {"OPTIONS": {"pool": pool}}}


SPOIL = {
    "chatcenter.E001": lambda settings: setattr(settings, "SECRET_KEY", "x" * 60),
    "chatcenter.E002": lambda settings: setattr(settings, "ALLOWED_HOSTS", []),
    "chatcenter.E003": lambda settings: with_pool(settings, min_size=5, max_size=4),
    "chatcenter.E004": lambda settings: setattr(settings, "CHAT_AGENT_DIRECTORY", "agents_app.nowhere"),
    "chatcenter.E005": lambda settings: setattr(settings, "CHAT_MAX_FRAME_BYTES", 15999),
}


def test_good_settings_are_not_complained_about():
    assert found() == set()


@pytest.mark.parametrize("check_id", SPOIL)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_a_bad_setting_is_named(settings, check_id):
    SPOIL[check_id](settings)
    assert found() == {check_id}


@pytest.mark.parametrize("key", ["short", "django-insecure-" + "abcdefghij" * 5, "ab" * 30])
def test_a_secret_key_that_can_be_guessed_is_weak(settings, key):
    settings.SECRET_KEY = key
    assert found() == {"chatcenter.E001"}


def test_development_may_have_any_key_and_host(settings):
    settings.DEBUG = True
    settings.SECRET_KEY = "short"
    settings.ALLOWED_HOSTS = []
    assert found() == set()
