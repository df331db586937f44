#!/bin/sh
# Build wheels of members of this repository, with the pinned build backend.
#
# Run in the repository's root: sh images/wheels.sh FOLDER MEMBER...
# FOLDER/wheels has the wheels then, and FOLDER/tools/bin/pip is a pip that can install them anywhere (--python).
set -eu
folder=$1
shift

python3 -m venv "$folder/tools"
pip="$folder/tools/bin/pip --disable-pip-version-check"
$pip install --quiet --no-cache-dir --constraint pins/dev.txt hatchling
for member in "$@"; do
  $pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation --wheel-dir "$folder/wheels" "./$member"
done
