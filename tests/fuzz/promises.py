"""What reading a dump file promises for any bytes at all; each broken promise is a BrokenPromise.

``make fuzz`` looks for bytes that break one, ``tests/test_fuzz_corpus.py`` replays the corpus.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.defining.definitions import Definitions
from dbsnap.dumpfile.defining.usual_definitions import learn_usual
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.lexing.copy_blocks import table_copied_into
from dbsnap.dumpfile.lexing.events import (
    Comment,
    CopyData,
    CopyStart,
    Heading,
    MetaCommand,
    Statement,
)
from dbsnap.dumpfile.lexing.quoting import Quoting
from dbsnap.dumpfile.lexing.token_values import decode
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.dumpfile.lexing.usual_pieces import STATEMENT, inert
from dbsnap.errors import DumpRefused
from fuzz.pieces import REPEATED

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.events import Event

LARGE_BYTES = 16_000
QUICK_SECONDS = 0.2
"""Whatever takes no longer is not looked at more closely."""

USUAL_BEGINNINGS = (b"ALTER ", b"CREATE ", b"SELECT ")
WHITE_SPACE = b" \t\r\n\f\v"

Outcome = list[tuple[object, ...]]


class BrokenPromise(AssertionError):
    """Reading a dump did something that it must never do."""


def check(data: bytes) -> None:
    """Read ``data`` as a dump in every way, and raise BrokenPromise if a promise is not kept."""
    seconds = seconds_to_read(unfolded(data, 4))
    if seconds > QUICK_SECONDS and REPEATED in data:
        # The first reading compiles patterns, and others want the processor, too.
        seconds, quarter = (
            min(seconds_to_read(unfolded(data, quarters)) for _ in range(3)) for quarters in (4, 1)
        )
        if seconds > QUICK_SECONDS and seconds > 9 * quarter:
            raise BrokenPromise(f"{seconds:.2f} seconds, {quarter:.2f} for a quarter of it")


def unfolded(data: bytes, quarters: int) -> bytes:
    """Return the dump that ``data`` stands for: of four quarters it has LARGE_BYTES, or hardly more.

    The number of repetitions is a multiple of twelve, so that quotes open and close alike.
    """
    before, mark, rest = data.partition(REPEATED)
    repeated, second_mark, behind = rest.partition(REPEATED)
    if not mark or not second_mark or not repeated:
        return data
    times = 12 * max(LARGE_BYTES // 48 // len(repeated), 1)
    return before + repeated * (times * quarters) + behind


def seconds_to_read(dump: bytes) -> float:
    """Read a dump in every way and return how long it took."""
    began = time.process_time()
    whole = outcome(dump, 1 << 20)
    no_byte_is_lost(dump, whole)
    for chunk_bytes in (1, 7) if len(dump) < 500 else (4096,):
        if outcome(dump, chunk_bytes) != whole:
            raise BrokenPromise(f"chunks of {chunk_bytes} bytes make a difference")
    contents_can_be_read(dump)
    return time.process_time() - began


def outcome(dump: bytes, chunk_bytes: int) -> Outcome:
    """Return the events as plain data, a COPY body in one piece, and the refusal if there was one."""
    found: Outcome = []
    try:
        for event in lex(io.BytesIO(dump).read, chunk_bytes=chunk_bytes):
            text = event.data if isinstance(event, CopyData) else getattr(event, "text", b"")
            if isinstance(event, CopyData) and found and found[-1][0] is CopyData:
                _, offset, _, line, before = found.pop()
                found.append((CopyData, offset, event.end, line, before + text))
            else:
                found.append((type(event), event.offset, event.end, event.line, text))
    except DumpRefused as refusal:
        found.append((DumpRefused, refusal.rule, refusal.offset, refusal.line, refusal.table))
    return found


def no_byte_is_lost(dump: bytes, found: Outcome) -> None:
    """Check that the events cover the dump but for white space, with the right lines and bytes."""
    position = line = counted = inside = 0
    for kind, offset, end, event_line, text in found:
        if kind is DumpRefused:
            return
        line += dump.count(b"\n", counted, offset) if offset >= counted else 0
        if offset >= counted:
            counted = offset
            if event_line != line + 1:
                raise BrokenPromise(f"byte {offset} is said to be in line {event_line}")
        if text and text != dump[offset:end]:
            raise BrokenPromise(f"the text at byte {offset} is not the dump's")
        if kind is MetaCommand and dump[position:offset].strip(WHITE_SPACE):
            inside = max(inside, end)  # a command inside the statement that follows
            continue
        if dump[position:offset].strip(WHITE_SPACE) or end < inside or end < position:
            raise BrokenPromise(f"bytes {position} to {offset} are lost")
        position, inside = end, 0
    if dump[position:].strip(WHITE_SPACE):
        raise BrokenPromise(f"bytes from {position} on are lost")


def contents_can_be_read(dump: bytes) -> None:
    """Check that what consumes the events and tokens never fails, on any of them."""
    reader = ContentsReader()
    try:
        for event in lex(io.BytesIO(dump).read):
            reader.feed(event)
            tokens_are_in_order(event)
            usual_forms_agree(event)
            inert_statements_change_nothing(event)
    except DumpRefused:
        pass
    contents = reader.contents()
    str(contents).encode("utf-8", "surrogateescape")


def tokens_are_in_order(event: Event) -> None:
    """Check the tokens of a statement, read either way."""
    if isinstance(event, Comment | Heading | MetaCommand | Statement | CopyStart):
        for standard_strings in (True, False):
            position = 0
            for token in tokenize(event.text, standard_strings=standard_strings):
                if not position <= token.start < token.end <= len(event.text):
                    raise BrokenPromise(f"token {token} is not behind the one before")
                token.value.encode("utf-8", "surrogateescape")
                position = token.end


def usual_forms_agree(event: Event) -> None:
    """Check that a definition is learnt the same by its form and by its tokens."""
    if not isinstance(event, Statement) or not event.text.startswith(USUAL_BEGINNINGS):
        return
    by_form, by_tokens = Definitions(), Definitions()
    if learn_usual(by_form, decode(event.text)):
        by_tokens.take(Cursor(tokenize(event.text)), event.text)
        if learnt(by_form) != learnt(by_tokens):
            raise BrokenPromise(f"{event.text!r} means {learnt(by_form)}, {learnt(by_tokens)}")
    elif learnt(by_form) != learnt(Definitions()):
        raise BrokenPromise(f"an unusual {event.text!r} was learnt")


def inert_statements_change_nothing(event: Event) -> None:
    """Check that a statement which is skipped quickly would change nothing if it were looked at."""
    if not isinstance(event, Statement):
        return
    pattern = inert(standard_strings=event.standard_strings)
    match = pattern.match(event.text)
    if match and match.lastindex == STATEMENT and match.end() == len(event.text):
        quoting = Quoting()
        quoting.standard = event.standard_strings
        before = dict(vars(quoting))
        try:
            changes = quoting.changes_with(event) or table_copied_into(event)
        except DumpRefused as refusal:
            changes = refusal.rule
        if changes or vars(quoting) != before:
            raise BrokenPromise(f"{event.text!r} is not inert ({changes})")


def learnt(definitions: Definitions) -> tuple[object, ...]:
    """Return all that was learnt, in its order."""
    return (
        {kind: list(names.items()) for kind, names in definitions.objects.items()},
        definitions.languages,
        definitions.any,
        definitions.sequence_values,
        definitions.parents,
        {name: list(columns) for name, columns in definitions.columns.items()},
    )
