"""The HTTP API of the simulated Prometheus, with the paths and shapes of the real one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from integrations.simulated.prometheus import answers
from integrations.simulated.prometheus.answers import AnswerError
from integrations.simulated.prometheus.evaluation import EvaluationError, Finder, evaluate
from integrations.simulated.prometheus.loads import Load
from integrations.simulated.prometheus.promql import NAMES, parse
from integrations.simulated.prometheus.streams import KNOBS, Shares, Streams, milliseconds
from integrations.simulated.prometheus.syntax import Expression, PromqlError
from integrations.simulated.server import Now, SimulatedServer, Sleep

Form = Mapping[str, str]


class SimulatedPrometheus(SimulatedServer):
    """Prometheus. `streams` is what it scrapes, and the control surface.

    `shares` says of a namespace and a service where its requests go now; see `Streams`.
    `warnings` and `infos` are put into each answer, as Thanos does when a store didn't answer.
    `POST /_control/streams/{knob}` turns a knob of `streams`, with its arguments as JSON;
    `serves` takes the fields of `Load` beside them.
    """

    def __init__(
        self,
        now: Now,
        sleep: Sleep,
        shares: Shares,
        *,
        token: str | None = None,
        seed: int = 1,
        scrape: float = 5.0,
    ) -> None:
        super().__init__(now, sleep)
        self.streams = Streams(now, shares, seed=seed, scrape=scrape)
        self.token = token
        self.version = "3.5.0"
        self.warnings: list[str] = []
        self.infos: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        """Paths of the real API, and the knobs."""
        return [
            web.get("/-/ready", self._ready),
            *(
                web.route(method, path, self._answering(run))
                for path, run in (
                    ("/api/v1/query", self._query),
                    ("/api/v1/query_range", self._query_range),
                )
                for method in ("GET", "POST")
            ),
            web.get("/api/v1/status/buildinfo", self._answering(self._buildinfo)),
            web.post("/_control/streams/{knob}", self._turn),
        ]

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="Prometheus Server is Ready.\n")

    async def _buildinfo(self, _form: Form) -> dict[str, Any]:
        more = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        return {"version": self.version, **dict.fromkeys(more, "")}

    async def _query(self, form: Form) -> dict[str, Any]:
        at = answers.moment(form, "time", milliseconds(self.now()))
        answers.in_time(form)
        expression = _parsed(form)
        found = evaluate(expression, self._finder(), at)
        if expression.kind == "matrix" and not found:
            return {"resultType": "matrix", "result": []}
        return answers.instant(found, at)

    async def _query_range(self, form: Form) -> dict[str, Any]:
        moments = answers.turns(form)
        answers.in_time(form)
        expression = _parsed(form)
        if expression.kind == "matrix":
            kind = f'invalid expression type "{NAMES["matrix"]}" for range query'
            raise answers.bad_data("query", f"{kind}, must be Scalar or instant Vector")
        finder = self._finder()
        return answers.courses({at: evaluate(expression, finder, at) for at in moments})

    def _finder(self) -> Finder:
        self.streams.catch_up()
        return Finder(self.streams.series())

    def _answering(
        self, run: Callable[[Form], Awaitable[dict[str, Any]]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                return web.Response(status=401, text="Unauthorized\n")
            try:
                return web.json_response(self._success(await run(await _form(request))))
            except AnswerError as error:
                return web.json_response(error.body, status=error.status)
            except EvaluationError as error:
                failed = AnswerError(422, "execution", str(error))
                return web.json_response(failed.body, status=failed.status)

        return answer

    def _success(self, data: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"status": "success", "data": data}
        if self.warnings:
            body["warnings"] = self.warnings
        if self.infos:
            body["infos"] = self.infos
        return body

    async def _turn(self, request: web.Request) -> web.Response:
        knob, given = request.match_info["knob"], await request.json()
        try:
            if knob == "serves":
                place = {name: given.pop(name) for name in ("namespace", "service")}
                past = given.pop("past", 0.0)
                self.streams.serves(**place, load=Load(**given), past=past)
            elif knob in KNOBS:
                getattr(self.streams, knob)(**given)
            else:
                return web.json_response({"error": f"no knob {knob}"}, status=404)
        except (LookupError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"turned": knob})


async def _form(request: web.Request) -> Form:
    """Parameters of the address and of the body; those of the body count."""
    body = await request.post()
    sent = {name: value for name, value in body.items() if isinstance(value, str)}
    return {**request.query, **sent}


def _parsed(form: Form) -> Expression:
    try:
        return parse(form.get("query", ""))
    except PromqlError as error:
        raise answers.bad_data("query", error) from error
