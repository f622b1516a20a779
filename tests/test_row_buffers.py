"""Rows received into buffers: complete rows, in their order, wherever the pieces are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from dbsnap.dumpfile.frames import BLOCK_END
from dbsnap.dumpfile.lines import PIECE_BYTES, count_lines
from dbsnap.operations.row_buffers import RowBuffers, received
from dbsnap.postgres.row_session import END_OF_ROWS

if TYPE_CHECKING:
    from dbsnap.postgres.row_session import RowSession

ROWS = st.lists(st.sampled_from([b"", b"1\tAnna", b"\\\\.", b"\\N", b"x" * 40, b"\\\\.\\n\\\\."]))


class Channel:
    """What a session's psql would write, cut into pieces of these sizes."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._content = content
        self._sizes = sizes
        self.statements: list[str] = []

    def copy(self, statement: str) -> None:
        self.statements.append(statement)

    def receive(self, room: memoryview) -> int:
        size = min(self._sizes.pop() if self._sizes else len(self._content), len(room))
        piece, self._content = self._content[:size], self._content[size:]
        assert piece, "more was asked for than there is"
        room[: len(piece)] = piece
        return len(piece)


@given(ROWS, st.lists(st.integers(1, 50)), st.integers(len(BLOCK_END) + 1, 100))
def test_rows_come_whole_and_in_their_order(rows: list[bytes], sizes: list[int], room: int) -> None:
    body = b"".join(row + b"\n" for row in rows)
    session = cast("RowSession", Channel(body + END_OF_ROWS, sizes))
    pieces = [bytes(piece) for piece in received(session, "COPY t TO STDOUT;", RowBuffers(room))]
    assert b"".join(pieces) == body
    assert all(piece.endswith(b"\n") for piece in pieces)


@given(ROWS.filter(bool), st.binary(max_size=30))
def test_a_frame_stands_in_one_piece(rows: list[bytes], head: bytes) -> None:
    body = b"".join(row + b"\n" for row in rows)
    buffers = RowBuffers(64)
    buffer = buffers.take(head, body + b"begun")
    assert bytes(buffer.take_rest()) == b"begun"
    assert bytes(buffer.raw()) == head + body + BLOCK_END
    assert bytes(buffer.rows()) == body
    buffers.give_back(buffer)
    assert bytes(buffers.take(b"").raw()) == BLOCK_END  # nothing of what it held before


@given(
    st.lists(
        st.sampled_from([b"\n", b"\n\n", b"\\n", b"row\n", b"x" * 1000, b"y\n" * 5000]), max_size=40
    ),
    st.integers(0, PIECE_BYTES + 2),
)
def test_lines_are_counted_whatever_the_bytes_stand_in(parts: list[bytes], padding: int) -> None:
    text = b"x" * padding + b"".join(parts)
    for form in (bytes, bytearray, memoryview):
        assert count_lines(form(text)) == text.count(b"\n")
