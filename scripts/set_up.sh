#!/bin/sh
# Usage: set_up.sh VENV REQUIREMENT STAMP: install this project into VENV, then write STAMP.
# Safe to run again after a kill: the stamp comes last.
set -eu
venv=$1 requirement=$2 stamp=$3
started=$(date +%s)

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "set_up: eyecut needs Python 3.11 or newer, $python is $("$python" --version)" >&2
    echo "set_up: name another one: PYTHON=python3.12 make demo" >&2
    exit 1
}
[ -x "$venv/bin/pip" ] || "$python" -m venv --clear "$venv" || {
    echo "set_up: could not make $venv; on Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 1
}
pip="$venv/bin/python -m pip --disable-pip-version-check"
$pip install --quiet --progress-bar off --editable "$requirement"

# ultralytics asks for opencv-python, albumentations for opencv-python-headless. Both install
# the same folder `cv2`, and the first one's needs libGL.so.1, which servers lack. So the
# headless one of the same version goes on top, whichever came last.
version=$("$venv/bin/python" -c \
    'from importlib.metadata import version; print(version("opencv-python"))')
$pip install --quiet --progress-bar off --force-reinstall --no-deps \
    "opencv-python-headless==$version"
"$venv/bin/python" -c 'import cv2'

seconds=$(($(date +%s) - started))
echo "$seconds" > "$stamp"
echo "set_up: $requirement installed in $seconds s; $(du -sh "$venv" | cut -f1) in $venv"
