"""The process that runs sslyze: one JSON request on standard input, one JSON answer on standard output.

It is a process of its own because sslyze waits for ever when one of its threads dies of an error it does not
know, and its threads cannot be stopped from outside. Imports nothing of ours, so that it can be run by path.

sslyze files a handshake that the server just hung up on as a refusal. That may be policy, as with servers that never
send alerts, or a limit of connections: such suites are offered once more, one connection at a time, and count as
refused only if the server hangs up again while it goes on shaking hands with a client that it likes. Parts of the scan
for which there was no connection are done once more in the same way.

Request: `{"hostname", "port", "address", "sni", "commands": [...], "timeout": seconds, "starttls": null or
what is spoken before TLS, such as "smtp"}`.
Answer: `{"tool", "scan": ServerScanResultAsJson, "again": {command: {"accepted": [...], "refused": [...]}},
"control": ""}`; `again` holds IANA names of suites; `control` says why a handshake after the scan failed, so that a
server that shut the scanner out is not read as one that refuses old protocols. A deployment of `certificate_info` holds
the answer that was stapled as `stapled_der`, base64.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from nassl._nassl import OpenSSLError
from nassl.ssl_client import ClientCertificateRequested, SslClient
from sslyze.__version__ import __version__
from sslyze.connection_helpers import opportunistic_tls_helpers
from sslyze.connection_helpers.opportunistic_tls_helpers import OpportunisticTlsError, ProtocolWithOpportunisticTlsEnum
from sslyze.connection_helpers.tls_connection import NoCiphersAvailableBugInSSlyze
from sslyze.errors import (
    ConnectionToServerFailed,
    ServerRejectedTlsHandshake,
    ServerTlsConfigurationNotSupported,
)
from sslyze.json.json_output import ServerScanResultAsJson
from sslyze.plugins.scan_commands import ScanCommand
from sslyze.scanner.models import ServerScanRequest, ServerScanResult, ServerScanStatusEnum
from sslyze.scanner.scanner import Scanner
from sslyze.server_connectivity import ServerConnectivityInfo, TlsVersionEnum, check_connectivity_to_server
from sslyze.server_setting import ServerNetworkConfiguration, ServerNetworkLocation

DOUBTFUL = ("rejected the connection", "closed the connection", "interrupted", "timed out", "Internal error")
"""Parts of sslyze's words for handshakes that ended without an answer about the suite."""
PATIENCE = 1.0
"""Seconds before suites are offered once more: what was limited may have recovered by then."""
ROUNDS = 2
_NO_CONNECTION, _BUG = "CONNECTIVITY_ISSUE", "BUG_IN_SSLYZE"
_CERTIFICATES = "certificate_info"
_VERSIONS = {f"{version.name.lower()}_cipher_suites": version for version in TlsVersionEnum}
_Suites = dict[str, str]
"""OpenSSL's name of a suite to IANA's."""


class _Ldap(opportunistic_tls_helpers._LdapHelper):  # noqa: SLF001
    """sslyze knows the answers of three LDAP servers byte by byte; Active Directory's is none of them."""

    _TAKEN = re.compile(rb"\x78(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)\x0a\x01\x00", re.DOTALL)

    def prepare_socket_for_tls_handshake(self, sock: socket.socket) -> None:
        sock.sendall(self.START_TLS_CMD)
        data = sock.recv(4096)
        if not self._TAKEN.search(data):
            raise OpportunisticTlsError(f"StartTLS was declined: {data[:80]!r}")


opportunistic_tls_helpers._START_TLS_HELPER_CLASSES[ProtocolWithOpportunisticTlsEnum.LDAP] = _Ldap  # noqa: SLF001


