from django.contrib.auth.views import LogoutView
from django.urls import path

from agents_app import report_views, views
from agents_app.api import agents, chats, offline, stats
from agents_app.logins import limited

console_urlpatterns = [
    path("", views.console, name="console"),
    path("chats/<uuid:session_id>/", views.console, name="chat"),
    path("all/", views.console, {"view": "all"}, name="all"),
    path("all/<uuid:session_id>/", views.console, {"view": "all"}),
    path("history/", views.console, {"view": "history"}, name="history"),
    path("history/<uuid:session_id>/", views.console, {"view": "history"}),
    path("messages/", views.console, {"view": "messages"}, name="messages"),
    path("team/", views.console, {"view": "team"}, name="team"),
    path("reports/", report_views.reports, name="reports"),
    path("login/", limited(views.ConsoleLoginView.as_view()), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]

api_urlpatterns = [
    path("sessions", chats.SessionsView.as_view()),
    path("sessions/<str:session_id>", chats.SessionView.as_view()),
    path("sessions/<str:session_id>/messages", chats.MessagesView.as_view()),
    path("sessions/<str:session_id>/attachments", chats.AttachmentsView.as_view()),
    path("sessions/<str:session_id>/visitor", chats.VisitorView.as_view()),
    path("sessions/<str:session_id>/tags", chats.SessionTagsView.as_view()),
    path("sessions/<str:session_id>/assign", chats.AssignView.as_view()),
    path("sessions/<str:session_id>/transfer", chats.TransferView.as_view()),
    path("sessions/<str:session_id>/hold", chats.HoldView.as_view()),
    path("sessions/<str:session_id>/end", chats.EndView.as_view()),
    path("agents", agents.AgentsView.as_view()),
    path("agents/me", agents.MeView.as_view()),
    path("offline-messages", offline.OfflineMessagesView.as_view()),
    path("offline-messages/<str:message_id>", offline.OfflineMessageView.as_view()),
    path("canned-replies", agents.CannedRepliesView.as_view()),
    path("tags", chats.TagsView.as_view()),
    path("stats", stats.StatsView.as_view(), name="stats"),
    path("stats/<slug:name>.csv", stats.TableView.as_view(), name="stats-table"),
]

# Beside those of sessions_app, for visitors.
public_urlpatterns = [
    path("agent-picture/<str:name>", agents.agent_picture, name="agent-picture"),
]
