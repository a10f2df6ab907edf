# Settings of dmgbuild: dmgbuild -s installer/macos/dmg.py -D app=Meninx.app -D icon=meninx.icns Meninx Meninx.dmg
# ruff: noqa: F821 - dmgbuild gives ``defines``
"""How the disk image looks: the program, and where to drag it."""

from pathlib import Path

application = Path(defines["app"])
format = "ULMO"  # packed with LZMA, which macOS has read since 10.15
filesystem = "HFS+"
files = [str(application)]
symlinks = {"Applications": "/Applications"}
icon = defines["icon"]
icon_locations = {application.name: (150, 170), "Applications": (450, 170)}
window_rect = ((200, 200), (600, 380))
default_view = "icon-view"
show_status_bar = show_tab_view = show_toolbar = show_pathbar = show_sidebar = False
icon_size = 112
text_size = 13
