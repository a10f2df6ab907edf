"""An adjudication that cannot begin leaves everything as it was; a consensus is offered only where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import small_project as small
from page_support import page_on

from core.messages import text
from core.project.records import Origin, SliceState
from core.team.readers import adjudication_reader
from gui.review.workspace import ReviewWorkspace


@pytest.fixture
def readers(tmp_path, qtbot):
    """The first scan read by two who finished different slices of it; the page of the readers."""
    path = tmp_path / "small.meninx"
    with small.make_project(path, lesion=False) as project:
        read(project, "reader-b", finished=[])
    with page_on(qtbot, path, ReviewWorkspace) as (session, page):
        session.open_scan(session.project.scans()[0].id)
        qtbot.waitUntil(lambda: session.scan is not None, timeout=15000)
        page.choose_view("readers")
        qtbot.waitUntil(lambda: page.readers.page.case is not None, timeout=15000)
        yield session, page.readers.page


def read(project, reader: str, *, finished: list[int]) -> None:
    scan = project.scans()[0]
    label = project.labels().named("Brain")
    mask = small.head_of(1, small.SHAPE, False).masks["Brain"].astype(np.uint8) * label.value
    states = [SliceState(z, Origin.DRAWN, None, z in finished, reader) for z in range(small.SHAPE[0])]
    annotation = project.ensure_annotation(scan.id, reader)
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)


def test_a_refused_adjudication_puts_the_reader_back_and_stays_here(readers, qtbot):
    session, page = readers
    asked, told = [], []
    session.workspace_requested.connect(asked.append)
    session.notifier.told.connect(lambda one: told.append(one.words))
    before = session.token
    page.bar.adjudicate_asked.emit("staple")
    qtbot.waitUntil(lambda: session.scan is not None and session.token > before + 1, timeout=15000)
    qtbot.waitUntil(lambda: session.can_edit, timeout=15000)
    assert told == [text("errors.consensus-few", scan="S0001")]
    assert asked == []
    assert session.reader == session.team.me == session.loaded.opened.reader == small.READER
    assert not session.team.adjudicating
    assert session.editor.mask("brain").any()
    name = adjudication_reader(small.READER)
    assert session.project.annotation(session.scan.id, name) is None
    # what can begin leads there, at the slice that was shown
    places = []
    session.position_requested.connect(places.append)
    page.panes.set_index(3)
    page.bar.adjudicate_asked.emit("reader-b")
    qtbot.waitUntil(lambda: asked == ["annotate"], timeout=15000)
    assert session.loaded.opened.reader == name
    assert [place[2] for place in places] == [3]


def test_a_consensus_is_offered_once_two_finished_a_slice_together(readers, qtbot):
    session, page = readers

    def offered() -> dict[str, bool]:
        return {action.data(): action.isEnabled() for action in page.bar._starts.actions()}

    assert offered() == {"staple": False, "majority": False, small.READER: True, "reader-b": True, "empty": True}
    assert not page.bar.consensus.isEnabled()
    assert page.bar.adjudicate.isEnabled()
    assert page.bar.consensus.toolTip() == text("team.consensus_few_tip")
    read(session.project, "reader-b", finished=[5])
    session.work_changed.emit("")
    qtbot.waitUntil(page.bar.consensus.isEnabled, timeout=15000)
    assert all(offered().values())
