#!/usr/bin/env bash
# The Debian package in a fresh Debian: install, self-test, a DICOM folder, strip, train, remove; nothing may be left.
#   sudo installer/test/chroot_test.sh PACKAGE.deb DICOM_FOLDER [ARCHIVE.tar.xz]
# Needs root, debootstrap, Xvfb, xdotool and ImageMagick's import on this machine. The base system is made once and kept
# in $WORK (default /tmp/meninx-chroot), which also gets report.txt and the pictures. MIRROR and SUITE name another Debian.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
package=$(realpath "$1") dicom=$(realpath "$2") archive=${3:+$(realpath "$3")}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
WORK=${WORK:-/tmp/meninx-chroot} MIRROR=${MIRROR:-http://deb.debian.org/debian} SUITE=${SUITE:-bookworm}
MOST_MEGABYTES=450 MOST_SECONDS_INSTALL=60
root=$WORK/root base=$WORK/base-$SUITE report=$WORK/report.txt display=:${XNUMBER:-97}
mkdir -p "$WORK"
: > "$report"
say() { echo "$(date +%H:%M:%S) $*" | tee -a "$report"; }
fail() { say "FAILED: $*"; exit 1; }
missed='' # bars that were not held: told at the end, for the rest is worth knowing too
seconds() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }'; }

server=''
away() {
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    for place in tmp/.X11-unix dev sys proc; do umount -l -R "$root/$place" 2> /dev/null || true; done
}
trap away EXIT

if [ ! -x "$base/usr/bin/apt-get" ]; then
    say "making the base system ($SUITE)"
    debootstrap --variant=minbase "$SUITE" "$base" "$MIRROR" > "$WORK/debootstrap.log" 2>&1
    chroot "$base" apt-get update -qq
fi
away
rm -rf --one-file-system "$root"
cp -a "$base" "$root"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
mkdir -p /tmp/.X11-unix "$root/tmp/.X11-unix"
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
chroot "$root" useradd --create-home --shell /bin/sh anna
# what a person would bring along
cp -r "$dicom" "$root/home/anna/Scans vom CD-Laufwerk"
cp "$package" "$root/tmp/meninx.deb"
[ -z "$archive" ] || cp "$archive" "$root/tmp/meninx.tar.xz"
chroot "$root" chown -R anna:anna /home/anna

as_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_anna() {
    chroot --userspec=anna:anna "$root" env -i HOME=/home/anna USER=anna LOGNAME=anna PATH=/usr/bin:/bin \
        LANG=C.UTF-8 ${DISPLAY_THERE:+DISPLAY=$DISPLAY_THERE} sh -c "cd; $*"
}
listed() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./var/cache -o -path ./var/log \
        -o -path ./var/lib/apt -o -path ./var/lib/dpkg \) -prune -o -printf '%y %M %p\n' | sort)
}

megabytes=$(($(stat -c %s "$package") / 1000000))
say "package: $megabytes MB (at most $MOST_MEGABYTES)"
[ "$megabytes" -le "$MOST_MEGABYTES" ] || fail "too large"
listed > "$WORK/before.txt"

# ------------------------------------------------------------------ install
as_root apt-get install -y -qq --no-install-recommends --download-only /tmp/meninx.deb > "$WORK/apt.log" 2>&1
begun=$(date +%s.%N)
as_root apt-get install -y -qq --no-install-recommends /tmp/meninx.deb >> "$WORK/apt.log" 2>&1
took=$(seconds "$begun")
say "installed with what it depends on: $took s (at most $MOST_SECONDS_INSTALL)"
[ "${took%.*}" -lt "$MOST_SECONDS_INSTALL" ] || missed="installing took $took s (load $(cut -d' ' -f1 /proc/loadavg))"
as_root dpkg --verify meninx | tee -a "$report"
say "version: $(as_anna meninx-cli --version)"

# ---------------------------------------------------------------- self-test
# fontconfig keeps what it found out about fonts for every program
listed_home() { (cd "$root/home/anna" && find . -xdev -path ./.cache -prune -o -print | sort); }
listed_home > "$WORK/home-before.txt"
begun=$(date +%s.%N)
# no network at all: a process that needs one would fail
unshare --net chroot --userspec=anna:anna "$root" env -i HOME=/home/anna USER=anna PATH=/usr/bin:/bin LANG=C.UTF-8 \
    sh -c 'cd; meninx-cli selftest --gui --torch --json' > "$WORK/selftest-offscreen.json" 2> "$WORK/selftest-offscreen.txt" ||
    { cat "$WORK/selftest-offscreen.txt"; fail "self-test without a screen"; }
say "self-test without screen and network: $(seconds "$begun") s: $(cat "$WORK/selftest-offscreen.json")"
listed_home | diff "$WORK/home-before.txt" - || fail "the self-test left something"

