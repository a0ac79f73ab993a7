"""Which TCP ports belong to databases and to management: data, and one question about them.

Sources: IANA's service name registry, the vendors' default ports, PCI DSS 1.4.4 (databases are not reachable
from untrusted networks), CIS controls 4 and 12 (management interfaces). The two classes are disjoint.
"""

from __future__ import annotations

DATABASE: dict[int, str] = {
    1433: "SQL Server",
    1434: "SQL Server browser",
    1521: "Oracle listener",
    1583: "Pervasive PSQL",
    3050: "Firebird",
    3306: "MySQL",
    5432: "PostgreSQL",
    5433: "PostgreSQL",
    6379: "Redis",
    6432: "PgBouncer",
    7474: "Neo4j HTTP",
    7687: "Neo4j Bolt",
    8086: "InfluxDB",
    9042: "Cassandra",
    9200: "Elasticsearch HTTP",
    9300: "Elasticsearch transport",
    11211: "memcached",
    27017: "MongoDB",
    27018: "MongoDB shard",
    27019: "MongoDB configuration server",
    33060: "MySQL X protocol",
    50000: "Db2",
}
"""Default ports of database servers, caches and search engines that hold data."""

MANAGEMENT: dict[int, str] = {
    22: "SSH",
    23: "Telnet",
    161: "SNMP",
    445: "SMB",
    623: "IPMI",
    2375: "Docker",
    2376: "Docker over TLS",
    3389: "Remote Desktop",
    5900: "VNC",
    5985: "WinRM",
    5986: "WinRM over TLS",
    6443: "Kubernetes API",
    8500: "Consul",
    9000: "Portainer and others",
    9090: "Prometheus, Cockpit",
    10000: "Webmin",
    10250: "kubelet",
    15672: "RabbitMQ management",
}
"""Default ports of interfaces by which machines are administered."""


OFTEN_APPLICATIONS = frozenset({8500, 9000, 9090, 10000})
"""Numbers of management interfaces that applications use as well: `class: app`, written out, is believed there."""


def describe(port: int) -> str:
    """The port with what usually listens there, such as `5432 (PostgreSQL)`."""
    usual = DATABASE.get(port) or MANAGEMENT.get(port)
    return f"{port} ({usual})" if usual else str(port)
