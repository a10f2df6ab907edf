#!/usr/bin/env bash
# All tests: two processes, then those that time things alone, then the window under a real X server.
set -euo pipefail
python=$1
export QT_QPA_PLATFORM=offscreen
# bytecode is kept: these runs and the hundreds of children that they start read the same modules
unset PYTHONDONTWRITEBYTECODE

# Folders of tests are in memory, where there is plenty and programs may run from it: sixty times a test
# a file is brought to the disk, and that is waited for. Tests of faults have theirs on the disk.
plenty=$((6 * 1024 * 1024))
memory=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo 2>/dev/null || echo 0)
free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $4}' || echo 0)
MENINX_TEST_DISK=$(mktemp -d)
export MENINX_TEST_DISK
scratch=$MENINX_TEST_DISK
trap 'rm -rf "$MENINX_TEST_DISK" "$scratch"' EXIT
if [ "${memory:-0}" -gt "$plenty" ] && [ "${free:-0}" -gt "$plenty" ] && [ -w /dev/shm ]; then
    scratch=$(mktemp -d /dev/shm/meninx-tests-XXXXXX)
    printf '#!/bin/sh\n' >"$scratch/runs"
    chmod +x "$scratch/runs"
    "$scratch/runs" 2>/dev/null || { rm -rf "$scratch"; scratch=$MENINX_TEST_DISK; }
fi

# only the files that have such tests are read: to read all takes longer than these tests do
marked() { grep -rlE --include='test_*.py' --exclude-dir=bench "mark\.$1\b" tests; }
timing=$(marked timing)
xserver=$(marked xserver)

"$python" -m pytest tests -m "not soak and not xserver and not timing" -n 2 --dist loadfile --no-loadscope-reorder \
    --basetemp="$scratch/all" --ignore=tests/bench
# shellcheck disable=SC2086  # a list of files
"$python" -m pytest $timing -m timing --basetemp="$scratch/timing"
if command -v xvfb-run >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x960x24" "$python" -m pytest $xserver -m xserver \
        --basetemp="$scratch/xserver"
else
    echo "xvfb-run is not here: the tests under a real X server did not run."
fi
