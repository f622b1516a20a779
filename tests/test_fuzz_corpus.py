"""The promises of reading dumps, kept for every input that fuzzing started from or ever found."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import promises
from fuzz.pieces import REPEATED

CORPUS = sorted((Path(promises.__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_promises_are_kept(path: Path) -> None:
    promises.check(path.read_bytes())


def test_the_corpus_stays_small() -> None:
    assert 20 < len(CORPUS) < 60
    assert sum(path.stat().st_size for path in CORPUS) < 200_000


class TestTheyCanBeBroken:
    dump = b"-- a\nSELECT 1;\nSELECT 2;\n"

    @pytest.mark.parametrize("left_out", [0, 1, 2])
    def test_a_lost_piece(self, left_out: int) -> None:
        found = promises.outcome(self.dump, 1 << 20)
        promises.no_byte_is_lost(self.dump, found)
        with pytest.raises(promises.BrokenPromise, match="lost"):
            promises.no_byte_is_lost(self.dump, found[:left_out] + found[left_out + 1 :])

    def test_a_wrong_line(self) -> None:
        (kind, offset, end, line, text), *rest = promises.outcome(self.dump, 1 << 20)
        with pytest.raises(promises.BrokenPromise, match="line 2"):
            promises.no_byte_is_lost(self.dump, [(kind, offset, end, 2, text), *rest])
        assert line == 1

    def test_a_wrong_text(self) -> None:
        (kind, offset, end, line, _), *rest = promises.outcome(self.dump, 1 << 20)
        with pytest.raises(promises.BrokenPromise, match="not the dump's"):
            promises.no_byte_is_lost(self.dump, [(kind, offset, end, line, b"-- b"), *rest])

    def test_too_much_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = []

        def seconds_to_read(dump: bytes) -> float:
            sizes.append(len(dump))
            return (len(dump) / promises.LARGE_BYTES) ** 2

        monkeypatch.setattr(promises, "seconds_to_read", seconds_to_read)
        with pytest.raises(promises.BrokenPromise, match="a quarter"):
            promises.check(b"SELECT " + REPEATED + b"a" + REPEATED + b";")
        assert max(sizes) == pytest.approx(4 * min(sizes), rel=0.01)
