"""Nothing is served that belongs to the people who make and run the service."""

from __future__ import annotations

from stagehold import check

COLUMNS = ["path", "as", "what", "status", "bytes", "sha256"]


@check(
    "HDR-013",
    severity="blocker",
    proves=["information-restraint", "management-restricted"],
    why="Whoever opens them reads how the service is built and run, and with some of them runs code in it.",
    remedy="Bind them to an address of the inside, or ask for an operator's login; declare documentation that is "
    "meant for anybody in `inventory.public_operations` or `disclosure.paths`.",
    defects=["metrics-public"],
)
def test_endpoints_of_the_inside_are_not_served(target, served_endpoints, evidence):
    """No debug, metrics, API documentation or administration endpoint is served to strangers or ordinary users.

    Asked for are the usual paths of about fifty products, below the target's base and the root of its origin; what is
    declared public is spared. A path counts as served by its content only, compared with what unknown paths get. What
    is refused counts only while a page that is known to be there is still answered; limits, filters and failures
    make it inconclusive. Sources: ASVS 13.4.2, 13.4.5, 15.2.3; WSTG-CONF-05; CWE-489.
    """
    evidence.table("what is served", COLUMNS, served_endpoints.rows)
    evidence.text("answers to unknown paths", served_endpoints.unknown_paths)
    evidence.compare(
        expected=f"none of {served_endpoints.asked} paths is served",
        observed=served_endpoints.summary or "none",
    )
    evidence.reproduce(served_endpoints.reproduction)

    assert not served_endpoints.finds, f"{target.name} serves {served_endpoints.summary}"
    served_endpoints.require_complete()


@check(
    "HDR-014",
    severity="blocker",
    proves=["information-restraint"],
    why="A repository, a dump or a configuration file in the web root is the service with its secrets, for anybody.",
    remedy="Deploy built artifacts only, refuse hidden files at the web server, and change every secret that was "
    "in what was served.",
    defects=["repository-published"],
)
def test_files_of_the_inside_are_not_served(target, served_files, evidence):
    """No repository, configuration, backup, dump, key, log or editor file is served.

    Asked for anonymously are the usual names below the target's base, the root of its origin and the folders of its
    files, and copies of its own files under the names that editors and people give them. A file counts as served by
    its content only; what it holds stays out of the evidence. What is refused counts only while a page that is known
    to be there is still answered. Sources: ASVS 13.4.1, 13.4.7; WSTG-CONF-04; CWE-527, CWE-530, CWE-538.
    """
    evidence.table("what is served", COLUMNS, served_files.rows)
    evidence.text("answers to unknown paths", served_files.unknown_paths)
    evidence.compare(
        expected=f"none of {served_files.asked} files is served",
        observed=served_files.summary or "none",
    )
    evidence.reproduce(served_files.reproduction)

    assert not served_files.finds, f"{target.name} serves {served_files.summary}"
    served_files.require_complete()
