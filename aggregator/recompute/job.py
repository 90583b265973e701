"""A recomputation's memory: which pieces are done, in a file that is replaced whole."""

from hashlib import sha256
from pathlib import Path
from typing import Self

import msgspec

from aggregator.recompute.found import Asked, Piece, PieceFound
from cityvitals.errors import SettingsError


class Done(msgspec.Struct):
    """A piece that was compared.

    Attributes:
        before: what was found at first.
        handed: whether the owner was asked to do it anew.
        right: whether it was found to be right since.
    """

    before: PieceFound
    handed: bool = False
    right: bool = False


class Job(msgspec.Struct):
    """What is to be recomputed, and how far that has come.

    Attributes:
        asked: the question, as text: a file of another one is not taken up.
        pieces: by `Piece.key`.
    """

    asked: str
    pieces: dict[str, Done] = msgspec.field(default_factory=dict)

    @classmethod
    def take_up(cls, path: Path, asked: str) -> Self:
        """A job as it was left, or a new one.

        Raises:
            SettingsError: the file is not one of ours.
        """
        if not path.exists():
            return cls(asked)
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise SettingsError(f"{path}: expected what `recompute` left there: {error}") from None
        return found if found.asked == asked else cls(asked)

    def keep(self, path: Path) -> None:
        """Replace the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(self))
        beside.replace(path)

    def left(self, pieces: list[Piece]) -> list[Piece]:
        """Those that are not compared yet."""
        return [one for one in pieces if one.key not in self.pieces]

    def waiting(self, pieces: list[Piece]) -> list[Piece]:
        """Those that are not right, nor were found so since."""
        return [one for one in pieces if one.key in self.pieces and not self.pieces[one.key].right]


def question(asked: Asked, rules: list[tuple[str, int]]) -> str:
    """What is asked for, by which rules: another revision is another question."""
    return msgspec.json.encode([*asked, rules]).decode()


def file_of(folder: Path, text: str) -> Path:
    """Where a question's job is kept."""
    return folder / "recompute" / f"{sha256(text.encode()).hexdigest()[:16]}.json"
