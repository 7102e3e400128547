"""Two ends of the inner TLS wired back to back, and every way in which somebody between or beside them may cheat."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay_bridge.secure_channel import errors
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.secure_channel.pins import read_pin
from tests.support.certificates import Identity, make_identity

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("identities")


@pytest.fixture(scope="module")
def web():
    return make_identity("web")


@pytest.fixture(scope="module")
def agent():
    return make_identity("agent")


class Ends:
    """A client and a server; what each has to say is handed over by ``exchange``."""

    def __init__(self, directory, client: Identity, server: Identity, *, client_pins=None, server_pins=None) -> None:
        here = directory / f"{id(client)}-{id(server)}"
        self.client = InnerTls("client", *client.write(here / "c"), (client_pins or server).cert_pem)
        self.server = InnerTls("server", *server.write(here / "s"), (server_pins or client).cert_pem)

    def exchange(self) -> tuple[bytes, bytes]:
        """Carry bytes to and fro until both are silent; what the client and the server read."""
        to_client = to_server = b""
        while True:
            up = self.client.data_to_send()
            if up:
                to_server += self.server.receive_bytes(up)
            down = self.server.data_to_send()
            if down:
                to_client += self.client.receive_bytes(down)
            if not up and not down:
                return to_client, to_server


@pytest.fixture
def ends(directory, web, agent):
    pair = Ends(directory, web, agent)
    pair.exchange()
    return pair


def test_both_ends_know_each_other(ends, web, agent):
    assert ends.client.handshake_complete
    assert ends.server.handshake_complete
    assert ends.client.peer_certificate_der == read_pin(agent.cert_pem).der
    assert ends.server.peer_thumbprint == read_pin(web.cert_pem).thumbprint
    assert ends.client._tls.version() == ends.server._tls.version() == "TLSv1.3"


def test_it_is_known_whether_there_is_anything_to_send(ends):
    assert not ends.client.has_data_to_send
    ends.client.send_application(b"level of TK-101")
    assert ends.client.has_data_to_send
    ends.client.data_to_send()
    assert not ends.client.has_data_to_send


def test_data_goes_both_ways_and_is_not_seen_between(ends):
    ends.client.send_application(b"level of TK-101")
    sealed = ends.client.data_to_send()
    assert b"TK-101" not in sealed
    assert len(sealed) == len(b"level of TK-101") + 22  # one record: 5 header, 1 type, 16 tag
    assert ends.server.receive_bytes(sealed) == b"level of TK-101"
    ends.server.send_application(b"12.345" * 20_000)
    assert ends.exchange() == (b"12.345" * 20_000, b"")


def test_the_server_hands_out_nothing_to_resume_with(directory, web, agent):
    pair = Ends(directory, web, agent)
    pair.server.receive_bytes(pair.client.data_to_send())
    pair.client.receive_bytes(pair.server.data_to_send())
    pair.server.receive_bytes(pair.client.data_to_send())
    assert pair.server.handshake_complete
    assert pair.server.data_to_send() == b""  # no ticket follows
    assert pair.client._tls.session is None or not pair.client._tls.session.has_ticket
    assert not pair.client._tls.session_reused


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_the_relay_may_cut_and_join_as_it_likes(directory, web, agent, cuts):
    pair = Ends(directory, web, agent)
    turn, read = 0, b""
    sent = False
    for _ in range(3):
        for source, sink in ((pair.client, pair.server), (pair.server, pair.client)):
            data = source.data_to_send()
            while data:
                step = cuts[turn % len(cuts)]
                turn += 1
                plain = sink.receive_bytes(data[:step])
                read += plain if sink is pair.server else b""
                data = data[step:]
        if pair.client.handshake_complete and not sent:
            sent = True
            pair.client.send_application(b"one message" * 100)
    assert read == b"one message" * 100


def test_a_rogue_listener_of_the_same_name_is_refused_and_told(directory, web, agent):
    pair = Ends(directory, web, make_identity("agent"), client_pins=agent)
    pair.server.receive_bytes(pair.client.data_to_send())
    with pytest.raises(errors.PeerNotTrusted, match="not the pinned one"):
        pair.client.receive_bytes(pair.server.data_to_send())
    assert not pair.client.handshake_complete
    assert pair.client.peer_certificate_der is None
    with pytest.raises(errors.NotTrustedByPeer, match="pinned another certificate"):
        pair.server.receive_bytes(pair.client.data_to_send())


def test_a_rogue_sender_of_the_same_name_is_refused_and_told(directory, web, agent):
    pair = Ends(directory, make_identity("web"), agent, server_pins=web)
    pair.server.receive_bytes(pair.client.data_to_send())
    pair.client.receive_bytes(pair.server.data_to_send())
    assert pair.client.handshake_complete  # TLS 1.3: the client cannot know yet
    pair.client.send_application(b"request")
    with pytest.raises(errors.PeerNotTrusted, match="not the pinned one"):
        pair.server.receive_bytes(pair.client.data_to_send())
    assert not pair.server.handshake_complete
    with pytest.raises(errors.NotTrustedByPeer, match="pinned another certificate"):
        pair.client.receive_bytes(pair.server.data_to_send())
    with pytest.raises(errors.NotTrustedByPeer):
        pair.client.send_application(b"again")


def authority_and_child() -> tuple[Identity, Identity]:
    """A self-signed certificate that may sign others, and one that it signed."""
    key, child_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    made = []
    for name, subject_key, is_authority in (("agent", key, True), ("child", child_key, False)):
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent")]))
            .public_key(subject_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=1))
            .not_valid_after(NOW + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        key_pem = subject_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made.append(Identity(pem, key_pem.decode(), name))
    return made[0], made[1]


def test_a_certificate_signed_by_the_pinned_key_is_not_the_pinned_certificate(directory, web):
    """Somebody may pin a certificate that is an authority as well. Its children are strangers all the same."""
    parent, child = authority_and_child()
    pair = Ends(directory, web, child, client_pins=parent)
    pair.server.receive_bytes(pair.client.data_to_send())
    with pytest.raises(errors.PeerNotTrusted, match=r"not the pinned one$"):  # the byte-wise comparison's own words
        pair.client.receive_bytes(pair.server.data_to_send())
    assert pair.client.peer_certificate_der is None


def test_a_sender_without_a_certificate_is_refused(directory, web, agent):
    server = InnerTls("server", *agent.write(directory / "alone"), web.cert_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    stranger = context.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        stranger.do_handshake()
    server.receive_bytes(outgoing.read())
    incoming.write(server.data_to_send())
    stranger.do_handshake()
    with pytest.raises(errors.PeerNotTrusted, match="showed no certificate"):
        server.receive_bytes(outgoing.read())


def test_tls_1_2_is_not_spoken(directory, web, agent):
    server = InnerTls("server", *agent.write(directory / "alone"), web.cert_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    with pytest.raises(errors.CorruptStream):
        server.receive_bytes(outgoing.read())


def test_an_expired_client_is_refused_in_clear_words(directory, agent):
    old = make_identity("web", not_after=NOW - dt.timedelta(minutes=1))
    pair = Ends(directory, old, agent)
    pair.server.receive_bytes(pair.client.data_to_send())
    pair.client.receive_bytes(pair.server.data_to_send())
    with pytest.raises(errors.PeerNotTrusted, match="has expired"):
        pair.server.receive_bytes(pair.client.data_to_send())
    with pytest.raises(errors.NotTrustedByPeer, match="not valid today"):
        pair.client.receive_bytes(pair.server.data_to_send())


def test_an_expired_server_is_refused_in_clear_words(directory, web):
    old = make_identity("agent", not_after=NOW - dt.timedelta(minutes=1))
    pair = Ends(directory, web, old)
    pair.server.receive_bytes(pair.client.data_to_send())
    with pytest.raises(errors.PeerNotTrusted, match="has expired"):
        pair.client.receive_bytes(pair.server.data_to_send())


def test_a_certificate_of_tomorrow_points_to_the_clock(directory, web):
    early = make_identity("agent", not_before=NOW + dt.timedelta(hours=2))
    pair = Ends(directory, web, early)
    pair.server.receive_bytes(pair.client.data_to_send())
    with pytest.raises(errors.PeerNotTrusted, match="clock"):
        pair.client.receive_bytes(pair.server.data_to_send())


@pytest.mark.parametrize("position", [0, 3, 5, 40, -1])
def test_a_flipped_byte_ends_the_session(ends, position):
    ends.client.send_application(b"setpoint 50 and nothing else at all")
    sealed = bytearray(ends.client.data_to_send())
    sealed[position] ^= 0x40
    try:
        assert ends.server.receive_bytes(bytes(sealed)) == b""  # a longer length: it waits for bytes that never come
        with pytest.raises(errors.TruncatedStream):
            ends.server.receive_eof()
    except errors.CorruptStream:
        with pytest.raises(errors.CorruptStream):
            ends.server.receive_bytes(b"more")


def test_a_repeated_record_is_refused(ends):
    ends.client.send_application(b"open the valve")
    sealed = ends.client.data_to_send()
    assert ends.server.receive_bytes(sealed) == b"open the valve"
    with pytest.raises(errors.CorruptStream):
        ends.server.receive_bytes(sealed)


def test_a_left_out_record_is_noticed(ends):
    ends.client.send_application(b"one")
    ends.client.data_to_send()
    ends.client.send_application(b"two")
    with pytest.raises(errors.CorruptStream):
        ends.server.receive_bytes(ends.client.data_to_send())


def test_a_record_of_another_session_is_refused(directory, web, agent):
    first, second = Ends(directory, web, agent), Ends(directory, web, agent)
    first.exchange(), second.exchange()
    first.client.send_application(b"replayed")
    with pytest.raises(errors.CorruptStream):
        second.server.receive_bytes(first.client.data_to_send())


def test_goodbye_is_said_and_heard(ends):
    ends.client.send_application(b"last words")
    ends.client.close()
    assert ends.exchange() == (b"", b"last words")
    assert ends.server.close_received
    ends.server.receive_eof()  # nothing is missing
    ends.client.close()
    assert ends.client.data_to_send() == b""
    with pytest.raises(errors.SecureChannelError, match="not open"):
        ends.client.send_application(b"too late")


def test_a_stream_cut_off_is_truncated(ends):
    ends.client.send_application(b"whole message")
    ends.server.receive_bytes(ends.client.data_to_send())
    with pytest.raises(errors.TruncatedStream, match="closing word"):
        ends.server.receive_eof()


def test_a_stream_cut_off_in_the_handshake_is_truncated(directory, web, agent):
    pair = Ends(directory, web, agent)
    pair.server.receive_bytes(pair.client.data_to_send()[:50])
    with pytest.raises(errors.TruncatedStream):
        pair.server.receive_eof()


def test_nothing_is_sent_before_the_handshake(directory, web, agent):
    with pytest.raises(errors.SecureChannelError, match="not open"):
        Ends(directory, web, agent).client.send_application(b"early")


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_instead_of_a_handshake(directory, web, agent, data):
    server = InnerTls("server", *agent.write(directory / "garbage"), web.cert_pem)
    with contextlib.suppress(errors.SecureChannelError):
        assert server.receive_bytes(data) == b""
    assert not server.handshake_complete


def test_files_that_cannot_be_used(directory, web, agent):
    certificate, key = agent.write(directory / "good")
    _other_certificate, other_key = web.write(directory / "other")
    missing = directory / "missing.pem"
    for own, own_key, pin, words in (
        (missing, key, web.cert_pem, "missing"),
        (certificate, missing, web.cert_pem, "missing"),
        (certificate, other_key, web.cert_pem, "cannot be used together"),
        (key, key, web.cert_pem, "cannot be used together"),
        (certificate, key, "no pin", "exactly one"),
        (certificate, key, ssl.DER_cert_to_PEM_cert(b"\x30\x81\x80" + bytes(128)), "cannot be read"),
    ):
        with pytest.raises(errors.PinError, match=words):
            InnerTls("server", own, own_key, pin)


def test_an_encrypted_key_is_refused_and_not_asked_for(directory, web, agent):
    certificate, key = agent.write(directory / "encrypted")
    loaded = serialization.load_pem_private_key(agent.key_pem.encode(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    key.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    with pytest.raises(errors.PinError, match="encrypted"):
        InnerTls("server", certificate, key, web.cert_pem)