Xvfb "$display" -screen 0 1600x960x24 -nolisten tcp -ac > "$WORK/xvfb.log" 2>&1 &
server=$!
DISPLAY_THERE=$display
export DISPLAY=$display
for _try in $(seq 100); do xdotool getdisplaygeometry > /dev/null 2>&1 && break; sleep 0.2; done
begun=$(date +%s.%N)
as_anna 'meninx-cli selftest --gui --torch --json --picture selftest.png' > "$WORK/selftest-xvfb.json" \
    2> "$WORK/selftest-xvfb.txt" || { cat "$WORK/selftest-xvfb.txt"; fail "self-test under X"; }
say "self-test under X: $(seconds "$begun") s: $(cat "$WORK/selftest-xvfb.json")"
mv "$root/home/anna/selftest.png" "$WORK/selftest-window.png"

# ----------------------------------------------------------- window, a DICOM folder
start() { # cold|warm picture seconds-to-look [PATH]
    sync
    [ "$1" = warm ] || echo 3 > /proc/sys/vm/drop_caches
    local kind=$1 picture=$2 look=$3
    shift 3
    say "window, $kind: $(python3 "$here/measure_start.py" --look "$look" --picture "$WORK/$picture" -- \
        chroot --userspec=anna:anna "$root" env -i HOME=/home/anna USER=anna PATH=/usr/bin:/bin LANG=C.UTF-8 \
        DISPLAY="$display" meninx "$@")"
}
start cold window-start.png 2
start warm window-start-warm.png 2
start warm window-dicom.png 45 "/home/anna/Scans vom CD-Laufwerk"

# ------------------------------------------------------------ on the command line
as_anna 'meninx-cli import study.meninx "Scans vom CD-Laufwerk" --patient-from dicom --json' > "$WORK/import.json" 2> "$WORK/import.txt" ||
    { cat "$WORK/import.txt"; fail "import"; }
say "import: $(head -c 300 "$WORK/import.json")"
as_anna 'meninx-cli strip "Scans vom CD-Laufwerk" -o stripped --json' > "$WORK/strip.json" 2> "$WORK/strip.txt" ||
    { tail -5 "$WORK/strip.txt"; fail "strip"; }
say "strip: $(find "$root/home/anna/stripped" -type f | wc -l) files, $(head -c 300 "$WORK/strip.json")"
as_anna 'meninx-cli demo demo.meninx --json && meninx-cli train demo.meninx --label Brain --network unet_light --size 64 \
    --slices 1 --epochs 1 --steps 2 --json && meninx-cli predict demo.meninx --run last --json && meninx-cli verify demo.meninx' \
    > "$WORK/train.json" 2> "$WORK/train.txt" || { tail -5 "$WORK/train.txt"; fail "train two steps, predict, verify"; }
say "train two steps, predict, verify: $(tail -1 "$WORK/train.json")"

# ----------------------------------------------------------------- upgrade, remove
as_root apt-get install -y -qq --reinstall /tmp/meninx.deb >> "$WORK/apt.log" 2>&1
as_root dpkg --verify meninx
begun=$(date +%s.%N)
as_root apt-get purge -y -qq --autoremove meninx >> "$WORK/apt.log" 2>&1
say "removed: $(seconds "$begun") s"
listed > "$WORK/after.txt"
diff "$WORK/before.txt" "$WORK/after.txt" > "$WORK/left.txt" || true
grep '^[<>]' "$WORK/left.txt" | grep -v ' \./home/anna/' > "$WORK/left-elsewhere.txt" || true
say "in the person's home: $(grep -c '^>' "$WORK/left.txt" || true) files and folders; elsewhere: $(wc -l < "$WORK/left-elsewhere.txt")"
if [ -s "$WORK/left-elsewhere.txt" ]; then cat "$WORK/left-elsewhere.txt"; fail "something was left, or is missing"; fi
[ -f "$root/home/anna/study.meninx/meninx.json" ] || fail "a project went away"

# ------------------------------------------------------- the archive, without administrator
if [ -n "$archive" ]; then
    xargs -a <(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/ //g') \
        chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends xz-utils >> "$WORK/apt.log" 2>&1
    listed > "$WORK/archive-before.txt"
    begun=$(date +%s.%N)
    as_anna 'tar -xJf /tmp/meninx.tar.xz -C /tmp && sh /tmp/meninx-*-linux-*/install.sh --quiet' | tee -a "$report"
    say "archive installed: $(seconds "$begun") s"
    as_anna '.local/bin/meninx-cli selftest --gui --torch --json' > "$WORK/selftest-archive.json" 2> "$WORK/selftest-archive.txt" ||
        { cat "$WORK/selftest-archive.txt"; fail "self-test of the archive"; }
    say "self-test of the archive: $(cat "$WORK/selftest-archive.json")"
    as_anna 'sh /tmp/meninx-*-linux-*/install.sh --quiet && .local/lib/meninx/uninstall.sh' | tee -a "$report"
    listed | diff "$WORK/archive-before.txt" - || fail "the archive left something"
    say "archive removed: nothing left"
fi
[ -z "$missed" ] || fail "$missed"
say "PASSED"
