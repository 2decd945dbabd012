"""Logs of the simulated cluster's pods: what containers of an image have written.

Served as the real server does: the last lines of them, cut after so many bytes, of this run or of
the one before. Without a run there is nothing, and that is a 400.
"""

import re
from dataclasses import dataclass, field

from integrations.simulated.kubernetes.objects import ApiError
from integrations.simulated.kubernetes.pods import Health, Pod


@dataclass
class Logs:
    """The control surface: what pods of matching images write; the newest rule wins."""

    _rules: list[tuple[re.Pattern[str], list[str]]] = field(default_factory=list)

    def writes(self, image_pattern: str, *lines: str) -> None:
        """From now on containers of such images have written these lines, in each run."""
        self._rules.insert(0, (re.compile(image_pattern), list(lines)))

    def tail(self, pod: Pod, state: Health, query: dict[str, str]) -> bytes:
        """Give the end of a container's log. Raises ApiError 400 where it has none."""
        container = query.get("container", pod.container)
        if container != pod.container:
            raise _bad(f"container {container} is not valid for pod {pod.name}")
        ran = state.restarts > 0
        if query.get("previous") == "true" and not ran:
            what = f'previous terminated container "{container}" in pod "{pod.name}" not found'
            raise _bad(what)
        if state.waiting is not None and not ran:
            why = {
                "ErrImagePull": "trying and failing to pull image",
                "ImagePullBackOff": "trying and failing to pull image",
            }.get(state.waiting, state.waiting)
            raise _bad(f'container "{container}" in pod "{pod.name}" is waiting to start: {why}')
        if not state.scheduled:
            raise _bad(f"pod {pod.name} does not have a host assigned")
        return self._cut(pod.image, query)

    def _cut(self, image: str, query: dict[str, str]) -> bytes:
        rules = (lines for pattern, lines in self._rules if pattern.search(image))
        lines = next(rules, ["started"])
        last = int(query["tailLines"]) if "tailLines" in query else len(lines)
        text = "".join(f"{line}\n" for line in lines[max(0, len(lines) - last) :]).encode()
        # From the first line on: what is too much is missing at the end.
        return text[: int(query["limitBytes"])] if "limitBytes" in query else text


def _bad(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)
