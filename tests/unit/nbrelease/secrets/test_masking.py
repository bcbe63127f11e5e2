"""Secrets are masked, ordinary text is not changed."""

from __future__ import annotations

import io

import pytest
from tests.functional.nbrelease.planted import Maker

from nbrelease.secrets import MASK, Known, find, find_in_files, mask, mask_text
from nbrelease.secrets.masked_stream import MaskedStream
from nbrelease.secrets.masking import may_contain_secret

KEY = "kQ7" * 14  # matches no issuer's format
PEM = "-----BEGIN EC PRIVATE KEY-----\n" + ("Ab1+" * 16 + "\n") * 3 + "-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"AccountKey={KEY};EndpointSuffix=x", f"AccountKey={MASK};EndpointSuffix=x"),
        (f"https://a/b?sv=1&amp;sig={KEY}%3D&amp;se=2", f"https://a/b?sv=1&amp;sig={MASK}&amp;se=2"),
        (rf"https://a/b?sv=1\u0026sig={KEY}", rf"https://a/b?sv=1\u0026sig={MASK}"),
        (f"sig%3D{KEY}", f"sig%3D{MASK}"),
        ("Server=s;Pwd=a1b2c3;Encrypt=True", f"Server=s;Pwd={MASK};Encrypt=True"),
        ('password: str = "hunter2x"', f'password: str = "{MASK}"'),
        ("cfg['api_key'] = 'hunter2x'", f"cfg['api_key'] = '{MASK}'"),
        ('{"clientSecret": "hunter2x"}', f'{{"clientSecret": "{MASK}"}}'),
        (r"{\"clientSecret\": \"hunter2x\"}", rf"{{\"clientSecret\": \"{MASK}\"}}"),
        ("&quot;password&quot;: &quot;hunter2x&quot;", f"&quot;password&quot;: &quot;{MASK}&quot;"),
        (f"('api-key', '{KEY}')", f"('api-key', '{MASK}')"),
        ("--admin-password hunter2x --name a", f"--admin-password {MASK} --name a"),
        ("redis://:hunter2x@h:6380/0", f"redis://:{MASK}@h:6380/0"),
        (f"sasToken={KEY}", f"sasToken={MASK}"),
        (PEM, f"-----BEGIN EC PRIVATE KEY-----{MASK}-----END EC PRIVATE KEY-----"),
        ("\x1b[32mpassword\x1b[39m=\x1b[33m'hunter2x'\x1b[39m", f"\x1b[32mpassword\x1b[39m=\x1b[33m'{MASK}'\x1b[39m"),
        (f"data:image/png;base64,AAAA{KEY}== and AccountKey={KEY}", f"data:image/png;base64,AAAA{KEY}== and AccountKey={MASK}"),
    ],
)  # fmt: skip
def test_only_the_secret_is_masked(text, expected):
    masked, actual = mask_text(text)
    assert masked == expected
    assert actual.total() == 1
    assert mask_text(masked) == (masked, {})


@pytest.mark.parametrize(
    "text",
    [
        "password: required. The secret: nobody knows. token = tokenizer.eos_token",
        "password=password, secret=None, api_key=os.environ['API_KEY'], pwd=getpass.getpass()",
        "password='{password}' secret=$(System.AccessToken) key=${{ parameters.apiKey }}",
        "PWD=/home/user1/x OLDPWD=/var/lib/a1",
        f"cache_key={'ab12' * 10} etag_token={'0f' * 32}",
        r"password=\*\*\* | DB_PASS | \*\*\* | postgresql://app:\*\*\*@db",
        "curl -u ada:*** https://h; api_key = '***'; Cookie: ***; <td>password</td><td>***</td>",
        'api_key="OPENAI_API_KEY" token = "sk-..." key="your-key" password=$DB_PASSWORD',
        "kms_key = 'arn:aws:kms:us-west-2:000000000000:1234abcd-12ab-34cd-56ef-1234567890ab'",
        "Get your API key: https://example.org/keys, the name of your index. pw = 0.123456",
        'a.type||"password"===e.type;params.push("access_token="+encode(e)),W(t)',
        "| password | description |\n|---|---|\n| required | of the user |",
        f"data:image/png;base64,{'Ab1+' * 21}Ab==",
    ],
)
def test_ordinary_text_is_not_changed(text):
    assert find(text) == []


