"""Responses with what is wrong with each: the shape in which header checks get their observations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.web import content_type, csp
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.sampling import Samples
from stagehold.probes.web.versions import disclosed_versions

_SHOWN = 5


@dataclass(frozen=True)
class Judged:
    """One response, the part of it that is looked at, and what is wrong with that."""

    reply: Reply
    shown: str
    complaints: tuple[str, ...]


@dataclass(frozen=True)
class Survey:
    """All judged responses of a target."""

    samples: Samples
    judged: tuple[Judged, ...]
    unproven: str | None = None
    """Why the responses prove nothing although they were seen; empty: they do; None: one of these must be 2xx."""

    @property
    def wrong(self) -> tuple[Judged, ...]:
        """Those that something is wrong with."""
        return tuple(item for item in self.judged if item.complaints)

    @property
    def rows(self) -> list[list[object]]:
        """For the evidence: what, who, url, status, what is looked at, complaints."""
        return [
            [j.reply.what, j.reply.who, _place(j.reply), j.reply.status, j.shown, "; ".join(j.complaints)]
            for j in self.judged
        ]

    @property
    def summary(self) -> str:
        """What is wrong, each complaint once with the first response that has it."""
        first: dict[str, list[Reply]] = {}
        for item in self.wrong:
            for complaint in item.complaints:
                first.setdefault(complaint, []).append(item.reply)
        told = [
            f"{complaint}: {replies[0]}" + (f" and {len(replies) - 1} more" if len(replies) > 1 else "")
            for complaint, replies in first.items()
        ]
        return "; ".join(told[:_SHOWN]) + (f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else "")

    @property
    def reproduction(self) -> str:
        """A command that shows the first wrong response, or the first one."""
        return next((item.reply.curl for item in (*self.wrong, *self.judged)), "")

    def require_complete(self) -> None:
        """Raise ProbeError unless every response was seen; called after the assertion, for a failure stays one."""
        if self.unproven is None:
            self.samples.require_complete()
            if not any(item.reply.succeeded for item in self.judged):
                raise ProbeError(
                    f"{self.samples.target}: none of its 2xx responses is among the {len(self.judged)} that were judged"
                )
            return
        self.samples.require_seen()
        if self.unproven:
            raise ProbeError(f"{self.samples.target}: {self.unproven}")


def survey_pages(samples: Samples, *, pages_expected: bool) -> Survey:
    """The Content-Security-Policy of every page, and nonces that occur in two responses.

    Raises:
        NotApplicable: the target answers, and nothing of it is a page.
        ProbeError: that cannot be said, or pages are declared and none was seen.
    """
    if not samples.pages:
        samples.require_complete()
        if pages_expected:
            raise ProbeError(f"people open {samples.target} in a browser, and none of its answers is an HTML page")
        raise NotApplicable(f"none of the {len(samples.replies)} answers of {samples.target} is an HTML page")
    policies = [csp.enforced(page) for page in samples.pages]
    nonces = [frozenset(nonce for policy in held for nonce in policy.nonces) for held in policies]
    judged = []
    for index, (page, held) in enumerate(zip(samples.pages, policies, strict=True)):
        found = csp.complaints(held)
        others = frozenset[str]().union(*nonces[:index], *nonces[index + 1 :])
        if nonces[index] & others:
            found = (*found, "its nonce occurs in another response as well, so it can be known beforehand")
        judged.append(Judged(page, _masked(held), found))
    # Where nobody opens it in a browser, its error pages may be all the HTML there is.
    good = any(reply.succeeded for reply in (samples.pages if pages_expected else samples.replies))
    return Survey(samples, tuple(judged), "" if good else f"none of its {len(judged)} pages answers 2xx")


def survey_types(samples: Samples) -> Survey:
    """Content-Type and nosniff of every response with a body."""
    return _survey(
        samples,
        samples.with_body,
        lambda reply: ", ".join([*reply.values("Content-Type"), *reply.values("X-Content-Type-Options")]),
        content_type.complaints,
    )


def survey_versions(samples: Samples, own: Sequence[str] = ()) -> Survey:
    """Versions of components in every response."""
    return _survey(
        samples,
        samples.replies,
        lambda reply: ", ".join([*reply.values("Server"), *reply.values("X-Powered-By")]),
        lambda reply: tuple(f"{d.place} tells {d.text!r}" for d in disclosed_versions(reply, tuple(own))),
    )


def _survey(
    samples: Samples,
    replies: Iterable[Reply],
    shown: Callable[[Reply], str],
    judge: Callable[[Reply], tuple[str, ...]],
) -> Survey:
    return Survey(samples, tuple(Judged(reply, shown(reply), judge(reply)) for reply in replies))


def _place(reply: Reply) -> str:
    """The URL without its query, which may hold a secret, and not longer than a person reads."""
    return reply.url.partition("?")[0][:200]


def _masked(policies: Sequence[csp.Policy]) -> str:
    """Policies as text; nonces are left out, for they open the page they belong to."""
    return " || ".join(csp.without_nonces(policy.text) for policy in policies) or "none"
