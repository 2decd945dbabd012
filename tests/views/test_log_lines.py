"""The last lines of a pod's log, as the one who asks reads them; and the words without them."""

from inline_snapshot import snapshot

from bot.domain.lifecycle import State
from bot.domain.pods import PodSeen
from bot.domain.reasons import Reason
from bot.views import answers, log_lines, neighbour_lines
from tests.domain.facts import slot
from tests.domain.test_surroundings import GREEN
from tests.views.releases import release

POD = PodSeen(name="payments-green-5d9f-x2", container="payments", ready=False, crashed=True)


def test_lines_are_shown_as_they_are_and_escaped_where_they_would_be_markup() -> None:
    made = log_lines.shown(release(State.ROLLED_BACK), POD, "one\n\n<!here> *two*\n", whole=True)
    assert made.text == snapshot("""\
*payments-green-5d9f-x2* · container payments · rel-7k3f
The last 2 lines, for you alone. Its run before, which ended. What looks like a secret is masked, and nothing of it is kept.
one
&lt;!here&gt; *two*\
""")
    assert made.blocks[1] == snapshot(
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_preformatted",
                    "elements": [
                        {
                            "type": "text",
                            "text": """\
one
<!here> *two*\
""",
                        }
                    ],
                }
            ],
        }
    )


def test_only_so_many_and_so_much() -> None:
    text = "\n".join(f"{n} {'x' * 500}" for n in range(40))
    made = log_lines.shown(release(State.ROLLED_BACK), POD, text, whole=False)
    box = made.blocks[1]["elements"][0]["elements"][0]["text"]
    assert len(box) <= log_lines.ALL
    assert box.split("\n")[-1].startswith("39 ")
    assert all(len(line) <= log_lines.LINE for line in box.split("\n"))
    assert "The log's very end is left out" in made.text


def test_nothing_at_all() -> None:
    made = log_lines.shown(release(State.ROLLED_BACK), POD, "\n", whole=True)
    assert made.text == snapshot(
        "*payments-green-5d9f-x2*: container payments has written nothing."
    )


def test_refusals() -> None:
    said = {
        str(one.code): one.sentence
        for one in (
            log_lines.off("payments", "production"),
            log_lines.gone("payments-green-1"),
            log_lines.nothing_fails(release(State.RUNNING)),
            log_lines.nothing_written(POD.model_copy(update={"word": "ImagePullBackOff"})),
            log_lines.forbidden("Kubernetes: the bot may not get log x in production"),
        )
    }
    assert said == snapshot(
        {
            "logs_off": "Nobody sees lines of pods of payments in production: policy does not allow it (`logs: allowed` would; `release-bot policy explain` says which policy applies).",
            "pod_gone": "Pod payments-green-1 is gone, and its lines with it: a slot that is put back loses the pods that failed. Look where your logs are collected.",
            "nothing_to_do": "No pod of rel-7k3f fails, so there is nothing to show.",
            "no_logs": "Container payments of pod payments-green-5d9f-x2 has not run yet (ImagePullBackOff), so it wrote nothing.",
            "logs_forbidden": "Kubernetes: the bot may not get log x in production.",
        }
    )


def test_details_name_the_command_only_where_it_helps_and_policy_allows_it() -> None:
    def read(reason: Reason, *, logs: bool) -> str:
        of = release(State.ROLLED_BACK, reason=reason)
        return answers.details(of, (), (), {}, of.created_at, logs=logs).text

    assert "/release logs rel-7k3f" in read(Reason.PODS_CRASH, logs=True)
    assert "/release logs" not in read(Reason.PODS_CRASH, logs=False)
    assert "/release logs" not in read(Reason.IMAGE_UNPULLABLE, logs=True)


def test_what_is_in_the_way() -> None:
    notes = [
        neighbour_lines.limits(GREEN, 12),
        neighbour_lines.took_away(GREEN, 1, 6),
        neighbour_lines.is_watched(GREEN, slot("green")),
    ]
    assert notes == snapshot(
        [
            "HorizontalPodAutoscaler payments-green lets green have 10 pods at the most, and it needs 12: set its maxReplicas to 12 or more",
            "HorizontalPodAutoscaler payments-green took green back to 1 pod, and it needs 6: set its minReplicas to 6",
            "3 of 3 pods ready; looking for a minute whether HorizontalPodAutoscaler payments-green leaves them",
        ]
    )
