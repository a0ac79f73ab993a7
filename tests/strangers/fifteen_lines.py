"""`python -m tests.strangers.fifteen_lines FOLDER`: the gate on a small service, described by the first example.

Run in a network of its own; prints what was decided as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.strangers import stage
from tests.strangers.documentation import blocks

PEOPLE = (stage.Person("ann", "Alder"), stage.Person("bob", "Birch"))


def here() -> str:
    """The example, at the address of the service that is up."""
    (text,) = [block.text for block in blocks("yaml") if "http-redirect" in block.text]
    for documented, ours in (
        (
            '- { name: web, base_url: "https://app.staging.finserv.example" }',
            '- { name: web, base_url: "https://notes.stranger.test:8443", addresses: [ADDRESS], http_port: 8080 }',
        ),
        ("198.51.100.10", "ADDRESS"),
        ("port: 443", "port: 8443"),
        ("port: 80,", "port: 8080,"),
    ):
        assert documented in text, documented
        text = text.replace(documented, ours)
    return text + "tls: { trust: { kind: private, ca_file: ca.pem } }\n"


def main(folder: Path) -> None:
    """Start the service, run the gate, print what came of it."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with stage.django_notes(folder, PEOPLE) as stranger:
        decided = stage.gate(stranger.describe(here()))
    found = {
        "code": decided.code,
        "decision": decided.verdict["decision"],
        "passed": sorted(decided.ids("passed")),
        "kept": sorted(decided.kept()),
        "output": decided.output[-4000:],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
