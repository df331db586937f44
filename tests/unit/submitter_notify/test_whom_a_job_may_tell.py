"""What a user may write under notify_*, what the administrator may set, and what of it reaches the pod."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from nbargo_shared.errors import ConfigError, InputError
from nbargo_submitter.notices import job_member, variables

TOKEN = {"secret": "slack", "key": "token"}
SETTINGS: dict[str, Any] = {
    "slack": {"token": TOKEN},
    "email": {
        "host": "mail.example",
        "from": "Notebook jobs <jobs@example.com>",
        "user": {"secret": "smtp", "key": "user"},
        "password": {"secret": "smtp", "key": "password"},
        "allowed_domains": ["Example.com"],
    },
    "webhook": {"allowed": ["https://hooks.example/in/", "http://other.example:8080"], "secret": TOKEN},
}


OPERATORS = Path(__file__).parents[3] / "docs" / "operators.md"


def refused(notify: dict[str, str], settings: dict[str, Any] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        job_member(notify, SETTINGS if settings is None else settings)
    return str(caught.value)


def test_who_asks_for_nothing_gets_nothing() -> None:
    assert job_member({}, SETTINGS) == {}
    assert job_member({"notify_slack": ""}, {}) == {}
    assert variables({}, SETTINGS) == {}


def test_the_pod_is_told_where_and_how() -> None:
    member = job_member(
        {
            "notify_on": "failure",
            "notify_slack": "reports",
            "notify_email": "jane@example.com, o'neil+x@EXAMPLE.com,jane@example.com",
            "notify_webhook": "https://hooks.example/in/1?a=b",
        },
        SETTINGS,
    )
    assert member == {
        "on": "failure",
        "slack": {
            "channel": "#reports",
            "url": "https://slack.com/api",
            "token": "NBARGO_SLACK_TOKEN",
            "max_bytes": 20 * 1024 * 1024,
        },
        "email": {
            "to": ["jane@example.com", "o'neil+x@EXAMPLE.com"],
            "from": "Notebook jobs <jobs@example.com>",
            "host": "mail.example",
            "port": 587,
            "security": "starttls",
            "user": "NBARGO_SMTP_USER",
            "password": "NBARGO_SMTP_PASSWORD",
            "max_bytes": 7 * 1024 * 1024,
        },
        "webhook": {"url": "https://hooks.example/in/1?a=b", "secret": "NBARGO_WEBHOOK_SECRET"},
    }
    assert json.loads(json.dumps(member)) == member


def test_success_and_failure_are_told_unless_one_is_chosen() -> None:
    assert job_member({"notify_slack": "reports"}, SETTINGS)["on"] == "both"


def test_secrets_are_references_and_only_those_that_the_job_needs() -> None:
    def reference(name: str, key: str) -> dict[str, Any]:
        return {"valueFrom": {"secretKeyRef": {"name": name, "key": key, "optional": True}}}

    assert variables({"notify_slack": "reports"}, SETTINGS) == {"NBARGO_SLACK_TOKEN": reference("slack", "token")}
    assert variables({"notify_email": "jane@example.com"}, SETTINGS) == {
        "NBARGO_SMTP_USER": reference("smtp", "user"),
        "NBARGO_SMTP_PASSWORD": reference("smtp", "password"),
    }
    assert variables({"notify_webhook": "https://hooks.example/in/1"}, SETTINGS) == {
        "NBARGO_WEBHOOK_SECRET": reference("slack", "token")
    }


def test_a_variable_that_the_pod_has_anyway_is_not_made() -> None:
    settings = {"slack": {"token": {"variable": "TOKEN"}}}
    assert job_member({"notify_slack": "reports"}, settings)["slack"]["token"] == "TOKEN"
    assert variables({"notify_slack": "reports"}, settings) == {}


def test_nothing_that_the_administrator_did_not_set_up_is_accepted() -> None:
    assert refused({"notify_slack": "reports"}, {}) == (
        "The administrator has not set up messages by Slack. Leave out notify_slack, or ask for it to be set up"
    )
    assert refused({"notify_email": "jane@example.com"}, {}).startswith(
        "The administrator has not set up messages by e-mail."
    )
    assert refused({"notify_webhook": "https://hooks.example/"}, {}).startswith(
        "The administrator has not set up messages by a webhook."
    )


@pytest.mark.parametrize("channel", ["#reports", "reports", "#büro-1", "C024BE91L", "U024BE7LH", "#2026_q4"])
def test_channels_are_names_in_small_letters_or_ids(channel: str) -> None:
    assert job_member({"notify_slack": channel}, SETTINGS)["slack"]["channel"] in {channel, f"#{channel}"}


@pytest.mark.parametrize("channel", ["#", "#Reports", "two words", "@jane", "a" * 81, "x\ny", "a,b", "<!channel>"])
def test_what_is_no_channel_is_refused(channel: str) -> None:
    assert refused({"notify_slack": channel}) == (
        f"notify_slack is '{channel[:80]}', which is not a Slack channel. "
        "Write its name in small letters, such as #reports, or its id, such as C024BE91L"
    )


@pytest.mark.parametrize(
    "text",
    [
        "jane",
        "jane@",
        "@example.com",
        "jane@example.com,",
        "jane@exa mple.com",
        "jane@example.com\nBcc: all@example.com",
        "Jane <jane@example.com>",
        "jäne@example.com",
        "a" * 250 + "@example.com",
        "jane@-example.com",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert "which is not an e-mail address. Write addresses such as jane@example.com" in refused({"notify_email": text})


def test_mails_go_to_the_allowed_domains_alone() -> None:
    assert refused({"notify_email": "jane@example.com.evil.example"}) == (
        "notify_email names 'jane@example.com.evil.example', to which no messages may go. "
        "Mails may go to addresses of: example.com"
    )


def test_no_more_than_twenty_addresses() -> None:
    text = ",".join(f"{number}@example.com" for number in range(21))
    assert refused({"notify_email": text}) == "notify_email names 21 addresses. Write 20 at most"


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/in",
        "https://hooks.example:443/in/a/b?c=d",
        "HTTPS://HOOKS.example/in/x",
        "http://other.example:8080/?x",
    ],
)
def test_urls_below_an_allowed_one_are_accepted(url: str) -> None:
    assert job_member({"notify_webhook": url}, SETTINGS)["webhook"]["url"] == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/in/x",
        "https://hooks.example/inner",
        "https://hooks.example/",
        "https://hooks.example:8443/in/x",
        "https://hooks.example.evil.example/in/x",
        "https://evil.example/https://hooks.example/in/",
        "http://169.254.169.254/latest/meta-data",
        "http://other.example/x",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    text = refused({"notify_webhook": url})
    assert text.endswith(", to which no messages may go. Ask the administrator to allow it")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example@evil.example/in/x",
        "https://u:p@hooks.example/in/x",
        "https://hooks.example/in/../x",
        "https://hooks.example/in/%2e%2E/x",
        "https://hooks.example/in/..%2fx",
        "https://hooks.example\\@evil.example/in/x",
        "https://hooks.example/in/#x",
        "https://hooks.example/in/ x",
        "https://hooks.example/in/\r\nX: y",
        "https://hooks.exämple/in/x",
        "https://hooks.example:port/in",
        "https://[::1/in",
        "file:///etc/passwd",
        "ftp://hooks.example/in/x",
        "hooks.example/in/x",
        "https://hooks.example/in/" + "x" * 2000,
    ],
)
def test_what_programs_read_in_different_ways_is_refused(url: str) -> None:
    assert "which is not a plain URL. Write one such as https://example.com/hooks/reports" in refused(
        {"notify_webhook": url}
    )


def test_notify_on_is_one_of_three_and_needs_somebody_to_tell() -> None:
    assert refused({"notify_on": "sometimes", "notify_slack": "reports"}) == (
        "notify_on is 'sometimes'. Write one of: success, failure, both"
    )
    assert refused({"notify_on": "both"}) == (
        "notify_on is given, but nobody to tell. Add notify_slack, notify_email or notify_webhook"
    )


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"sms": {}}, "'sms' is none of slack, email and webhook"),
        ({"slack": "xoxb-1"}, "slack is not a dictionary"),
        ({"slack": {"token": TOKEN, "channel": "x"}}, "slack has no member 'channel', but: token, url, max_bytes"),
        ({"slack": {}}, "slack.token is missing"),
        (
            {"slack": {"token": "xoxb-1"}},
            'slack.token is neither {"secret": <name>, "key": <key>} nor {"variable": <name>}',
        ),
        ({"slack": {"token": {"secret": "A b", "key": "k"}}}, "slack.token is neither"),
        ({"slack": {"token": {"variable": "1 2"}}}, "slack.token is neither"),
        ({"slack": {"token": TOKEN, "url": "file:///x"}}, "slack.url is not the URL of a web server"),
        ({"slack": {"token": TOKEN, "max_bytes": -1}}, "slack.max_bytes is not a whole number from 0 to"),
    ],
)
def test_wrong_settings_for_slack_are_named(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        job_member({"notify_slack": "reports"}, settings)
    assert str(caught.value).startswith(f"The setting notifications is wrong: {what}")
    assert caught.value.hint == "Correct c.ArgoScheduler.notifications in a Jupyter configuration file"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"host": ""}, "email.host is not the name of a mail server"),
        ({"port": "587"}, "email.port is not a whole number from 0 to 65535"),
        ({"security": "ssl"}, "email.security is none of starttls, tls and none"),
        ({"from": "nobody"}, "email.from is not an address"),
        ({"from": "a@b.example\nBcc: c@d.example"}, "email.from is not an address"),
        ({"user": None}, "email needs user and password, or neither"),
        ({"security": "none"}, "email.password would be sent in clear: security has to be starttls or tls"),
        ({"allowed_domains": "example.com"}, "email.allowed_domains is not a list of texts"),
        ({"max_bytes": 2**26}, "email.max_bytes is not a whole number from 0 to 26214400"),
    ],
)
def test_wrong_settings_for_mail_are_named(change: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        job_member({"notify_email": "jane@example.com"}, {"email": {**SETTINGS["email"], **change}})
    assert caught.value.message == f"The setting notifications is wrong: {what}"


@pytest.mark.parametrize(
    ("webhook", "what"),
    [
        ({}, "webhook.allowed is missing: a list of what users' URLs may begin with"),
        ({"allowed": ["*"]}, "webhook.allowed holds '*', which is not the beginning of a URL"),
        ({"allowed": ["https://x.example/?a"]}, "webhook.allowed holds 'https://x.example/?a', which is not"),
    ],
)
def test_wrong_settings_for_webhooks_are_named(webhook: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        job_member({"notify_webhook": "https://x.example/"}, {"webhook": webhook})
    assert caught.value.message.startswith(f"The setting notifications is wrong: {what}")


def test_the_example_of_the_operators_page_is_accepted() -> None:
    _, _, rest = OPERATORS.read_text(encoding="utf-8").partition("c.ArgoScheduler.notifications = ")
    settings = ast.literal_eval(rest.partition("```")[0])
    wish = {
        "notify_slack": "#reports",
        "notify_email": "jane@example.com",
        "notify_webhook": "https://hooks.example.com/notebooks/reports",
    }
    assert set(job_member(wish, settings)) == {"on", "slack", "email", "webhook"}
    assert len(variables(wish, settings)) == 4
