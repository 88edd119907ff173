"""How a service runs: from a TOML file, from the environment, from the command line.

The command line goes before the environment, the environment before the file, the file before what is
said here. Each setting is called the same everywhere: ``port`` in the file, ``ATTRIEVE_PORT`` in the
environment, ``--port`` where the command has it.
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from attrieve.errors import ConfigurationError, UnknownNameError, nearest_names

PREFIX = "ATTRIEVE_"
OTHER_VARIABLES = frozenset({"ATTRIEVE_DATA"})
"""Variables of the same beginning that say something else: where data sets lie."""


class Access(StrEnum):
    """Who may use the service."""

    OPEN = "open"
    """Whoever can reach it may do everything; only on this machine's own address."""
    ACCOUNTS = "accounts"
    """People sign in, programs bring a key; each has a role."""


def _address(text: str) -> str:
    """Return an address or a network; not everybody's, for who is believed says where requests come from."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        network = None
    if network is None or network.prefixlen == 0:
        raise ValueError("name a proxy by its address, or its network as 10.0.0.0/24")
    return text


class ServiceSettings(BaseModel):
    """All settings of a service; see :mod:`attrieve.serving.settings` for where they come from.

    Raises:
        pydantic.ValidationError: for a value out of range; :func:`read_settings` tells it plainly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gallery: Path = Field(description="Folder of the gallery that is searched.")
    run: Path | None = Field(
        default=None,
        description="Folder of the run that filled the gallery. Only with it can images be added and heat "
        "maps be drawn.",
    )
    state: Path | None = Field(
        default=None,
        description="Folder for accounts, ledger, jobs, cases and exports. Without it: beside the gallery, "
        "named after it with '-service' behind.",
    )

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Other machines reach only others than 127.0.0.1."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(
        default=1, ge=1, le=64, description="Processes that answer requests and share the gallery."
    )
    host_names: tuple[str, ...] = Field(
        default=(),
        description="Names under which the service is reached, besides this machine's name, 'localhost' and "
        "addresses; requests for another name are refused.",
    )
    tls_certificate: Path | None = Field(
        default=None, description="Certificate chain, a PEM file; turns HTTPS on."
    )
    tls_key: Path | None = Field(default=None, description="Private key of the certificate, a PEM file.")
    behind_proxy: bool = Field(
        default=False,
        description="Whether another server that speaks HTTPS stands in front; only then are its headers "
        "X-Forwarded-For and X-Forwarded-Proto believed, and requests that reach it otherwise refused.",
    )
    trusted_proxies: tuple[Annotated[str, AfterValidator(_address)], ...] = Field(
        ("127.0.0.1",),
        description="Addresses, or networks as 10.0.0.0/24, of the servers in front that are believed.",
    )
    json_logs: bool = Field(default=False, description="Log lines as JSON, one object a line.")

    access: Access = Field(
        Access.OPEN,
        description="'open': this machine's user may do everything; 'accounts': sign in or bring a key.",
    )
    purpose_required: bool = Field(
        default=False, description="Whether searches, views and exports must name a purpose and a case."
    )
    session_minutes: int = Field(
        default=30, ge=1, le=1440, description="Minutes without a request after which one must sign in again."
    )
    session_hours: int = Field(
        default=12, ge=1, le=720, description="Hours after which one must sign in again in any case."
    )
    key_days: int = Field(
        default=365, ge=1, le=3650, description="Days a new API key is good for unless said otherwise."
    )
    requests_per_minute: int = Field(
        default=6000,
        ge=1,
        le=10_000_000,
        description="Requests a key, an account or an address may make in a minute, over all processes.",
    )
    sign_ins_per_minute: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Attempts to sign in that an address may make in a minute, over all processes; "
        "failures are counted by account, too.",
    )
    ledger_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Days entries of the ledger are kept; without it for ever."
    )
    job_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="Days jobs that have ended are kept, with what they were asked for; without it for ever.",
    )
    row_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="Days rows of the gallery are kept, by their time; without it for ever.",
    )

    searches_at_once: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Passes over the gallery a process makes side by side; each uses search_threads cores.",
    )
    searches_together: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Searches a process reads and answers side by side; those that wait for a pass over the "
        "same rows share it.",
    )
    search_threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Cores one search uses; without it this machine's, divided by the workers.",
    )
    queue: int = Field(
        default=64,
        ge=0,
        le=4096,
        description="Searches of a process that may wait; beyond that the answer is 503.",
    )
    retry_seconds: int = Field(default=2, ge=1, le=600, description="When to come back, as told with a 503.")
    refresh_seconds: float = Field(
        0.5, gt=0, le=3600, description="How often is looked whether the gallery has changed."
    )
    hits_most: int = Field(default=1000, ge=1, le=100_000, description="Hits one search may rank.")

    body_bytes_most: int = Field(
        1 << 20,
        ge=1024,
        description="Bytes of a request's body, uploads apart; beyond that the answer is 413.",
    )
    upload_bytes_most: int = Field(default=32 << 20, ge=1024, description="Bytes of one uploaded image.")
    upload_request_bytes_most: int = Field(
        default=256 << 20, ge=1024, description="Bytes of a request that uploads images."
    )
    upload_images_most: int = Field(default=500, ge=1, le=100_000, description="Images in one upload.")
    upload_pixels_most: int = Field(default=40_000_000, ge=1, description="Pixels of one uploaded image.")
    upload_seconds: float = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="Seconds the decoding of one uploaded image may take.",
    )
    upload_memory_mebibytes: int = Field(
        default=1536,
        ge=512,
        le=1 << 20,
        description="Mebibytes of address space of the process that decodes uploaded images.",
    )
    uploads_at_once: int = Field(
        default=2, ge=1, le=64, description="Uploads a process decodes side by side; others wait."
    )
    body_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="Seconds a client may take to send headers, again to send a body (a large one may take "
        "longer while it keeps coming), and to take the next part of an answer.",
    )
    keep_alive_seconds: int = Field(
        default=15, ge=1, le=600, description="Seconds an idle connection is kept open."
    )
    connections_most: int = Field(
        default=1024, ge=1, le=100_000, description="Connections of a process; beyond that the answer is 503."
    )
    document_fonts: Path = Field(
        Path("/usr/share/fonts"),
        description="Folder of fonts, looked through with all folders below, for letters that exported PDF "
        "documents need and DejaVu, which comes along, lacks; Noto fonts have most. It need not be there.",
    )
    shutdown_seconds: int = Field(
        default=30,
        ge=1,
        le=3600,
        description="Seconds that running requests are given when the service is stopped.",
    )

    @property
    def state_folder(self) -> Path:
        """Where the service keeps what it remembers."""
        if self.state is not None:
            return self.state
        gallery = self.gallery.absolute()
        return gallery.with_name(gallery.name + "-service")

    @property
    def ages(self) -> tuple[int, ...]:
        """The days after which something is let go of."""
        return tuple(days for days in (self.row_days, self.ledger_days, self.job_days) if days is not None)

    @property
    def threads(self) -> int:
        """Cores one search uses."""
        if self.search_threads is not None:
            return self.search_threads
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // (self.workers * self.searches_at_once))

    @property
    def secure(self) -> bool:
        """Whether clients speak HTTPS to it, by itself or by the server in front."""
        return self.tls_certificate is not None or self.behind_proxy


