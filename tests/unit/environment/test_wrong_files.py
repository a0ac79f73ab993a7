"""Wrong environment files, each beside the places it is wrong at: (line, column, path, part of the message)."""

# ruff: noqa: E501 - one wrong file in a line, so that the table can be read

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.environment.conftest import Faults

BASE = """\
environment: {id: stage}
targets:
  - {name: web, base_url: "https://app.example"}
"""
FLOW = """\
flows:
  web: {kind: form, target: web, whoami: {path: /me, user: /u}}
"""
PEOPLE = FLOW + "accounts:\n"
TEAM = """\
flows:
  web: {kind: form, target: web, whoami: {path: /me, user: /u}}
tenancy: {companies: {A: Alpha}}
accounts:
  - {alias: a, company: A, flow: web, user: a, password_ref: env:A}
  - {alias: s, company: A, flow: web, user: s, password_ref: env:S, pool: sacrificial, lock_ok: true}
"""
FIXTURE = """\
fixtures:
  - name: f
    owner: a
    target: web
    create: {method: POST, path: /f, json: {x: "{canary}"}}
    read: {path: "/f/{id}"}
    writes: [{method: DELETE, path: "/f/{id}"}]
"""
JOURNEY = """\
journeys:
  - name: j
    target: web
    account: a
    steps: [{goto: /x}]
    result: {path: /y, contains: z}
"""
LOAD = """\
load:
  target: web
  requests: [{name: list, path: /l, account: a, contains: x}]
  profiles: {release: {rate: 1, seconds: 9}}
"""

