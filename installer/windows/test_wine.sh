#!/usr/bin/env bash
# Compiles the installer for Windows with a made-up payload and tries it under wine: silent installation, what it
# left on the disk and in the registry, "open with", upgrade, refusals, silent removal that keeps what is not ours.
#   installer/windows/test_wine.sh [SCRATCH]     needs: makensis, wine (64 bit), the project's Python
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=${1:-$(mktemp -d)}
python=${PYTHON:-$root/.venv/bin/python}
mkdir -p "$scratch"
export WINEPREFIX="$scratch/prefix" WINEDEBUG=-all WINEARCH=win64 DISPLAY="" WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d"
passed=0
ok() { passed=$((passed + 1)); echo "  ok    $1"; }
fail() { echo "  WRONG $1"; exit 1; }
check() { local what=$1; shift; if "$@"; then ok "$what"; else fail "$what"; fi; }
lacks() { ! "$@"; }

# run under wine, wait for its end, return its exit status
run() { local status=0; timeout 180 wine "$@" >/dev/null 2>&1 || status=$?; timeout 60 wineserver -w || true; return $status; }
status() { local said=0; run "${@:2}" || said=$?; check "exit status $1 of ${2##*/} ${*:3}" [ "$said" = "$1" ]; }
reg() { timeout 60 wine reg query "$@" 2>/dev/null | tr -d '\r'; }
value() { reg "$1" ${2:+/v "$2"} ${3:+/ve} | grep -a -F -- "$4" >/dev/null; }

echo "payload"
rm -rf "$scratch/payload" "$scratch/out"
mkdir -p "$scratch/payload/_internal/numpy/core" "$scratch/payload/torchpack/torch/lib" "$scratch/payload/docs/guide" "$scratch/payload/resources/i18n"
makensis -V1 -WX -DOUT="$scratch/payload/meninx.exe" "$here/dummy.nsi"
cp "$scratch/payload/meninx.exe" "$scratch/payload/meninx-cli.exe"
head -c 3000000 /dev/urandom >"$scratch/payload/torchpack/torch/lib/torch_cpu.dll"
for name in _internal/numpy/core/a.pyd docs/guide/README.md resources/i18n/en.toml THIRD-PARTY-LICENCES.txt "_internal/with space ü.txt"; do
    echo "$name" >"$scratch/payload/$name"
