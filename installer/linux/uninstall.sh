#!/bin/sh
# Remove Meninx as install.sh put it there. Projects and settings stay.
set -eu
program=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=$(dirname -- "$(dirname -- "$program")")
if [ ! -f "$program/installed.txt" ] || [ ! -x "$program/meninx" ]; then
    echo "This is not a folder that install.sh made: $program" >&2
    exit 1
fi
while IFS= read -r file; do
    rm -f "$prefix/share/$file"
done < "$program/installed.txt"
for name in meninx meninx-cli; do
    if [ "$(readlink "$prefix/bin/$name" 2> /dev/null)" = "$program/$name" ]; then rm -f "$prefix/bin/$name"; fi
done
if command -v update-desktop-database > /dev/null 2>&1; then update-desktop-database -q "$prefix/share/applications" || true; fi
if [ -d "$prefix/share/mime" ] && command -v update-mime-database > /dev/null 2>&1; then
    update-mime-database "$prefix/share/mime" > /dev/null 2>&1 || true
fi
# what is left without a single entry of its own was made by the updates above
if [ -z "$(ls -A "$prefix/share/mime/packages" 2> /dev/null)" ]; then rm -rf "$prefix/share/mime"; fi
if [ "$(ls -A "$prefix/share/applications" 2> /dev/null)" = mimeinfo.cache ]; then rm -f "$prefix/share/applications/mimeinfo.cache"; fi
list=$(cat "$program/installed.txt")
rm -rf "$program"
# folders that are empty now were made for it, or are of no use
echo "$list" | while IFS= read -r file; do
    folder=$(dirname "$file")
    while [ "$folder" != . ] && rmdir "$prefix/share/$folder" 2> /dev/null; do folder=$(dirname "$folder"); done
done
rmdir "$prefix/lib" "$prefix/bin" "$prefix/share" 2> /dev/null || true
echo "Meninx is removed. Projects and settings are still there, in ${XDG_DATA_HOME:-$HOME/.local/share}/Meninx and where you keep them."
