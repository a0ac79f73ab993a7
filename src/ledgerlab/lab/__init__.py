"""What runs the service for a demonstration: deployment, certificates, PostgreSQL, namespaces, supervision.

    supervisor ──► vantage (namespace V, "outside", 10.77.0.1)
                     └──► hosts (namespace H, 10.77.0.10 and 10.77.0.20) ──► postgres, service

In loopback mode the supervisor starts `hosts` itself and the addresses are 127.77.N.*.
"""
