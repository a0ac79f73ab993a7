"""Faults of what listens where."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, Edit, NewFile

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

_PORTAINER = """<!DOCTYPE html>
<html lang="en" ng-app="portainer" ng-strict-di data-edition="CE">
  <head>
    <meta charset="utf-8">
    <title>Portainer</title>
    <base id="base">
    <script defer src="main.js"></script>
    <link href="main.css" rel="stylesheet">
  </head>
  <body ng-controller="MainController"><div id="view" ui-view="content"></div></body>
</html>
"""
"""The first page of the interface that rules the containers, as it comes through the proxy."""

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
        "office-reaches-database",
        "The office network was added to the firewall of the database host; from there PostgreSQL answers.",
        open_to_office=True,
    ),
    Defect(
        "snmp-agent-open",
        "The web host brought an SNMP agent along that answers everybody, with the community `public`.",
        snmp_agent=True,
    ),
    Defect(
        "ssh-passwords-accepted",
        "A new machine's SSH server was started with the defaults of its image: passwords are accepted.",
        ssh_passwords=True,
    ),
    Defect(
        "zone-transfer-open",
        "A new secondary could not fetch the zone, so the name server was told to hand it to anybody.",
        open_transfer=True,
    ),
    Defect(
        "internal-name-in-public-dns",
        "The database host was given its name in the public zone, where the office's resolvers find it as well.",
        published=("db A {database}",),
    ),
    Defect(
        "private-address-in-public-dns",
        "The status page moved into the cluster, and its public name followed it to the address there.",
        status_address="10.0.0.5",
    ),
    Defect(
        "port-opened-without-approval",
        "The partners' port was opened and declared in one go; what was approved last does not hold it.",
        approved_before_partners=True,
    ),
    Defect(
        "firewall-tests-neglected",
        "Nobody has tested the firewall for 200 days.",
        firewall_tests_neglected=True,
    ),
    Defect(
        "database-console-published",
        "Somebody needed to look into the database and put Adminer into the folder of public files.",
        files=(NewFile("public/adminer.php", _ADMINER),),
    ),
    Defect(
        "any-host-served",
        "Whatever name is asked for, the application answers: the list of names got in the way of a health check.",
        edits=(
            Edit(
                "listeners.py",
                "    app = KnownNames(app, (settings.public_name, settings.api_name, settings.partner_name))\n",
                "",
            ),
        ),
    ),
    Defect(
        "container-console-published",
        "The interface that rules the containers (Portainer) can be reached below /portainer/ of the public name.",
        files=(NewFile("containers/index.html", _PORTAINER),),
        edits=(
            Edit(
                "app.py",
                '    app.mount("/static", StaticFiles(directory=FILES / "static"), name="static")\n',
                '    app.mount("/static", StaticFiles(directory=FILES / "static"), name="static")\n'
                '    app.mount("/portainer", StaticFiles(directory=FILES / "containers", html=True))\n',
            ),
        ),
    ),
    Defect(
        "origin-open",
        "The firewall of the origin was opened to everybody: the service answers there, past the edge.",
        origin_open=True,
    ),
)
