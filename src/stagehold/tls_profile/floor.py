"""What no profile may allow, whoever signs it, and what a profile may not say against itself. Pure.

Sources: RFC 8996 and RFC 9325 sections 3.1.1, 4.1 and 4.5, RFC 7465; CA/Browser Forum Baseline Requirements 6.3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import get_args

from stagehold.documents.nodes import Document
from stagehold.documents.problems import FileError, did_you_mean, listed
from stagehold.probes.tls.suites import flaw, is_aead, is_ephemeral
from stagehold.tls_profile.model import Group, Profile

VERSIONS = ("TLS 1.2", "TLS 1.3")
"""RFC 8996; RFC 9325 section 3.1.1."""
GROUPS = get_args(Group)
BITS = {"least_dh_bits": 2048, "least_rsa_bits": 2048, "least_curve_bits": 256}
"""RFC 9325 section 4.5; curves of certificates: 128 bits of strength."""
HASHES = ("md5", "sha1")
"""RFC 9325 section 4.5."""
LIFETIMES = {
    date(2020, 9, 1): 398,
    date(2026, 3, 15): 200,
    date(2027, 3, 15): 100,
    date(2029, 3, 15): 47,
}
"""Issued since, days: Baseline Requirements 6.3.2. Certificates from before 2020-09-01: 825."""
_BEFORE = 825
_TLS13 = "TLS 1.3"


def below_floor(document: Document, profile: Profile) -> Iterator[FileError]:
    """Every line that allows what nobody may allow, or that contradicts another; each error at its place.

    Args:
        document: the profile's file.
        profile: the same, its shape found right.
    """
    for i, line in enumerate(profile.versions):
        if line.value not in VERSIONS:
            yield document.error(
                ("versions", i, "value"),
                "is below the floor: no profile can allow it",
                seen=line.value,
                expected=f"{listed(VERSIONS)} (RFC 8996; RFC 9325 section 3.1.1)",
            )
    if _TLS13 not in profile.accepted_versions:
        yield document.error(
            ("versions",), "leaves TLS 1.3 out, the version that is to be preferred", expected="a line for TLS 1.3"
        )
    for name, least in BITS.items():
        if (said := getattr(profile, name).value) < least:
            yield document.error(
                (name, "value"),
                f"is below the floor of {least} bits",
                seen=str(said),
                expected=f"{least} or more (RFC 9325 section 4.5)",
            )
    for i, group in enumerate(profile.groups):
        if group.value not in GROUPS:
            yield document.error(
                ("groups", i, "value"),
                "is below the floor, or no group that is known here: no profile can allow it",
                seen=group.value,
                expected=listed(GROUPS),
                hint=did_you_mean(group.value, GROUPS),
            )
    if missing := [name for name in HASHES if name not in profile.hash_names]:
        yield document.error(
            ("forbidden_hashes",),
            f"leaves out {listed(missing)}, which nobody may sign certificates with",
            expected=f"lines for {listed(HASHES)} at least (RFC 9325 section 4.5)",
        )
    yield from _lifetimes(document, profile)
    yield from _suites(document, profile)


def _lifetimes(document: Document, profile: Profile) -> Iterator[FileError]:
    lines = profile.public_lifetimes
    for i, line in enumerate(lines):
        if line.since in {other.since for other in lines[:i]}:
            yield document.error(("public_lifetimes", i, "since"), "is the day of another line", seen=str(line.since))
    days = sorted({date(2018, 3, 1), *LIFETIMES, *(line.since for line in lines)})
    for day in days:
        most = next((LIFETIMES[since] for since in sorted(LIFETIMES, reverse=True) if day >= since), _BEFORE)
        said = profile.public_cap(datetime.combine(day, time(), UTC))
        if said > most:
            yield document.error(
                ("public_lifetimes",),
                f"allows {said} days to certificates issued on {day}",
                expected=f"{most} days or fewer (CA/Browser Forum Baseline Requirements 6.3.2)",
            )


def _suites(document: Document, profile: Profile) -> Iterator[FileError]:
    names = profile.suite_names
    if names is None:
        return
    for i, name in enumerate(names):
        why = flaw(name)
        older = "_WITH_" in name
        if why:
            problem = f"is below the floor: it {why}, and no profile can allow it (TLS-005)"
        elif not name.startswith("TLS_"):
            problem = "is no name of IANA's registry"
        elif older and "TLS 1.2" not in profile.accepted_versions:
            problem = "is a suite of TLS 1.2, which `versions` does not accept"
        elif older and profile.aead_only.value and not is_aead(name):
            problem = "does not encrypt and authenticate in one, which `aead_only` demands"
        elif older and profile.forward_secrecy.value and not is_ephemeral(name):
            problem = "takes no fresh keys, which `forward_secrecy` demands"
        else:
            continue
        expected = "such as TLS_AES_128_GCM_SHA256 or TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        yield document.error(("suites", i, "value"), problem, seen=name, expected=expected)
    for version in profile.accepted_versions:
        if not any(("_WITH_" in name) == (version != _TLS13) for name in names):
            yield document.error(("suites",), f"holds no suite of {version}, which `versions` accepts")
