"""Next steps, as commands to copy."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import final

from topwork.evaluation.metrics import ClassScore, Evaluation
from topwork.evidence.data.problem import KINDS
from topwork.model.model import Model
from topwork.reports.gather import Gathered
from topwork.reports.headline import noun
from topwork.reports.mistakes import most_confused_pair
from topwork.reports.parts import Missing
from topwork.reports.sections import Step
from topwork.reports.words import counted, percent, span

MAX_STEPS = 3
FEW = 20
"""Examples of a class below which its own score is anybody's guess: the interval of 18 right of 20
reaches from 70 to 97%."""

SURE = 0.9

NOT_SCORED = "There is no cross-validated score"
"""What a note of the run begins with that is no remark on the data."""


@final
class Commands:
    """Command lines on one model, with the paths that it has on this machine.

    Args:
        folder: that the model lies in; None: it lies in memory, and `MODEL` stands for the folder.
    """

    def __init__(self, model: Model, folder: Path | None) -> None:
        self.folder = folder
        self.place = "MODEL" if folder is None else str(folder.resolve())
        self.input = {"image": "photo.jpg", "sound": "recording.wav", "text": "a text"}.get(
            model.backbone.modality, "input.npy"
        )
        recipe = model.recipe
        self._source = (recipe.data or "DATA") if folder is None else None

    def of(self, *words: str) -> str:
        """Return `topwork` and these words, quoted where a shell needs it."""
        return shlex.join(["topwork", *words])

    def on_model(self, command: str, *words: str) -> str:
        """Return a command whose first argument is the model's folder."""
        return self.of(command, self.place, *words)

    def train(self, *words: str, out: str) -> str:
        """Return the command that trains again with the model's settings; `out` follows its name.

        A model in memory has no recipe on disk: its data is named.
        """
        if self._source is not None:
            return self.of("train", self._source, *words, "--out", f"{self.place}{out}")
        recipe = str(Path(self.place) / "recipe.toml")
        overwrite = () if out else ("--overwrite",)
        return self.of("train", "--recipe", recipe, *words, "--out", f"{self.place}{out}",
                       *overwrite)  # fmt: skip


def next_steps(gathered: Gathered, best: Evaluation | None, commands: Commands) -> list[Step]:
    """Return what to do now: what the data asks for first, then what the model does."""
    model, steps = gathered.model, []
    if isinstance(gathered.found, Missing):
        steps.append(
            Step(
                why=f"{gathered.found.why} With it, this page shows the mistakes, the learning "
                "curve and the problems of the data as well.",
                command=commands.on_model("report", "--data", "DATA", "--overwrite"),
            )
            if model.recipe.classes is None
            else Step(why=f"{gathered.found.why} {gathered.found.remedy}")
        )
    why = _of_data(gathered)
    if why:
        steps.append(
            Step(
                why=f"{why} Look through what was found, correct what is wrong, and train again.",
                command=commands.train(out="") if model.recipe.data else "",
                href="problems" if _num_problems(gathered) else "remarks",
            )
        )
    if model.recipe.train == "head" and best is not None and best.accuracy.value < SURE:
        steps.append(
            Step(
                why="Only the head was trained. Let evidence decide whether training blocks below "
                "it pays as well.",
                command=commands.train("--train", "auto", out="-deeper"),
            )
        )
    if best is None or model.test is None:
        steps.append(
            Step(
                why=f"Before it is relied on, score it on {noun(model)}s as they will come, "
                "labelled by hand.",
                command=commands.on_model("evaluate", "NEW"),
            )
        )
    steps += _of_use(model, commands)
    return steps[:MAX_STEPS]


def control(gathered: Gathered, commands: Commands) -> Step | None:
    """Return how to have a control trained, where none was."""
    verdict = gathered.verdict
    if isinstance(verdict, Missing) or verdict.limit_seconds is not None:
        return None
    return Step(
        why="The same network trained from scratch, as a control, tells more:",
        command=commands.on_model("report", "--control", "5m", "--overwrite"),
    )