def scan(request: dict[str, Any]) -> dict[str, Any]:
    """One server, at one address."""
    location = ServerNetworkLocation(hostname=request["hostname"], port=request["port"], ip_address=request["address"])
    starttls = request.get("starttls")
    settings = ServerNetworkConfiguration(
        tls_server_name_indication=request["sni"],
        network_timeout=request["timeout"],
        tls_opportunistic_encryption=ProtocolWithOpportunisticTlsEnum(starttls.upper()) if starttls else None,
    )
    result, document = _scan(location, settings, request["commands"], at_once=5)
    told = document.get("scan_result") or {}
    unheard = [name for name in request["commands"] if (told.get(name) or {}).get("error_reason") == _NO_CONNECTION]
    # sslyze leaves out the chains of clients whose handshake failed, for whatever reason.
    limited = any(0 < len(doubtful) < rejected for doubtful, rejected in _hung_up_on(document).values())
    if _CERTIFICATES in request["commands"] and (
        limited or (told.get(_CERTIFICATES) or {}).get("error_reason") == _BUG
    ):
        unheard = list(dict.fromkeys((*unheard, _CERTIFICATES)))
    if unheard:
        time.sleep(PATIENCE)
        second = _scan(location, settings, unheard, at_once=1)[1].get("scan_result") or {}
        told.update({name: second[name] for name in unheard if (second.get(name) or {}).get("status") == "COMPLETED"})
    return {
        "tool": f"sslyze {__version__}",
        "scan": document,
        "again": _ask_again(result, location, settings, document),
        "control": _control(result, location, settings),
    }


def _scan(
    location: ServerNetworkLocation, settings: ServerNetworkConfiguration, commands: Iterable[str], *, at_once: int
) -> tuple[ServerScanResult, dict[str, Any]]:
    scanner = Scanner(per_server_concurrent_connections_limit=at_once)
    chosen = {ScanCommand(command) for command in commands}
    scanner.queue_scans(
        [ServerScanRequest(server_location=location, network_configuration=settings, scan_commands=chosen)]
    )
    (result,) = scanner.get_results()
    document = json.loads(ServerScanResultAsJson.model_validate(result).model_dump_json())
    _add_staples(result, document)
    return result, document


def _add_staples(result: ServerScanResult, document: dict[str, Any]) -> None:
    """The stapled answers as they came: sslyze's JSON tells only what it has read in them."""
    seen = result.scan_result.certificate_info.result if result.scan_result else None
    if seen is None:
        return
    told = document["scan_result"][_CERTIFICATES]["result"]["certificate_deployments"]
    for deployment, facts in zip(seen.certificate_deployments, told, strict=True):
        if deployment.ocsp_response is not None:
            der = deployment.ocsp_response.public_bytes(Encoding.DER)
            facts["stapled_der"] = base64.b64encode(der).decode("ascii")


def _ask_again(
    result: ServerScanResult,
    location: ServerNetworkLocation,
    settings: ServerNetworkConfiguration,
    document: dict[str, Any],
) -> dict[str, dict[str, list[str]]]:
    if result.scan_status is not ServerScanStatusEnum.COMPLETED or result.connectivity_result is None:
        return {}
    server = ServerConnectivityInfo(location, settings, result.connectivity_result)
    heard = _hung_up_on(document)
    doubtful = {command: names for command, (names, _) in heard.items() if names}
    if any(0 < len(names) < rejected for names, rejected in heard.values()):
        time.sleep(PATIENCE)
    settled: dict[str, dict[str, list[str]]] = {}
    for command, names in doubtful.items():
        settled[command] = _settle(server, _VERSIONS[command], names)
        if not any(settled[command].values()):
            # Who shuts us out for one version does so for all.
            break
    return settled


def _hung_up_on(document: dict[str, Any]) -> dict[str, tuple[_Suites, int]]:
    """By command the suites that the server hung up on, and how many it did not accept.

    Who sends alerts and hangs up by turns, does the one for another reason than the other: a limit of connections.
    """
    found: dict[str, tuple[_Suites, int]] = {}
    for command in _VERSIONS:
        told = ((document.get("scan_result") or {}).get(command) or {}).get("result") or {}
        rejected = told.get("rejected_cipher_suites", ())
        names = {
            item["cipher_suite"]["openssl_name"]: item["cipher_suite"]["name"]
            for item in rejected
            if any(part in item["error_message"] for part in DOUBTFUL)
        }
        found[command] = names, len(rejected)
    return found


