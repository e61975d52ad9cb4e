"""values.yaml, its schema, its table and the templates say the same."""

import json
import re

import pytest
from chart_matrix import combinations, merged
from chart_mutations import another, defaults, template_texts, value_at, with_value
from chart_render import CHART, CI, ci_values, rendered
from helm_python import HelmError

from helm.commented_values import read_values
from helm.write_chart_documents import PROCESSES, README, SCHEMA, VALUES, processes_text, readme_page, schema_text

VALUES_TEXT = VALUES.read_text(encoding="utf-8")
CHART_VALUES = read_values(VALUES_TEXT)
LEAVES = [leaf for value in CHART_VALUES for leaf in value.leaves]
REWRITE = "run `python -m helm.write_chart_documents`"
# Where everything is on that goes together; first the ones in which most values are used.
EVERYTHING = {
    "gateway": {"enabled": True, "keysSecret": "keys"},
    "bulk": {"enabled": True, "source": "/data/in", "output": "/data/out"},
    "loadtest": {"enabled": True},
    "models": {
        "detector": "ocdnet-v2.4",
        "recognizer": "ocrnet-v2.0.1",
        "acceptNvidiaEula": True,
        "ngc": {"existingSecret": "x"},
    },
    "autoscaling": {"type": "keda"},
    "monitoring": {"scrape": "podMonitor", "rules": True, "dashboard": True},
    "ingress": {"enabled": True, "hosts": [{"host": "a", "backend": "http"}]},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]},
    "grpcRoute": {"enabled": True, "parentRefs": [{"name": "a"}]},
    "server": {"tracing": {"url": "http://a"}, "tls": {"existingSecret": "tls"}, "admin": {"existingSecret": "admin"}},
    "networkPolicy": {"objectStore": [{"podSelector": {}}], "tracing": [{"podSelector": {}}]},
    "extraPairs": {"street": {}},
}
PREPARED = {"models": {"prepare": "none", "servedRepository": "/repository"}}
STORE = {"networkPolicy": {"objectStore": [{"podSelector": {}}], "allowedHosts": [{"podSelector": {}}]}}
SHARED = {
    **STORE,
    "gateway": {"enabled": True, "keysSecret": "x", "store": "s3://x", "secretSettings": {"SECRET": "x" * 20}},
}
BASES = [
    EVERYTHING,
    {},
    merged(EVERYTHING, {"autoscaling": {"type": "hpa"}}),
    merged(
        EVERYTHING, {"server": {"tls": {"mutual": False}}, "models": {"offline": {"path": "/x", "existingClaim": "x"}}}
    ),
    PREPARED,
    SHARED,
    merged(SHARED, {"gateway": {"autoscaling": {"enabled": True}}}),
    {"models": {"offline": {"path": "/x"}}},
    {"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}], "backend": "http"}, "extraPairs": {"street": {}}},
    {"server": {"tls": {"existingSecret": "tls"}}},
    *(ci_values(path) for path in CI),
]


def test_schema_is_what_the_values_say():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(CHART_VALUES), REWRITE


def test_processes_are_counted_by_the_numbers_of_the_build():
    assert PROCESSES.read_text(encoding="utf-8") == processes_text(), REWRITE


def test_readme_has_the_table():
    page = README.read_text(encoding="utf-8")
    assert page == readme_page(page, CHART_VALUES), REWRITE
    assert all(page.count(f"\n| `{leaf.name}` | ") == 1 for leaf in LEAVES)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_value_has_a_sentence(leaf):
    assert leaf.about[:1].isupper() or leaf.about.split(":")[0] in leaf.constraints["enum"]
    assert leaf.about.endswith((".", "]"))


@pytest.mark.full
@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_value_is_used(leaf):
    """Another value makes another manifest, or is refused by its name, where the value matters."""
    assert any(changes_something(leaf, base) for base in BASES)


def changes_something(leaf, base):
    current = value_at(base, leaf.path)
    value = another(leaf, leaf.default if current is None else current)
    try:
        return manifests(with_value(base, leaf.path, value)) != manifests(base)
    except HelmError as refused:
        return leaf.name in str(refused)


def manifests(values):
    return {name: text for name, text in rendered(values).items() if name.endswith(".yaml")}


def test_schema_has_the_keys_of_the_values_and_no_other_at_every_level():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert list(schema_keys(schema)) == ["global", *value_keys(CHART_VALUES)]
    assert all(group["additionalProperties"] is False for group in groups(schema))


def test_no_definition_leaves_its_keys_open():
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    objects_ = [
        each for definition in definitions.values() for each in nested(definition) if each.get("type") == "object"
    ]
    assert len(objects_) > 10
    assert all("additionalProperties" in each for each in objects_)


def test_templates_use_documented_values_only():
    known = {".".join(value.path[:depth]) for value in LEAVES for depth in range(1, len(value.path) + 1)}
    used = {(name, path) for name, text in template_texts(CHART).items() for path in value_paths(text)}
    assert len(used) > 150
    assert [(name, path) for name, path in sorted(used) if not is_known(path, known)] == []


@pytest.mark.parametrize(
    "text", ["{{ .Values.modee }}", "{{ $x := $pair.server.gpu }}{{ $x.size }}", "{{ $.Values.tests.word }}"]
)
def test_an_undocumented_value_would_be_noticed(text):
    known = {".".join(value.path[:depth]) for value in LEAVES for depth in range(1, len(value.path) + 1)}
    assert [path for path in value_paths(text) if not is_known(path, known)] != []


def test_comments_of_the_values_are_read_with_their_groups():
    text = "# Head.\n\n# One.\n# Two.\n# @schema {minimum: 1}\na: 1\nb:\n  # Deep.\n  c: [x]\n"
    first, second = read_values(text)
    assert (first.about, first.constraints, first.default) == ("One. Two.", {"minimum": 1}, 1)
    assert [(leaf.name, leaf.about, leaf.default) for leaf in second.leaves] == [("b.c", "Deep.", ["x"])]
    with pytest.raises(ValueError, match=r"b\.c has no comment"):
        read_values("b:\n  c: 1\n")


def test_defaults_are_allowed_by_the_schema_and_render():
    assert manifests(defaults(CHART)) == manifests({})


def value_keys(values):
    for value in values:
        yield value.name
        yield from value_keys(value.children)


def schema_keys(schema, above=""):
    for key, below in schema.get("properties", {}).items():
        yield above + key
        yield from schema_keys(below, f"{above}{key}.")


def groups(schema):
    if "properties" in schema:
        yield schema
        for below in schema["properties"].values():
            yield from groups(below)


def nested(schema):
    if isinstance(schema, dict):
        yield schema
        for below in schema.values():
            yield from nested(below)


def value_paths(text):
    """Paths of values that a template names, with its own names for groups (`$x := $pair.server.gpu`) put back."""
    aliases = dict(re.findall(r"\$(\w+) := (\$?\.?[\w.$]+?)(?: \||\s*-?}})", text))
    for whole in re.findall(r"(?<![\w\"'/])\$?(?:\w+)?(?:\.\w+)+", text):
        path = expanded(whole, aliases)
        if match := re.search(r"\.Values\.([\w.]+)|(?:^\$?|\.)pair\.((?:models|server|autoscaling)\.[\w.]+)", path):
            yield match[1] or match[2]


def expanded(path, aliases):
    while (head := path.partition(".")[0]).startswith("$") and head[1:] in aliases and head != "$pair":
        path = aliases[head[1:]] + path[len(head) :]
    return path


def is_known(path, known):
    """A value or group, or a key inside a value that is a list or mapping."""
    return path in known or path.rpartition(".")[0] in {
        leaf.name for leaf in LEAVES if isinstance(leaf.default, dict | list)
    }


def test_matrix_values_are_allowed_layers():
    assert all(rendered(values) for _, values in combinations()[:3])


def test_readme_names_every_way_to_install():
    page = README.read_text(encoding="utf-8")
    assert [path.name for path in CI if f"`{path.name}`" not in page] == []