def test_json_is_parsed_before_masking():
    value = {
        "text": ["-----BEGIN PRIVATE KEY-----\n", *["Ab1+" * 16 + "\n"] * 3, "-----END PRIVATE KEY-----"],
        "settings": [{"name": "CLIENT_SECRET", "value": "short1"}, {"name": "PORT", "value": "8443x"}],
        "password": "a phrase",
        f"AccountKey={KEY}": 1,
        "rows": 3,
    }  # fmt: skip
    clean, actual = mask(value)
    assert clean == {
        "text": [f"-----BEGIN PRIVATE KEY-----{MASK}-----END PRIVATE KEY-----"],
        "settings": [{"name": "CLIENT_SECRET", "value": MASK}, {"name": "PORT", "value": "8443x"}],
        "password": MASK,
        f"AccountKey={MASK}": 1,
        "rows": 3,
    }
    assert actual.total() == 4


def test_known_secrets_are_masked_in_all_encodings():
    known = Known({"two words & ü": "the value of the variable X"})
    texts = (
        "two words & ü", "two words &amp; ü", "two%20words%20%26%20%C3%BC", r"two words & \u00fc",
        "dHdvIHdvcmRzICYgw7w=",
    )  # fmt: skip
    for text in texts:
        assert mask_text(f"a {text} b", known) == (
            f"a {MASK} b",
            {"the value of the variable X": 1},
        )


def test_a_stream_holds_incomplete_lines_and_keys():
    target = io.StringIO()
    stream = MaskedStream(target, Known())
    stream.write("begin\npassw")
    assert target.getvalue() == "begin\n"
    stream.write("ord='hunter2x'\n" + PEM[:60])
    assert target.getvalue() == f"begin\npassword='{MASK}'\n"
    stream.write(PEM[60:] + "\n")
    stream.write("no end")
    stream.close()
    assert target.getvalue().endswith(f"KEY-----{MASK}-----END EC PRIVATE KEY-----\nno end")


@pytest.mark.parametrize("form", Maker(0).forms())
def test_joined_texts_give_the_same_result_as_single_texts(form):
    """The fast search of all texts of a file misses no secret."""
    planted = Maker(1).plant(form)
    for neighbour in ("", "a", "9", "key", "=", "\x1b[31mred\x1b[0m", "'"):
        check_joined(planted, neighbour)


def check_joined(planted, neighbour):
    texts = ["first", neighbour, planted.text, neighbour, '{"a": 1}']
    assert may_contain_secret(texts)
    assert mask(texts) == ([mask_text(text)[0] for text in texts], mask_text(planted.text)[1])
    assert not may_contain_secret(["first", neighbour, '{"a": 1}'])


def test_a_secret_does_not_span_two_texts():
    assert not may_contain_secret(
        ["password = ", "hunter2secret", "Bearer", "abcdef1234567890abcd", "AccountKey=", KEY]
    )


def test_secrets_are_found_in_the_files_that_contain_them(tmp_path):
    (tmp_path / "a.json").write_text('{"name": "x", "values": ["a", "b"]}')
    (tmp_path / "b.txt").write_text(f"AccountKey={KEY}")
    (tmp_path / "c.json").write_text('{"clientSecret": "hunter2x"}')
    paths = [tmp_path / name for name in ("a.json", "b.txt", "c.json")]
    assert find_in_files(paths[:1]) == []
    assert [path.name for path, _ in find_in_files(paths[:2])] == ["b.txt"]
    assert [path.name for path, _ in find_in_files(paths)] == ["b.txt", "c.json"]
