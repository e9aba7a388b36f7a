"""Fuzzy matching for palettes: letters in order, best where words begin. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_WORD_START = 10
_CONSECUTIVE = 6
_FIRST_LETTER = 8
_WHOLE_WORD = 18
_GAP = 1
#: A text in which a match begins later than this loses no more for it.
_FAR = 12


@dataclass(frozen=True, slots=True)
class Match:
    """How well a text answers a query, and which of its letters do."""

    score: int
    positions: tuple[int, ...]


def _starts_word(text: str, at: int) -> bool:
    if at == 0:
        return True
    before, here = text[at - 1], text[at]
    return not before.isalnum() or (before.islower() and here.isupper())


def _match_word(word: str, text: str, folded: str) -> Match | None:
    """The best match of one word: as a piece if the text has it, else letter by letter."""
    best: Match | None = None
    at = folded.find(word)
    while at >= 0:
        score = _CONSECUTIVE * len(word) + _WHOLE_WORD - min(at, _FAR) * _GAP
        if _starts_word(text, at):
            score += _WORD_START + (_FIRST_LETTER if at == 0 else 0)
        if best is None or score > best.score:
            best = Match(score, tuple(range(at, at + len(word))))
        at = folded.find(word, at + 1)
    return best or _match_letters(word, text, folded)


def _match_letters(word: str, text: str, folded: str) -> Match | None:
    """Letters in order, each at the next start of a word that has it, else at the next place."""
    positions: list[int] = []
    score = 0
    at = 0
    for letter in word:
        place = folded.find(letter, at)
        if place < 0:
            return None
        start = place
        while start >= 0 and not _starts_word(text, start):
            start = folded.find(letter, start + 1)
        follows = bool(positions) and place == positions[-1] + 1
        if start >= 0 and not follows and _rest_fits(word[len(positions) + 1 :], folded, start + 1):
            place = start
        if _starts_word(text, place):
            score += _WORD_START
        if follows and place == positions[-1] + 1:
            score += _CONSECUTIVE
        if positions:
            score -= min(place - positions[-1] - 1, _FAR) * _GAP
        positions.append(place)
        at = place + 1
    score += _FIRST_LETTER if positions and positions[0] == 0 else 0
    return Match(score, tuple(positions))


def _rest_fits(rest: str, folded: str, at: int) -> bool:
    for letter in rest:
        at = folded.find(letter, at) + 1
        if at == 0:
            return False
    return True


def match(query: str, text: str) -> Match | None:
    """How well `text` answers `query`; None when it does not.

    Words of the query may come in any order; each must be found. Case does not matter.
    """
    folded = text.casefold()
    if len(folded) != len(text):  # a letter that folds to two would shift the positions
        folded = text.lower()
    score = 0
    positions: set[int] = set()
    for word in query.casefold().split():
        found = _match_word(word, text, folded)
        if found is None:
            return None
        score += found.score
        positions.update(found.positions)
    return Match(score, tuple(sorted(positions)))


def rank(
    query: str,
    items: Iterable[T],
    text_of: Callable[[T], str],
    title_of: Callable[[T], str] | None = None,
) -> list[tuple[T, Match]]:
    """The items that answer `query`, best first; all of them in their order without a query.

    Among equals the shorter title is the closer one, and then the given order stays.
    """
    length_of = title_of or text_of
    found = [(item, hit) for item in items if (hit := match(query, text_of(item))) is not None]
    if query.strip():
        found.sort(key=lambda pair: (-pair[1].score, len(length_of(pair[0]))))
    return found
