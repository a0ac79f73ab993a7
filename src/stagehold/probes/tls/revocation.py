"""Whether the leaf certificates of an endpoint are revoked: stapled answers and revocation lists put together.

What is served comes from the scan; lists are fetched through the door and nowhere else, so that a distribution point
that a certificate names is asked only if the environment allows its host (`tls.crl`). `RevocationFacts.problems` is
the judgement. Sources: RFC 5280 section 6.3, RFC 6960, RFC 7633, ASVS 12.1.4, CWE-299.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from stagehold.errors import NotApplicable, ProbeError, StageholdError, Uncovered
from stagehold.probes.tls.certificates import CertificateRules, lifetime_days, verified_path
from stagehold.probes.tls.facts import ServedChain
from stagehold.probes.tls.revocation_list import UNREADABLE, Answer, judge_list, utc
from stagehold.probes.tls.stapled import judge_staple, must_staple

Fetch = Callable[[str], bytes]
"""The bytes behind a URL, or in a file beside the environment; a StageholdError says why there are none."""
_SHORTER_SINCE = datetime(2026, 3, 15, tzinfo=UTC)


@dataclass(frozen=True)
class LeafFacts:
    """One certificate at one address, and what every source that was asked says of it."""

    address: str
    certificate: x509.Certificate
    answers: tuple[Answer, ...] = ()
    demands_staple: bool = False
    """RFC 7633: clients refuse it without a stapled answer that counts."""
    stapled: Answer | None = None
    doubt: str = ""
    """Why nothing of it could be looked up."""
    exempt: str = ""
    """Why nobody could revoke it."""
    missing: str = ""
    """Why no list was asked for: what is not configured."""

    def __str__(self) -> str:
        return f"{self.address}: {self.certificate.subject.rfc4514_string() or 'a certificate without subject'}"

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, in words; each was measured."""
        found = [
            f"{self} is {answer.words}, says {answer.source}" for answer in self.answers if answer.status == "revoked"
        ]
        if self.demands_staple and not self.doubt:
            if self.stapled is None:
                found.append(f"{self} demands a stapled answer (RFC 7633), and none is sent")
            elif self.stapled.status == "unknown":
                found.append(f"{self} demands a stapled answer (RFC 7633); in the one sent {self.stapled.words}")
        return tuple(found)

    @property
    def proven(self) -> bool:
        """Whether a source that counts says that it is not revoked."""
        return any(answer.status == "good" for answer in self.answers)


@dataclass(frozen=True)
class RevocationFacts:
    """Every certificate of an endpoint."""

    COLUMNS: ClassVar = ("address", "certificate", "serial number", "source", "says", "reason", "until")

    leaves: tuple[LeafFacts, ...]

    def problems(self) -> tuple[str, ...]:
        """Which certificates are revoked or break what they demand, in words.

        Raises:
            ProbeError: nothing was found, and of some certificate no source that counts says that it is good.
            Uncovered: likewise, because no source is configured.
            NotApplicable: likewise, because nobody could revoke it.
        """
        if found := [problem for leaf in self.leaves for problem in leaf.problems]:
            return tuple(found)
        open_ones = [leaf for leaf in self.leaves if not leaf.proven]
        # An answer that does not count is no lack of configuration.
        doubtful = [leaf for leaf in open_ones if leaf.answers or not (leaf.exempt or leaf.missing)]
        if doubts := [f"{leaf}: {_doubt(leaf)}" for leaf in doubtful]:
            raise ProbeError(
                f"whether it is revoked is not known: {'; '.join(doubts)}",
                remedy="Name the CRL's URL, or a file, in `tls.crl`, and let this machine reach its host.",
            )
        if missing := [f"{leaf}: {leaf.missing}" for leaf in open_ones if leaf.missing]:
            raise Uncovered("; ".join(missing))
        if open_ones:
            raise NotApplicable("; ".join(f"{leaf}: {leaf.exempt}" for leaf in open_ones))
        if not self.leaves:
            raise ProbeError("whether it is revoked is not known: no certificate was looked at")
        return ()

    def rows(self) -> list[tuple[object, ...]]:
        """One row for each source of each certificate; columns: `COLUMNS`."""
        found: list[tuple[object, ...]] = []
        for leaf in self.leaves:
            what = (leaf.address, leaf.certificate.subject.rfc4514_string(), f"{leaf.certificate.serial_number:x}")
            answers = leaf.answers or (Answer("none", "unknown", leaf.doubt or leaf.exempt or leaf.missing),)
            found += [
                (*what, answer.source, answer.status, answer.words, utc(answer.until) if answer.until else "")
                for answer in answers
            ]
        return found

    def urls(self) -> tuple[str, ...]:
        """The URLs that were asked for lists, each once."""
        asked = (answer.source for leaf in self.leaves for answer in leaf.answers)
        return tuple(dict.fromkeys(source for source in asked if source.startswith(("http://", "https://"))))

    def material(self) -> tuple[Answer, ...]:
        """The lists and answers that came, each once."""
        return tuple({answer.data: answer for leaf in self.leaves for answer in leaf.answers if answer.data}.values())


