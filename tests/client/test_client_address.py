import pytest

from ocdrnet_client import AsyncClient, Client, ConfigurationError
from ocdrnet_client.address import DEFAULT_URL, Address


@pytest.mark.parametrize(
    ("url", "scheme", "target"),
    [
        (DEFAULT_URL, "grpc", "127.0.0.1:8001"),
        ("localhost", "grpc", "localhost:8001"),
        ("localhost:9", "grpc", "localhost:9"),
        ("grpc://host", "grpc", "host:8001"),
        ("grpcs://host", "grpcs", "host:443"),
        ("http://host", "http", "host:8000"),
        ("https://host", "https", "host:443"),
        ("https://host:8443", "https", "host:8443"),
        ("HTTP://Host/", "http", "host:8000"),
        ("http://host/ocr/v1/", "http", "host:8000/ocr/v1"),
        ("grpc://host:1", "grpc", "host:1"),
        ("grpc://host:65535/", "grpc", "host:65535"),
        ("grpc://[::1]", "grpc", "[::1]:8001"),
        ("[::1]:9", "grpc", "[::1]:9"),
    ],
)
def test_a_url_is_read(url, scheme, target):
    address = Address.parse(url)
    assert (address.scheme, address.target) == (scheme, target)
    assert str(address) == f"{scheme}://{target}"
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("scheme", "http", "secure"),
    [("grpc", False, False), ("grpcs", False, True), ("http", True, False), ("https", True, True)],
)
def test_a_scheme_says_protocol_and_security(scheme, http, secure):
    address = Address.parse(f"{scheme}://host")
    assert (address.is_http, address.is_secure) == (http, secure)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ftp://host", "the scheme must be one of grpc, grpcs, http, https"),
        ("://host", "the scheme must be"),
        ("", "write it as scheme://host:port"),
        ("grpc://", "write it as"),
        ("grpc://:8001", "write it as"),
        ("http://host?x=1", "write it as"),
        ("http://host#part", "write it as"),
        ("http://me:secret@host", "write it as"),
        ("grpc://@host", "write it as"),
        ("grpc://host/path", "gRPC has no path; leave out '/path'"),
        ("grpc://host:0", "a number from 1 to 65535"),
        ("grpc://host:65536", "a number from 1 to 65535"),
        ("grpc://host:abc", "a number from 1 to 65535"),
        ("grpc://[::1", "Invalid IPv6 URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url, text):
    for make in (Address.parse, Client, AsyncClient):
        with pytest.raises(ConfigurationError) as raised:
            make(url)
        assert text in str(raised.value)
        assert repr(url) in str(raised.value)
