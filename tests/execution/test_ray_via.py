"""The way to a dashboard through a proxy or an ssh tunnel, and what may not be sent on it."""

from __future__ import annotations

import pytest

from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import InvalidInput
from scheduler.execution.ray_http import RayHttp, travels_readable
from scheduler.execution.ray_via import Bastion, Proxy, parse_via, target_of
from tests.execution.ray_answers import FastClock


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ssh://bastion", ("bastion",)),
        ("ssh://me@bastion.example.org", ("me@bastion.example.org",)),
        ("ssh://me@bastion:2222/", ("-p", "2222", "me@bastion")),
        ("ssh://Bastion", ("Bastion",)),
        ("ssh://me@10.0.0.7:22", ("me@10.0.0.7",)),
        ("ssh://me@[2001:db8::7]:2022", ("-p", "2022", "me@2001:db8::7")),
    ],
)
def test_a_machine_that_ssh_leads_to(text: str, words: tuple[str, ...]) -> None:
    """An alias of the user's ssh configuration keeps its letters."""
    via = parse_via(text, cluster="quebec")
    assert isinstance(via, Bastion)
    assert words == via.words


@pytest.mark.parametrize(
    ("text", "private"),
    [("http://proxy:3128", False), ("https://proxy:3128", True), ("http://127.0.0.1:8118/", True)],
)
def test_a_proxy_may_be_able_to_read(text: str, private: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """One on this machine, or one that is spoken to through TLS, is ours alone to read on the way."""
    assert Proxy(url=text.rstrip("/"), private=private) == parse_via(text, cluster="quebec")


@pytest.mark.parametrize(
    "text",
    [
        "bastion", "ssh://", "ssh://-oProxyCommand=id", "ssh://me@-oProxyCommand=id", "ssh://-l@bastion",
        "ssh://a b@bastion", "ssh://bastion/path", "ssh://bastion:99999", "ssh://bas$(id)tion", "ssh://@bastion",
        "socks5://proxy:1080", "ftp://proxy", "http://", "http://me@proxy:1", "http://proxy:1/path", "http://proxy?x=1",
        "ssh://bastion;id", "ssh://bastion\n-v",
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_never_an_option_of_ssh(text: str) -> None:
    """What begins with a dash would be read by ssh as its own."""
    with pytest.raises(InvalidInput, match="cluster 'quebec': via ") as raised:
        parse_via(text, cluster="quebec")
    assert "ssh://user@host" in raised.value.hint


@pytest.mark.parametrize("text", ["ssh://me:hush@bastion", "http://me:hush@proxy:3128"])
def test_a_via_holds_no_password(text: str) -> None:
    """It would show in errors."""
    with pytest.raises(InvalidInput, match="via holds a password") as raised:
        parse_via(text, cluster="quebec")
    assert "hush" not in raised.value.message + raised.value.hint


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("http://127.0.0.1:8265", "127.0.0.1:8265"), ("https://ray.example/", "ray.example:443"),
        ("http://ray.example", "ray.example:80"), ("http://[::1]:8265", "[::1]:8265"),
    ],
)  # fmt: skip
def test_what_ssh_is_to_forward_to(address: str, target: str) -> None:
    """Host and port, the scheme's own where none is given."""
    assert target == target_of(address)


@pytest.mark.parametrize(
    ("address", "via", "readable"),
    [
        ("http://127.0.0.1:8265", None, False),
        ("http://ray.example:8265", None, True),
        ("https://ray.example", None, False),
        ("http://10.0.0.7:8265", "ssh://me@bastion", False),
        ("http://127.0.0.1:8265", "ssh://me@bastion", False),
        ("https://ray.example", "http://proxy:3128", False),
        ("http://ray.example:8265", "https://proxy:3128", True),
        ("http://ray.example:8265", "http://127.0.0.1:3128", True),
        ("http://127.0.0.1:8265", "http://proxy:3128", True),
        ("http://127.0.0.1:8265", "https://proxy:3128", False),
        ("http://127.0.0.1:8265", "http://localhost:3128", False),
    ],
)
def test_where_a_token_could_be_read(address: str, via: str | None, readable: bool) -> None:  # noqa: FBT001  # the same
    """Refused there, unless the cluster's file says in so many words that it may be."""
    ray = RayAddress(address=address, via=via)
    assert readable is travels_readable(ray, cluster="quebec")
    if readable:
        with pytest.raises(InvalidInput, match="its token would travel readable") as raised:
            RayHttp(name="quebec", ray=ray, token="hush", clock=FastClock())
        assert "allow_plain_token: true" in raised.value.hint
    told = ray.model_copy(update={"allow_plain_token": True})
    assert "hush" not in repr(RayHttp(name="quebec", ray=told, token="hush", clock=FastClock()))
