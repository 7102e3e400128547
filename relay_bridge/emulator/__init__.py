"""A relay on loopback: Azure Relay Hybrid Connections as the vendor describes them, for development, demo and tests.

    server         the relay in one object: a namespace that listens on a port
    namespace      hybrid connections, rules and keys, and the TOML file they come from
    behaviour      switches for what the service's description leaves uncertain
    switchboard    where requests are answered: who may, and to whom they go
    authorization  who may listen or send: shared access signatures and rights
    handshake      what an incoming request asks for, and what a listener is told of it
    refusals       the relay's own "no": status, reason phrase, body

    listeners      control channels: the standing sockets of listeners
    streams        every stream, and every sender that waits for one
    pairing        rendezvous: a sender waits, one listener dials back, once, in time
    pump           two sockets joined: fragments both ways

    requests            every HTTP request that is on its way
    exchange            one of them, from its first byte to the last of its response
    forwarded_request   the request as its listener gets it
    relayed_response    the response as its sender gets it
    request_rendezvous  the socket that a listener dials for one of them
    service_channel     what listeners say and are told, as a calculation

    connection, call    one TCP connection, and one HTTP request on it
    socket_end          the relay's end of one WebSocket; frames, messages and chance are its calculations
    http_head, http_body, http_answers   HTTP/1.1 as a calculation

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
