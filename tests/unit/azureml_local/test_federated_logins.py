"""Logins whose ID token expires: which tokens a step still gets."""

import pytest

from azureml_local.errors import BadRequest
from azureml_local.identity.federated_logins import IdTokenExpired, Login, TokenCaches, split_header

SERVER = "https://localhost:1"
LOGIN = Login("0123456789abcdef", 1000.0, 600.0)


@pytest.mark.parametrize(
    ("requests", "expiry"),
    [
        ([(0, "https://ml.azure.com")], 4600),
        ([(599, "https://ml.azure.com")], 5199),
        ([(600, "https://ml.azure.com")], None),
        ([(599, "https://ml.azure.com"), (4000, "https://ml.azure.com/")], 5199),
        ([(599, "https://ml.azure.com"), (4199, "https://ml.azure.com")], None),
        ([(599, "https://ml.azure.com"), (601, "https://storage.azure.com")], None),
        ([(3599, SERVER + "/")], 4600),
        ([(3600, SERVER)], None),
        ([(700, "https://management.core.windows.net/")], 4600),
        ([(3600, "https://management.azure.com")], None),
    ],
)
def test_a_token_needs_a_valid_id_token_or_a_cached_one(requests, expiry):
    caches = TokenCaches(SERVER)
    *earlier, (seconds, resource) = requests
    for time, name in earlier:
        caches.token_expiry(LOGIN, name, LOGIN.time + time)
    if expiry is None:
        with pytest.raises(IdTokenExpired):
            caches.token_expiry(LOGIN, resource, LOGIN.time + seconds)
    else:
        assert caches.token_expiry(LOGIN, resource, LOGIN.time + seconds) == expiry


def test_logins_do_not_share_tokens():
    caches = TokenCaches(SERVER)
    caches.token_expiry(LOGIN, "x", LOGIN.time)
    with pytest.raises(IdTokenExpired):
        caches.token_expiry(Login("f" * 32, 1000.0, 600.0), "x", 1601)


def test_the_login_in_the_header():
    assert split_header("w.sig") == ("w.sig", None)
    assert split_header("w.sig;login=0123456789abcdef,1000.0,600.000") == ("w.sig", LOGIN)
    for text in (
        "",
        "x,1,1",
        "0123456789abcdef,1000",
        "0123456789abcdef,1,0",
        "0123456789abcdef,-1,6",
    ):
        with pytest.raises(BadRequest):
            split_header(f"w.sig;login={text}")
