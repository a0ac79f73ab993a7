"""Content-Security-Policy as browsers read it, by tables and properties."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.errors import ProbeError
from stagehold.probes.web.csp import Policy, complaints, enforced, parse
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.sampling import Samples
from stagehold.probes.web.survey import survey_pages

REST = "; object-src 'none'; base-uri 'none'"
INLINE, EVAL, DATA, ANY = "inline script", "'unsafe-eval'", "data:", "any host"
NO_LIMIT, OBJECT, BASE = "limits scripts", "object-src", "base-uri"
NONCE = "'nonce-c2VjcmV0LXNlY3JldA=='"
HASH = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"


def page(*policies: str, body: str = "", name: str = "Content-Security-Policy", status: int = 200) -> Reply:
    """An HTML response with these header fields."""
    html = body or "<!doctype html><title>x</title>"
    fields = (("Content-Type", "text/html"), *((name, policy) for policy in policies))
    return Reply("page", "anonymous", "GET", "https://app.test/", status, fields, html.encode())


def said(*policies: str, **keys: str) -> tuple[str, ...]:
    """What the policies of one page leave open."""
    return complaints(enforced(page(*policies, **keys)))  # type: ignore[arg-type]


ONE_POLICY = [
    ("default-src 'none'; base-uri 'none'", ()),
    ("default-src 'self'", (OBJECT, BASE)),
    ("script-src 'self'" + REST, ()),
    ("SCRIPT-SRC 'SELF'; OBJECT-SRC 'NONE'; BASE-URI 'NONE'", ()),
    ("script-src 'self'; object-src 'none'; base-uri 'self'", ()),
    ("script-src 'self'; object-src 'self'; base-uri https://a.test", (OBJECT, BASE)),
    ("script-src 'self'; object-src 'none' 'self'; base-uri 'none'", (OBJECT,)),
    ("script-src; object-src; base-uri", ()),
    ("object-src 'none'; base-uri 'none'", (NO_LIMIT,)),
    ("style-src 'self'" + REST, (NO_LIMIT,)),
    ("script-src 'self' 'unsafe-inline'" + REST, (INLINE,)),
    ("default-src 'self' 'unsafe-inline'" + REST, (INLINE,)),
    (f"script-src 'unsafe-inline' {NONCE}" + REST, ()),
    (f"script-src 'unsafe-inline' {HASH}" + REST, ()),
    ("script-src 'unsafe-inline' 'strict-dynamic'" + REST, ()),
    ("script-src 'self' 'unsafe-inline' 'nonce-'" + REST, (INLINE,)),
    ("script-src 'self' 'unsafe-inline' 'sha1-abc='" + REST, (INLINE,)),
    ("script-src 'none' 'unsafe-inline'" + REST, (INLINE,)),
    ("script-src 'self' 'unsafe-eval'" + REST, (EVAL,)),
    ("script-src 'self' 'wasm-unsafe-eval'" + REST, ()),
    (f"script-src {NONCE} 'strict-dynamic' 'unsafe-eval'" + REST, (EVAL,)),
    ("script-src 'self' data:" + REST, (DATA,)),
    ("script-src 'self' DATA:" + REST, (DATA,)),
    ("script-src *" + REST, (ANY,)),
    ("script-src https:" + REST, (ANY,)),
    ("script-src http://*:*" + REST, (ANY,)),
    ("script-src https://*" + REST, (ANY,)),
    ("script-src *:443" + REST, (ANY,)),
    ("script-src https://*.cdn.test" + REST, ()),
    (f"script-src {NONCE} 'strict-dynamic' https: http: data: 'unsafe-inline'" + REST, ()),
    ("script-src 'self'; script-src 'unsafe-inline' *" + REST, ()),
    ("script-src 'self' 'unsafe-inline'; script-src 'self'" + REST, (INLINE,)),
    ("script-src-elem 'self'" + REST, (INLINE, EVAL)),
    ("script-src 'self'; script-src-attr 'unsafe-inline'" + REST, (INLINE,)),
    ("script-src 'self' 'unsafe-inline'; script-src-elem 'self'; script-src-attr 'none'" + REST, ()),
    ("script-src 'none'; script-src-elem *" + REST, (ANY,)),
    ("default-src * 'unsafe-inline'; script-src 'self'" + REST, ()),
    ("script-src\u00a0'self'" + REST, (NO_LIMIT,)),
    ("script-src 'self' caf\u00e9.test" + REST, (NO_LIMIT,)),
    ("sandbox; object-src 'none'; base-uri 'none'", ()),
    ("sandbox allow-scripts; object-src 'none'; base-uri 'none'", (NO_LIMIT,)),
]


@pytest.mark.parametrize(("policy", "expected"), ONE_POLICY)
def test_one_policy(policy: str, expected: tuple[str, ...]) -> None:
    """Fallbacks, first directives, keywords and wildcards count as they do in browsers."""
    found = said(policy)

    assert len(found) == len(expected)
    assert all(any(words in complaint for complaint in found) for words in expected)


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (("script-src * 'unsafe-inline' 'unsafe-eval' data:", "script-src 'self'" + REST), ()),
        (("script-src 'self' 'unsafe-inline'" + REST, "frame-ancestors 'none'"), (INLINE,)),
        (("script-src 'self' 'unsafe-inline'" + REST, "script-src * 'unsafe-inline'"), (INLINE,)),
        (("script-src 'self' 'unsafe-inline'" + REST, f"script-src {NONCE}"), ()),
        (("script-src https:" + REST, "script-src *"), (ANY,)),
        (("object-src 'none'", "base-uri 'none'", "script-src 'self'"), ()),
        (("script-src 'self' 'unsafe-inline', script-src 'self'" + REST,), ()),
        (("script-src-elem 'self' 'unsafe-inline'; script-src-attr 'none'; script-src 'self'" + REST,
          "script-src-elem 'self'; script-src-attr 'unsafe-inline'; script-src 'self'"), ()),
    ],
)  # fmt: skip
def test_several_policies_are_intersected(policies: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """A way to run a script is open only where every policy leaves that very way open."""
    found = said(*policies)

    assert len(found) == len(expected)
    assert all(any(words in complaint for complaint in found) for words in expected)


SOUND = "script-src 'self'; object-src 'none'; base-uri 'none'"
META = f'<meta http-equiv="content-security-policy" content="{SOUND}">'


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (f"<!doctype html><html><head><title>x</title>{META}</head><body></body></html>", True),
        (f"<!doctype html><meta charset=utf-8><title>A page</title><!-- note -->{META}<p>Text", True),
        (f"<!doctype html><html><head></head><body>{META}</body></html>", False),
        (f"<!doctype html><title>x</title><p>Text</p>{META}", False),
        (f"<!doctype html><title>x</title>Text{META}", False),
        (f"<!doctype html><head><script src=/a.js></script>{META}</head>", False),
        (f"<!doctype html><head><template>{META}</template></head>", False),
        (f"<!doctype html><head><noscript>{META}</noscript></head>", False),
        (f"<!doctype html><head><!-- {META} --></head>", False),
        ("<!doctype html><head>" + META.replace("security-policy", "security-policy-report-only") + "</head>", False),
    ],
)
def test_policy_in_the_page(body: str, counts: bool) -> None:
    """A meta element counts in the head, before any script, and nowhere else."""
    assert (said(body=body) == ()) is counts


def test_meta_cannot_sandbox() -> None:
    """Directives that browsers ignore in a meta element limit nothing."""
    policy = parse("sandbox; frame-ancestors 'none'; base-uri 'none'", meta=True)

    assert policy is not None
    assert not policy.runs_no_scripts
    assert [name for name, _ in policy.directives] == ["base-uri"]
    assert parse("sandbox", meta=True) is None


def test_report_only_and_nothing_are_no_policies() -> None:
    """Policies that only report, empty ones and none at all leave everything open."""
    nothing = ("no enforcing Content-Security-Policy",)

    assert said() == nothing
    assert said(SOUND, name="Content-Security-Policy-Report-Only") == nothing
    assert said(" ; ;") == nothing


NAMES = st.sampled_from(["default-src", "script-src", "script-src-elem", "script-src-attr", "object-src", "base-uri"])
SOURCES = st.sampled_from(
    ["'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "*", "https:", "data:", NONCE, HASH, "'strict-dynamic'"]
)
POLICIES = st.dictionaries(NAMES, st.lists(SOURCES, max_size=3), min_size=1).map(
    lambda held: "; ".join(" ".join([name, *sources]) for name, sources in held.items())
)


def _read(text: str) -> Policy:
    policy = parse(text)
    assert policy is not None
    return policy


@settings(deadline=None)
@given(POLICIES, POLICIES)
def test_another_policy_never_opens_anything(one: str, other: str) -> None:
    """What two policies leave open, each of them leaves open, in whatever order they come."""
    both = set(complaints([_read(one), _read(other)]))

    assert both == set(complaints([_read(other), _read(one)]))
    assert complaints([_read(one), _read(one)]) == complaints([_read(one)])
    # Without any limit on scripts the single ways to run them are not counted.
    for alone in (set(complaints([_read(one)])), set(complaints([_read(other)]))):
        assert both <= alone or any(NO_LIMIT in words for words in alone)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever a server sends is read without an error, and complained about unless it holds a policy."""
    found = said(text)

    assert isinstance(found, tuple)
    assert found or "src" in text.lower() or "sandbox" in text.lower()


def test_nonce_that_occurs_twice_is_none() -> None:
    """A nonce of scripts in two responses can be known beforehand; one of styles opens no script."""
    script = page(f"script-src {NONCE}{REST}")
    style = page(f"script-src 'self'; style-src {NONCE}{REST}")

    def wrong(*replies: Reply) -> bool:
        return bool(survey_pages(Samples("app", replies), pages_expected=True).wrong)

    assert wrong(script, script)
    assert not wrong(script)
    assert not wrong(style, style)


def test_pages_that_are_opened_must_have_been_seen() -> None:
    """Error pages alone prove nothing of a target that people open in a browser."""
    sound = Reply("x", "anonymous", "GET", "https://app.test/x", 200, (("Content-Type", "application/json"),), b"{}")
    samples = Samples("app", (page(SOUND, status=404), sound))

    survey_pages(samples, pages_expected=False).require_complete()
    with pytest.raises(ProbeError, match="none of its 1 pages answers 2xx"):
        survey_pages(samples, pages_expected=True).require_complete()