def choose_threshold(commands: Commands) -> Step:
    """Return how another threshold of two classes is chosen."""
    return Step(
        why="Choose the threshold by what must be found; the model keeps it:",
        command=commands.on_model("threshold", "--sensitivity", "95%"),
    )


def more(gathered: Gathered, best: Evaluation | None) -> list[str]:
    """Say what else stands out, of the examples and of single classes."""
    said = [] if isinstance(gathered.curve, Missing) else [gathered.curve.sentence]
    return said if best is None else [*said, *_of_classes(gathered, best)]


def data_remarks(model: Model) -> list[str]:
    """Return the remarks on the data that training made."""
    return [note for note in model.notes if not note.startswith(NOT_SCORED)]


def _of_use(model: Model, commands: Commands) -> list[Step]:
    kind = noun(model)
    steps = [Step(why=f"Use it: label and probability of a new {kind}.",
                  command=commands.on_model("predict", commands.input))]  # fmt: skip
    if model.detector is not None:
        steps.append(
            Step(
                why=f"Have {kind}s of none of these classes marked `unknown`, where they are "
                "stranger than 95% of its own.",
                command=commands.on_model("predict", commands.input, "--reject", "5%"),
            )
        )
    if model.backbone.modality != "array":  # whose parts nobody can look at
        steps.append(
            Step(
                why=f"See which part of a {kind} spoke for its answer.",
                command=commands.on_model("explain", commands.input),
            )
        )
    again = Step(
        why=f"Score it again whenever new {kind}s are labelled.",
        command=commands.on_model("evaluate", "NEW"),
    )
    return [*steps, again]


def _num_problems(gathered: Gathered) -> int:
    problems = gathered.problems
    return 0 if isinstance(problems, Missing) else len(problems.items)


def _of_data(gathered: Gathered) -> str:
    """Say how much may be wrong with the data; nothing where nothing stands out."""
    remarks = data_remarks(gathered.model)
    problems, said = gathered.problems, []
    if not isinstance(problems, Missing):
        said = [
            f"{count:,} {KINDS[kind][count > 1]}"
            for kind, count in problems.counts.items()
            if count
        ]
    if remarks:
        said.append(counted(len(remarks), "remark"))
    if not said:
        return ""
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"The data has {listed}."


def _of_classes(gathered: Gathered, best: Evaluation) -> list[str]:
    model, steps = gathered.model, []
    answers = model.test_predictions if best is model.test else model.oof_predictions
    per_class = model.data.per_class
    few = [name for name, count in per_class.items() if count < FEW]
    if few and len(per_class) > 1:
        least = min(per_class, key=lambda name: per_class[name])
        whose = f"{counted(len(few), 'class has', 'classes have')}"
        if len(few) == len(per_class):
            whose = "Every class has"
        steps.append(
            f"{whose} fewer than {FEW} examples (the fewest: {per_class[least]} of "
            f"{least!r}): with more of these, their scores could be believed."
        )
    worst = _weakest(best)
    if worst is not None:
        steps.append(
            f"{worst.label!r} is the weakest class: {percent(worst.recall)} of them are found "
            f"({span(worst.recall)}), against {percent(best.accuracy)} of all. See its mistakes."
        )
    pair = None if answers is None else most_confused_pair(answers, model.classes)
    if pair is not None and pair[2] > 1 and len(best.classes) > 2:
        first, second, times, of = pair
        steps.append(
            f"{first!r} and {second!r} are taken for each other most often ({times} of {of:,}): "
            "check where the line between them is drawn, or make them one class."
        )
    return steps


def _weakest(best: Evaluation) -> ClassScore | None:
    """The class whose recall is surely below that of all, if there is one."""
    there = [one for one in best.per_class if one.num_examples]
    worst = min(there, key=lambda one: one.recall.value, default=None)
    if worst is None or worst.recall.high >= best.accuracy.low:
        return None
    return worst
