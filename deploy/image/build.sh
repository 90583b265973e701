#!/bin/sh
# Makes an environment that holds CityVitals and nothing that only its development needs, from the
# lock with its hashes, the built dashboard inside: build.sh TARGET
# The Dockerfile runs it; so may who installs without containers, and then moves TARGET nowhere else.
# Needs Python 3.11 to 3.13 (PYTHON names it) and what `make up` needs to reach packages.
set -eu
cd "$(dirname "$0")/../.."
target=$1
tools=build/tools
export UV_SYSTEM_CERTS=1

"${PYTHON:-python3}" -m venv --clear "$tools"
sh deploy/local/installer.sh "$tools"
sh deploy/local/dashboard.sh "$tools"

echo "== image: an environment in $target"
"${PYTHON:-python3}" -m venv --clear --without-pip "$target"
"$tools/bin/uv" export --quiet --frozen --no-emit-project --no-dev -o build/service.txt
"$tools/bin/uv" pip install --quiet --python "$target/bin/python" \
    --require-hashes -r build/service.txt
rm -rf build/wheel
"$tools/bin/uv" build --quiet --wheel --out-dir build/wheel
"$tools/bin/uv" pip install --quiet --python "$target/bin/python" \
    --no-deps build/wheel/*.whl
echo "== image: $("$target/bin/cityvitals" --version)"
