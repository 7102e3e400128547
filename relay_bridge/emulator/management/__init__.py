"""The management port of the relay: the calls of Azure Resource Manager, metrics, and fault switches.

config               where it listens and which files it keeps: the table ``[management]``
token_file           the bearer token: made at the first start, 0600, compared in constant time
state                what was made over ARM, in a file that survives a restart
entities             what the configuration declares and what ARM made, as one namespace
arm                  paths, errors and bodies as Azure Resource Manager writes them
resources            namespace, hybrid connection, rule and keys as JSON
namespaces           calls about the one namespace
hybrid_connections   calls about hybrid connections
authorization_rules  rules and keys of both
absent               parts of the provider that the relay does not have
faults               fault switches, one call each
server               the port
"""
