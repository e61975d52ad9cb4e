"""Names that rules share with the gateway, the chart and the model repository."""

import re
from pathlib import Path

import yaml
from fastapi import FastAPI
from helm_python import Chart

from deploy.monitoring.queries import ENSEMBLE, MODELS, READING, STEPS
from ocdrnet_deploy.repository.replace import ENSEMBLES, RECOGNIZER_PLAN
from ocdrnet_gateway.app import ROUTERS

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "deploy/monitoring/rules.yaml").read_text(encoding="utf-8")


def test_rules_and_dashboard_read_off_the_same_routes_and_steps():
    assert set(re.findall(r'route=~"[^"]+"', RULES)) == {READING}
    assert set(re.findall(r'model=~"[^"]+"', RULES)) == {MODELS, ENSEMBLE}


def test_steps_are_those_of_the_model_repository():
    models = {path.parent.name for path in (ROOT / "model_repository").glob("*/config.pbtxt")}
    assert models - set(ENSEMBLES) == names(STEPS)
    assert names(ENSEMBLE) == set(ENSEMBLES)


def test_models_are_the_steps_and_what_a_step_asks():
    assert names(MODELS) == names(STEPS) | {RECOGNIZER_PLAN}


def names(selector):
    return set(re.search('"(.+)"', selector)[1].split("|"))


def test_reading_routes_are_all_that_read_images_before_they_answer():
    pattern = re.compile(re.search('"(.+)"', READING)[1])
    app = FastAPI()
    for router in ROUTERS.values():
        app.include_router(router)
    posts = {path for path, methods in app.openapi()["paths"].items() if "post" in methods}
    reading = {path for path in posts if pattern.fullmatch(path)}
    assert {"/v1/infer", "/v1/read"} <= reading
    kept_or_read_later = {"/v2/nvcf/assets", "/v1/files", "/v1/export", "/v1/jobs"}
    assert posts - reading == kept_or_read_later | {"/documentintelligence/documentModels/{model_id}:analyze"}


def test_container_of_the_rules_is_the_charts():
    texts = Chart.load(ROOT / "helm/ocdrnet").render(values={}, name="demo", namespace="ocr")
    documents = [
        each
        for name, text in texts.items()
        if name.endswith(".yaml")
        for each in yaml.safe_load_all(text)
        if isinstance(each, dict)
    ]
    (server,) = (each for each in documents if each["kind"] == "Deployment")
    (container,) = server["spec"]["template"]["spec"]["containers"]
    assert set(re.findall(r'container="(\w+)"', RULES)) == {container["name"]}
    assert container["resources"]["requests"]
