#!/bin/sh
# Builds the dashboard with this machine's Node, or else with one from a Python package, put into
# the environment that uv is in: dashboard.sh [.venv]
set -eu
tools=${1:-.venv}
cd "$(dirname "$0")/../.."

new_enough() {
    command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null
}

if ! new_enough; then
    echo "== dashboard: no Node 20 or newer here: one from a package, into $tools (a minute at first)"
    mkdir -p build
    "$tools/bin/uv" export --quiet --frozen --no-emit-project --only-group node -o build/node.txt
    "$tools/bin/uv" pip install --quiet --python "$tools/bin/python" --require-hashes -r build/node.txt
    PATH="$PWD/$tools/bin:$PATH"
    export PATH
fi

cd api/dashboard
echo "== dashboard: its packages from package-lock.json, each checked against its hash"
# No package runs code of its own here.
if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
    echo "the dashboard's packages cannot be had: is there a way to npm's registry, or a proxy to name" >&2
    echo "(npm config set registry …)? Then: make dashboard. The service runs without it." >&2
    exit 1
fi
echo "== dashboard: building"
npm run --silent build