def read_settings(
    given: Mapping[str, Any] | None = None,
    *,
    file: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> ServiceSettings:
    """Put the settings of a service together.

    Args:
        given: what the command line says; None among the values means that it says nothing.
        file: a TOML file, or None for none. Relative paths in it start at its folder.
        environment: variables, or None for those of this process.

    Raises:
        ConfigurationError: for a file that cannot be read, or a value that cannot be used, naming the
            setting and where it came from.
        UnknownNameError: for a setting that does not exist, with the nearest.

    >>> settings = read_settings({"gallery": "people"}, environment={"ATTRIEVE_PORT": "9000"})
    >>> settings.port, settings.state_folder.name
    (9000, 'people-service')
    """
    told: dict[str, tuple[Any, str]] = {}
    if file is not None:
        told |= {name: (value, f"in {file}") for name, value in _from_file(Path(file)).items()}
    told |= _from_environment(os.environ if environment is None else environment)
    told |= {name: (value, "given") for name, value in (given or {}).items() if value is not None}
    try:
        return ServiceSettings(**{name: value for name, (value, _) in told.items()})
    except ValidationError as error:
        raise ConfigurationError(_plainly(error, told)) from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    for name, value in document.items():
        if name not in ServiceSettings.model_fields:
            raise UnknownNameError("setting", name, ServiceSettings.model_fields, where=f"in {path}")
        if name in PATHS and isinstance(value, str):
            document[name] = path.parent / value
    return document


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """Take the variables that are settings; refuse those that seem to be meant as one."""
    variables = {PREFIX + name.upper(): name for name in ServiceSettings.model_fields}
    found: dict[str, tuple[Any, str]] = {}
    for variable, value in environment.items():
        if variable in variables:
            name = variables[variable]
            parts = tuple(part.strip() for part in value.split(",")) if name in LISTS else value
            found[name] = parts, f"in the environment variable {variable}"
        elif variable.startswith(PREFIX) and variable not in OTHER_VARIABLES:
            meant = nearest_names(variable.removeprefix(PREFIX), ServiceSettings.model_fields)
            if meant:  # what is near to none is somebody else's
                raise UnknownNameError("environment variable", variable, [PREFIX + meant[0].upper()])
    return found


def _plainly(error: ValidationError, told: Mapping[str, tuple[Any, str]]) -> str:
    lines = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        if one["type"] == "missing":
            lines.append(f"setting {name!r} is missing: {ServiceSettings.model_fields[name].description}")
            continue
        value, where = told.get(name, (one["input"], "given"))
        lines.append(f"setting {name!r} {where} is {str(value)!r}: {one['msg']}")
    return "; ".join(lines)


PATHS = ("gallery", "run", "state", "tls_certificate", "tls_key", "document_fonts")
"""Settings that are paths."""

LISTS = ("host_names", "trusted_proxies")
"""Settings that are lists; in the environment, with commas between."""
