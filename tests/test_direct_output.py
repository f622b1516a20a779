"""Large files written past the page cache: the same bytes, wherever they are written to."""

from __future__ import annotations

import fcntl
import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.archive.direct_output import BLOCK_BYTES, BUFFER_BYTES, DIRECT, DirectOutput
from dbsnap.archive.private_files import create_private

LENGTHS = st.one_of(
    st.integers(0, 3 * BLOCK_BYTES),
    st.sampled_from([BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, 2 * BUFFER_BYTES + 5]),
)


def written(path: Path, pieces: list[bytes]) -> bool:
    """Write pieces to a new file; return whether it went past the cache at any time."""
    path.unlink(missing_ok=True)
    direct = False
    with closing(DirectOutput(create_private(path))) as output:
        for piece in pieces:
            assert output.write(memoryview(piece)) == len(piece)
            direct = direct or bool(fcntl.fcntl(output.fileno(), fcntl.F_GETFL) & DIRECT)
    return direct


@given(st.lists(LENGTHS, max_size=6))
@settings(deadline=None, max_examples=30)
def test_the_file_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    pieces = [os.urandom(length) for length in lengths]
    path = tmp_path_factory.getbasetemp() / "direct"
    direct = written(path, pieces)
    assert path.read_bytes() == b"".join(pieces)
    assert not direct or sum(lengths) >= BUFFER_BYTES


@pytest.mark.skipif(not DIRECT, reason="the system has no O_DIRECT")
def test_a_file_system_that_knows_only_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """procfs refuses the flag itself; a file may also accept it and refuse each write."""
    content = os.urandom(BUFFER_BYTES + 3)
    descriptor = os.memfd_create("usual")
    refusals = 0
    write = os.write

    def refusing(number: int, data: memoryview) -> int:
        nonlocal refusals
        if fcntl.fcntl(number, fcntl.F_GETFL) & DIRECT:
            refusals += 1
            raise OSError(22, "Invalid argument")
        return write(number, data[: 1 << 20])

    monkeypatch.setattr(os, "write", refusing)
    with closing(DirectOutput(descriptor)) as output:
        output.write(content)
        path = Path(f"/proc/self/fd/{descriptor}")
        assert refusals <= 1
        assert path.read_bytes() == content[:BUFFER_BYTES]


def test_no_room_is_an_error_and_the_file_is_closed() -> None:
    """``/dev/full`` takes nothing, and knows no direct way either."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    output = DirectOutput(descriptor)
    with pytest.raises(OSError, match="No space left"):
        output.write(bytes(BUFFER_BYTES))
    with pytest.raises(OSError, match="No space left"):
        output.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
