#!/bin/sh
# Makes .venv from the lock: what `make` calls before anything else. Needs Python 3.11 to 3.13 alone.
set -eu

suitable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

python=""
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if suitable "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "cityvitals needs Python 3.11, 3.12 or 3.13: none of python3, python3.13, python3.12," >&2
    echo "python3.11 is one. Install one, or name it: make PYTHON=/path/to/python ..." >&2
    exit 1
fi

if [ ! -x .venv/bin/python ] || ! suitable .venv/bin/python; then
    echo "== set-up: an environment of its own in .venv, with $("$python" --version)"
    if ! "$python" -m venv --clear .venv; then
        echo "$python cannot make an environment: on Debian, apt-get install python3-venv" >&2
        rm -rf .venv
        exit 1
    fi
fi

sh deploy/local/installer.sh .venv

echo "== set-up: dependencies from uv.lock, each checked against its hash (a minute or two at first)"
.venv/bin/uv export --quiet --frozen --no-emit-project --all-extras --all-groups --no-group node \
    -o build/requirements.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes \
    -r build/requirements.txt

echo "== set-up: cityvitals itself, editable"
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps -e .
# Every process would compile what it imports, which takes it longer than anything else at its start.
# Tests of libraries are nobody's business, and hold files that are wrong on purpose.
echo "== set-up: bytecode"
.venv/bin/python -m compileall -qq -j 0 -x '/(tests?|node_modules)/' \
    "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    cityvitals kpi_rules ingest aggregator api simulator deploy || true
echo "== set-up: done"
