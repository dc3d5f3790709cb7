#!/bin/sh
# Usage: set_up.sh VENV REQUIREMENT STAMP: install this project into VENV, then write STAMP, which
# holds the seconds and megabytes that it took as JSON. Safe to run again after a kill: the stamp
# comes last.
set -eu
venv=$1 requirement=$2 stamp=$3
started=$(date +%s)

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "set_up: eyecut needs Python 3.11 or newer, $python is $("$python" --version)" >&2
    echo "set_up: name another one: make demo PYTHON=python3.12" >&2
    exit 1
}
"$venv/bin/python" -m pip --version > /dev/null 2>&1 || "$python" -m venv --clear "$venv" || {
    echo "set_up: could not make $venv; on Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 1
}

log=$venv/set_up.log
: > "$log"
install() {
    "$venv/bin/python" -m pip --disable-pip-version-check install --progress-bar off "$@" \
        >> "$log" 2>&1 || {
        tail -n 20 "$log" >&2
        echo "set_up: pip install failed; all it said is in $log" >&2
        exit 1
    }
}

echo "set_up: installing $requirement into $venv; some minutes, most of it torch"
install --editable "$requirement"

# ultralytics asks for opencv-python, albumentations for opencv-python-headless. Both install
# the same folder `cv2`, and the first one's needs libGL.so.1, which servers lack. So the
# headless one of the same version goes on top, whichever came last.
version=$("$venv/bin/python" -c \
    'from importlib.metadata import version; print(version("opencv-python"))')
install --force-reinstall --no-deps "opencv-python-headless==$version"
"$venv/bin/python" -c 'import cv2'

megabytes() { # what pip fetched, whether from the registry or from its cache
    awk '/^ *(Downloading|Using cached) .*\([0-9.]+ [kMG]B\)$/ {
        unit = substr($NF, 1, 1); size = substr($(NF - 1), 2)
        sum += unit == "k" ? size / 1000 : unit == "G" ? size * 1000 : size
    } END { printf "%.0f", sum }' "$log"
}
printf '{"seconds": %d, "download_mb": %s, "disk_mb": %d}\n' \
    $(($(date +%s) - started)) "$(megabytes)" "$(du -sm "$venv" | cut -f1)" > "$stamp.part"
mv "$stamp.part" "$stamp"
echo "set_up: done: $(cat "$stamp")"
