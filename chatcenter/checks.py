"""Start-up checks: a setting that would only hurt later becomes a sentence now."""

from importlib import import_module

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register

SHORTEST_SECRET_KEY = 50


@register(Tags.security)
def check_secret_key(app_configs, **kwargs) -> list[Error]:
    key = settings.SECRET_KEY
    if settings.DEBUG or (len(key) >= SHORTEST_SECRET_KEY and len(set(key)) > 5 and "insecure" not in key):
        return []
    return [
        Error(
            f"SECRET_KEY is weak: it needs {SHORTEST_SECRET_KEY} random characters.",
            hint="python -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="chatcenter.E001",
        )
    ]


@register(Tags.security)
def check_allowed_hosts(app_configs, **kwargs) -> list[Error]:
    if settings.DEBUG or settings.ALLOWED_HOSTS:
        return []
    return [Error("ALLOWED_HOSTS is empty: name the hosts that this site answers to.", id="chatcenter.E002")]


@register()
def check_pool(app_configs, **kwargs) -> list[Error]:
    pool = settings.DATABASES["default"]["OPTIONS"]["pool"]
    if pool["min_size"] <= pool["max_size"]:
        return []
    return [Error("DATABASE_POOL_MIN is more than DATABASE_POOL_MAX.", id="chatcenter.E003")]


@register()
def check_agent_directory(app_configs, **kwargs) -> list[Error]:
    try:
        import_module(settings.CHAT_AGENT_DIRECTORY)
    except ImportError as error:
        return [Error(f"CHAT_AGENT_DIRECTORY cannot be imported: {error}.", id="chatcenter.E004")]
    return []


@register()
def check_frame_holds_message(app_configs, **kwargs) -> list[Error]:
    # A code point takes up to four bytes in UTF-8, and a frame has some of its own around the text.
    if settings.CHAT_MAX_FRAME_BYTES >= settings.CHAT_MAX_MESSAGE_CHARS * 4:
        return []
    return [Error("CHAT_MAX_FRAME_BYTES is too small for a message of CHAT_MAX_MESSAGE_CHARS.", id="chatcenter.E005")]


@register(Tags.database)
def check_sweep(app_configs, databases=None, **kwargs) -> list[Warning]:
    """For `manage.py check --database default` alone: other checks leave the database in peace."""
    from chatcenter import health

    problem = health.sweep_problem() if databases else None
    return [Warning(problem, id="chatcenter.W001")] if problem else []