done
"$python" "$here/make_installer.py" "$scratch/payload" "$scratch/out" --as-version 0.0.9 >/dev/null
echo old >"$scratch/payload/_internal/only-in-the-old.txt"
"$python" "$here/make_installer.py" "$scratch/payload" "$scratch/out" --as-version 0.0.9 >/dev/null
rm "$scratch/payload/_internal/only-in-the-old.txt"
echo new >"$scratch/payload/resources/only-in-the-new.txt"
new=$("$python" "$here/make_installer.py" "$scratch/payload" "$scratch/out")
old="$scratch/out/Meninx-0.0.9-windows-x86_64.exe"
check "two installers" [ -s "$new" ] && [ -s "$old" ]
version=${new##*/Meninx-}; version=${version%-windows*}

echo "prefix"
[ -d "$WINEPREFIX" ] || { timeout 300 wineboot -i >/dev/null 2>&1; timeout 60 wineserver -w || true; }
home=""
for folder in "$WINEPREFIX"/drive_c/users/*/AppData; do home=${folder%/AppData}; done
local_="$home/AppData/Local"
place="$local_/Programs/Meninx"
arp='HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Meninx'
classes='HKCU\Software\Classes'
rm -rf "$place" "$local_/Meninx" "$WINEPREFIX/drive_c/Program Files/Meninx" "$WINEPREFIX/drive_c/tools" "$WINEPREFIX/drive_c/theirs"
wine reg delete "$arp" /f >/dev/null 2>&1 || true
# what was there before us must be there after us
wine reg add "$classes\\.nii" /ve /d "Other.Viewer" /f >/dev/null 2>&1
wine reg add "$classes\\.nii\\OpenWithProgids" /v "Other.Viewer" /f >/dev/null 2>&1
wineserver -w
mkdir -p "$home/Documents/pilot.meninx" "$local_/Meninx/packs/gpu"
echo '{}' >"$home/Documents/pilot.meninx/meninx.json"
echo keep >"$local_/Meninx/preferences.json"
echo big >"$local_/Meninx/packs/gpu/torch.dll"

echo "an old Windows"
run winecfg -v win7 || true
status 10 "$old" /S
check "nothing was installed" [ ! -e "$place" ]
run winecfg -v win10 || true

echo "silent installation of an old version"
status 0 "$old" /S
check "the program lies in the person's own folder" [ -s "$place/meninx.exe" ]
check "every file of the payload arrived" diff -rq --exclude=uninstall.exe --exclude=resources --exclude=_internal "$scratch/payload" "$place"
check "names with spaces and umlauts arrive" [ -s "$place/_internal/with space ü.txt" ]
check "the uninstaller is there" [ -s "$place/uninstall.exe" ]
check "the start menu names it" [ -e "$home/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Meninx.lnk" ]
check "Apps and features: version" value "$arp" DisplayVersion "" "0.0.9"
check "Apps and features: quiet removal" value "$arp" QuietUninstallString "" "uninstall.exe\" /S"
check "nothing for all users" lacks reg "HKLM${arp#HKCU}"
for ending in .nii .gz .dcm; do
    check "open with: $ending" value "$classes\\$ending\\OpenWithProgids" Meninx.Scan "" Meninx.Scan
done
check "what opened .nii before still does" value "$classes\\.nii" "" 1 "Other.Viewer"
check "folders: open with Meninx" value "$classes\\Directory\\shell\\Meninx\\command" "" 1 'meninx.exe" "%1"'
check ".meninx is ours" value "$classes\\.meninx" "" 1 "Meninx.Project"

echo "upgrade"
echo mine >"$place/my notes.txt"
mkdir "$place/pilot.meninx"; echo '{}' >"$place/pilot.meninx/meninx.json"
status 0 "$new" /S
check "the version is new" value "$arp" DisplayVersion "" "$version"
check "what only the old one had is gone" [ ! -e "$place/_internal/only-in-the-old.txt" ]
check "what only the new one has is there" [ -s "$place/resources/only-in-the-new.txt" ]
check "the person's file in the folder is kept" [ -s "$place/my notes.txt" ]
check "a project in the folder is kept" [ -s "$place/pilot.meninx/meninx.json" ]
check "the GPU pack is kept" [ -s "$local_/Meninx/packs/gpu/torch.dll" ]

echo "the same once more, over one that was broken off"
rm -rf "$place/_internal/numpy" "$place/resources"
status 0 "$new" /S
check "repaired" [ -s "$place/_internal/numpy/core/a.pyd" ]

echo "while it is open"
wine "$place/meninx.exe" /WAIT=25000 >/dev/null 2>&1 &
sleep 4
said=0; timeout 120 wine "$new" /S >/dev/null 2>&1 || said=$?
check "exit status 5 while the window is open" [ "$said" = 5 ]
check "and nothing was taken away" [ -s "$place/_internal/numpy/core/a.pyd" ]
wait; timeout 60 wineserver -w || true

echo "silent removal"
status 0 "$place/uninstall.exe" /S
for _ in 1 2 3 4 5 6 7 8 9 10; do [ ! -e "$place/uninstall.exe" ] && break; sleep 1; done
check "the person's file in the folder is kept" [ -s "$place/my notes.txt" ]
check "a project in the folder is kept" [ -s "$place/pilot.meninx/meninx.json" ]
rm -rf "$place/my notes.txt" "$place/pilot.meninx" "$place/called-with.txt"
check "nothing else is left of the program" [ -z "$(ls -A "$place" 2>/dev/null)" ]
check "the project is kept" [ -s "$home/Documents/pilot.meninx/meninx.json" ]
check "settings are kept" [ -s "$local_/Meninx/preferences.json" ]
check "the GPU pack is gone" [ ! -e "$local_/Meninx/packs" ]
check "the start menu is clean" [ ! -e "$home/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Meninx.lnk" ]
for key in "$arp" "$classes\\Meninx.Scan" "$classes\\Meninx.Project" "$classes\\.meninx" "$classes\\.dcm" "$classes\\Applications\\meninx.exe" "$classes\\Directory\\shell\\Meninx"; do
    check "no more $key" lacks reg "$key"
done
check "what opened .nii before still does" value "$classes\\.nii" "" 1 "Other.Viewer"
check "and stands in its list" value "$classes\\.nii\\OpenWithProgids" Other.Viewer "" Other.Viewer
check "without us" lacks value "$classes\\.nii\\OpenWithProgids" Meninx.Scan "" Meninx.Scan

echo "another folder"
# NSIS wants the folder without quotation marks: word by word, so that wine puts none
status 0 "$new" /S '/D=C:\tools\Meninx' for all scans
check "the folder may hold spaces" [ -s "$WINEPREFIX/drive_c/tools/Meninx for all scans/meninx.exe" ]
status 0 "$new" /S
check "an upgrade stays where it was" [ ! -e "$place/meninx.exe" ]
status 0 "$WINEPREFIX/drive_c/tools/Meninx for all scans/uninstall.exe" /S
sleep 2
check "the folder is gone" [ ! -e "$WINEPREFIX/drive_c/tools/Meninx for all scans" ]
mkdir -p "$WINEPREFIX/drive_c/theirs/docs"; echo theirs >"$WINEPREFIX/drive_c/theirs/docs/thesis.txt"
status 3 "$new" /S '/D=C:\theirs'
check "a folder with other things is left alone" [ ! -e "$WINEPREFIX/drive_c/theirs/meninx.exe" ]
check "and they are there" [ -s "$WINEPREFIX/drive_c/theirs/docs/thesis.txt" ]

echo "all users"
status 0 "$new" /S /ALLUSERS
check "Program Files" [ -s "$WINEPREFIX/drive_c/Program Files/Meninx/meninx.exe" ]
check "the entry is the computer's" value "HKLM${arp#HKCU}" DisplayVersion "" "$version"
check "and not the person's" lacks reg "$arp"
check "the start menu of all" [ -e "$WINEPREFIX/drive_c/ProgramData/Microsoft/Windows/Start Menu/Programs/Meninx.lnk" ]
# this wine looks up what opens a file among what is there for all users only, so that is tried here
mkdir -p "$WINEPREFIX/drive_c/scans"
echo x >"$WINEPREFIX/drive_c/scans/Kopf Müller 2.meninx"
run start /wait 'C:\scans\Kopf Müller 2.meninx' || true
told="$WINEPREFIX/drive_c/Program Files/Meninx/called-with.txt"
check "a double click hands over the whole name" grep -q 'C:\\scans\\Kopf Müller 2.meninx' <(iconv -f UTF-16 -t UTF-8 "$told")
rm -f "$told"
status 0 "$WINEPREFIX/drive_c/Program Files/Meninx/uninstall.exe" /S
sleep 2
check "gone" [ ! -e "$WINEPREFIX/drive_c/Program Files/Meninx" ]
check "and its entry" lacks reg "HKLM${arp#HKCU}"

echo "$passed checks passed under $(wine --version); what wine cannot tell: SmartScreen, Authenticode, UAC, the window of the installer, the program itself"
