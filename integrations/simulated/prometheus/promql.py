"""Reads PromQL by recursive descent: the part of it that services are measured with.

Called by `api`. Knows selectors, range selectors, `rate`, `increase`, `sum`, `max`, `avg`,
`count` with `by`, `histogram_quantile`, `vector`, numbers, `+ - * /`, comparisons as filters,
`or` and parentheses. Everything else is refused. Raises PromqlError and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from integrations.simulated.prometheus.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Kind,
    Matcher,
    Negative,
    Number,
    PromqlError,
    Selector,
    Token,
    duration,
    error_at,
    matcher,
    number,
    tokens_of,
    unquoted,
)

AGGREGATIONS = frozenset({"sum", "max", "avg", "count"})

FUNCTIONS: dict[str, tuple[Kind, ...]] = {
    "rate": ("matrix",),
    "increase": ("matrix",),
    "histogram_quantile": ("scalar", "vector"),
    "vector": ("scalar",),
}
"""What each function takes. All of them give a vector."""

COMPARISONS = frozenset({">", "<", ">=", "<=", "==", "!="})

BINDING = {"or": 1, **dict.fromkeys(COMPARISONS, 2), "+": 3, "-": 3, "*": 4, "/": 4}
"""How tightly each sign binds; the same on both sides means from left to right."""

RESERVED = frozenset(
    {"and", "bool", "by", "group_left", "group_right", "ignoring"}
    | {"offset", "on", "or", "unless", "without"}
)
"""Words that are no names here, though Prometheus takes some of them for one."""

NAMES: dict[Kind, str] = {
    "scalar": "scalar",
    "vector": "instant vector",
    "matrix": "range vector",
}
"""How Prometheus calls what an expression gives."""

DEEPEST = 40
"""Parentheses within each other; far more than people write, far less than Python bears."""

LONGEST = 100
"""Signs between expressions in one query, for the same reason."""


def parse(query: str) -> Expression:
    """Read a query. Raises PromqlError with a sentence and its place."""
    return _Parser(query).whole()


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = tokens_of(query)
        self._next = 0
        self._depth = 0
        self._signs = 0

    def whole(self) -> Expression:
        if self._token.kind == "end":
            raise self._error("no expression found in input")
        found = self._expression(1)
        if self._token.kind != "end":
            raise self._unexpected("the end")
        return found

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _accept(self, text: str) -> bool:
        if self._token.kind in ("sign", "word") and self._token.text == text:
            self._next += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._unexpected(f'"{text}"')

    def _error(self, sentence: str, at: Token | None = None) -> PromqlError:
        return error_at(self._query, (at or self._token).at, sentence)

    def _unexpected(self, wanted: str) -> PromqlError:
        token = self._token
        found = f"{token.kind} {token.text!r}" if token.text else "end of input"
        return self._error(f"unexpected {found}, expected {wanted}")

    def _expression(self, tightness: int) -> Expression:
        """Read signs that bind at least so tightly, and what is between them."""
        left = self._unary()
        while (binding := BINDING.get(self._token.text, 0)) >= tightness:
            sign = self._take()
            self._signs += 1
            if self._signs > LONGEST:
                raise self._error("the query is too long", sign)
            right = self._expression(binding + 1)
            left = self._binary(sign, left, right)
        return left

    def _binary(self, sign: Token, left: Expression, right: Expression) -> Expression:
        kinds = {left.kind, right.kind}
        if "matrix" in kinds:
            sentence = "binary expression must contain only scalar and instant vector types"
            raise self._error(sentence, sign)
        if sign.text == "or" and "scalar" in kinds:
            raise self._error('set operator "or" not allowed in binary scalar expression', sign)
        if sign.text in COMPARISONS and kinds == {"scalar"}:
            raise self._error("comparisons between scalars must use BOOL modifier", sign)
        kind: Kind = "vector" if "vector" in kinds else "scalar"
        return Binary(sign.text, left, right, kind)

    def _unary(self) -> Expression:
        minus, signed = False, self._token
        while self._token.kind == "sign" and self._token.text in ("+", "-"):
            minus ^= self._take().text == "-"
        found = self._postfix()
        if signed.text in ("+", "-") and found.kind == "matrix":
            sentence = "unary expression only allowed on expressions of type scalar or vector"
            raise self._error(sentence, signed)
        return Negative(found, found.kind) if minus else found

    def _postfix(self) -> Expression:
        first = self._token
        found = self._primary()
        if not self._accept("["):
            return found
        if not isinstance(found, Selector) or first.text == "(":
            raise self._error("ranges only allowed for vector selectors", first)
        window = self._duration()
        self._expect("]")
        return replace(found, window=window)

    def _duration(self) -> int:
        token = self._token
        if token.kind != "duration":
            raise self._unexpected("a duration")
        self._take()
        with self._placed(token):
            return duration(token.text)

    @contextmanager
    def _placed(self, token: Token) -> Iterator[None]:
        """Say where it was, if what is read in this block can't be read."""
        try:
            yield
        except PromqlError as error:
            raise self._error(str(error), token) from error

    def _primary(self) -> Expression:
        token = self._token
        if token.kind == "number":
            self._take()
            with self._placed(token):
                return Number(number(token.text))
        if token.text == "(":
            return self._parenthesised()
        if token.text == "{":
            return self._selector(None)
        if token.kind == "word" and token.text not in RESERVED:
            return self._word(self._take())
        raise self._unexpected("an expression")

    def _parenthesised(self) -> Expression:
        self._expect("(")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error("the query is nested too deeply")
        found = self._expression(1)
        self._depth -= 1
        self._expect(")")
        return found

    def _word(self, word: Token) -> Expression:
        following = self._token.text
        if word.text in AGGREGATIONS and following in ("(", "by", "without"):
            return self._aggregate(word)
        if following == "(":
            return self._call(word)
        if word.text.lower() in ("inf", "nan"):
            return Number(float(word.text))
        return self._selector(word)

    def _aggregate(self, word: Token) -> Expression:
        by = self._by()
        [of] = self._arguments(word, ("vector",))
        return Aggregate(word.text, by if by is not None else self._by() or (), of)

    def _by(self) -> tuple[str, ...] | None:
        if not self._accept("by"):
            return None
        self._expect("(")
        labels: list[str] = []
        while not self._accept(")"):
            labels.append(self._label())
            if not self._accept(","):
                self._expect(")")
                break
        return tuple(labels)

    def _label(self) -> str:
        token = self._token
        if token.kind != "word" or ":" in token.text:
            raise self._unexpected("a label")
        return self._take().text

    def _call(self, word: Token) -> Expression:
        takes = FUNCTIONS.get(word.text)
        if takes is None:
            raise self._error(f'unknown function with name "{word.text}"', word)
        return Call(word.text, self._arguments(word, takes))

    def _arguments(self, word: Token, takes: tuple[Kind, ...]) -> tuple[Expression, ...]:
        self._expect("(")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error("the query is nested too deeply")
        found: list[Expression] = []
        for position, wanted in enumerate(takes):
            if position:
                self._expect(",")
            begin = self._token
            found.append(self._expression(1))
            if found[-1].kind != wanted:
                sentence = (
                    f'expected type {NAMES[wanted]} in call to "{word.text}", '
                    f"got {NAMES[found[-1].kind]}"
                )
                raise self._error(sentence, begin)
        self._depth -= 1
        self._expect(")")
        return tuple(found)

    def _selector(self, word: Token | None) -> Expression:
        begin = word or self._token
        found: list[Matcher] = []
        if word is not None:
            found.append(Matcher("__name__", "=", word.text))
        if self._accept("{"):
            self._matchers(found)
        if word is not None and any(m.label == "__name__" for m in found[1:]):
            raise self._error("metric name must not be set twice", begin)
        if all(m.matches({}) for m in found):
            sentence = "vector selector must contain at least one non-empty matcher"
            raise self._error(sentence, begin)
        return Selector(tuple(found))

    def _matchers(self, found: list[Matcher]) -> None:
        while not self._accept("}"):
            label, sign = self._label(), self._token
            if sign.text not in ("=", "!=", "=~", "!~"):
                raise self._unexpected("a label matching operator")
            self._take()
            value = self._token
            if value.kind != "text":
                raise self._unexpected("a string")
            self._take()
            with self._placed(value):
                found.append(matcher(label, sign.text, unquoted(value.text)))
            if not self._accept(","):
                self._expect("}")
                return
