"""Every setting: environment variables in, typed values out, no logic. docs/settings.md explains each variable.

Nothing else in the project reads the environment. Beside a running `bin/dev`, commands without SECRET_KEY,
DATABASE_URL and REDIS_URL take those of that run.
"""

import os
from pathlib import Path

from chatcenter import embedded
from chatcenter.env import Env, celery_url

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env(embedded.with_running_servers(os.environ))

# --- Django ---------------------------------------------------------------------------------------
SECRET_KEY = env.text("SECRET_KEY")
DEBUG = env.flag("DEBUG", False)
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")

ROOT_URLCONF = "chatcenter.urls"
ASGI_APPLICATION = "chatcenter.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "/agent/login/"
LOGIN_REDIRECT_URL = "/agent/"
LOGOUT_REDIRECT_URL = "/agent/login/"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "chatcenter.formats"

INSTALLED_APPS = [
    "chatcenter",
    "sessions_app",
    "agents_app",
    "rest_framework",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Static files ---------------------------------------------------------------------------------
# Served by the web process, from where they lie. collectstatic is needed only where STATIC_ROOT is set
# (compressed copies). Names carry no hash: modules import each other by name, so browsers ask again after a
# minute (ETag).
STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT", None)
STATICFILES_DIRS = [("widget", BASE_DIR / "widget_static" / "src")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 60

# --- Files that people send: never served from here but by sessions_app/views.py -------------------
MEDIA_ROOT = env.text("MEDIA_ROOT", str(embedded.DATA_DIR / "media"))

# --- PostgreSQL -----------------------------------------------------------------------------------
# A pool, because ASGI serves every request and frame on a thread of its own choosing: kept connections
# (CONN_MAX_AGE) would pile up, and a new one for each costs ten times the query.
POOL_TIMEOUT_SECONDS = env.number("DATABASE_POOL_TIMEOUT_SECONDS", 10, minimum=1)
DATABASES = {"default": env.database("DATABASE_URL")}
# Our backend checks connections itself: CONN_HEALTH_CHECKS would do it a second time, and slowly (see there).
DATABASES["default"] |= {"ENGINE": "chatcenter.postgresql", "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
# Nobody waits for ever: neither for a row that somebody holds, nor for a transaction whose process is stuck.
TIMEOUTS = "-c lock_timeout=5s -c statement_timeout=60s -c idle_in_transaction_session_timeout=30s"
# What is sent over and over (sessions_app/rows.py) is prepared, and planned once; the ORM's cursors never prepare.
PLANS = "-c plan_cache_mode=force_generic_plan"
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    "options": f"{TIMEOUTS} {PLANS}",
    "prepare_threshold": 1,
    **DATABASES["default"]["OPTIONS"],
    "pool": {
        "min_size": env.number("DATABASE_POOL_MIN", 1),
        "max_size": env.number("DATABASE_POOL_MAX", 20, minimum=3),
        "timeout": POOL_TIMEOUT_SECONDS,
        # The pool tries again after 1, 2, 4 … s: unless it gives up soon, and begins anew for whoever asks next, it
        # comes back from a long outage as late again as that has lasted, and who asks meanwhile waits in vain.
        "reconnect_timeout": POOL_TIMEOUT_SECONDS / 2,
    },
}

# --- Redis: channel layer, Celery, limits ---------------------------------------------------------
# One URL for all three, so that a worker and a web process cannot end up on different layers.
REDIS_URL = env.redis_url("REDIS_URL")
# redis-py 8 closes what is idle for 5 s unless told otherwise; every client of ours says its timeouts.
REDIS_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, **REDIS_OPTIONS}], "prefix": "chatcenter"},
    },
}

CELERY_BROKER_URL = celery_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "chatcenter.celery.",
    "socket_connect_timeout": 5,
    "socket_timeout": 30,
    "visibility_timeout": 3600,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True  # every task is safe to run twice; a killed worker's task is run again
CELERY_TASK_TIME_LIMIT = 240
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1

