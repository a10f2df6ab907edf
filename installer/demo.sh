#!/usr/bin/env bash
# Open the window on a demo project; with no display run the same loop without a
# window and leave pictures.
set -euo pipefail
python=$1
project=${MENINX_DEMO:-demo/demo.meninx}
[ -e "$project/meninx.json" ] || "$python" main.py demo "$project"
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" != Linux ]; then
    exec "$python" main.py "$project"
fi
echo "No display here: the loop runs without a window."
"$python" main.py train "$project" --label Brain --epochs 2
"$python" main.py evaluate "$project" --run last -o "$(dirname "$project")/pictures"
"$python" main.py predict "$project" --run last
"$python" main.py verify "$project"
echo "Pictures are in $(dirname "$project")/pictures."
