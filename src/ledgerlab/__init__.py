"""ledgerlab: a small real multi-tenant bookkeeping service, and a laboratory that runs it with defects.

`ledgerlab.service` is the product: it is what gets deployed, and it knows nothing of defects.
`ledgerlab.lab` builds, breaks (when asked) and runs it: certificates, PostgreSQL, network namespaces.
"""
