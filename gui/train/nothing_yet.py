"""What the Train page says where there is no run to show."""

from __future__ import annotations

from core.messages import text
from gui.train.new_run import NewRunPanel
from gui.train.watch import counted


def empty_words(panel: NewRunPanel, *, opened: bool, labels: bool) -> tuple[str, ...]:
    """Return title, words, button and quiet button: what is missing and what to do about it.

    Parameters
    ----------
    panel
        Where the next run is set up.
    opened, labels
        Whether a project is open, and has labels.
    """
    if not opened:
        return text("train.no_project_title"), text("train.no_project")
    take = text("train.take_run_here")
    if panel.data.ready:
        what, found = "slice" if panel.classifies else "finished_slice", panel.data.survey
        words = text("train.ready_words", slices=counted(what, found.slices) if found is not None else "")
        return text("train.ready_title"), words, "", take
    if labels and not panel.classifies and not panel.chosen_labels():
        # nothing is counted for no label: what is finished may be plenty
        return text("train.unticked_title"), text("train.unticked_words"), "", take
    words = text("train.empty_words_class" if panel.classifies else "train.empty_words")
    return text("train.empty_title"), words, text("train.to_annotate"), take
