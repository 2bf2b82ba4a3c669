from agents_app.routing import websocket_urlpatterns as agent_sockets
from sessions_app.routing import websocket_urlpatterns as visitor_sockets

websocket_urlpatterns = [*visitor_sockets, *agent_sockets]