# --- Limits ---------------------------------------------------------------------------------------
# How many proxies of ours stand in front: the visitor's address is that many places from the right in
# X-Forwarded-For. 0: the header is ignored.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)

CHAT_MESSAGE_RATES = env.rates("CHAT_MESSAGE_RATES", "10/10s,60/60s")  # messages of a session
CHAT_START_RATES = env.rates("CHAT_START_RATES", "10/60s,60/3600s")  # sessions started from an address
CHAT_LOGIN_RATES = env.rates("CHAT_LOGIN_RATES", "20/600s")  # wrong passwords from an address
CHAT_OFFLINE_RATES = env.rates("CHAT_OFFLINE_RATES", "5/60s,20/3600s")  # messages left from an address
CHAT_PROOF_RATES = env.rates("CHAT_PROOF_RATES", "100/60s")  # unknown sessions and wrong keys from an address
CHAT_POLL_RATES = env.rates("CHAT_POLL_RATES", "120/60s")  # requests of a session that has no socket
CHAT_FRAME_RATES = env.rates("CHAT_FRAME_RATES", "100/10s")  # frames of a socket
CHAT_MAX_SOCKETS_PER_ADDRESS = env.number("CHAT_MAX_SOCKETS_PER_ADDRESS", 200, minimum=1)  # visitors' sockets
CHAT_MAX_SOCKETS_PER_SESSION = env.number("CHAT_MAX_SOCKETS_PER_SESSION", 5, minimum=1)
CHAT_MAX_FRAME_BYTES = env.number("CHAT_MAX_FRAME_BYTES", 16 * 1024, minimum=1024)
CHAT_MAX_MESSAGE_CHARS = env.number("CHAT_MAX_MESSAGE_CHARS", 4000, minimum=1)
CHAT_MAX_BODY_BYTES = env.number("CHAT_MAX_BODY_BYTES", 64 * 1024, minimum=1024)
CHAT_MAX_ATTACHMENT_BYTES = env.number("CHAT_MAX_ATTACHMENT_BYTES", 10 * 1024 * 1024)  # 0: none may be sent
CHAT_UPLOAD_RATES = env.rates("CHAT_UPLOAD_RATES", "10/60s,60/3600s")  # attachments of a session
CHAT_MAX_BAD_FRAMES = env.number("CHAT_MAX_BAD_FRAMES", 10, minimum=1)
CHAT_HELLO_TIMEOUT_SECONDS = env.number("CHAT_HELLO_TIMEOUT_SECONDS", 5, minimum=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = CHAT_MAX_BODY_BYTES
MAX_PICTURE_BYTES = 2 * 1024 * 1024  # of an agent
CHAT_MAX_REQUEST_BYTES = max(CHAT_MAX_ATTACHMENT_BYTES, MAX_PICTURE_BYTES) + CHAT_MAX_BODY_BYTES  # and fields around it

# Where sessions_app asks about agents (dotted module): the arrow between the two apps points the other way.
CHAT_AGENT_DIRECTORY = "agents_app.selectors"

DEMO_PAGE = env.flag("DEMO_PAGE", DEBUG)  # the shop of seed_demo's tenant, /widget-demo.html
# For the accounts that seed_demo makes; without it that command refuses.
DEMO_PASSWORD = env.text("DEMO_PASSWORD", None)

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "sessions_app.api.exception_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

# --- Security -------------------------------------------------------------------------------------
X_FRAME_OPTIONS = "DENY"
SECURE_COOKIES = env.flag("SECURE_COOKIES", not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", 0)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("TRUST_X_FORWARDED_PROTO", False) else None

# --- Logging: stdout, one line for each record; no message bodies, no keys ------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "chatcenter.logs.OneLineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
    },
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
    "root": {
        "handlers": ["stdout"],
        "level": env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
    # Django mails admins and prints to stderr by itself; here the root logger says it once.
    "loggers": {"django": {"handlers": [], "level": "INFO", "propagate": True}},
}
