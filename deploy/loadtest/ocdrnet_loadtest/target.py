"""What the result says of the server."""

from __future__ import annotations

from ocdrnet_loadtest.result import Target
from ocdrnet_loadtest.run_settings import RunSettings
from ocdrnet_loadtest.triton import Questions, served_models


async def described_target(settings: RunSettings, questions: Questions | None) -> Target:
    """Address and options, and what the server itself says."""
    server, models = None, {}
    if questions is not None:
        metadata = await questions.metadata()
        server = f"{metadata['name']} {metadata.get('version', '')}".strip() if "name" in metadata else None
        models = await served_models(questions, settings.send.model)
    send = settings.send
    return Target(str(send.address), settings.api, send.model, dict(send.options), send.timeout_s, server, models)
