"""NVIDIA's licence: accepted by the user, in so many words, and recorded beside the files it covers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone

from ocdrnet_deploy.errors import EulaError
from ocdrnet_deploy.networks.catalog import CatalogEntry, NgcFile
from ocdrnet_deploy.ngc.cache import version_folder
from ocdrnet_deploy.repository.files import write_file

FLAG = "--accept-eula"
VARIABLE = "OCDRNET_ACCEPT_NVIDIA_EULA"
RECORD = "accepted-license.json"


def terms_page(source: NgcFile) -> str:
    """The model's page on NGC, which names its licence."""
    organization, team, name = source.model.split("/")
    return f"https://catalog.ngc.nvidia.com/orgs/{organization}/teams/{team}/models/{name}"


def acceptance(*, flag: bool, environment: Mapping[str, str]) -> str:
    """How the user accepted: the flag's or the variable's name; empty where they did not."""
    if flag:
        return FLAG
    value = environment.get(VARIABLE, "").strip().lower()
    return VARIABLE if value in ("1", "true", "yes", "y") else ""


def require_acceptance(entry: CatalogEntry, source: NgcFile, accepted_by: str) -> None:
    """Record that the user accepts the licence of a version, unless a record is there already.

    Args:
        entry: the network to be downloaded.
        source: its version on NGC.
        accepted_by: from `acceptance`.

    Raises:
        EulaError: it is not accepted, now or before.
        OSError: the cache cannot be written.
    """
    record = version_folder(source) / RECORD
    if record.is_file():
        return
    if not accepted_by:
        raise EulaError(
            f"{entry.name} is NVIDIA's, under the {entry.license}. Read it at {terms_page(source)} and, "
            f"if you accept it, add {FLAG} or set {VARIABLE}=1"
        )
    fields = {
        "license": entry.license,
        "terms": terms_page(source),
        "model": source.model,
        "version": source.version,
        "accepted_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "accepted_by": accepted_by,
    }
    write_file(record, json.dumps(fields, indent=1) + "\n")
