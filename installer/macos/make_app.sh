#!/usr/bin/env bash
# Makes Meninx.app whole and signs it, and makes a disk image, out of what installer/build.py froze on a Mac.
#   installer/macos/make_app.sh PAYLOAD FOLDER
# PAYLOAD is build/payload/meninx; beside it lies the Meninx.app of PyInstaller, which has everything but the pack of
# torch and the papers. With MENINX_SIGN_IDENTITY ("Developer ID Application: ...") everything in it is signed;
# without, it is signed for this computer only (ad hoc), and other Macs ask before they open it. Notarising is
# another step: notarize.sh. MENINX_NO_IMAGE=1 leaves the disk image out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
payload=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
python=${PYTHON:-python3}
version=$("$python" -c 'import runpy, sys; print(runpy.run_path(sys.argv[1])["VERSION"])' "$root/core/version.py")
app="$out/Meninx.app"

[ -d "$payload/../Meninx.app/Contents/MacOS" ] || { echo "no Meninx.app beside $payload" >&2; exit 1; }
rm -rf "$app"
# links within the bundle stay links
cp -R "$payload/../Meninx.app" "$app"
# the programs look for torchpack in Resources, where a bundle may hold what is no code of its own
for name in "$payload"/*; do
    case $(basename "$name") in
        meninx | meninx-cli | _internal) ;;
        *) cp -R "$name" "$app/Contents/Resources/" ;;
    esac
done
"$python" - "$app/Contents/Info.plist" "$version" <<'PY'
import plistlib, sys
with open(sys.argv[1], "rb") as file:
    facts = plistlib.load(file)
assert facts["CFBundleShortVersionString"] == sys.argv[2], facts["CFBundleShortVersionString"]
assert facts["CFBundleExecutable"] == "meninx" and not facts["LSBackgroundOnly"], facts
PY
for name in meninx meninx-cli; do
    [ -x "$app/Contents/MacOS/$name" ] || { echo "$app holds no $name" >&2; exit 1; }
done

if [ "$(uname)" != Darwin ]; then
    echo "$app: laid out, neither signed nor tried: this is no Mac"
    exit 0
fi

identity=${MENINX_SIGN_IDENTITY:--}
options=(--force --sign "$identity")
if [ "$identity" != - ]; then
    options+=(--timestamp --options runtime)
else
    echo "MENINX_SIGN_IDENTITY is not set: signed for this computer only" >&2
fi
# from the inside out, one by one: --deep passes over code in Resources, where the pack of torch lies
find "$app/Contents/Frameworks" "$app/Contents/Resources" -type f \( -name '*.so' -o -name '*.dylib' -o -perm -100 \) -print0 |
    while IFS= read -r -d '' file; do
        if file -b "$file" | grep -q Mach-O; then codesign "${options[@]}" "$file"; fi
    done
find "$app/Contents/Frameworks" -type d -name '*.framework' -prune -print0 |
    while IFS= read -r -d '' framework; do codesign "${options[@]}" "$framework"; done
for name in meninx-cli meninx; do
    codesign "${options[@]}" --entitlements "$here/entitlements.plist" "$app/Contents/MacOS/$name"
done
codesign "${options[@]}" --entitlements "$here/entitlements.plist" "$app"
codesign --verify --strict --verbose=2 "$app"

[ -z "${MENINX_NO_IMAGE:-}" ] || exit 0
image="$out/Meninx-$version-macos-arm64.dmg"
rm -f "$image"
if command -v dmgbuild >/dev/null 2>&1; then
    dmgbuild -s "$here/dmg.py" -D app="$app" -D icon="$app/Contents/Resources/meninx.icns" Meninx "$image"
else
    folder=$(mktemp -d)
    cp -R "$app" "$folder/"
    ln -s /Applications "$folder/Applications"
    hdiutil create -volname Meninx -srcfolder "$folder" -format ULMO -fs HFS+ -ov "$image"
    rm -rf "$folder"
fi
if [ "$identity" != - ]; then codesign --force --sign "$identity" --timestamp "$image"; fi
echo "$image"
