#!/usr/bin/env bash
# All tests: two processes, then those that time things alone, then the window under a real X server.
set -euo pipefail
python=$1
export QT_QPA_PLATFORM=offscreen
"$python" -m pytest tests -m "not soak and not xserver and not timing" -n 2 --dist loadfile --ignore=tests/bench
"$python" -m pytest tests -m timing --ignore=tests/bench
if command -v xvfb-run >/dev/null 2>&1; then
    QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x960x24" "$python" -m pytest tests -m xserver
else
    echo "xvfb-run is not here: the tests under a real X server did not run."
fi
