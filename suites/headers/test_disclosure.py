"""Responses reveal nothing that helps an attacker."""

from __future__ import annotations

from stagehold import check

COLUMNS = ["what", "as", "url", "status", "looked at", "complaint"]


@check(
    "HDR-010",
    severity="normal",
    proves=["information-restraint"],
    why="A version number is the list of known holes to try.",
    remedy="Take versions out of Server, X-Powered-By, generator tags and error pages "
    "(nginx: `server_tokens off`; Apache: `ServerTokens Prod`, `ServerSignature Off`; PHP: `expose_php = Off`).",
    defects=["server-version-told"],
)
def test_no_component_version_is_told(target, told_versions, evidence):
    """No response tells the version of a component.

    Measured on pages, errors, files and API answers, and on a malformed request, as a stranger and as an ordinary
    user: header fields that name software, generator tags and comments, and what servers write on their error
    pages and directory listings. Names without a version are no finding; the version of a product that
    `disclosure.versions` names may be told. Sources: ASVS 13.4.6; WSTG-INFO-02; CWE-497.
    """
    evidence.table("what responses tell", COLUMNS, told_versions.rows)
    evidence.compare(
        expected=f"no version in {len(told_versions.judged)} responses",
        observed=told_versions.summary or "none",
    )
    evidence.reproduce(told_versions.reproduction)

    assert not told_versions.wrong, (
        f"{len(told_versions.wrong)} of {len(told_versions.judged)} responses of {target.name}: {told_versions.summary}"
    )
    told_versions.require_complete()


@check(
    "HDR-012",
    severity="critical",
    proves=["information-restraint"],
    why="Traces, SQL and paths tell an attacker how the service is built and whether an attempt was close.",
    remedy="Answer errors with a general sentence and an identifier, and write the details to the log under it; "
    "switch debug modes off.",
    defects=["error-tells-exception"],
)
def test_errors_tell_nothing_of_the_inside(target, provoked_errors, evidence):
    """Whatever goes wrong, the answer is a general message without anything of the service's inside.

    Provoked as a stranger and as an ordinary user: missing pages, a method that does not exist, over-long and
    malformed addresses, NUL, values of the wrong type for parameters of the inventory, and for logins malformed JSON,
    unknown types and large bodies; unreadable bodies for writing operations only with consent to `canary-write`,
    and an internal error where `hooks.force_error` names a request for it. Looked for by their structure: traces of
    a dozen languages, SQL and messages of databases, debug pages, and in errors paths of disks and hosts of the
    inside, which any other page may name. An internal error (500) must name itself, so that its log entry can be
    found. Inconclusive when answers come from a limit or a filter in front, or no error could be provoked.
    Sources: ASVS 16.5.1; WSTG-ERRH-01, WSTG-ERRH-02; CWE-209.
    """
    evidence.table("provoked answers", COLUMNS, provoked_errors.rows)
    evidence.compare(
        expected=f"general messages in {len(provoked_errors.judged)} provoked answers",
        observed=provoked_errors.summary or "general messages in all of them",
    )
    evidence.reproduce(provoked_errors.reproduction)

    assert not provoked_errors.wrong, (
        f"{len(provoked_errors.wrong)} of {len(provoked_errors.judged)} provoked answers of {target.name}: "
        f"{provoked_errors.summary}"
    )
    provoked_errors.require_complete()