def _settle(server: ServerConnectivityInfo, version: TlsVersionEnum, suites: _Suites) -> dict[str, list[str]]:
    """Which of these suites are accepted or refused; what stays in doubt is in neither list."""
    accepted: list[str] = []
    refused: list[str] = []
    pending = dict(suites)
    for _ in range(ROUNDS):
        together = _offer(server, version, pending)
        if together == "refused" or (together == "hung up" and _shakes_hands(server)):
            refused += pending.values()
            pending = {}
        elif together == "accepted":
            for openssl_name, name in dict(pending).items():
                alone = _offer(server, version, {openssl_name: name})
                if alone in {"accepted", "refused"}:
                    (accepted if alone == "accepted" else refused).append(name)
                    del pending[openssl_name]
        elif together == "timed out":
            break
        if not pending:
            break
        time.sleep(PATIENCE)
    return {"accepted": accepted, "refused": refused}


def _offer(server: ServerConnectivityInfo, version: TlsVersionEnum, suites: Iterable[str]) -> str:
    """`accepted` (any of them), `refused` (answered so), `hung up`, or `timed out` (or kept from ending otherwise)."""
    libraries = [version not in {TlsVersionEnum.TLS_1_2, TlsVersionEnum.TLS_1_3}]
    # Of TLS 1.2 each of the two OpenSSL versions knows suites that the other lacks.
    libraries += [True] if version is TlsVersionEnum.TLS_1_2 else []
    answers = [_offer_with(server, version, suites, legacy=legacy) for legacy in libraries]
    answers = [answer for answer in answers if answer]
    for answer in ("accepted", "timed out", "hung up"):
        if answer in answers:
            return answer
    return "refused" if answers else "hung up"


def _offer_with(server: ServerConnectivityInfo, version: TlsVersionEnum, suites: Iterable[str], *, legacy: bool) -> str:
    connection = server.get_preconfigured_tls_connection(override_tls_version=version, should_use_legacy_openssl=legacy)
    client, names = connection.ssl_client, ":".join(suites)
    try:
        if version is TlsVersionEnum.TLS_1_3 and isinstance(client, SslClient):
            client.set_ciphersuites(names)
        else:
            client.set_cipher_list(names)
        connection.connect(should_retry_connection=False)
    except (ClientCertificateRequested, ServerTlsConfigurationNotSupported):
        answer = "accepted"
    except ServerRejectedTlsHandshake as error:
        answer = "hung up" if any(part in error.error_message for part in DOUBTFUL) else "refused"
    except NoCiphersAvailableBugInSSlyze:
        # This OpenSSL has none of them in this version.
        answer = ""
    except OpenSSLError as error:
        answer = "" if "no cipher match" in str(error) else "timed out"
    except (ConnectionToServerFailed, OSError):
        answer = "timed out"
    else:
        answer = "accepted"
    finally:
        connection.close()
    return answer


def _shakes_hands(server: ServerConnectivityInfo) -> bool:
    connection = server.get_preconfigured_tls_connection()
    try:
        connection.connect(should_retry_connection=False)
    except ClientCertificateRequested:
        return True
    except (ConnectionToServerFailed, OSError, OpenSSLError):
        return False
    finally:
        connection.close()
    return True


def _control(result: ServerScanResult, location: ServerNetworkLocation, settings: ServerNetworkConfiguration) -> str:
    if result.scan_status is not ServerScanStatusEnum.COMPLETED:
        return "not tried: there was no connection in the first place"
    try:
        check_connectivity_to_server(location, settings)
    except ConnectionToServerFailed as error:
        return error.error_message
    return ""


if __name__ == "__main__":
    json.dump(scan(json.load(sys.stdin)), sys.stdout)
