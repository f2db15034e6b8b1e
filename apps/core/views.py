"""Sign in, sign out, and who am I."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.authentication import SessionAuthentication, enforce_csrf
from apps.core.errors import AccessDenied, CsrfFailed, InvalidCredentials
from apps.core.login_throttle import forget_attempts, take_attempt
from apps.core.models import Role, User
from apps.core.permissions import current_principal
from apps.core.refusals import refuses


class SessionUserSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    display_name = serializers.CharField()


class SessionTenantSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()


class SessionSerializer(serializers.Serializer[Any]):
    authenticated = serializers.BooleanField()
    user = SessionUserSerializer(allow_null=True)
    tenant = SessionTenantSerializer(allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    is_operator = serializers.BooleanField(help_text="They run the installation, and may see every tenant's line.")


class LoginSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    # Leading and trailing spaces are part of a password.
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)


class SessionView(APIView):
    """Says who is signed in. It always sets the CSRF cookie, so a page asks this first."""

    authentication_classes = (SessionAuthentication,)
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="session_retrieve", responses=SessionSerializer, tags=["auth"])
    def get(self, request: Request) -> Response:
        get_token(request._request)
        return Response(_session_of(request))


class LoginView(APIView):
    """Starts a session. The CSRF token is needed here too: else another site could sign a visitor in as itself."""

    authentication_classes = (SessionAuthentication,)
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="login",
        request=LoginSerializer,
        responses=SessionSerializer,
        tags=["auth"],
        extensions=refuses(CsrfFailed, InvalidCredentials),
    )
    def post(self, request: Request) -> Response:
        enforce_csrf(request._request)
        form = LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        username: str = form.validated_data["username"]
        take_attempt(request._request, username=username)
        # Django hashes the password of an unknown user too, so the time does not tell who exists.
        user = authenticate(request._request, username=username, password=form.validated_data["password"])
        if not isinstance(user, User):
            raise InvalidCredentials
        forget_attempts(request._request, username=username)
        login(request._request, user)
        request.user = user
        return Response(_session_of(request))


class LogoutView(APIView):
    """Ends the session. Without one, there is nothing to end and the answer is the same."""

    authentication_classes = (SessionAuthentication,)
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="logout", request=None, responses={204: None}, tags=["auth"], extensions=refuses(CsrfFailed)
    )
    def post(self, request: Request) -> Response:
        enforce_csrf(request._request)
        logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _session_of(request: Request) -> dict[str, Any]:
    user = request.user
    if not isinstance(user, User):
        return {"authenticated": False, "user": None, "tenant": None, "role": None, "is_operator": False}
    is_operator = user.is_active and user.is_staff
    shown = {"id": user.pk, "username": user.username, "display_name": user.shown_name}
    try:
        principal = current_principal(request)
    except AccessDenied:
        # Signed in, but in no open tenant (or not in the one that was asked for): the page can say so.
        return {"authenticated": True, "user": shown, "tenant": None, "role": None, "is_operator": is_operator}
    tenant = {"id": principal.tenant.pk, "code": principal.tenant.code, "name": principal.tenant.name}
    return {
        "authenticated": True,
        "user": shown,
        "tenant": tenant,
        "role": principal.role,
        "is_operator": is_operator,
    }
