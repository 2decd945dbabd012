"""ZAP's traditional reports, JSON and XML, with or without requests and responses.

Counts alerts, as ZAP's own summary does, and not their instances. An alert that somebody marked as
a false positive (confidence 0) counts as suppressed. Of an instance only the address is kept,
without its query: requests, responses and evidence hold what users sent.
"""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Annotated, Any
from xml.etree.ElementTree import Element

from pydantic import BeforeValidator, Field

from bot.domain.evidence import Finding, Format, Report, fingerprint
from bot.domain.severities import of_risk
from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text, gathered, moment, shaped, short
from integrations.evidence.reading import Content, unreadable

FORMAT = Format.ZAP
EMPTY = Report(format=FORMAT, tool="ZAP")

ROOT = "OWASPZAPReport"

FALSE_POSITIVE = 0
"""The confidence that a person gives to an alert that is none."""

# With one entry older versions leave the list away.
_Alone = BeforeValidator(lambda value: [value] if isinstance(value, dict) else value)


class _Instance(Value):
    uri: Text = ""


class _Alert(Value):
    plugin: Text = Field("", alias="pluginid")
    ref: Text = Field("", alias="alertRef")
    name: Text = ""
    alert: Text = ""
    risk: int = Field(alias="riskcode")
    said: Text = Field("", alias="riskdesc")
    confidence: int | None = None
    instances: Rows[_Instance] = ()


class _Site(Value):
    name: Text = Field("", alias="@name")
    alerts: Annotated[Rows[_Alert], _Alone] = ()


class _File(Value):
    version: Text = Field("", alias="@version")
    generated: Text = Field("", alias="@generated")
    created: Text = ""
    sites: Annotated[Rows[_Site], _Alone] = Field(alias="site")


def recognise(content: Content) -> bool:
    """Tell by the XML's root, or by the attributes that the JSON takes over from it."""
    if content.root is not None:
        return content.root.tag == ROOT
    return content.has("@version", "@generated", "site")


def read(content: Content) -> Report:
    """Read it. Without a site, ZAP reached nothing, so it proves nothing."""
    data = content.data if content.root is None else _as_json(content.root)
    file = shaped(_File, data, "ZAP")
    alerts = [(site.name, alert) for site in file.sites for alert in site.alerts]
    return Report(
        format=FORMAT,
        tool="ZAP",
        tool_version=short(file.version),
        written_at=moment(file.created) or moment(file.generated, parsedate_to_datetime),
        complete=bool(file.sites),
        findings=gathered(_finding(*one) for one in alerts if not _is_none(one[1])),
        suppressed=sum(_is_none(alert) for _, alert in alerts),
    )


def _is_none(alert: _Alert) -> bool:
    return alert.confidence == FALSE_POSITIVE


def _finding(site: str, alert: _Alert) -> Finding:
    rule = alert.ref or alert.plugin
    where = alert.instances[0].uri if alert.instances else site
    return Finding(
        rule=short(rule),
        severity=of_risk(alert.risk),
        said=short(alert.said, 40) or str(alert.risk)[:40],
        title=short(alert.name or alert.alert),
        path=short(where.partition("?")[0].partition("#")[0]),
        fingerprint=fingerprint(FORMAT, site, rule),
    )


def _as_json(root: Element) -> dict[str, Any]:
    """Give the XML in the shape of the JSON."""
    return {
        "@version": root.get("version"),
        "@generated": root.get("generated"),
        "created": root.get("created"),
        "site": [
            {"@name": site.get("name"), "alerts": list(_alerts(site))}
            for site in root.findall("site")
        ],
    }


def _alerts(site: Element) -> Iterator[dict[str, Any]]:
    for alerts in site.findall("alerts"):
        for item in alerts:
            if item.tag != "alertitem":
                unreadable("The ZAP report has something else than alerts among its alerts.")
            texts = {part.tag: part.text for part in item if not len(part)}
            uris = (one.findtext("uri") for one in item.findall("instances/instance"))
            yield texts | {"instances": [{"uri": uri} for uri in uris]}
