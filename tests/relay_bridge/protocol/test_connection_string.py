"""Connection strings as they stand in configurations, right and wrong."""

import pytest

from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError

KEY = "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80="
REAL = (
    "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=listen;"
    f"SharedAccessKey={KEY};EntityPath=sites/north"
)


def test_a_real_namespace():
    assert parse_connection_string(REAL) == ConnectionString(
        host="contoso.servicebus.windows.net",
        port=443,
        entity_path="sites/north",
        key_name="listen",
        key=KEY,
        use_tls=True,
    )


def test_an_emulator():
    parsed = parse_connection_string(
        "endpoint=sb://127.0.0.1:9400;ENTITYPATH=/site-north/;sharedaccesskeyname=listen;sharedaccesskey=a=b=;"
        "useDevelopmentEmulator=True;"
    )
    assert parsed == ConnectionString("127.0.0.1", 9400, "site-north", "listen", "a=b=", use_tls=False)
    assert parsed.resource_uri == "http://127.0.0.1/site-north"


def test_default_ports():
    assert parse_connection_string("Endpoint=sb://localhost/;UseDevelopmentEmulator=true").port == 80
    assert parse_connection_string("Endpoint=sb://localhost/;UseDevelopmentEmulator=false").port == 443
    assert parse_connection_string("Endpoint=sb://localhost:8443/").port == 8443
    assert parse_connection_string("Endpoint=sb://[::1]:8443/").host == "::1"


def test_a_namespace_alone_and_a_ready_made_token():
    parsed = parse_connection_string(
        "Endpoint=sb://ns.example/;OperationTimeout=00:01:30;"
        "SharedAccessSignature=SharedAccessSignature sr=x&sig=y&se=1&skn=k"
    )
    assert parsed.signature == "SharedAccessSignature sr=x&sig=y&se=1&skn=k"
    assert parsed.operation_timeout == 90.0
    assert parsed.entity_path is None
    assert parsed.resource_uri == "http://ns.example/"


@pytest.mark.parametrize("value", ["Managed Identity", "managed identity", "ManagedIdentity"])
def test_managed_identity(value):
    parsed = parse_connection_string(f"Endpoint=sb://ns.example/;EntityPath=hyco;Authentication={value}")
    assert parsed == ConnectionString("ns.example", 443, "hyco", managed_identity=True)


@pytest.mark.parametrize(
    ("endpoint", "host", "port"),
    [
        ("sb://contoso.servicebus.windows.net/", "contoso.servicebus.windows.net", 443),
        ("sb://contoso.servicebus.windows.net", "contoso.servicebus.windows.net", 443),
        ("SB://Contoso.ServiceBus.Windows.net/", "contoso.servicebus.windows.net", 443),
        ("sb://contoso.servicebus.windows.net:443/", "contoso.servicebus.windows.net", 443),
        ("sb://contoso.servicebus.chinacloudapi.cn/", "contoso.servicebus.chinacloudapi.cn", 443),
        ("sb://contoso.servicebus.usgovcloudapi.net/", "contoso.servicebus.usgovcloudapi.net", 443),
        ("sb://relay.plant.internal:8443", "relay.plant.internal", 8443),
        ("sb://10.0.0.7:9400/", "10.0.0.7", 9400),
        ("sb://[fe80::1]/", "fe80::1", 443),
    ],
)
def test_every_form_of_an_endpoint(endpoint, host, port):
    parsed = parse_connection_string(f"Endpoint={endpoint}")
    assert (parsed.host, parsed.port) == (host, port)


def test_a_repr_shows_no_secret():
    text = repr(parse_connection_string(REAL))
    assert KEY not in text
    assert "listen" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("hello", "part 1"),
        ("EntityPath=a", "lacks Endpoint"),
        ("Endpoint=https://ns.example/", "sb://HOST"),
        ("Endpoint=sb:///", "sb://HOST"),
        ("Endpoint=sb://ns.example:0/", "sb://HOST"),
        ("Endpoint=sb://ns.example:70000/", "usable host or port"),
        ("Endpoint=sb://ns.example:x/", "usable host or port"),
        ("Endpoint=sb://ns_example /", "sb://HOST"),
        ("Endpoint=sb://ns.example/hyco", "EntityPath"),
        ("Endpoint=sb://user:secret@ns.example/", "EntityPath"),
        ("Endpoint=sb://ns.example/;EntityPath=a b", "EntityPath"),
        ("Endpoint=sb://ns.example/;EntityPath=", "EntityPath is empty"),
        ("Endpoint=sb://ns.example/;SharedAccessKey=abc", "lacks SharedAccessKeyName"),
        ("Endpoint=sb://ns.example/;SharedAccessKeyName=abc", "lacks SharedAccessKey"),
        ("Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey=k;SharedAccessSignature=s", "both"),
        ("Endpoint=sb://a/;Endpoint=sb://b/", "twice"),
        ("Endpoint=sb://a/;Colour=red", "part 2"),
        ("Endpoint=sb://a/;UseDevelopmentEmulator=yes", "true or false"),
        ("Endpoint=sb://a/;OperationTimeout=90", "hh:mm:ss"),
        ("Endpoint=sb://a/;Authentication=None", "must be Managed Identity"),
        ("Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey=k;Authentication=Managed Identity", "secret beside"),
        ("Endpoint=sb://a/;SharedAccessSignature=s;Authentication=Managed Identity", "secret beside"),
        ("Endpoint=sb://a/\nEntityPath=b", "one printable line"),
        ("Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey=" + "k" * 300, "at most"),
        ("Endpoint=sb://a/;EntityPath=" + "k" * 5000, "at most"),
    ],
)
def test_each_mistake_has_its_sentence(text, words):
    with pytest.raises(ConnectionStringError, match=words):
        parse_connection_string(text)


@pytest.mark.parametrize(
    "text",
    [
        "Endpoint=sb://a/;SuperSecretKey",
        "Endpoint=sb://a/;SuperSecretKey=SuperSecretKey",
        "Endpoint=sb://a/;SharedAccessKeyNam=n;SharedAccessKey=SuperSecretKey",
        "Endpoint=sb://a/;SharedAccessKey=SuperSecretKey",
        "Endpoint=sb://a:SuperSecretKey@x/",
        "Endpoint=sb://a/;EntityPath=b,SharedAccessSignature=SuperSecretKey",
    ],
)
def test_no_mistake_repeats_a_secret(text):
    with pytest.raises(ConnectionStringError) as caught:
        parse_connection_string(text)
    assert "SuperSecretKey" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        REAL,
        "Endpoint=sb://[::1]:9400/;EntityPath=a;UseDevelopmentEmulator=true",
        "Endpoint=sb://a/;EntityPath=b;Authentication=Managed Identity",
        "Endpoint=sb://x/;SharedAccessSignature=SharedAccessSignature sr=a&sig=b&se=1&skn=c;OperationTimeout=01:02:03",
    ],
)
def test_what_is_written_is_read_again(text):
    parsed = parse_connection_string(text)
    assert parse_connection_string(parsed.format()) == parsed
