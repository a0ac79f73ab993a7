"""Browsers are told what pages may run, and not to guess what a response is."""

from __future__ import annotations

from stagehold import check

COLUMNS = ["what", "as", "url", "status", "looked at", "complaint"]


@check(
    "HDR-002",
    severity="critical",
    proves=["browser-protection"],
    why="Script that somebody smuggles into a page runs with the rights of whoever looks at it.",
    remedy="Send Content-Security-Policy with every page, errors included: scripts from 'self', by nonce or by hash, "
    "object-src 'none', base-uri 'none'.",
    defects=["csp-allows-inline-scripts"],
)
def test_pages_run_only_their_own_scripts(target, page_policies, evidence):
    """Every page tells browsers to run its own scripts only, and no text that somebody puts into it.

    Measured on every HTML response of the target to strangers and to an ordinary user: pages, login pages, errors.
    Policies of header fields and of meta elements are put together as browsers do; Report-Only ones count for
    nothing, and answers that are no pages are left out. In force must be a script-src (or default-src) without
    'unsafe-inline' (unless a nonce or hash ends it), 'unsafe-eval', data:, bare schemes or a bare wildcard,
    object-src 'none', and base-uri 'none' or 'self': `self` lets a base element lead only to where the policy
    lets scripts come from anyway, and frameworks need it. A nonce that occurs in two responses is none. Not
    applicable where no answer is a page. Sources: W3C CSP Level 3; ASVS 3.4.3; WSTG-CONF-12; CWE-693.
    """
    evidence.table("policies of pages", COLUMNS, page_policies.rows)
    evidence.compare(
        expected=f"a policy that holds on {len(page_policies.judged)} pages",
        observed=page_policies.summary or "on all of them",
    )
    evidence.reproduce(page_policies.reproduction)

    assert not page_policies.wrong, (
        f"{len(page_policies.wrong)} of {len(page_policies.judged)} pages of {target.name}: {page_policies.summary}"
    )
    page_policies.require_complete()


@check(
    "HDR-005",
    severity="normal",
    proves=["browser-protection"],
    why="A browser that guesses takes an upload, an export or a piece of JSON for a page and runs what is in it.",
    remedy="Send X-Content-Type-Options: nosniff with everything, and the Content-Type of what is really sent, "
    "with charset=utf-8 for text.",
    defects=["nosniff-missing"],
)
def test_responses_are_what_they_say(target, content_types, evidence):
    """Every response with a body says what it is, and forbids browsers to guess otherwise.

    Measured on pages, errors, files and API answers, as a stranger and as an ordinary user. Asked for: nosniff, one
    Content-Type that fits the content (JSON never as HTML), and a charset where the type has no fixed one: HTML
    names it in the header or in its first 1024 bytes; other text without one is US-ASCII, and must be.
    Scripts and styles may leave it out while they are UTF-8, because their page's charset is asked for.
    Sources: WHATWG Fetch and MIME Sniffing; RFC 2046 section 4.1.2; ASVS 3.4.4 and 4.1.1; CWE-430.
    """
    evidence.table("types of responses", COLUMNS, content_types.rows)
    evidence.compare(
        expected=f"nosniff and a fitting Content-Type on {len(content_types.judged)} responses",
        observed=content_types.summary or "on all of them",
    )
    evidence.reproduce(content_types.reproduction)

    assert not content_types.wrong, (
        f"{len(content_types.wrong)} of {len(content_types.judged)} responses of {target.name}: {content_types.summary}"
    )
    content_types.require_complete()
