"""The process that runs sslyze: one JSON request on standard input, one JSON answer on standard output.

It is a process of its own because sslyze waits for ever when one of its threads dies of an error it does not
know, and its threads cannot be stopped from outside. Imports nothing of ours, so that it can be run by path.

Request: `{"hostname", "port", "address", "sni", "commands": [...], "timeout": seconds}`.
Answer: `{"tool", "scan": ServerScanResultAsJson, "control": ""}`; `control` says why a handshake after the
scan failed, so that a server that shut the scanner out is not read as one that refuses old protocols.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from sslyze.__version__ import __version__
from sslyze.errors import ConnectionToServerFailed
from sslyze.json.json_output import ServerScanResultAsJson
from sslyze.plugins.scan_commands import ScanCommand
from sslyze.scanner.models import ServerScanRequest, ServerScanResult, ServerScanStatusEnum
from sslyze.scanner.scanner import Scanner
from sslyze.server_connectivity import check_connectivity_to_server
from sslyze.server_setting import ServerNetworkConfiguration, ServerNetworkLocation


def scan(request: dict[str, Any]) -> dict[str, Any]:
    """One server, at one address."""
    location = ServerNetworkLocation(hostname=request["hostname"], port=request["port"], ip_address=request["address"])
    settings = ServerNetworkConfiguration(tls_server_name_indication=request["sni"], network_timeout=request["timeout"])
    scanner = Scanner()
    scanner.queue_scans(
        [
            ServerScanRequest(
                server_location=location,
                network_configuration=settings,
                scan_commands={ScanCommand(command) for command in request["commands"]},
            )
        ]
    )
    (result,) = scanner.get_results()
    return {
        "tool": f"sslyze {__version__}",
        "scan": json.loads(ServerScanResultAsJson.model_validate(result).model_dump_json()),
        "control": _control(result, location, settings),
    }


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
