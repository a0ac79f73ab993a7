"""A Django site as one begins it: one page that reads a number.

Run as `python -m tests.twins.web_django PORT debug|production`.
"""

from __future__ import annotations

import logging
import secrets
import sys
from typing import Any
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Numbers</title></head><body>{}</body></html>'


def start(request: Any) -> Any:
    """A page for every number; what is no number breaks it."""
    return HttpResponse(PAGE.format(int(request.GET.get("page", "1"))))


def broken(_request: Any) -> Any:
    """What people see when something broke."""
    return HttpResponse(PAGE.format("Something went wrong."), status=500)


def named(get_response: Any) -> Any:
    """Gives every response an identifier and a policy."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        response["X-Request-Id"] = secrets.token_hex(8)
        response["Content-Security-Policy"] = "default-src 'none'; base-uri 'none'"
        return response

    return middleware


urlpatterns = [path("", start)]
handler500 = broken


def main(port: int, *, debug: bool) -> None:
    """Serve until terminated."""
    settings.configure(
        DEBUG=debug,
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.twins.web_django",
        MIDDLEWARE=["tests.twins.web_django.named", "django.middleware.security.SecurityMiddleware"],
        LOGGING_CONFIG=None,
    )
    logging.disable()
    ServerHandler.server_software = "web"
    server = make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Quiet)
    server.serve_forever()


class Quiet(WSGIRequestHandler):
    """Tells nothing on the terminal."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    main(int(sys.argv[1]), debug=sys.argv[2] == "debug")
