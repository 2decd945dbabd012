"""The record as one static page to read and to print: no script, nothing loaded, all escaped."""

from collections.abc import Iterator
from html import escape

from bot.domain.audit import TEXT
from bot.domain.exports import Exported, Selection

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#1a1a1a}
h1{font-size:1.4em}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35em .6em;border-bottom:1px solid #ccc}
th{border-bottom:2px solid #555}td.n{text-align:right}td.t,td.h{white-space:nowrap}
code{font:12px ui-monospace,monospace;word-break:break-all}dl{margin:0}dt{float:left;clear:left;
margin-right:.5em;color:#555}dd{margin:0 0 .1em;overflow-wrap:anywhere}
@media print{body{margin:0;max-width:none;font-size:10px}thead{display:table-header-group}
tr{break-inside:avoid}}
""".strip()


def top(selection: Selection, made_at: str) -> str:
    """Write the page up to the first row."""
    title = f"Record of the release bot: {_about(selection)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
        f"<p>Made at {escape(made_at)}. Times are UTC. <code>entries.jsonl</code> beside this page "
        "is the evidence; <code>python3 verify_export.py</code> checks it.</p>\n"
        "<table><thead><tr><th>No</th><th>When</th><th>Who</th><th>What</th><th>On</th>"
        "<th>Facts</th><th>Hash</th></tr></thead><tbody>\n"
    )


def _about(selection: Selection) -> str:
    if selection.release:
        return selection.release
    begin = selection.since.strftime("%Y-%m-%d %H:%M") if selection.since else "the beginning"
    end = selection.until.strftime("%Y-%m-%d %H:%M") if selection.until else "now"
    return f"from {begin} to {end}"


def row(one: Exported) -> str:
    """Write one entry."""
    entry = one.link.entry
    who = one.called(entry.actor) if entry.actor else "the bot"
    facts = "".join(
        f"<dt>{escape(one.told(name))}</dt><dd>{escape(value)}</dd>" for name, value in _facts(one)
    )
    return (
        f'<tr><td class="n">{entry.seq}</td><td class="t">{escape(entry.at[:19])}</td>'
        f"<td>{escape(who)}</td><td>{escape(entry.tag)}</td><td>{escape(entry.subject)}</td>"
        f'<td><dl>{facts}</dl></td><td class="h"><code>{escape(one.link.hash[:12])}</code></td>'
        "</tr>\n"
    )


def _facts(one: Exported) -> Iterator[tuple[str, str]]:
    texts = {text.field: text.text for text in one.texts}
    for name, value in one.link.entry.data.items():
        if isinstance(value, str) and value.startswith(TEXT):
            yield name, one.told(texts.get(name, "(erased)"))
        elif value is not None:
            yield name, one.told(str(value))


def bottom(count: int) -> str:
    """Write what follows the last row."""
    return f"</tbody></table>\n<p>{count} entries.</p>\n</body></html>\n"
