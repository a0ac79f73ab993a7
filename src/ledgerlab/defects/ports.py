"""Faults of what listens where."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, NewFile

_ADMINER = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Login - Adminer</title></head>
<body>
<h1><a href="https://www.adminer.org/">Adminer</a></h1>
<form action="" method="post">
<table>
<tr><th>System<td><select name="auth[driver]"><option value="pgsql" selected>PostgreSQL</select>
<tr><th>Server<td><input name="auth[server]" value="" placeholder="localhost">
<tr><th>Username<td><input name="auth[username]" autocomplete="username">
<tr><th>Password<td><input type="password" name="auth[password]" autocomplete="current-password">
<tr><th>Database<td><input name="auth[db]">
</table>
<p><input type="submit" value="Login">
</form>
</body>
</html>
"""
"""The page that people see there; the program behind it does not matter."""

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "debug-port-open",
        "The operations listener with the metrics is bound to the public address.",
        settings={"operations": "{web}:8081"},
    ),
    Defect(
        "management-port-open",
        "The operations listener with the metrics is bound to the public address, on the port Prometheus expects.",
        settings={"operations": "{web}:9090"},
    ),
    Defect(
        "redirect-listener-down",
        "Nothing answers on the plain-HTTP port any more, so typed addresses lead nowhere.",
        settings={"redirect_port": None},
    ),
    Defect(
        "database-exposed",
        "PostgreSQL listens on the database host's public address as well.",
        database_exposed=True,
    ),
    Defect(
        "database-open-on-ipv6",
        "PostgreSQL listens on the database host's IPv6 address; the firewall was written for IPv4 only.",
        database_on_ipv6=True,
    ),
    Defect(
        "partner-port-leads-to-database",
        "The edge maps the partners' port to PostgreSQL instead of the service.",
        mapped_to_database=True,
    ),
    Defect(
        "database-console-published",
        "Somebody needed to look into the database and put Adminer into the folder of public files.",
        files=(NewFile("public/adminer.php", _ADMINER),),
    ),
)
