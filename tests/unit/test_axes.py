"""Which targets a check is run for."""

from __future__ import annotations

import pytest

from stagehold.environment.model import Environment
from stagehold.plugin.core import AXES


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ({"kind": "browser"}, True),
        ({"kind": "browser", "http_port": 8080}, True),
        ({"kind": "api"}, False),
        ({"kind": "api", "http_port": 9080}, True),
        ({"kind": "api", "base_url": "https://one.example"}, True),
    ],
)
def test_plain_http_is_asked_for_where_it_could_be(keys: dict[str, object], asked: bool) -> None:
    """Targets of browsers are asked over plain HTTP by themselves, interfaces where their plain port is known."""
    target = {"name": "one", "base_url": "https://one.example:9443", **keys}
    environment = Environment.model_validate({"environment": {"id": "t"}, "targets": [target]})

    assert [t.name for t in AXES["plain_http_target"].values(environment)] == (["one"] if asked else [])


def test_endpoints_that_serve_one_name_are_told_apart() -> None:
    """By the host that is dialled, so that the order of the description does not decide which case is meant."""
    endpoints = [{"host": f"edge{n}.example", "sni": "shop.example", "port": 443} for n in (1, 2)]
    environment = Environment.model_validate(
        {
            "environment": {"id": "t"},
            "targets": [{"name": "one", "base_url": "https://shop.example"}],
            "tls": {"endpoints": endpoints},
        }
    )
    axis = AXES["endpoint"]

    assert [axis.name(one) for one in axis.values(environment)] == [
        "shop.example:443 at edge1.example",
        "shop.example:443 at edge2.example",
    ]
