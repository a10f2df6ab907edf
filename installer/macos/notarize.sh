#!/usr/bin/env bash
# Lets Apple check a signed disk image and fastens its answer to it, so that a Mac without a network believes it too.
#   installer/macos/notarize.sh IMAGE
# Needs APPLE_API_KEY (file of an App Store Connect key), APPLE_API_KEY_ID and APPLE_API_ISSUER.
set -euo pipefail
image=$1
missing=""
for name in APPLE_API_KEY APPLE_API_KEY_ID APPLE_API_ISSUER; do
    [ -n "${!name:-}" ] || missing="$missing $name"
done
if [ -n "$missing" ]; then
    echo "not notarised:$missing not set; Macs will ask before they open this" >&2
    exit 3
fi
[ "$(uname)" = Darwin ] || { echo "notarising needs macOS" >&2; exit 1; }

told=$(xcrun notarytool submit "$image" --key "$APPLE_API_KEY" --key-id "$APPLE_API_KEY_ID" --issuer "$APPLE_API_ISSUER" \
    --wait --timeout 45m --output-format json)
echo "$told"
id=$(printf '%s' "$told" | plutil -extract id raw -o - -)
status=$(printf '%s' "$told" | plutil -extract status raw -o - -)
if [ "$status" != Accepted ]; then
    xcrun notarytool log "$id" --key "$APPLE_API_KEY" --key-id "$APPLE_API_KEY_ID" --issuer "$APPLE_API_ISSUER" || true
    exit 1
fi
xcrun stapler staple "$image"
xcrun stapler validate "$image"
spctl --assess --type open --context context:primary-signature --verbose=2 "$image"
