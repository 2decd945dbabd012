"""Every environment variable, once, typed. A secret may come from a file: `NAME_FILE`."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

DEFAULT_DATABASE = "sqlite:///release-bot.db"


class _Files(EnvSettingsSource):
    """Reads `NAME_FILE` where `NAME` itself is not set."""

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in self.settings_cls.model_fields:
            path = os.environ.get(f"{name.upper()}_FILE")
            if path and name.upper() not in os.environ:
                found[name] = Path(path).read_text(encoding="utf-8").strip()
        return found


class Settings(BaseSettings):
    """The settings of one process. docs/settings.md has a heading for each."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, case_sensitive=False)

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    slack_command: str = Field(default="/release", pattern=r"^/\S+$")
    slack_env_command: str = Field(default="/env", pattern=r"^/\S+$")
    slack_scan_command: str = Field(default="/scan", pattern=r"^/\S+$")
    github_token: SecretStr | None = None
    github_app_id: str | None = None
    github_app_private_key: SecretStr | None = None
    github_app_installation_id: int | None = None
    github_api_url: str = "https://api.github.com"
    github_webhook_secret: SecretStr | None = None
    kubeconfig: str | None = None
    prometheus_url: str | None = None
    prometheus_token: SecretStr | None = None
    database_url: str = DEFAULT_DATABASE
    release_bot_catalog: Path = Path("catalog.yaml")
    audit_signing_key: SecretStr | None = None
    audit_checkpoint_entries: int = Field(default=1000, ge=1)
    audit_checkpoint_file: Path | None = None
    audit_retention_days: int = Field(default=2557, ge=1, le=36500)
    evidence_raw_days: int = Field(default=90, ge=1, le=36500)
    unmanaged_look_minutes: int = Field(default=5, ge=0, le=1440)
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535, validation_alias=AliasChoices("PORT", "port"))
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"

    @property
    def unmanaged_every(self) -> timedelta:
        """How often clusters are looked at for what went past the bot; 0: never."""
        return timedelta(minutes=self.unmanaged_look_minutes)

    @property
    def commands(self) -> dict[str, Literal["release", "env", "scan"]]:
        """Slash commands by the names that they have here."""
        return {
            self.slack_command: "release",
            self.slack_env_command: "env",
            self.slack_scan_command: "scan",
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order: given in code, environment, files named in the environment."""
        return init_settings, env_settings, _Files(settings_cls)


def secret_named(name: str) -> str | None:
    """Read a secret whose variable the catalogue names: `NAME`, or the file in `NAME_FILE`."""
    path = os.environ.get(f"{name}_FILE")
    if path and not os.environ.get(name):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError:
            return None
    return os.environ.get(name) or None


def revealed(secret: SecretStr | None) -> str | None:
    """Give the secret's text, for the one place that needs it."""
    return secret.get_secret_value() if secret else None
