"""Formats of the tokens of issuers other than Azure.

Prefixes and lengths are facts that the issuers document; the rules of gitleaks and detect-secrets
list most of them. A length is a minimum where issuers have changed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from nbrelease.secrets import pattern as formats
from nbrelease.secrets.pattern import (
    B64,
    WORD,
    SecretPattern,
    has_digit_and_letter,
    has_mixed_case,
    looks_random,
)

context = formats.pattern  # the hint is a word of the text around the secret
token = partial(formats.pattern, is_token=True)

ISSUERS: tuple[SecretPattern, ...] = (
    token(
        "an AWS access key",
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
        "akia",
        "asia",
        "abia",
        "acca",
    ),
    # The secret has no prefix: 40 characters, in a line with the id of the key or with "aws".
    context(
        "an AWS secret access key",
        rf"(?<![{B64}_.=-])(?P<s>[{B64}]{{40}})(?![{B64}_.=-])",
        *("akia", "asia", "aws"),
        check=has_mixed_case,
    ),
    token("an AWS key", rf"\bABSK[{B64}]{{100,}}={{0,2}}", "absk"),
    context(
        "a signed URL",
        r"(?i)\bX-(?:Amz|Goog)-(?:Signature|Security-Token)(?:=|%3D)(?P<s>[^\s&\"'<>\\]{32,})",
        "x-amz-s",
        "x-goog-s",
    ),
    token(
        "a GitHub token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})",
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    token(
        "a GitLab token",
        rf"\b(?:gl(?:pat|ptt|rt|dt|ft|soat|imt|agent|oas|ffct)-|glcbt-\w{{1,5}}_|GR1348941)[.{WORD}]{{20,}}",
        *("glpat-", "glptt-", "glrt-", "gldt-", "glft-", "glsoat-", "glimt-", "glagent-", "gloas-"),
        *("glffct-", "glcbt-", "gr1348941"),
        check=has_digit_and_letter,
    ),
    token(
        "a Slack token",
        r"\b(?:xox[abceoprsd]-|xoxe\.xox[bp]-|xapp-)[A-Za-z0-9%+/-]{10,}",
        "xox",
        "xapp-",
        check=has_digit_and_letter,
    ),
    token(
        "a webhook URL",
        r"(?i)\b(?:hooks\.slack\.com/(?:services|workflows|triggers)|"
        r"[a-z0-9.-]*webhook\.office\.com/webhookb2|discord(?:app)?\.com/api/webhooks)/"
        r"(?P<s>[A-Za-z0-9@/_-]{20,})",
        "hooks.slack",
        "webhook",
    ),
    token("a Google key", rf"\bAIza[{WORD}]{{35}}", "aiza"),
    token("a Google key", rf"\b(?:GOCSPX-|ya29\.)[{WORD}]{{20,}}", "gocspx-", "ya29."),
    token("a Google key", rf"(?<![/{WORD}])[1-4]//0[{WORD}]{{30,}}", "//0", check=has_mixed_case),
    token("an API key", rf"\bsk-[{WORD}]{{20,}}", "sk-", check=has_mixed_case),
    token(
        "a Stripe key",
        r"\b[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}",
        "k_live_",
        "k_test_",
        "k_prod_",
    ),
    token("a Stripe key", r"\bwhsec_[A-Za-z0-9+/=]{24,}", "whsec_"),
    token("a Hugging Face token", r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}", "hf_", "api_org_"),
    token("a package index token", rf"\bpypi-[{WORD}]{{50,}}", "pypi-"),
    token(
        "a package index token",
        r"\b(?:npm_[A-Za-z0-9]{36}|oy2[a-z0-9]{43}|rubygems_[0-9a-f]{48})\b",
        *("npm_", "oy2", "rubygems_"),
    ),
    token(
        "a package index token",
        r"\b(?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})\b",
        "akcp",
        "cmvmd",
    ),
    token(
        "a Databricks token", r"\bd(?:api|ose|kea)[0-9a-f]{32}(?:-\d)?\b", "dapi", "dose", "dkea"
    ),
    token("a SendGrid key", rf"\bSG\.[{WORD}]{{16,}}\.[{WORD}]{{16,}}", "sg."),
    token(
        "a vault or registry token",
        rf"\b(?:hv[sbr]\.|dckr_[a-z]{{3}}_|do[opr]_v1_)[{WORD}]{{20,}}",
        *("hvs.", "hvb.", "hvr.", "dckr_", "_v1_"),
    ),
    token("a vault or registry token", rf"[A-Za-z0-9]{{14}}\.atlasv1\.[={WORD}]{{40,}}", "atlasv1"),
    token(
        "a token of a language model service",
        rf"\b(?:gsk_|r8_|pplx-|xai-|pcsk_|tvly-|fw_|nvapi-|co_|jina_|sbp_|lsv2_(?:pt|sk)_|KGAT_|"
        rf"wandb_v1_)[{WORD}]{{30,}}",
        *(
            "gsk_",
            "r8_",
            "pplx-",
            "xai-",
            "pcsk_",
            "tvly-",
            "fw_",
            "nvapi-",
            "co_",
            "jina_",
            "sbp_",
        ),
        *("lsv2_", "kgat_", "wandb_v1_"),
        check=looks_random,
    ),
    context(
        "a Weights & Biases key",
        r"(?i)\bwandb\b[^\n]{0,40}?\b(?:login|key)\b[^\n]{0,20}?(?P<s>\b[0-9a-f]{40})\b",
        "wandb",
    ),
    token(
        "a Telegram token",
        rf"(?<![{WORD}])(?:bot)?(?P<s>\d{{8,10}}:AA[{WORD}]{{32,34}})(?![{WORD}])",
        ":aa",
    ),
    token("a Sentry token", rf"\bsntry[su]_[={B64}_-]{{32,}}", "sntrys_", "sntryu_"),
    token("a Sentry token", r"://(?P<s>[0-9a-f]{32}(?::[0-9a-f]{32})?)@[\w.-]+/\d", "@"),
    token("a Grafana token", rf"\b(?:glc_|glsa_)[{B64}_]{{32,}}={{0,2}}", "glc_", "glsa_"),
    token("a Grafana token", r"\beyJrIjoi[A-Za-z0-9]{60,}={0,2}", "eyjrijoi"),
    token("an age key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}", "age-secret-key-1"),
    token("a Twilio key", r"\bSK[0-9a-fA-F]{32}\b", "sk"),
    token(
        "a Mailgun or Mailchimp key",
        r"\b(?:key-[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2})\b",
        "key-",
        "-us",
    ),
    token("a Notion token", r"\bntn_[0-9]{11}[A-Za-z0-9]{30,}", "ntn_"),
    token("a Postman key", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}", "pmak-"),
    token(
        "a Shopify token",
        r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
        "shpat_",
        "shpca_",
        "shppa_",
        "shpss_",
    ),
    token("a Square token", rf"\bsq0(?:atp|csp)-[{WORD}]{{22,}}", "sq0atp-", "sq0csp-"),
    token(
        "a New Relic key",
        r"\bNR(?:AK|II|JS|RA)-[A-Za-z0-9-]{19,}",
        "nrak-",
        "nrii-",
        "nrjs-",
        "nrra-",
    ),
    token("a Pulumi token", r"\bpul-[0-9a-f]{40}\b", "pul-"),
    token("an Atlassian token", rf"\bAT[AC]TT3[={WORD}]{{50,}}", "atatt3", "atctt3"),
    token("a Linear token", r"\blin_(?:api|oauth)_[A-Za-z0-9]{40}", "lin_api_", "lin_oauth_"),
    token("a Dynatrace token", r"\bdt0[a-z]\d\d\.[A-Za-z0-9]{8,}\.[A-Za-z0-9]{64}", "dt0"),
    token("a Doppler token", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,}", "dp."),
    token("a PlanetScale token", rf"\bpscale_(?:tkn|oauth|pw)_[=.{WORD}]{{32,}}", "pscale_"),
    token("an Airtable token", r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b", "pat"),
    token("a Heroku key", rf"\bHRKU-AA[{WORD}]{{50,}}", "hrku-aa"),
    token(
        "a Fly token",
        rf"\b(?:fo1_[{WORD}]{{43}}|fm[12][ar]?_[{B64}]{{60,}}={{0,3}})",
        "fo1_",
        "fm1",
        "fm2_",
    ),
    token("a Cloudflare key", r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{100,}", "v1.0-"),
    token(
        "a 1Password key",
        r"\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b|"
        rf"\bops_eyJ[{B64}]{{100,}}={{0,3}}",
        "a3-",
        "ops_eyj",
    ),
    token("an Octopus Deploy key", r"\bAPI-[A-Z0-9]{26}\b", "api-", check=has_digit_and_letter),
    token("a ClickHouse key", r"\b4b1d[A-Za-z0-9]{38}\b", "4b1d", check=has_mixed_case),
    token(
        "a Datadog key",
        r"\bdd(?:api|app|pat)_[A-Za-z0-9_]{32,}",
        "ddapi_",
        "ddapp_",
        "ddpat_",
    ),
)

_BARE_KEY = re.compile(rf"(?<![{B64}_.=%-])[{B64}]{{40}}(?![{B64}_.=%-])")
_FEWEST_CHANGES = 18


def bare_keys(text: str, runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The (start, end) of each text in the form of an AWS secret key, which has no prefix.

    Args:
        text: the text.
        runs: its long runs of characters; see :func:`nbrelease.secrets.runs.long_runs`.
    """
    for run in runs:
        for match in _BARE_KEY.finditer(text, *run):
            kinds = [_character_kind(char) for char in match[0]]
            changes = sum(one != other for one, other in pairwise(kinds))
            if changes >= _FEWEST_CHANGES and len(set(kinds)) > 2:
                yield match.span()


def _character_kind(char: str) -> str:
    return "A" if char.isupper() else "a" if char.islower() else "0" if char.isdigit() else "/"
