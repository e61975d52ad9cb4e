"""Holds manifests against Kubernetes' strict schemas, and objects of other APIs against those in `crds/`."""

import functools
import json
from pathlib import Path

import jsonschema
from kubernetes_validate import utils
from packaging.version import Version
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

OLDEST = Version("1.28")
VERSIONS = sorted({version for version in utils.all_versions() if Version(version) >= OLDEST}, key=Version)
CRDS = Path(__file__).parent / "crds"


def problems(manifest: dict) -> list[str]:
    """What is wrong with an object, in every version; empty if nothing is."""
    return list(_problems(json.dumps(manifest, sort_keys=True)))


@functools.cache
def _problems(text):
    manifest = json.loads(text)
    found = []
    for name, validator in _validators(manifest["apiVersion"], manifest["kind"]):
        where = f"{manifest['kind']} {manifest['metadata']['name']}, {name}"
        found += [f"{where}: {error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]
    return tuple(found)


@functools.cache
def _validators(api_version, kind):
    own = CRDS / f"{kind}.json"
    if own.exists():
        schema = json.loads(own.read_text(encoding="utf-8"))
        assert schema["properties"]["apiVersion"]["const"] == api_version
        return [("CRD", jsonschema.Draft202012Validator(schema))]
    return [(version, _kubernetes(version, api_version, kind)) for version in VERSIONS]


@functools.cache
def _registry(version):
    definitions = utils.schema_contents(_file(version, "_definitions"), version)
    return Resource.from_contents(definitions, DRAFT202012) @ Registry()


def _kubernetes(version, api_version, kind):
    group, _, number = api_version.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.split(".")[0], number)))
    schema = utils.schema_contents(_file(version, name), version)
    registry = Resource.from_contents(schema, DRAFT202012) @ _registry(version)
    return jsonschema.Draft202012Validator(schema, registry=registry)


def _file(version, name):
    return f"kubernetes-json-schema/v{version}-local-strict/{name}.json"
