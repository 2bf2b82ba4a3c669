from django.contrib.auth.views import LogoutView
from django.urls import path

from agents_app import views
from agents_app.api import chats

console_urlpatterns = [
    path("", views.console, name="console"),
    path("chats/<uuid:session_id>/", views.console, name="chat"),
    path("login/", views.ConsoleLoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]

api_urlpatterns = [
    path("sessions", chats.SessionsView.as_view()),
    path("sessions/<str:session_id>", chats.SessionView.as_view()),
    path("sessions/<str:session_id>/messages", chats.MessagesView.as_view()),
    path("sessions/<str:session_id>/attachments", chats.AttachmentsView.as_view()),
    path("sessions/<str:session_id>/assign", chats.AssignView.as_view()),
    path("sessions/<str:session_id>/end", chats.EndView.as_view()),
]
