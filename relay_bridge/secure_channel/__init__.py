"""TLS inside the relayed bytes: bytes in, bytes out. The relay in between sees ciphertext only.

    inner_tls   one end of a TLS 1.3 session whose two ends know each other by pinned certificates
    framing     messages in a byte stream, each with its length before it
    pins        reading pinned certificates, and their thumbprints
    errors      what can go wrong

Nothing here opens a socket, waits, or asks the time (except that OpenSSL checks a certificate's dates).
"""
