from django.urls import path

from apps.core.views import LoginView, LogoutView, SessionView

urlpatterns = [
    path("session/", SessionView.as_view(), name="session"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
