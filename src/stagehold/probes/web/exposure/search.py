"""The two searches: endpoints that strangers and users may not open, and files that nobody may."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from stagehold.environment.model import Environment, Target
from stagehold.probes.web.exposure.copies import forgotten_copies
from stagehold.probes.web.exposure.places import folders, named_after_hosts, public_paths, roots
from stagehold.probes.web.exposure.signature import signatures
from stagehold.probes.web.exposure.sweep import Exposure, sweep
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.sampling import Samples
from stagehold.probes.web.visitor import Visitor


def find_endpoints(environment: Environment, target: Target, who: Sequence[Visitor], samples: Samples) -> Exposure:
    """Debug, metrics, documentation and administration endpoints, to each visitor; declared ones are spared."""
    spared = public_paths(environment, target)
    found = Exposure(target.name)
    for visitor in who:
        known = _known(samples, visitor)
        found += sweep(visitor, signatures("endpoints"), roots(target), known=known, spared=spared)
    return found


def find_files(target: Target, stranger: Visitor, samples: Samples) -> Exposure:
    """Repositories, configuration, backups and keys, in the roots and in folders of files; and forgotten copies."""
    known = _known(samples, stranger)
    wanted = named_after_hosts(signatures("files"), target)
    found = sweep(stranger, wanted, roots(target), known=known)
    everywhere = tuple(item for item in wanted if item.everywhere)
    inside = folders(known, target)
    if inside:
        found += sweep(stranger, everywhere, inside, known=known)
    return found + forgotten_copies(stranger, known)


def _known(samples: Samples, visitor: Visitor) -> list[Reply]:
    """What this visitor got, pages that stay the same first: a version or a health page is never cached away."""
    own = [reply for reply in samples.replies if reply.who == visitor.name]
    return sorted(own, key=lambda reply: bool(urlsplit(reply.url).query))
