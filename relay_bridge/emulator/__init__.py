"""A relay on loopback: Azure Relay Hybrid Connections as the vendor describes them, for development, demo and tests.

    server         the relay in one object: a namespace that listens on a port
    switchboard    where requests are answered: listen, connect, accept, reject
    namespace      hybrid connections, rules and keys, and the TOML file they come from
    authorization  who may listen or send: shared access signatures and rights
    handshake      what an incoming request asks for, and what a listener is told of it
    refusals       the relay's own "no": status, reason phrase, body
    listeners      control channels: the standing sockets of listeners
    pairing        rendezvous: a sender waits, one listener dials back, once, in time
    pump           two sockets joined: fragments both ways
    frames         WebSocket frames as a calculation
    connection     one TCP connection, from HTTP to joined stream
    faults         trouble on demand
    recorder       a copy of every byte carried
    operations     what happens, under the service's own names: log and counts
    metrics        the counts as Prometheus reads them
    description    what a hybrid connection says of itself on the relay's own port
    management     a port of its own: Azure Resource Manager, metrics, fault switches
    reload         the configuration file changes, the relay follows
    cli            the program ``sightline-relay``

Written from the vendor's description, not from the client in this repository: it shares names, addresses and token
arithmetic with it and nothing else, so that it cannot share its misunderstandings.
"""
