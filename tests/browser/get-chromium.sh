#!/bin/sh
# Make sure that the browser tests find a Chromium: one that is there, else the distribution's (as root), else
# the one that playwright brings. Usage: get-chromium.sh PATH_OF_PLAYWRIGHT
works() {
    for name in "$SEDBOARD_CHROMIUM" chromium chromium-browser google-chrome; do
        [ -n "$name" ] && "$name" --version >/dev/null 2>&1 && return 0
    done
    return 1
}
works && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
    works && exit 0
fi
"$1" install chromium || {
    echo "No Chromium for the browser tests. Install one, or set SEDBOARD_CHROMIUM to its path." >&2
    exit 1
}
