"""The chat that one would write first with Django and Channels, set up as well as that style allows."""

import os
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["obvious_django"]
ASGI_APPLICATION = "obvious_django.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

database = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.path.lstrip("/"),
        "USER": database.username,
        "HOST": parse_qs(database.query)["host"][0],
        "CONN_MAX_AGE": None,  # a connection for each message (Django's default) would cost it more than half its rate
    }
}

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # redis-py 8 ends what is idle for 5 s; this layer waits longer than that.
            "hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": 30}],
            "capacity": 10_000,  # the default, 100 for a process, would lose messages long before it is too slow
        },
    },
}
