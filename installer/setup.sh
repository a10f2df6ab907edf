#!/usr/bin/env bash
# Make the virtual environment with every pinned package, and see to the system
# libraries that Qt needs: install them where that is allowed, else name them.
set -euo pipefail
python=$1
venv=$2

"$python" - <<'PY'
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"Meninx needs Python 3.11 to 3.13; this is {sys.version.split()[0]}. Set PYTHON=python3.12, say.")
PY

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-virtualenv -r requirements.lock

libraries="libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libdbus-1-3 libfontconfig1 libglib2.0-0 fonts-dejavu-core"
testing="xvfb xdotool"
if [ "$(uname)" = Linux ] && command -v dpkg >/dev/null 2>&1; then
    missing=""
    for package in $libraries $testing; do
        dpkg -s "$package" >/dev/null 2>&1 || dpkg -s "${package}t64" >/dev/null 2>&1 || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" = 0 ]; then
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null ||
                echo "These system packages could not be installed; the window may not open without them:$missing"
        else
            echo "The window may not open without these system packages. Install them with: sudo apt-get install$missing"
        fi
    fi
fi
