import json

from topwork.evaluation.fold_cache import folds_folder
from topwork.evidence.kept import memo


def test_what_was_made_once_is_read_again() -> None:
    calls = []

    def make() -> int:
        calls.append(1)
        return 41 + len(calls)

    def ask(*parts: object) -> int:
        return memo(
            ["test", *parts], make, read=lambda data: int(data["n"]), write=lambda n: {"n": n}
        )

    before = set(folds_folder().glob("*.json"))
    assert ask("a") == ask("a") == 42
    assert ask("b") == 43
    (of_a,) = (
        path
        for path in set(folds_folder().glob("*.json")) - before
        if json.loads(path.read_text()) == {"n": 42}
    )
    of_a.write_text("{}")  # of no use: made anew
    assert ask("a") == 44
    of_a.write_text("cut of")
    assert ask("a") == 45
