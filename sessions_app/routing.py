from django.urls import path

from sessions_app.consumers import VisitorConsumer

websocket_urlpatterns = [
    # Any text: an id that is none gets the same close code as an unknown one.
    path("ws/public/<str:session_id>", VisitorConsumer.as_asgi()),
]
