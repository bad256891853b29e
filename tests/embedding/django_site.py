"""A site of Django's, as small as one can be that has users and sessions."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.urls import path

from crossbar import Context
from crossbar.testing import ASGI

PASSWORD = "difference engine"


@dataclass(frozen=True, slots=True)
class Site:
    """A site that is set up; `users` are the names of those who may log in, with the same password."""

    users: tuple[str, ...] = ("ada", "bob")


@contextmanager
def configured(folder: Path) -> Iterator[Site]:
    """Set Django up in this process, with tables and users in a database of the folder."""
    settings.configure(
        SECRET_KEY="not a secret",
        ALLOWED_HOSTS=["testserver", "127.0.0.1"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "site.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
    )
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    site = Site()
    for name in site.users:
        User.objects.create_user(name, password=PASSWORD)
    try:
        yield site
    finally:
        connections.close_all()


def served() -> ASGI:
    """The site as an ASGI application."""
    return get_asgi_application()  # type: ignore[no-any-return]


async def user_of(ctx: Context) -> str:
    """Whom the session of a request names, empty if there is none."""
    return await sync_to_async(_signed_in)(ctx.header(b"cookie") or "")


def _signed_in(cookies: str) -> str:
    from django.contrib.auth import get_user
    from django.contrib.sessions.backends.db import SessionStore

    close_old_connections()
    request = HttpRequest()
    request.session = SessionStore(parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME))
    return str(get_user(request).get_username())


def own(request: HttpRequest) -> HttpResponse:
    """Answer beside the applications."""
    return HttpResponse("django")


async def log_in(request: HttpRequest, name: str) -> HttpResponse:
    """Log a user in, as Django does it."""
    from django.contrib.auth import aauthenticate, alogin

    user: Any = await aauthenticate(request, username=name, password=PASSWORD)
    await alogin(request, user)
    return HttpResponse(f"welcome, {name}")


async def log_out(request: HttpRequest) -> HttpResponse:
    """Log the user out."""
    from django.contrib.auth import alogout

    await alogout(request)
    return HttpResponse("goodbye")


urlpatterns = [path("own", own), path("in/<name>", log_in), path("out", log_out)]
