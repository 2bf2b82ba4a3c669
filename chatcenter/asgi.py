"""The ASGI application: HTTP to Django, sockets to the consumers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatcenter.settings")
http_application = get_asgi_application()

# Only now: the consumers import models, which need the app registry that the line above has filled.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from chatcenter.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http_application,
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