WRONG: list[tuple[str, str, list[tuple[int, int, str, str]]]] = [
    # the YAML itself
    ("empty file", "", [(1, 1, "", "is empty")]),
    ("only a comment", "# nothing\n", [(1, 1, "", "is empty")]),
    ("a list", "- a\n", [(1, 1, "", "is not a mapping")]),
    ("a word", "hello\n", [(1, 1, "", "is not a mapping")]),
    ("a tab", "environment:\n\tid: x\n", [(2, 1, "", "a tab stands where")]),
    ("an open bracket", "targets: [1, 2\n", [(2, 1, "", "is not valid YAML")]),
    ("a bare question mark", "a: { path: /x?y=1 }\n", [(1, 14, "", "with ? : , # or a bracket in it goes in quotes")]),
    ("an open quote", BASE + 'statement: "x\n', [(5, 1, "", "is not valid YAML")]),
    ("two documents", BASE + "---\na: 1\n", [(4, 1, "", "a second document")]),
    ("a control character", BASE + "statement: a\x07b\n", [(4, 13, "", "control character")]),
    ("an escaped control character", BASE + 'statement: "a\\u0007b"\n', [(4, 12, "statement", "U+0007")]),
    ("a lone surrogate", BASE + 'statement: "\\ud800"\n', [(4, 12, "statement", "U+D800")]),
    ("an escape beyond Unicode", BASE + 'statement: "\\UFFFFFFFF"\n', [(1, 1, "", "out of range")]),
    ("a doubled key", BASE + "suites: []\nsuites: []\n", [(5, 1, "suites", "already given on line 4")]),
    ("a doubled key in braces", BASE + "hsts: {min_age: 1, min_age: 2}\n", [(4, 20, "hsts.min_age", "already")]),
    ("an anchor", BASE + "hsts: &a {min_age: 1}\n", [(4, 7, "hsts", "anchors and aliases")]),
    (
        "an alias",
        "environment: &e {id: s}\ntargets: *e\n",
        [(1, 14, "environment", "anchors"), (2, 10, "targets", "anchors")],
    ),
    ("a merge key", BASE + "hsts: {<<: {min_age: 1}}\n", [(4, 8, "hsts", "merge keys")]),
    ("a tag", BASE + "suites: !!python/tuple []\n", [(4, 9, "suites", "tags")]),
    ("an unknown tag", BASE + "suites: !x []\n", [(4, 9, "suites", "tags")]),
    ("a mapping as key", BASE + "? {a: 1}\n: 2\n", [(4, 3, "", "a key must be plain text")]),
    ("no value", BASE + "hsts:\n", [(4, 1, "hsts", "has no value")]),
    ("null", BASE + "policy: {lockout: null}\n", [(4, 10, "policy.lockout", "has no value")]),
    ("a tilde in a list", BASE + "suites: [~]\n", [(4, 10, "suites[0]", "has no value")]),
    # words and numbers that YAML versions read differently
    ("yes for true", BASE + "policy: {strict: yes}\n", [(4, 18, "policy.strict", "truth value")]),
    ("no as text", BASE + "statement: no\n", [(4, 12, "statement", "truth value for some")]),
    ("an octal number", BASE + "hsts: {min_age: 0755}\n", [(4, 17, "hsts.min_age", "not the same number")]),
    ("a hexadecimal number", BASE + "hsts: {min_age: 0x10}\n", [(4, 17, "hsts.min_age", "not the same number")]),
    ("a grouped number", BASE + "hsts: {min_age: 31_536_000}\n", [(4, 17, "hsts.min_age", "not the same number")]),
    ("base 60", BASE + "policy: {deadline: 12:30}\n", [(4, 20, "policy.deadline", "to base 60")]),
    ("infinity", BASE + "slo: {error_rate: .inf}\n", [(4, 19, "slo.error_rate", "is not a number")]),
    ("an overlong number", BASE + f"hsts: {{min_age: {'9' * 40}}}\n", [(4, 17, "hsts.min_age", "digits")]),
    # shapes
    ("a missing key", "environment: {id: stage}\n", [(1, 1, "targets", "`targets` is missing")]),
    ("no targets", "environment: {id: stage}\ntargets: []\n", [(2, 10, "targets", "is empty")]),
    ("a misspelt key", BASE + "polcy: {strict: true}\n", [(4, 1, "polcy", "unknown key `polcy`")]),
    ("a number as text", BASE + "statement: 1.10\n", [(4, 12, "statement", "is a number")]),
    ("text as a number", BASE + 'hsts: {min_age: "60"}\n', [(4, 17, "hsts.min_age", "is text")]),
    ("text as a truth value", BASE + 'policy: {strict: "true"}\n', [(4, 18, "policy.strict", "is text")]),
    ("one instead of a list", BASE + "suites: mine\n", [(4, 9, "suites", "is text")]),
    ("a list instead of one", BASE + "hsts: [1]\n", [(4, 7, "hsts", "is a list")]),
    ("an unknown word", BASE + "consent: {classes: [ordinery]}\n", [(4, 21, "consent.classes[0]", "known words")]),
    ("out of range", BASE + "policy: {max_wait: -1}\n", [(4, 20, "policy.max_wait", "out of range")]),
    ("either of two", BASE + "tls: {profile: {min_days_left: soon}}\n", [(4, 32, "tls.profile.min_days_left", "is text")]),
    ("a bad address", BASE + "hosts: [{name: h, ipv4: [10.0.0.300]}]\n", [(4, 26, "hosts[0].ipv4[0]", "IPv4")]),
    ("a network with host bits", BASE + "deny: {production: {cidrs: [10.0.0.1/8]}}\n", [(4, 29, "deny.production.cidrs[0]", "host bits")]),
    ("no address", BASE + "hosts: [{name: h}]\n", [(4, 9, "hosts[0]", "at least one address")]),
    ("no kind", BASE + "flows: {web: {target: web}}\n", [(4, 14, "flows.web.kind", "`kind` is missing")]),
    ("an unknown kind", BASE + "flows: {web: {kind: fomr, target: web}}\n", [(4, 21, "flows.web.kind", "known kind")]),
    ("a key of another kind", BASE + FLOW.replace("form,", "basic, page: /l,"), [(5, 22, "flows.web.page", "unknown key")]),
    ("a URL with a path elsewhere", BASE.replace("https", "ftp"), [(3, 27, "targets[0].base_url", "base URL")]),
    ("a port beyond 65535", BASE.replace(".example", ".example:99999"), [(3, 27, "targets[0].base_url", "base URL")]),
    ("a path that leads elsewhere", BASE + FLOW.replace("/me", "//evil.example"), [(5, 49, "flows.web.whoami.path", "expected form")]),
    ("a whoami that tells nothing", BASE + FLOW.replace(", user: /u", ""), [(5, 42, "flows.web.whoami", "whose session")]),
    ("two errors in two lines", BASE + "polcy: 1\nhsts: 2\n", [(4, 1, "polcy", "unknown"), (5, 7, "hsts", "whole number")]),
    # names that mean nothing
    ("an unknown flow", BASE + PEOPLE + "  - {alias: a, flow: wbe, user: a, password_ref: env:A}\n", [(7, 22, "accounts[0].flow", "no flow `wbe`")]),
    ("an unknown target", BASE + FLOW.replace("target: web", "target: api"), [(5, 29, "flows.web.target", "no target `api`")]),
    ("an unknown company", BASE + PEOPLE + "  - {alias: a, company: A, flow: web, user: a, password_ref: env:A}\n", [(7, 25, "accounts[0].company", "no company `A`")]),
    ("a doubled alias", BASE + PEOPLE + "  - {alias: a, flow: web, user: a, password_ref: env:A}\n" * 2, [(8, 13, "accounts[1].alias", "already on line 7")]),
    ("a sacrificial account that may not be locked", BASE + PEOPLE + "  - {alias: a, flow: web, user: a, password_ref: env:A, pool: sacrificial}\n", [(7, 63, "accounts[0].pool", "not marked")]),
    ("a standard account that may be locked", BASE + PEOPLE + "  - {alias: a, flow: web, user: a, password_ref: env:A, lock_ok: true}\n", [(7, 66, "accounts[0].lock_ok", "standard pool")]),
    ("a variable that steers Python", BASE + PEOPLE + "  - {alias: a, flow: web, user: a, password_ref: env:PYTHONPATH}\n", [(7, 50, "accounts[0].password_ref", "steers programs")]),
    ("a user in both pools", BASE + TEAM.replace("user: s,", "user: a,"), [(9, 45, "accounts[1].user", "also the user of a standard account")]),
    ("a token login without password", BASE + "flows: {t: {kind: json_token, target: web, login: {method: POST, path: /l, form: {u: '{user}'}}, whoami: {path: /m, user: /u}}}\n", [(4, 51, "flows.t.login", "{password} does not occur")]),
    ("a login by GET with a body", BASE + "flows: {t: {kind: json_token, target: web, login: {path: /l, form: {u: '{user}{password}'}}, whoami: {path: /m, user: /u}}}\n", [(4, 51, "flows.t.login", "is a GET with a body")]),
    ("a token header without token", BASE + "flows: {t: {kind: json_token, target: web, header: 'X-Auth: 1', login: {method: POST, path: /l, form: {u: '{user}{password}'}}, whoami: {path: /m, user: /u}}}\n", [(4, 52, "flows.t.header", "expected form")]),
    ("a fixture without canary", BASE + TEAM + FIXTURE.replace("{canary}", "x"), [(14, 13, "fixtures[0].create", "{canary} does not occur")]),
    ("a fixture that reads something else", BASE + TEAM + FIXTURE.replace('read: {path: "/f/{id}"}', "read: {path: /f}"), [(15, 11, "fixtures[0].read", "{id} does not occur")]),
    ("a write of something else", BASE + TEAM + FIXTURE.replace('DELETE, path: "/f/{id}"', "DELETE, path: /f"), [(16, 14, "fixtures[0].writes[0]", "{id} does not occur")]),
    ("a write that reads", BASE + TEAM + FIXTURE.replace("DELETE", "GET"), [(16, 23, "fixtures[0].writes[0].method", "does not write")]),
    ("a fixture of nobody", BASE + TEAM + FIXTURE.replace("owner: a", "owner: b"), [(12, 12, "fixtures[0].owner", "no account `b`")]),
    ("a fixture without company", BASE + TEAM.replace("alias: a, company: A", "alias: a") + FIXTURE, [(12, 12, "fixtures[0].owner", "has no company")]),
    ("a placeholder without a value", BASE + TEAM + FIXTURE.replace('{path: "/f/{id}"}', '{path: "/f/{id}/{usr}"}'), [(15, 18, "fixtures[0].read.path", "{usr} of GET /f/{id}/{usr} gets no value")]),
    ("an id before there is one", BASE + TEAM + FIXTURE.replace("path: /f,", 'path: "/f/{id}",'), [(14, 34, "fixtures[0].create.path", "{id} of POST /f/{id} gets no value")]),
    ("a placeholder in a header", BASE + TEAM + FIXTURE.replace("path: /f,", 'path: /f, headers: {X: "{tok}"},'), [(14, 47, "fixtures[0].create.headers", "{tok} of POST /f gets no value")]),
    ("a role that is not declared", BASE + TEAM + FIXTURE.replace("path: /f,", 'path: "/{role}",'), [(14, 34, "fixtures[0].create.path", "account `a` declares no `role`")]),
    ("a person in whoami misspelt", BASE + FLOW.replace("path: /me", 'path: "/u/{username}"'), [(5, 49, "flows.web.whoami.path", "{username} gets no value")]),
    ("a company whoami cannot know", BASE + FLOW.replace("path: /me", 'path: "/{company}"') + "accounts: [{alias: a, flow: web, user: a, password_ref: env:A}]\n", [(5, 49, "flows.web.whoami.path", "account `a` declares no `company`")]),
    ("a token nobody has", BASE + FLOW.replace("user: /u}", 'user: /u}, logout: {path: "/out/{token}"}'), [(5, 80, "flows.web.logout.path", "{token} of GET /out/{token} gets no value")]),
    ("a person in a refusal", BASE + 'denial: {web: {role: [{status: [200], contains: "No, {user}"}]}}\n', [(4, 49, "denial.web.role[0].contains", "whoever is refused")]),
    ("two bodies", BASE + TEAM + FIXTURE.replace("path: /f,", "path: /f, text: x,"), [(14, 13, "fixtures[0].create", "both `json` and `text`")]),
    ("broken XML", BASE + TEAM + FIXTURE.replace('json: {x: "{canary}"}', 'xml: "<a>{canary}</b>"'), [(14, 43, "fixtures[0].create.xml", "no well-formed XML")]),
    ("two places of the id", BASE + TEAM + FIXTURE.replace("    read:", "    id: /n\n    id_pattern: <id>([0-9]+)</id>\n    read:"), [(11, 5, "fixtures[0]", "both `id` and `id_pattern`")]),
    ("an operation forced by nobody", BASE + 'hooks: {force_error: {target: web, path: "/boom/{user}"}}\n', [(4, 42, "hooks.force_error.path", "{user} of GET /boom/{user} gets no value")]),
    ("a sacrificial owner", BASE + TEAM + FIXTURE.replace("owner: a", "owner: s"), [(12, 12, "fixtures[0].owner", "is sacrificial")]),
    ("a journey of nobody", BASE + TEAM + JOURNEY.replace("account: a", "account: b"), [(13, 14, "journeys[0].account", "no account `b`")]),
    ("a journey to nowhere", BASE + TEAM + JOURNEY.replace("target: web", "target: wbe"), [(12, 13, "journeys[0].target", "no target `wbe`")]),
    ("a journey that shows nothing", BASE + TEAM + JOURNEY.replace("contains: z", 'contains: ""'), [(15, 34, "journeys[0].result.contains", "is empty")]),
    ("a step of two actions", BASE + TEAM + JOURNEY.replace("goto: /x", "goto: /x, click: go"), [(14, 13, "journeys[0].steps[0]", "exactly one of")]),
    ("a load request of nobody", BASE + TEAM + LOAD.replace("account: a", "account: b"), [(12, 46, "load.requests[0].account", "no account `b`")]),
    ("a load request that any page satisfies", BASE + TEAM + LOAD.replace("contains: x", 'contains: ""'), [(12, 59, "load.requests[0].contains", "is empty")]),
    ("a load without the profile of the gate", BASE + TEAM + LOAD.replace("release:", "smoke:"), [(1, 1, "policy.load_profile", "no load profile `release`")]),
    ("a limit for no request", BASE + TEAM + LOAD + "slo: {p95_ms: {lst: 5}}\n", [(14, 16, "slo.p95_ms.lst", "no request `lst`")]),
    ("a refusal that matches anything", BASE + "denial: {web: {anonymous: [{status: []}]}}\n", [(4, 37, "denial.web.anonymous[0].status", "is empty")]),
    ("a broken pattern of a refusal", BASE + "denial: {web: {anonymous: [{status: [302], location: '(' }]}}\n", [(4, 54, "denial.web.anonymous[0].location", "no regular expression")]),
    ("a probe that looks nowhere", BASE + "release: {version_probe: {target: web, path: /v}}\n", [(4, 26, "release.version_probe", "either `field` or `header`")]),
    ("a digest that is none", BASE + "release: {expected_digest: latest}\n", [(4, 28, "release.expected_digest", "expected form")]),
    ("a plain port that speaks TLS", BASE.replace('example"}', 'example", http_port: 443}'), [(3, 61, "targets[0].http_port", "one port cannot speak both")]),
    ("a pinned address beside the URL's", BASE.replace('app.example"}', '192.0.2.1", addresses: [192.0.2.2]}'), [(3, 59, "targets[0].addresses", "lacks 192.0.2.1")]),
    ("an upgrade and TLS from the first byte", BASE + "tls: {endpoints: [{host: m.example, port: 25, starttls: smtp, protocol: smtp}]}\n", [(4, 19, "tls.endpoints[0]", "`starttls` says what is spoken")]),
    ("mail on the port of https", BASE + "tls: {endpoints: [{host: m.example, starttls: smtp}]}\n", [(4, 19, "tls.endpoints[0]", "443 is not the port of smtp")]),
    ("a role of a mail server", BASE + "tls: {endpoints: [{host: m.example, port: 25, starttls: smtp, user: app}]}\n", [(4, 19, "tls.endpoints[0]", "endpoints that speak `postgres`")]),
    ("an upgrade of an unknown protocol", BASE + "tls: {endpoints: [{host: m.example, port: 21, starttls: ftp}]}\n", [(4, 57, "tls.endpoints[0].starttls", "")]),
    ("private trust without a file", BASE + "tls: {trust: {kind: private}}\n", [(4, 14, "tls.trust", "go together")]),
    ("an operation without method", BASE + "deny: {operations: [/pay]}\n", [(4, 21, "deny.operations[0]", "expected form")]),
    ("an exclusion without reason", BASE + "inventory: {target: web, exclude: [{op: GET /x, reason: ''}]}\n", [(4, 57, "inventory.exclude[0].reason", "is empty")]),
    ("an agent of an unknown kind", BASE + 'vantage: {external: {agent: "rsh:office"}}\n', [(4, 29, "vantage.external.agent", "")]),
    ("an agent that is an option of ssh", BASE + 'vantage: {office: {agent: "ssh:-oProxyCommand=x"}}\n', [(4, 27, "vantage.office.agent", "")]),
    ("outside on another machine", BASE + 'vantage: {external: {agent: "ssh:office"}}\n', [(4, 29, "vantage.external.agent", "cannot be another one")]),
    ("ssh's configuration for none", BASE + 'vantage: {office: {agent: "netns:pid", ssh_config: c}}\n', [(4, 19, "vantage.office", "`ssh:NAME`")]),
    ("an address that is none", BASE + 'vantage: {office: {agent: "netns:pid", egress: [here]}}\n', [(4, 49, "vantage.office.egress[0]", "")]),
    ("a zone without servers", BASE + "dns: {zones: [{name: a.example, servers: []}]}\n", [(4, 42, "dns.zones[0].servers", "")]),
    ("a zone twice", BASE + "dns: {zones: [{name: a.example, servers: [{host: d}]}, {name: a.example., servers: [{host: d}]}]}\n", [(4, 63, "dns.zones[1].name", "already on line 4")]),
    ("a name server twice", BASE + "dns: {zones: [{name: a.example, servers: [{host: n.x}, {host: N.x, port: 53}]}]}\n", [(4, 56, "dns.zones[0].servers[1]", "declared twice")]),
    ("a name of another zone", BASE + "dns: {zones: [{name: a.example, servers: [{host: d}], names: [x.b.example.]}]}\n", [(4, 15, "dns.zones[0]", "does not lie in the zone a.example")]),
    ("a name for everybody and nobody", BASE + "dns: {zones: [{name: a.example, servers: [{host: d}], names: [x], internal_names: [x.a.example]}]}\n", [(4, 15, "dns.zones[0]", "cannot be meant for both")]),
    ("a target among internal names", BASE + "dns: {zones: [{name: example, servers: [{host: d}], internal_names: [app]}]}\n", [(4, 70, "dns.zones[0].internal_names[0]", "host of target `web`")]),
    ("an exception without a reason", BASE + 'dns: {zones: [{name: a.example, servers: [{host: d}], private_names: [{name: "*"}]}]}\n', [(4, 71, "dns.zones[0].private_names[0].reason", "is missing")]),
    ("an exception for no name", BASE + 'dns: {zones: [{name: a.example, servers: [{host: d}], private_names: [{name: "a b", reason: r}]}]}\n', [(4, 78, "dns.zones[0].private_names[0].name", "")]),
    ("an unknown vantage", BASE + "hosts: [{name: h, ipv4: [10.0.0.3], ports: [{port: 1, from: [exernal]}]}]\n", [(4, 62, "hosts[0].ports[0].from[0]", "no vantage `exernal`")]),
    ("a port twice", BASE + "hosts: [{name: h, ipv4: [10.0.0.3], ports: [{port: 1}, {port: 1}]}]\n", [(4, 63, "hosts[0].ports[1].port", "declared twice")]),
    ("an address twice", BASE + "hosts: [{name: h, ipv4: [10.0.0.3]}, {name: i, ipv4: [10.0.0.3]}]\n", [(4, 55, "hosts[1].ipv4[0]", "belongs to host `h`")]),
    ("an address of the other family", BASE + "hosts: [{name: h, ipv6: [10.0.0.3]}]\n", [(4, 26, "hosts[0].ipv6[0]", "no ipv6 address")]),
    ("a denial of no target", BASE + "denial: {wbe: {anonymous: [{status: [401]}]}}\n", [(4, 10, "denial.wbe", "no target `wbe`")]),
    ("an unknown commitment", BASE + "policy: {required_commitments: [S01, S91]}\n", [(4, 38, "policy.required_commitments[1]", "no commitment `S91`")]),
    ("nothing required", BASE + "policy: {required_commitments: []}\n", [(4, 32, "policy.required_commitments", "requires nothing")]),
    ("a profile without load", BASE + "policy: {load_profile: smoke}\n", [(4, 24, "policy.load_profile", "no `load`")]),
    ("a missing statement", BASE + "statement: nowhere.yaml\n", [(4, 12, "statement", "no such statement file")]),
    ("a name the base URL lacks", BASE.replace('example"}', 'example", hostnames: [b.example]}'), [(3, 61, "targets[0].hostnames", "app.example")]),
    ("a broken and a dangling thing", BASE + "hsts: 1\npolicy: {required_commitments: [S91]}\n", [(4, 7, "hsts", "whole number"), (5, 33, "policy.required_commitments[0]", "S91")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_each_wrong_file_names_line_and_column(
    text: str, expected: list[tuple[int, int, str, str]], faults: Faults
) -> None:
    """Everything wrong is named once, at its line and column, and nothing else is complained about."""
    found = faults(text)
    shown = "\n".join(map(str, found))
    assert [(error.line, error.column, error.path) for error in found] == [case[:3] for case in expected], shown
    for error, (*_, fragment) in zip(found, expected, strict=True):
        assert fragment in error.message
