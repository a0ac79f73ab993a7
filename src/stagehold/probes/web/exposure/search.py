"""The two searches: endpoints that strangers and users may not open, and files that nobody may."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from stagehold.environment.model import Environment, Target
from stagehold.network.pace import Search
from stagehold.probes.web.exposure.copies import forgotten_copies
from stagehold.probes.web.exposure.places import folders, named_after_hosts, public_paths, roots
from stagehold.probes.web.exposure.signature import signatures
from stagehold.probes.web.exposure.sweep import Exposure, asks_for, sweep
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.sampling import Samples
from stagehold.probes.web.visitor import Visitor


def find_endpoints(
    environment: Environment, target: Target, who: Sequence[Visitor], samples: Samples, search: Search
) -> Exposure:
    """Debug, metrics, documentation and administration endpoints, to each visitor; declared ones are spared."""
    spared = public_paths(environment, target)
    asks = asks_for(signatures("endpoints"), roots(target), spared)
    search.expect(len(asks) * len(who))
    found = Exposure(target.name)
    for visitor in who:
        found += sweep(visitor, asks, roots(target), known=_known(samples, visitor), search=search)
    return _unasked(target, search) + found


def find_files(target: Target, stranger: Visitor, samples: Samples, search: Search) -> Exposure:
    """Repositories, configuration, backups and keys, in the roots and in folders of files; and forgotten copies."""
    known = _known(samples, stranger)
    wanted = named_after_hosts(signatures("files"), target)
    everywhere = [item for item in wanted if item.everywhere]
    inside = folders(known, target)
    asks, more = asks_for(wanted, roots(target)), asks_for(everywhere, inside)
    search.expect(len(asks) + len(more))
    found = sweep(stranger, asks, roots(target), known=known, search=search)
    if inside:
        found += sweep(stranger, more, inside, known=known, search=search)
    found += forgotten_copies(stranger, known, search)
    return _unasked(target, search) + found


def _unasked(target: Target, search: Search) -> Exposure:
    """What the search had no time for, first among the gaps."""
    left = search.unasked()
    return Exposure(target.name, gaps=(left,) if left else ())


def _known(samples: Samples, visitor: Visitor) -> list[Reply]:
    """What this visitor got, pages that stay the same first: a version or a health page is never cached away."""
    own = [reply for reply in samples.replies if reply.who == visitor.name]
    return sorted(own, key=lambda reply: bool(urlsplit(reply.url).query))
