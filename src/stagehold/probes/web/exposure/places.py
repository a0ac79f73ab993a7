"""Where to look: roots of a target, folders of its files, names of its host; and what is meant for anybody."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from stagehold.environment.model import Environment, Target
from stagehold.probes.web.exposure.signature import Signature
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.visitor import origin

MOST_FOLDERS = 3


def roots(target: Target) -> tuple[str, ...]:
    """The target's base and the root of its origin, which differ where it lives below a path."""
    return tuple(dict.fromkeys((target.base_url.rstrip("/"), origin(target))))


def folders(known: Iterable[Reply], target: Target) -> tuple[str, ...]:
    """URLs of folders that hold files of pages, without a slash at their end."""
    found = dict.fromkeys(
        reply.url.partition("?")[0].rpartition("/")[0] for reply in known if reply.succeeded and extension(reply.url)
    )
    return tuple(folder for folder in found if folder not in roots(target))[:MOST_FOLDERS]


def host_names(target: Target) -> tuple[str, ...]:
    """What an archive of the site may be called after."""
    labels = target.host.split(".")
    literal = ":" in target.host or labels[-1].isdigit()
    return (target.host,) if literal or len(labels) == 1 else tuple(dict.fromkeys((target.host, labels[0], labels[-2])))


def named_after_hosts(wanted: Iterable[Signature], target: Target) -> tuple[Signature, ...]:
    """Signatures with `{host}` filled in by every name."""
    return tuple(
        filled
        for item in wanted
        for filled in (
            [item.at(name) for name in host_names(target)] if any("{host}" in path for path in item.paths) else [item]
        )
    )


def public_paths(environment: Environment, target: Target) -> tuple[str, ...]:
    """Paths that are declared to be meant for anybody."""
    inventory = environment.inventory
    declared = inventory.public_operations if inventory is not None else ()
    prefix = urlsplit(target.base_url).path.rstrip("/")
    paths = [operation.partition(" ")[2].strip() for operation in declared]
    return tuple(dict.fromkeys([*environment.disclosure.paths, *paths, *(p.removeprefix(prefix) for p in paths)]))


def extension(url: str) -> str:
    """The extension of a URL's last segment; empty when there is none."""
    name = urlsplit(url).path.rpartition("/")[2]
    return name.rpartition(".")[2] if "." in name.strip(".") else ""
