import pytest

from bot.text.page_address import LONGEST_LINK, UnsafeAddress, host_of


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example/b?c#d", "a.example"),
        ("https://A.Example:443/", "a.example"),
        ("https://a.example:8443/", "a.example:8443"),
        ("https://xn--80ak6aa92e.example/", "xn--80ak6aa92e.example"),
        ("https://[::1]:1/", "[::1]:1"),
        ("https://10.0.0.1/", "10.0.0.1"),
    ],
)
def test_the_host_of_a_page_is_shown_in_full(url: str, host: str) -> None:
    """It is ASCII, with its port unless that is 443."""
    assert host_of(url) == host


@pytest.mark.parametrize(
    "host", ["%65vil.example", "a.example%2eevil.example", ".", "", "2130706433", "0x7f.1", "127.1"]
)
def test_a_host_that_a_browser_reads_differently_is_refused(host: str) -> None:
    """People only visit the host that they have read."""
    with pytest.raises(UnsafeAddress):
        host_of(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https:", "//a.example", "https://[::1/"),
        *("https://a.example@evil.example/", "https://a.example\\@evil.example/", "https://ex\u00e4mple.example/"),
        *(
            "https://a.example/ b",
            "https://a.example/`",
            "https://a.example/\n",
            f"https://a.example/{'x' * LONGEST_LINK}",
        ),
    ],
)
def test_an_address_that_may_deceive_is_refused(url: str) -> None:
    """Other schemes, names in front of the host, and what does not print as it is; with and without plain http."""
    for plain in (False, True):
        with pytest.raises(UnsafeAddress):
            host_of(url, plain=plain)


def test_plain_http_is_allowed_only_where_it_is_asked_for_and_is_named() -> None:
    """The person sees that it is not encrypted."""
    with pytest.raises(UnsafeAddress):
        host_of("http://a.example/")
    assert host_of("http://a.example:80/x", plain=True) == "http://a.example"
    assert host_of("http://a.example:8080/x", plain=True) == "http://a.example:8080"
    assert host_of("https://a.example/x", plain=True) == "a.example"
