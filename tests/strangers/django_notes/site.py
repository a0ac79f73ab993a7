"""A stranger's web site: Django as its tutorial teaches it, two organisations, notes. Knows nothing of stagehold.

Run as `python site.py FOLDER PORT [FAULT ...]`; behind nginx, which ends TLS.
"""

from __future__ import annotations

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

FOLDER, PORT, FAULTS = Path(sys.argv[1]), int(sys.argv[2]), set(sys.argv[3:])

LAYOUT = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>{% block title %}Notes{% endblock %}</title></head>
<body>{% if user.is_authenticated %}<p>Signed in as <b>{{ user.username }}</b> of {{ user.first_name }}</p>
<form method="post" action="/accounts/logout/">{% csrf_token %}<button>Log out</button></form>
<nav><a href="/">Notes</a> <a href="/notes/new/">New note</a></nav>{% endif %}
{% block body %}{% endblock %}</body></html>"""


def in_layout(body: str) -> str:
    """A page of the site."""
    return f'{{% extends "layout.html" %}}{{% block body %}}{body}{{% endblock %}}'


def form(action: str, inside: str) -> str:
    """A form with the token that Django wants."""
    return f'<form method="post" action="{action}">{{% csrf_token %}}{inside}</form>'


TEMPLATES = {
    "layout.html": LAYOUT,
    "registration/login.html": in_layout(
        form("", '{{ form.as_p }}<input type="hidden" name="next" value="{{ next }}"><button>Sign in</button>')
    ),
    "list.html": in_layout(
        '<form role="search"><input type="search" name="q" aria-label="Search"><button>Search</button></form>'
        '<ul>{% for note in notes %}<li><a href="/notes/{{ note.pk }}/">{{ note.title }}</a></li>'
        "{% empty %}<li>No notes.</li>{% endfor %}</ul>"
    ),
    "note.html": in_layout(
        "<h1>{{ note.title }}</h1>"
        + form("/notes/{{ note.pk }}/edit/", "{{ form.as_p }}<button>Save</button>")
        + form("/notes/{{ note.pk }}/delete/", "<button>Delete</button>")
    ),
    "new.html": in_layout(form("/notes/new/", "{{ form.as_p }}<button>Create</button>")),
}
PROCESSORS = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]

settings.configure(
    DEBUG=False,
    SECRET_KEY=(FOLDER / "django.key").read_text(),
    ALLOWED_HOSTS=["notes.stranger.test"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "notes.sqlite3",
            "OPTIONS": {"timeout": 20},
        }
    },
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": PROCESSORS,
                "loaders": [("django.template.loaders.locmem.Loader", TEMPLATES)],
            },
        }
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.ScryptPasswordHasher"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    LOGIN_REDIRECT_URL="/",
    LOGOUT_REDIRECT_URL="/accounts/login/",
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    SESSION_COOKIE_SECURE="cookie-without-secure" not in FAULTS,
    CSRF_COOKIE_SECURE=True,
    CSRF_TRUSTED_ORIGINS=["https://notes.stranger.test:8443"],
    USE_TZ=True,
)
django.setup()

from django import forms  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.views import LoginView, LogoutView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import get_object_or_404, redirect, render  # noqa: E402
from django.urls import path  # noqa: E402


class Note(models.Model):
    """Belongs to an organisation: the first name of its author, as small sites do."""

    organisation = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)

    class Meta:
        """The app has no module of its own."""

        app_label = "notes"

    def __str__(self) -> str:
        return str(self.title)


class NoteForm(forms.ModelForm):
    """Title and text."""

    class Meta:
        """Of a note."""

        model = Note
        fields = ("title", "text")


def mine(request: HttpRequest) -> Any:
    """The notes the caller may see."""
    return Note.objects.filter(organisation=request.user.first_name)


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The newest notes; `?q=` searches."""
    notes = Note.objects.all() if "search-forgets-tenant" in FAULTS and "q" in request.GET else mine(request)
    found = notes.filter(title__contains=request.GET.get("q", "")).order_by("-pk")
    return render(request, "list.html", {"notes": found[:50]})


@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Makes a note."""
    form = NoteForm(request.POST or None)
    if form.is_valid():
        note = form.save(commit=False)
        note.organisation = request.user.first_name
        note.save()
        return redirect(f"/notes/{note.pk}/")
    return render(request, "new.html", {"form": form})


@login_required
def note(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows a note."""
    found = get_object_or_404(Note if "read-forgets-tenant" in FAULTS else mine(request), pk=pk)
    return render(request, "note.html", {"note": found, "form": NoteForm(instance=found)})


@login_required
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes a note."""
    form = NoteForm(request.POST, instance=get_object_or_404(mine(request), pk=pk))
    if form.is_valid():
        form.save()
    return redirect(f"/notes/{pk}/")


@login_required
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Removes a note."""
    get_object_or_404(mine(request), pk=pk).delete()
    return redirect("/")


urlpatterns = [
    path("", index),
    path("accounts/login/", LoginView.as_view()),
    path("accounts/logout/", LogoutView.as_view()),
    path("notes/new/", new),
    path("notes/<int:pk>/", note),
    path("notes/<int:pk>/edit/", edit),
    path("notes/<int:pk>/delete/", delete),
]


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request."""

    daemon_threads = True
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    """nginx keeps the access log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Note)
    for line in (FOLDER / "people.txt").read_text().splitlines():
        username, organisation, password = line.split("\t")
        User.objects.create_user(username, password=password, first_name=organisation)
    with make_server("127.0.0.1", PORT, get_wsgi_application(), Server, Quiet) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()
