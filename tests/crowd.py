"""Many services like `payments` at a time, and how full a channel gets of them."""

from integrations.simulated.kubernetes import seeding
from integrations.simulated.slack.workspace import Channel
from tests.tester import Traffic, World


def named(kind: str, count: int) -> list[str]:
    """Names of services."""
    return [f"{kind}-{number}" for number in range(count)]


def with_services(
    text: str, names: list[str], watch: str = "30s", traffic: Traffic = "service"
) -> str:
    """Add services like `payments` under these names to the catalogue's text."""
    is_rollout = traffic == "argo-rollouts"
    kind, holds = ("canary", "rollout") if is_rollout else ("blue-green", "virtual_service")
    bakes = f", weights: [10, 25, 50, 100], bake: {watch}" if is_rollout else ""
    deployed = "    deploy: {kubernetes: set-image}\n" if is_rollout else ""
    return text + "".join(
        f'  {name}:\n    image: "quantivista/{name}:{{version}}"\n'
        '    depends_on: {config: ">=1.9 <3"}\n'
        f"    kubernetes: {{{holds}: {name}}}\n{deployed}"
        f"    strategy: {{kind: {kind}, traffic: {traffic}, watch: {watch}{bakes}}}\n"
        for name in names
    )


def seed_staging(world: World, names: list[str]) -> None:
    """Let them run in staging, in an older version."""
    for name in names:
        image = f"quantivista/{name}:v2.0.5"
        seeding.seed_blue_green(world.kubernetes.cluster, "staging", name, image)


def most_in_a_second(channel: Channel) -> int:
    """Count the bot's messages in the fullest second of a channel, wherever it begins."""
    moments = sorted(float(m.ts) for m in channel.messages.values() if m.author == "bot")
    first = most = 0
    for number, moment in enumerate(moments):
        # Slack's stamps have microseconds, and a binary fraction is a little off.
        while moment - moments[first] >= 1 - 1e-6:
            first += 1
        most = max(most, number - first + 1)
    return most
