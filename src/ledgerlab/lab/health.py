"""Is the service up? Asked through TLS, of exactly the certificate that was issued."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path

from ledgerlab.lab.plan import HTTPS_PORT, PUBLIC_NAME, Plan


def answers(plan: Plan) -> bool:
    """Whether `/healthz` answers 200 over TLS.

    The certificate itself is the anchor: a laboratory with a broken chain or a wrong name must come up too,
    because finding that out is what it is for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=_leaf(plan.folder / "pki" / "server.pem"))
    connection = http.client.HTTPSConnection(plan.web, HTTPS_PORT, timeout=2, context=context)
    try:
        connection.request("GET", "/healthz", headers={"Host": f"{PUBLIC_NAME}:{HTTPS_PORT}"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _leaf(path: Path) -> str:
    end = "-----END CERTIFICATE-----\n"
    return path.read_text().partition(end)[0] + end
