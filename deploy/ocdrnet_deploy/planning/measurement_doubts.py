"""How far a measurement can be trusted."""

from __future__ import annotations

from ocdrnet_deploy.planning.json_fields import Fields
from ocdrnet_deploy.planning.measurement import Knee, Step

PREFERRED = "preferred_batch_size"


def silent_on_preferred(served: Fields, visits: tuple[str, ...]) -> list[str]:
    """That the file lacks what decides how batches grow."""
    models = {name: served.sub(name) for name in dict.fromkeys(visits)}
    silent = [name for name, model in models.items() if model.count("max_batch_size") and not model.knows(PREFERRED)]
    if not silent:
        return []
    return [
        f"the file does not say the preferred batch of {' and '.join(silent)}: their batches are taken to grow up to "
        "their limit; say --preferred MODEL=ROWS where the server's config has one"
    ]


def doubts(low: Step, knee: Knee | None, steps: list[Fields]) -> list[str]:
    """What makes the figures less sure, a sentence each."""
    found = []
    if knee and low.rate > 0.7 * knee.rate:
        found.append(
            f"the lowest measured rate, {low.rate:.3g}/s, is over 70 % of the knee, {knee.rate:.3g}/s: what it says of "
            "an unloaded server is not sure; measure with a lower --start-rate"
        )
    if low.sent < 100:
        found.append(f"the lowest rate was measured with {low.sent} requests; 500 make it surer")
    if any(step.has("foreign_requests") and step.count("foreign_requests") for step in steps):
        found.append("others used the server during the measurement; measure again with it alone")
    if knee and not knee.is_servers:
        found.append("the load generator was the bottleneck of the measured knee; the server's is higher")
    return found
