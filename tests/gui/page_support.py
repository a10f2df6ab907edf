"""A page of the window by itself, over a session on a project."""

from __future__ import annotations

from contextlib import contextmanager

import small_project as small


@contextmanager
def page_on(qtbot, path, kind):
    """Show a page of this kind on a project's folder: (session, page); it is closed at the end."""
    with small.open_session(path) as session:
        page = kind(session)
        qtbot.addWidget(page)
        page.resize(1348, 892)
        page.show()
        try:
            yield session, page
        finally:
            page.close_page()
