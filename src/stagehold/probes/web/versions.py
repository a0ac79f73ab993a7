"""Versions of components that a response tells; pure. Names without a version are nobody's secret.

Source: WSTG-INFO-02 and WSTG-INFO-08, ASVS 13.4.6, CWE-497.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bs4 import BeautifulSoup, Comment

from stagehold.probes.web.reply import Reply

_VERSION = re.compile(r"(?:/v?\d+(?:\.\d+)*(?![\w.])|(?<![\w.])v?\d+(?:\.\d+)+)", re.IGNORECASE)
_ALWAYS_COMPONENTS = re.compile(
    r"server|x-powered-by(?:-.*)?|powered-by|x-generator|x-aspnet(?:mvc)?-version|x-served-by-software|x-jenkins"
    r"|microsoftsharepointteamservices|x-owa-version|x-mod-pagespeed|x-page-speed|liferay-portal|x-server|x-engine"
    r"|x-cms|x-framework|x-runtime-version|x-php-version|x-drupal-version|x-backend-server",
    re.IGNORECASE,
)
_COMPONENTS = (
    r"nginx|openresty|tengine|angie|apache(?:-coyote)?|apache tomcat|tomcat|jetty|undertow|wildfly|jboss|glassfish"
    r"|microsoft-iis|iis|kestrel|asp\.net|microsoft-httpapi|php|python|cpython|werkzeug|gunicorn|uvicorn|hypercorn"
    r"|daphne|waitress|cheroot|cherrypy|tornadoserver|tornado|aiohttp|django|flask|express|node\.?js|next\.js|nuxt"
    r"|ruby|rails|puma|unicorn|passenger|phusion passenger|thin|webrick|mongrel|lighttpd|litespeed|openlitespeed"
    r"|caddy|traefik|envoy|haproxy|varnish|squid|apachetrafficserver|ats|h2o|cowboy|phoenix|openssl|mod_\w+|java"
    r"|jsp|servlet|coldfusion|weblogic|websphere|simplehttp|basehttp|wordpress|drupal|joomla!?|typo3(?: cms)?"
    r"|mediawiki|magento|ghost|hugo|gatsby|jekyll|umbraco|plone|zope|symfony|laravel|spring boot|perl|actix-web"
)
# Not as a step of a path, as in a link to /docs/python/3.12/.
_NAMED = re.compile(
    rf"(?<![\w/.-])(?:{_COMPONENTS})(?: server(?: open source edition)?)?(?:[ /]|://\s*)v?\d+(?:\.\d+)+(?!\w)",
    re.IGNORECASE,
)
_NAMED_MAJOR = re.compile(rf"(?<![\w/.-])(?:{_COMPONENTS})/v?\d+(?:\.\d+)*(?![\w.])", re.IGNORECASE)
_NAMED_BARE = re.compile(rf"(?<![\w/.-])(?:{_COMPONENTS})[ /]v?\d+", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![A-Za-z\d])v?\d", re.IGNORECASE)
"""A digit that does not belong to a name, as in TYPO3."""
_ADDRESS = re.compile(r"(?<![\w./])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_LABELLED = re.compile(r"\b(?:ASP\.NET|Microsoft \.NET Framework|Django|PHP|Rails|Ruby|Python) Version\W{1,10}\d[\d.]*")
_PROTOCOL = re.compile(r"^\s*(?:[A-Za-z]+/)?\d+(?:\.\d+)?\s+")
_MADE_BY = re.compile(
    r"\b(?:generated|powered|built|created|optimi[sz]ed)\s+(?:by|with)\b.{1,80}?\bv?\d+\.\d+", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Disclosure:
    """A version, and where it stands."""

    place: str
    text: str


def disclosed_versions(reply: Reply, own: tuple[str, ...] = ()) -> tuple[Disclosure, ...]:
    """Every component version in the header fields, generator tags and error footers of a response.

    Args:
        reply: the response.
        own: names of products whose version is meant to be public; what stands beside them is judged all the same.
    """
    names = "|".join(re.escape(name) for name in own)
    mine = re.compile(rf"(?<!\w)(?:{names})(?:[\s/:v-]*\d[\w.+-]*)?", re.IGNORECASE) if names else None

    def cut(text: str) -> str:
        return mine.sub("~", text) if mine is not None else text

    return tuple(dict.fromkeys([*_in_fields(reply, cut), *_in_page(reply, cut)]))


def _in_fields(reply: Reply, cut: Callable[[str], str]) -> Iterator[Disclosure]:
    for name, value in ((name, _ADDRESS.sub("~", cut(sent))) for name, sent in reply.fields):
        if name.lower() == "via":
            # Each item begins with the version of the protocol, which is meant to be there (RFC 9110 section 7.6.3).
            items = [_PROTOCOL.sub("", item) for item in value.split(",")]
            shown = next((item.strip() for item in items if _NAMED_MAJOR.search(item) or "/" in item), "")
            if shown and _VERSION.search(shown):
                yield Disclosure(name, shown)
        elif _ALWAYS_COMPONENTS.fullmatch(name):
            numbered = _VERSION.search(value) or _NAMED_BARE.search(value)
            if numbered or (name.lower().endswith("version") and re.search(r"\d", value)):
                yield Disclosure(name, value)
        elif match := _NAMED_MAJOR.search(value) or _NAMED.search(value):
            yield Disclosure(name, match[0])


def _in_page(reply: Reply, cut: Callable[[str], str]) -> Iterator[Disclosure]:
    if not (reply.is_html or reply.media_type == "text/plain"):
        return
    if reply.is_html:
        page = BeautifulSoup(reply.text, "html.parser")
        for tag in page.find_all("meta"):
            said = cut(str(tag.get("content") or ""))
            if str(tag.get("name") or "").lower() == "generator" and _NUMBER.search(said):
                yield Disclosure("generator tag", said)
        for comment in page.find_all(string=lambda text: isinstance(text, Comment)):
            if match := _MADE_BY.search(cut(comment)):
                yield Disclosure("comment", " ".join(match[0].split()))
        text = page.get_text(" ", strip=True)
    else:
        text = reply.text
    text = cut(text)
    # Only where servers speak for themselves: the help page of a product may well talk about PHP 8.2.
    if reply.status >= 400 or text.startswith(("Index of", "Directory listing")):  # noqa: PLR2004 - RFC 9110
        for pattern in (_NAMED, _NAMED_MAJOR, _LABELLED):
            for match in pattern.finditer(text):
                yield Disclosure("error page", match[0])
