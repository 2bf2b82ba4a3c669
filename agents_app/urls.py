from django.contrib.auth.views import LogoutView
from django.urls import path

from agents_app import api, views

console_urlpatterns = [
    path("", views.console, name="console"),
    path("chats/<uuid:session_id>/", views.console, name="chat"),
    path("login/", views.ConsoleLoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]

api_urlpatterns = [
    path("sessions", api.SessionsView.as_view()),
    path("sessions/<str:session_id>", api.SessionView.as_view()),
    path("sessions/<str:session_id>/messages", api.MessagesView.as_view()),
    path("sessions/<str:session_id>/attachments", api.AttachmentsView.as_view()),
    path("sessions/<str:session_id>/assign", api.AssignView.as_view()),
    path("sessions/<str:session_id>/end", api.EndView.as_view()),
]
