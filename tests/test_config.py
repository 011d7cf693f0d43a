"""Settings come from the environment; a wrong one is named in one line."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.config import (
    MailServer,
    SettingsError,
    load_settings,
    prepare_folder,
)
from scripts import jiebang_client as client
from tests.conftest import make_settings

NAMES = (
    "DATABASE_URL",
    "JIEBANG_DATA_DIR",
    "JIEBANG_TIME_ZONE",
    "JIEBANG_LOG_LEVEL",
    "JIEBANG_TOKEN_HOURS",
    "JIEBANG_MAX_UPLOAD_MB",
    "JIEBANG_RATE_LIMIT",
    "JIEBANG_BUSY_SECONDS",
    "JIEBANG_IDEMPOTENCY_HOURS",
    "JIEBANG_PROXIES",
    "JIEBANG_SIGN_IN_FAILURES",
    "JIEBANG_SIGN_IN_MINUTES",
    "JIEBANG_SMTP_URL",
    "JIEBANG_MAIL_FROM",
    "JIEBANG_PUBLIC_URL",
    "JIEBANG_FONT",
)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any setting."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_any_setting_there_is_a_market_on_this_machine(
    bare: pytest.MonkeyPatch,
) -> None:
    found = load_settings()
    assert found.database_url == f"sqlite:///{Path('var/jiebang.db').resolve()}"
    assert found.data_dir == Path("var")
    assert found.zone == ZoneInfo("Asia/Shanghai")
    assert found.log_level == "INFO"
    assert found.proxies == 0
    assert {found.index_dir, found.files_dir, found.metrics_dir} == {
        Path("var/index"),
        Path("var/files"),
        Path("var/metrics"),
    }


def test_settings_are_read_from_the_environment(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql://somebody:secret@db.example/market",
        "JIEBANG_DATA_DIR": str(tmp_path),
        "JIEBANG_TIME_ZONE": "UTC",
        "JIEBANG_LOG_LEVEL": "debug",
        "JIEBANG_TOKEN_HOURS": "3",
        "JIEBANG_MAX_UPLOAD_MB": "5",
        "JIEBANG_RATE_LIMIT": "10/second",
        "JIEBANG_PROXIES": "2",
    }.items():
        bare.setenv(name, value)
    found = load_settings()
    assert found.database_url == (
        "postgresql+psycopg://somebody:secret@db.example/market"
    )
    assert (found.data_dir, found.log_level) == (tmp_path, "DEBUG")
    assert (found.token_hours, found.proxies) == (3, 2)
    assert found.max_upload_bytes == 5 * 1024 * 1024
    assert found.rate_limit == "10/second"


def test_a_font_file_may_be_named(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().font is None
    path = tmp_path / "font.otf"
    path.write_bytes(b"a font")
    bare.setenv("JIEBANG_FONT", str(path))
    assert load_settings().font == path


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_always_spoken_to_by_psycopg_3(
    bare: pytest.MonkeyPatch, scheme: str
) -> None:
    bare.setenv("DATABASE_URL", f"{scheme}://somebody@db.example/market")
    assert load_settings().database_url.startswith("postgresql+psycopg://")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", "mysql://somebody@host/base", "'mysql' is not supported"),
        ("DATABASE_URL", "postgresql+psycopg2://host/base", "is not supported"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL is not a database address"),
        ("DATABASE_URL", "postgresql://host:port/base", "is not a database address"),
        ("DATABASE_URL", "sqlite://", "cannot share SQLite in memory"),
        ("DATABASE_URL", "sqlite:///:memory:", "cannot share SQLite in memory"),
        ("JIEBANG_TIME_ZONE", "Asia/Nowhere", "'Asia/Nowhere' is not an IANA zone"),
        ("JIEBANG_TIME_ZONE", "../../etc/passwd", "is not an IANA zone"),
        ("JIEBANG_LOG_LEVEL", "LOUD", "must be one of DEBUG"),
        ("JIEBANG_TOKEN_HOURS", "zero", "JIEBANG_TOKEN_HOURS"),
        ("JIEBANG_TOKEN_HOURS", "0", "must be greater than 0"),
        ("JIEBANG_TOKEN_HOURS", "1.5", "JIEBANG_TOKEN_HOURS"),
        ("JIEBANG_MAX_UPLOAD_MB", "-1", "must be greater than 0"),
        ("JIEBANG_RATE_LIMIT", "often", "must be a rate such as 1200/minute"),
        ("JIEBANG_RATE_LIMIT", "0/minute", "must be a rate such as 1200/minute"),
        ("JIEBANG_BUSY_SECONDS", "", "JIEBANG_BUSY_SECONDS"),
        ("JIEBANG_PROXIES", "-1", "JIEBANG_PROXIES: must be 0 or more"),
        ("JIEBANG_SIGN_IN_FAILURES", "0", "must be greater than 0"),
        ("JIEBANG_SMTP_URL", "mail.example", "is no address of a mail server"),
        ("JIEBANG_SMTP_URL", "http://mail.example", "is no address of a mail server"),
        ("JIEBANG_SMTP_URL", "smtp://", "expected smtp://host"),
        ("JIEBANG_SMTP_URL", "smtp://host:port", "expected smtp://host"),
        ("JIEBANG_SMTP_URL", "smtp://a/inbox", "expected smtp://host"),
        ("JIEBANG_SMTP_URL", "smtp://host?tls=1", "starttls=1 only"),
        ("JIEBANG_SMTP_URL", "smtps://host?starttls=1", "needs no starttls=1"),
        ("JIEBANG_MAIL_FROM", "market", "such as market@example.org"),
        ("JIEBANG_MAIL_FROM", "a@b.cn\nBcc: c@d.cn", "such as market@example.org"),
        ("JIEBANG_PUBLIC_URL", "market.example", "such as https://market"),
        ("JIEBANG_PUBLIC_URL", "https://m.example?a=1", "such as https://market"),
        ("JIEBANG_FONT", "nowhere.ttf", "there is no file 'nowhere.ttf'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(
    bare: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    bare.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    text = str(refused.value)
    assert told in text
    assert name in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("smtp://mail.example", MailServer("mail.example", 25)),
        (
            "smtp://somebody:p%40ss@mail.example:587?starttls=1",
            MailServer("mail.example", 587, "somebody", "p@ss", "starttls"),
        ),
        ("smtps://mail.example/", MailServer("mail.example", 465, tls="tls")),
    ],
)
def test_a_mail_server_is_named_by_an_address(
    bare: pytest.MonkeyPatch, value: str, found: MailServer
) -> None:
    bare.setenv("JIEBANG_SMTP_URL", value)
    bare.setenv("JIEBANG_MAIL_FROM", "market@example.org")
    bare.setenv("JIEBANG_PUBLIC_URL", "https://market.example/")
    read = load_settings()
    assert read.mail_server == found
    assert "p@ss" not in repr(read)
    assert (read.mail_from, read.public_url) == (
        "market@example.org",
        "https://market.example",
    )


def test_mail_does_not_come_from_nowhere(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("JIEBANG_SMTP_URL", "smtp://mail.example")
    with pytest.raises(SettingsError, match="JIEBANG_MAIL_FROM: JIEBANG_SMTP_URL is"):
        load_settings()


def test_the_password_of_a_mail_server_is_never_told(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("JIEBANG_SMTP_URL", "smtpx://somebody:top-secret@mail.example")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "top-secret" not in str(refused.value)


def test_a_password_in_the_address_is_never_told(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("DATABASE_URL", "mysql://somebody:top-secret@host/base")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "top-secret" not in str(refused.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(NAMES),
    value=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40),
)
def test_any_value_is_a_setting_or_one_line(
    bare: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        try:
            load_settings()
        except SettingsError as refused:
            told = str(refused)
        else:
            told = name
    assert name in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("JIEBANG_TOKEN_HUORS", "did you mean JIEBANG_TOKEN_HOURS?"),
        ("JIEBANG_DATADIR", "did you mean JIEBANG_DATA_DIR?"),
        ("JIEBANG_DATABASE_URL", "did you mean DATABASE_URL?"),
        ("JIEBANG_COLOUR", "there are DATABASE_URL, JIEBANG_BUSY_SECONDS,"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_name(
    bare: pytest.MonkeyPatch, name: str, told: str
) -> None:
    bare.setenv(name, "3")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    text = str(refused.value)
    assert text.startswith(f"{name} is not a setting; ")
    assert told in text
    assert "\n" not in text


def test_what_the_client_reads_may_stand_beside_the_settings(
    bare: pytest.MonkeyPatch,
) -> None:
    read = set(re.findall(r"JIEBANG_[A-Z_]+", Path(client.__file__).read_text("utf-8")))
    assert "JIEBANG_PASSWORD" in read
    for name in read:
        bare.setenv(name, "x")
    load_settings()


@pytest.mark.parametrize("where", ["/dev/null/folder", "/dev/null", "/proc/x", "/proc"])
def test_a_folder_that_cannot_be_written_to_is_named_in_one_line(where: str) -> None:
    with pytest.raises(SettingsError) as refused:
        prepare_folder(make_settings("sqlite:////nowhere.db", Path(where)))
    text = str(refused.value)
    assert text.startswith(f"JIEBANG_DATA_DIR: '{where}' cannot be written to")
    assert "\n" not in text


def test_a_data_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        prepare_folder(make_settings("sqlite:////nowhere.db", folder))
        assert list(folder.iterdir()) == []
