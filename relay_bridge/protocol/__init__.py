"""Azure Relay Hybrid Connections as a calculation: no sockets, no tasks, no clocks.

    limits             what the service documents, with units
    errors             what can go wrong, and whether trying again helps
    connection_string  Endpoint=sb://…;EntityPath=…;…
    addresses          listen, connect, rendezvous and HTTP addresses, and what they are made of
    sas                shared access signatures: make, read, verify
    http_rules         what of HTTP the relay carries, and whose answer a response is
    commands           the JSON of the control channel
    control_channel    what a listener's control channel may receive and must send next
    rendezvous         what a listener dials to accept, to reject, or for an HTTP exchange
    request_channel    one HTTP exchange over such a rendezvous
    fingerprint        a short name for a key, for logs and telephones
    backoff            how long to wait before trying again

Time, chance and bytes are handed in, so that everything here is tested with literals.
"""
