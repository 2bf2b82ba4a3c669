"""The ASGI application: HTTP to Django, sockets to the consumers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatcenter.settings")
http_application = get_asgi_application()

# Only now: the consumers import models, which need the app registry that the line above has filled.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from chatcenter.bodies import BoundedBody  # noqa: E402
from chatcenter.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": BoundedBody(http_application, settings.CHAT_MAX_REQUEST_BYTES),
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
