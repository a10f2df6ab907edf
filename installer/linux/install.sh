#!/bin/sh
# Install Meninx for you alone: no administrator is needed, nothing is downloaded.
#   sh install.sh [--prefix FOLDER]       FOLDER is ~/.local if you do not say
# An older Meninx in the same place is replaced; projects and settings are never touched.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=${HOME:?}/.local
quiet=no
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=$2; shift 2 ;;
        --quiet) quiet=yes; shift ;;
        *) echo "usage: install.sh [--prefix FOLDER] [--quiet]" >&2; exit 2 ;;
    esac
done
say() { [ "$quiet" = yes ] || echo "$@"; }

case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
program=$prefix/lib/meninx
needed=$(du -sk "$here/program" | cut -f1)
mkdir -p "$prefix/lib" "$prefix/bin" "$prefix/share"
free=$(df -Pk "$prefix/lib" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$needed" ]; then
    echo "There is not enough room in $prefix: $((needed / 1024)) MB are needed, $((free / 1024)) MB are free." >&2
    exit 1
fi

# beside the old one first, so that an installation that is cut short leaves the old one whole
new=$prefix/lib/.meninx.new.$$
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
cp -R "$here/program" "$new"
cp "$here/uninstall.sh" "$new/uninstall.sh"
chmod 755 "$new/uninstall.sh"

missing=$(for file in "$new/_internal/PySide6/Qt/plugins/platforms/libqxcb.so" "$new/_internal/libpython3"*.so*; do
    [ -e "$file" ] && LD_LIBRARY_PATH="$new/_internal" ldd "$file" 2>&1 | grep -E 'not found' || true
done | sort -u)

(cd "$here/share" && find . -type f | sed 's|^\./||') > "$new/installed.txt"
if [ -d "$program" ]; then
    rm -rf "$program.before"
    mv "$program" "$program.before"
fi
mv "$new" "$program"
rm -rf "$program.before"
for name in meninx meninx-cli; do
    ln -sfn "$program/$name" "$prefix/bin/$name"
done
while IFS= read -r file; do
    mkdir -p "$prefix/share/$(dirname "$file")"
    cp "$here/share/$file" "$prefix/share/$file"
done < "$program/installed.txt"
# menus do not look into ~/.local/bin everywhere
sed -i "s|^Exec=meninx|Exec=\"$program/meninx\"|" "$prefix/share/applications/meninx.desktop"
if command -v update-desktop-database > /dev/null 2>&1; then update-desktop-database -q "$prefix/share/applications" || true; fi
if command -v update-mime-database > /dev/null 2>&1; then update-mime-database "$prefix/share/mime" > /dev/null 2>&1 || true; fi

if [ -n "$missing" ]; then
    echo "Meninx is installed, but this computer lacks libraries; its window may not open without them:" >&2
    echo "$missing" >&2
    echo "On Debian and Ubuntu: sudo apt install libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1" >&2
fi
say "Meninx is in $program. Start it from the menu, or with $prefix/bin/meninx"
say "To remove it: $program/uninstall.sh"
