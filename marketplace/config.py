"""Settings from the environment; a missing or wrong one stops the start."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from environs import Env, EnvError, ValidationError
from limits import parse_many

from marketplace.domain.spelling import nearest

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
PREFIX = "JIEBANG_"
CLIENT = frozenset({"JIEBANG_PASSWORD", "JIEBANG_SERVER", "JIEBANG_TOKEN"})
"""What the client script reads; it may stand in the same shell as a server's."""


class SettingsError(Exception):
    """One line for the operator: which setting, what is wrong, what is expected."""


@dataclass(frozen=True)
class MailServer:
    """An SMTP server and how to speak to it.

    Parameters
    ----------
    tls : str
        ``tls`` from the first byte (smtps), ``starttls`` or ``none``.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "none"


@dataclass(frozen=True)
class Settings:
    """Everything that differs between installations."""

    database_url: str
    data_dir: Path
    zone: ZoneInfo
    log_level: str
    token_hours: int
    max_upload_bytes: int
    rate_limit: str
    busy_seconds: int
    idempotency_hours: int
    proxies: int
    sign_in_failures: int
    sign_in_minutes: int
    mail_server: MailServer | None = None
    """None: messages are kept in the application only."""
    mail_from: str = ""
    public_url: str = ""
    """Where people reach this market, without a slash at its end; may be unknown."""

    @property
    def jobs_file(self) -> Path:
        """Where the queue of the job workers lies, beside an SQLite store."""
        return self.data_dir / "jobs.db"

    font: Path | None = None

    @property
    def index_dir(self) -> Path:
        """Where the match index, a cache of the database, lies."""
        return self.data_dir / "index"

    @property
    def weights_dir(self) -> Path:
        """Where weights fitted to this market's feedback lie."""
        return self.data_dir / "weights"

    @property
    def files_dir(self) -> Path:
        """Where the file store keeps attachments."""
        return self.data_dir / "files"

    @property
    def metrics_dir(self) -> Path:
        """Where worker processes leave their counters."""
        return self.data_dir / "metrics"


def _database_url(value: str, data_dir: Path) -> str:
    if not value:
        return f"sqlite:///{(data_dir / 'jiebang.db').resolve()}"
    try:
        url = sa.make_url(value)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingsError(
            "DATABASE_URL is not a database address; expected for example "
            "postgresql://user:password@host/name or sqlite:////path/to/file.db"
        ) from None
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg").render_as_string(
            hide_password=False
        )
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if not url.database or url.database == ":memory:":
            raise SettingsError(
                "DATABASE_URL: several worker processes cannot share SQLite in memory;"
                " name a file, for example sqlite:////var/lib/jiebang/jiebang.db"
            )
        return url.set(drivername="sqlite").render_as_string(hide_password=False)
    raise SettingsError(
        f"DATABASE_URL: {url.drivername!r} is not supported; use postgresql or sqlite"
    )


def _positive(value: int) -> None:
    if value <= 0:
        raise ValidationError("must be greater than 0")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"JIEBANG_TIME_ZONE: {name!r} is not an IANA zone such as Asia/Shanghai"
        ) from None


def _level(name: str) -> None:
    if name.upper() not in LEVELS:
        raise ValidationError(f"must be one of {', '.join(LEVELS)}")


def _rate(text: str) -> None:
    try:
        wrong = any(limit.amount < 1 for limit in parse_many(text))
    except ValueError:
        wrong = True
    if wrong:
        raise ValidationError("must be a rate such as 1200/minute")