def look_at_revocation(
    chains: Iterable[ServedChain], rules: CertificateRules, fetch: Fetch, declared: Iterable[str] | None
) -> RevocationFacts:
    """Ask every source about the leaf of every chain.

    Args:
        chains: as served.
        rules: the anchors and the time.
        fetch: called at most once for each source.
        declared: `tls.crl`, the sources beside those that a certificate names; None: lists are not asked for.
    """
    loaded: dict[str, bytes | StageholdError] = {}

    def once(source: str) -> bytes:
        if source not in loaded:
            try:
                loaded[source] = fetch(source)
            except StageholdError as error:
                loaded[source] = error
        found = loaded[source]
        if isinstance(found, StageholdError):
            raise found
        return found

    sources = None if declared is None else tuple(declared)
    return RevocationFacts(tuple(_look(chain, rules, once, sources) for chain in chains))


def _look(chain: ServedChain, rules: CertificateRules, fetch: Fetch, declared: tuple[str, ...] | None) -> LeafFacts:
    leaf = chain.leaf
    path = verified_path(chain.certificates, rules.anchors, rules.now)
    issuer = path[1] if len(path) > 1 else _issuer(chain)
    try:
        demands = must_staple(leaf)
        points, refusals = _points(leaf)
    except UNREADABLE as error:
        return LeafFacts(chain.address, leaf, doubt=f"its extensions cannot be read: {error}")
    if not path or issuer is None:
        return LeafFacts(chain.address, leaf, doubt="no path leads to the anchor, so who may revoke it is not known")
    stapled = judge_staple(chain.staple, leaf, issuer, rules.now) if chain.staple else None
    answers = [stapled] if stapled else []
    missing = exempt = ""
    if issuer == leaf:
        exempt = "it is declared as its own anchor, and nobody else could revoke it"
    elif declared is None:
        missing = "`tls.revocation` is `none`: it needs `tls.revocation: crl`, or a stapled answer"
    elif not (points or refusals or declared):
        if rules.anchors.public and _short_lived(leaf):
            exempt = "it lives so short that its issuer need not revoke it (CA/Browser Forum)"
        else:
            missing = "it names no CRL distribution point, so this needs `tls.crl`"
    else:
        answers += refusals
        for source in dict.fromkeys((*points, *declared)):
            answers.append(_ask(source, leaf, issuer, rules.now, fetch, points))
            if answers[-1].status != "unknown":
                break
    return LeafFacts(chain.address, leaf, tuple(answers), demands, stapled, exempt=exempt, missing=missing)


def _ask(
    source: str,
    leaf: x509.Certificate,
    issuer: x509.Certificate,
    now: datetime,
    fetch: Fetch,
    points: tuple[str, ...],
) -> Answer:
    try:
        data = fetch(source)
    except StageholdError as error:
        return Answer(source, "unknown", str(error))
    return judge_list(data, leaf, issuer, now, source=source, points=points)


def _points(leaf: x509.Certificate) -> tuple[tuple[str, ...], list[Answer]]:
    """The URLs where the issuer's own complete lists lie, and why other distribution points are of no use."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return (), []
    urls: list[str] = []
    refusals = []
    for point in found:
        names = [name.value for name in point.full_name or () if isinstance(name, x509.UniformResourceIdentifier)]
        usable = [name for name in names if name.lower().startswith(("http://", "https://"))]
        what = ", ".join(names) or "a distribution point"
        if point.crl_issuer or point.reasons:
            refusals.append(Answer(what, "unknown", "its list is of another issuer, or holds some reasons only"))
        elif not usable:
            refusals.append(Answer(what, "unknown", "it has no http URL"))
        else:
            urls += usable
    return tuple(dict.fromkeys(urls)), refusals


def _issuer(chain: ServedChain) -> x509.Certificate | None:
    """Of a leaf that is an anchor itself: who issued it, if that one's certificate is there."""
    for candidate in chain.certificates:
        try:
            chain.leaf.verify_directly_issued_by(candidate)
        except (InvalidSignature, *UNREADABLE):
            continue
        return candidate
    return None


def _short_lived(leaf: x509.Certificate) -> bool:
    """Baseline Requirements 1.6.1: ten days, seven where it was issued since 2026-03-15."""
    return lifetime_days(leaf) <= (7 if leaf.not_valid_before_utc >= _SHORTER_SINCE else 10)


def _doubt(leaf: LeafFacts) -> str:
    return leaf.doubt or "; ".join(f"{answer.source}: {answer.words}" for answer in leaf.answers)
