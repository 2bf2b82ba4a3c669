from channels.auth import AuthMiddlewareStack
from django.urls import path

from agents_app.consumers import AgentConsumer

websocket_urlpatterns = [
    # Only here: a visitor's socket has no login, and need not pay for looking one up.
    path("ws/agent/", AuthMiddlewareStack(AgentConsumer.as_asgi())),
]
