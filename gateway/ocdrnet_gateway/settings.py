"""Every setting of the gateway: default, range, help; read from arguments and environment."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from ocdrnet_client.address import DEFAULT_URL, Address
from ocdrnet_client.errors import ConfigurationError
from ocdrnet_gateway.errors import SettingsError

MEBIBYTE = 1024 * 1024
# Images that a request may hold whatever the settings say; each is checked before the next is looked at.
MAX_IMAGES = 256
PREFIX = "OCDRNET_GATEWAY_"
# Every interface by the name that `interfaces` has it by; `ocdrnet_gateway.app` has the routes of each.
INTERFACES = (
    "own",
    "hosted",
    "nim",
    "azure",
    "mistral",
    "liteparse",
    "vision",
    "textract",
)


class GatewaySettings(BaseSettings):
    """Read once at the start, from arguments or from the environment: `OCDRNET_GATEWAY_PORT=9000`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, use_attribute_docstrings=True, frozen=True)

    triton: str = DEFAULT_URL
    """Where Triton answers: grpc://host:port, grpcs://, http:// or https://; several as grpc://host:port,host:port."""
    host: str = "127.0.0.1"
    """Address to listen on; other than loopback it wants keys, or allow_anonymous."""
    port: int = Field(default=9000, ge=0, le=65535)
    """Port to listen on; 0 takes any free one."""
    interfaces: str = "own,hosted,nim"
    """Interfaces that are served, with commas between, see Interfaces; health, models and metrics always are."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    """Where callers reach the gateway, for the URLs it hands out; left out, each request's own Host header says it."""
    forwarded_allow_ips: str = "127.0.0.1"
    """Proxies whose X-Forwarded-Proto and X-Forwarded-For are believed: addresses with commas between, or *."""
    allow_anonymous: bool = False
    """Serve callers without keys on an address that other machines can reach."""
    keys_file: Path | None = None
    """File of `ocdrnet keys`; with it every caller needs a key, without it none does."""
    store: str | None = None
    """Where assets and results lie: a folder, or s3://bucket/prefix; by default `gateway` in the cache folder."""
    store_endpoint: str | None = None
    """URL of an S3-compatible server; left out, that of AWS for the region in the usual variables."""
    store_max_bytes: int = Field(default=2048 * MEBIBYTE, ge=1)
    """Bytes that assets and results may fill together in a folder; results that were fetched give way to new ones."""
    store_caller_bytes: int | None = Field(default=None, ge=1)
    """Bytes of the store that one caller may fill; left out, half of store_max_bytes, and no limit in a bucket."""
    secret: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_urlsafe(32)), min_length=16)
    """Signs upload and result URLs; random for each process, so several replicas need one in common."""
    allowed_hosts: str = ""
    """Hosts that the gateway may call for a caller: files by URL, webhooks; with commas between, see Hosts."""
    webhook_secret: SecretStr | None = Field(default=None, min_length=16)
    """Signs webhooks, so that whoever gets them knows who sent them; left out, secret does."""
    max_upload_bytes: int = Field(default=32 * MEBIBYTE, ge=1024)
    """Bytes that one request's body may have."""
    max_pixels: int = Field(default=100_000_000, ge=1, le=178_000_000)
    """Pixels, width times height, that one image may have by its header, before anything is decoded."""
    max_images: int = Field(default=16, ge=1, le=MAX_IMAGES)
    """Images that one NIM request may hold; they are read one after the other."""
    upload_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds a request's body may take to arrive."""
    max_uploads: int = Field(default=128, ge=1)
    """Requests with a body that may be open at once."""
    memory_bytes: int | None = Field(default=None, ge=MEBIBYTE)
    """Bytes that bodies and drawings may take together; left out, what its container allows, see Load."""
    max_connections: int = Field(default=1000, ge=8)
    """Connections that may be open at once; the one that is idle longest is closed for a new one."""
    header_timeout_s: float = Field(default=5.0, gt=0)
    """Seconds until a new connection's request, without its body, must have arrived."""
    idle_timeout_s: float = Field(default=75.0, gt=0)
    """Seconds that a connection is kept for a next request; proxies keep theirs for a minute and should close first."""
    stall_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds without taking a byte of its answer after which a caller's connection is closed."""
    cors_origins: str = ""
    """Origins of other pages whose scripts may call, with commas between, as https://app.example, or *."""
    max_in_flight: int = Field(default=16, ge=1)
    """Requests that are with Triton at once; a few more than keep it busy."""
    max_waiting: int = Field(default=64, ge=0)
    """Requests that may wait for their turn; the next one is answered 429 at once."""
    max_documents: int = Field(default=2, ge=1)
    """Documents that may be open at once, each with a process of up to 256 MiB; four times as many may wait."""
    max_document_pages: int = Field(default=1000, ge=1, le=100_000)
    """Pages that one document may have."""
    max_document_bytes: int = Field(default=128 * MEBIBYTE, ge=1024)
    """Bytes that a document of /v1/jobs may have; it goes through a file, not through memory."""
    spool_bytes: int = Field(default=768 * MEBIBYTE, ge=MEBIBYTE)
    """Bytes that jobs' files may take together in the temporary folder, on their way to the store and back."""
    max_jobs: int = Field(default=64, ge=1)
    """Jobs of /v1/jobs that may wait or be under way in one gateway; half of them one caller's."""
    max_job_s: float = Field(default=86_400.0, gt=0)
    """Seconds from a job's submission until it fails unfinished, so that none is under way for ever."""
    job_lease_s: float = Field(default=20.0, ge=1)
    """Seconds after which another gateway on the store takes over the work of one that gives no sign of life."""
    deadline_s: float = Field(default=60.0, gt=0)
    """Seconds from a request's arrival to its answer, waiting included; each further NIM image has as many."""
    rate_per_minute: float | None = Field(default=None, gt=0)
    """Images a minute that one caller may have read, unless its key says otherwise; none: no limit."""
    concurrency: int | None = Field(default=None, ge=1)
    """Requests that one caller may have under way, unless its key says otherwise; none: no limit."""
    asset_lifetime_s: float = Field(default=86_400.0, gt=0)
    """Seconds until an uploaded asset is deleted."""
    upload_url_lifetime_s: float = Field(default=3_600.0, gt=0)
    """Seconds until an upload URL expires."""
    result_lifetime_s: float = Field(default=3_600.0, gt=0)
    """Seconds until a result, and the URL that leads to it, expires."""
    sweep_interval_s: float = Field(default=60.0, gt=0)
    """Seconds between two rounds that delete what has expired."""
    poll_s: int = Field(default=30, ge=1, le=3600)
    """Seconds a hosted-endpoint request is held before 202, where it does not say so by NVCF-POLL-SECONDS."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe lines of the log."""
    otel_endpoint: str | None = None
    """URL of an OpenTelemetry collector (OTLP over HTTP); needs the opentelemetry packages."""

    @property
    def origins(self) -> list[str]:
        """The parts of `cors_origins`."""
        return [origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def served(self) -> frozenset[str]:
        """The parts of `interfaces`."""
        return frozenset(name.strip() for name in self.interfaces.split(",") if name.strip())

    @property
    def is_loopback(self) -> bool:
        """Only this machine can call."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @field_validator("interfaces")
    @classmethod
    def _check_interfaces(cls, interfaces: str) -> str:
        unknown = [name for name in map(str.strip, interfaces.split(",")) if name and name not in INTERFACES]
        if unknown:
            raise ValueError(f"there is no interface {unknown[0][:40]!r}; there are {', '.join(INTERFACES)}")
        return interfaces

    @model_validator(mode="after")
    def _check_who_may_call(self) -> GatewaySettings:
        if not self.is_loopback and self.keys_file is None and not self.allow_anonymous:
            raise ValueError(
                f"host {self.host} is open to other machines and there are no keys; make one by `ocdrnet keys create"
                " NAME` and set keys_file, or allow everyone by allow_anonymous"
            )
        return self


def load_settings(arguments: Mapping[str, object]) -> GatewaySettings:
    """The settings; an argument that is None is left to the environment or the default.

    Raises:
        SettingsError: one cannot be used; the text names it, its variable and why.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        settings = GatewaySettings(**given)  # type: ignore[arg-type]  # pydantic checks them
        Address.parse(settings.triton)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(item["loc"], item["msg"]) for item in error.errors())) from None
    except (ConfigurationError, SourceError) as error:
        raise SettingsError(str(error)) from None
    return settings


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not place:
        return text
    return f"{place[0]} (or {PREFIX}{str(place[0]).upper()}): {text}"
