"""A whole run of the gate on an nginx nobody described before: sound, and with a port and a suite too many."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.ports.stage import StagedHost, staged
from tests.probes.pki import Authority, write_chain

NAME, ADDRESS = "shop.stranger.test", "10.88.0.10"
AEAD = "ECDHE+AESGCM:ECDHE+CHACHA20"
_STARTING = 20.0
_HEADERS = """
server_tokens off; default_type text/plain; charset utf-8;
add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;
add_header Content-Security-Policy "default-src 'none'; frame-ancestors 'none'; base-uri 'none'" always;
add_header X-Content-Type-Options nosniff always;
"""
ENVIRONMENT = f"""
environment: {{id: stranger}}
statement: statement.yaml
targets:
  - {{name: web, base_url: "https://{NAME}:7443", addresses: [{ADDRESS}], http_port: 7080}}
hosts:
  - name: web
    ipv4: [{ADDRESS}]
    ports: [{{port: 7443, service: https}}, {{port: 7080, service: http}}]
vantage: {{external: {{agent: local, egress: [10.88.0.1]}}}}
tls:
  trust: {{kind: private, ca_file: ca.pem, max_lifetime_days_private: 400}}
  revocation: none
consent: {{classes: [evidence, ordinary, intrusive]}}
"""
STATEMENT = """
schema: stagehold/statement/1
title: What a shop promises
commitments:
  - {id: T1, text: Traffic is encrypted., owner: shop, safeguards: [encrypted-transport, trusted-certificate]}
  - {id: T2, text: Nothing else is open., owner: shop, safeguards: [declared-exposure, database-unreachable]}
"""


@contextlib.contextmanager
def nginx(folder: Path, inside: int, *, ciphers: str, more: str) -> Iterator[None]:
    """The shop, in the hosts' network."""
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi"))
    temporary += f"uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;"
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; user root; pid {folder}/nginx.pid; events {{ worker_connections 512; }}\n"
        f"http {{ access_log off; {temporary}\n"
        f"ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;\n"
        f"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {ciphers};\n"
        f"server {{ listen {ADDRESS}:7443 ssl default_server; ssl_reject_handshake on; }}\n"
        f"server {{ listen {ADDRESS}:7443 ssl; server_name {NAME}; {_HEADERS} return 200 shop; }}\n"
        f"server {{ listen {ADDRESS}:7080; return 308 https://{NAME}:7443$request_uri; }}\n{more} }}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    command = ["nsenter", "-t", str(inside), "--net", "--", program, "-e", f"{folder}/error.log", "-p", str(folder)]
    with subprocess.Popen([*command, "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + _STARTING
            while not (folder / "nginx.pid").exists():
                assert process.poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < end, "nginx does not come up"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def judged(folder: Path, inside: int, *, ciphers: str = AEAD, more: str = "") -> dict[str, object]:
    """Decision, exit code and what did not pass of a whole run."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    with nginx(folder, inside, ciphers=ciphers, more=more):
        done = subprocess.run(
            [
                sys.executable,
                "-P",
                "-m",
                "stagehold",
                "run",
                str(folder / "environment.yaml"),
                "--out",
                str(folder / "out"),
            ],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    verdict = json.loads((folder / "out" / "verdict.json").read_text())
    wanted = {"failed", "inconclusive", "not_run"}
    open_ = {one["spec"]["id"]: one["outcome"] for one in verdict["checks"] if one["outcome"] in wanted}
    return {
        "code": done.returncode,
        "decision": verdict["decision"],
        "open": open_,
        "problems": verdict["problems"],
        "promises": {one["commitment"]["id"]: one["state"] for one in verdict["commitments"]},
    }


def main() -> None:
    """The sound shop, and the one with two faults."""
    authority = Authority.create()
    with staged(StagedHost(10)) as pid, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        write_chain(folder, authority.leaf(NAME), authority.intermediate)
        authority.ca_file(folder)
        (folder / "environment.yaml").write_text(ENVIRONMENT)
        (folder / "statement.yaml").write_text(STATEMENT)
        found = {
            "sound": judged(folder, pid),
            "faulty": judged(
                folder,
                pid,
                ciphers=f"{AEAD}:ECDHE-ECDSA-AES128-SHA256",
                more=f"server {{ listen {ADDRESS}:8081; return 200 forgotten; }}",
            ),
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