_PORTS = {"smtp": 25, "smtps": 465}
_SMTP = (
    "expected smtp://host, smtp://user:password@host:587?starttls=1"
    " or smtps://user:password@host"
)
_ADDRESS = re.compile(
    r"[!#-'*+\-/-9=?A-Z^-~.]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_HOST = re.compile(r"[A-Za-z0-9_.:-]+")


def _split(value: str) -> SplitResult | None:
    """Part an address; None for what is none."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname and _HOST.fullmatch(parts.hostname) else None


def _mail_server(value: str) -> MailServer | None:
    """Read the address of a mail server.

    A wrong one is not repeated: it may hold a password.
    """
    if not value:
        return None
    parts = _split(value)
    if parts is None or parts.scheme not in _PORTS or parts.path.strip("/"):
        raise SettingsError(f"JIEBANG_SMTP_URL is no address of a mail server; {_SMTP}")
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = asked.pop("starttls", "0")
    if asked or starttls not in {"0", "1"}:
        raise SettingsError(
            "JIEBANG_SMTP_URL: after the question mark there may be starttls=1 only"
        )
    secure = parts.scheme == "smtps"
    if secure and starttls == "1":
        raise SettingsError("JIEBANG_SMTP_URL: smtps needs no starttls=1")
    return MailServer(
        host=str(parts.hostname),
        port=parts.port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls="tls" if secure else "starttls" if starttls == "1" else "none",
    )


def _mail_from(value: str, server: MailServer | None) -> str:
    if server is not None and not value:
        raise SettingsError(
            "JIEBANG_MAIL_FROM: JIEBANG_SMTP_URL is set, so an address is needed that"
            " mail comes from, such as market@example.org"
        )
    if value and not _ADDRESS.fullmatch(value):
        raise SettingsError(
            "JIEBANG_MAIL_FROM must be an address such as market@example.org"
        )
    return value


def _public_url(value: str) -> str:
    if not value:
        return ""
    parts = _split(value)
    wrong = parts is None or parts.scheme not in {"http", "https"}
    if wrong or parts is None or parts.query or parts.fragment or parts.username:
        raise SettingsError(
            "JIEBANG_PUBLIC_URL must be an address such as https://market.example.org"
        )
    return value.rstrip("/")


def _refuse_unknown(known: Collection[str]) -> None:
    """Refuse a name that is ours and means nothing: most likely it is misspelt."""
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in known or name in CLIENT:
            continue
        by_rest = {found.removeprefix(PREFIX): found for found in known}
        close = nearest(name.removeprefix(PREFIX), by_rest, alike=0.6)
        hint = (
            f"did you mean {by_rest[close]}?"
            if close
            else f"there are {', '.join(sorted(known))}"
        )
        raise SettingsError(f"{name} is not a setting; {hint}")


def _font(value: str) -> Path | None:
    if not value:
        return None
    path = Path(value)
    if not path.is_file():
        raise SettingsError(
            f"JIEBANG_FONT: there is no file {value!r}; name a Chinese font file"
            " (ttf, otf or ttc), or leave it empty for the fonts of the system"
        )
    return path


def prepare_folder(settings: Settings) -> None:
    """Make the data folder; what is not to be written to stops the start.

    Raises
    ------
    SettingsError
        With one line that names the setting.
    """
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Asking for the permission would not tell of a read-only file system.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingsError(
            f"JIEBANG_DATA_DIR: {str(folder)!r} cannot be written to"
            f" ({error.strerror}); name a folder that this user may write to"
        ) from None


def load_settings() -> Settings:
    """Read the settings from the process environment.

    Raises
    ------
    SettingsError
        With one line that names the setting.
    """
    env = Env()
    try:
        data_dir = Path(env.str("JIEBANG_DATA_DIR", "var"))
        proxies = env.int("JIEBANG_PROXIES", 0)
        if proxies < 0:
            raise SettingsError("JIEBANG_PROXIES: must be 0 or more")
        mail_server = _mail_server(env.str("JIEBANG_SMTP_URL", ""))
        settings = Settings(
            database_url=_database_url(env.str("DATABASE_URL", ""), data_dir),
            data_dir=data_dir,
            zone=_zone(env.str("JIEBANG_TIME_ZONE", "Asia/Shanghai")),
            log_level=env.str("JIEBANG_LOG_LEVEL", "INFO", validate=_level).upper(),
            token_hours=env.int("JIEBANG_TOKEN_HOURS", 12, validate=_positive),
            max_upload_bytes=env.int("JIEBANG_MAX_UPLOAD_MB", 64, validate=_positive)
            * 1024
            * 1024,
            rate_limit=env.str("JIEBANG_RATE_LIMIT", "1200/minute", validate=_rate),
            busy_seconds=env.int("JIEBANG_BUSY_SECONDS", 20, validate=_positive),
            idempotency_hours=env.int(
                "JIEBANG_IDEMPOTENCY_HOURS", 48, validate=_positive
            ),
            proxies=proxies,
            sign_in_failures=env.int("JIEBANG_SIGN_IN_FAILURES", 5, validate=_positive),
            sign_in_minutes=env.int("JIEBANG_SIGN_IN_MINUTES", 15, validate=_positive),
            mail_server=mail_server,
            mail_from=_mail_from(env.str("JIEBANG_MAIL_FROM", ""), mail_server),
            public_url=_public_url(env.str("JIEBANG_PUBLIC_URL", "")),
            font=_font(env.str("JIEBANG_FONT", "")),
        )
    except EnvError as error:
        raise SettingsError(str(error)) from None
    _refuse_unknown(env.dump().keys())
    return settings
