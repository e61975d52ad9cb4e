"""config.pbtxt: templates from `model_repository/`, edited as protobuf messages, never as text."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.repository.profile import CpuProfile
from ocdrnet_ops.cards import RecognizerCard

ModelConfig: TypeAlias = "model_config_pb2.ModelConfig"


def read_config(path: Path) -> ModelConfig:
    """Parse a config.pbtxt."""
    return text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())


def config_text(config: ModelConfig) -> str:
    """The config as protobuf text."""
    return str(text_format.MessageToString(config))


def place_detector(config: ModelConfig, profile: CpuProfile) -> None:
    """Fill in the CPU detector's threads and batch."""
    config.max_batch_size = profile.detector_batch
    _set(config, threads=profile.threads, streams=profile.detector_streams)


def place_recognizer(config: ModelConfig, profile: CpuProfile, card: RecognizerCard) -> None:
    """Fill in the CPU recognizer's crop height, threads and batch."""
    config.max_batch_size = profile.recognizer_batch
    config.input[0].dims[0] = card.height
    _set(config, threads=profile.threads, streams=profile.recognizer_streams)


def _set(config: ModelConfig, **values: int) -> None:
    for name, value in values.items():
        config.parameters[name].string_value = str(value)
