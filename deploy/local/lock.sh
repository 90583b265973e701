#!/bin/sh
# Brings uv.lock up to pyproject.toml; with --upgrade, packages up to their newest. Where packages
# come from is the machine's business, not the project's: hosts are replaced by a placeholder, and
# hashes say what may be installed.
set -eu
export UV_SYSTEM_CERTS=1
.venv/bin/uv lock "$@"
sed -E -i.bak 's#https://[^/"]+/#https://registry.invalid/#g' uv.lock
rm -f uv.lock.bak
echo "uv.lock: $(grep -c '^name = ' uv.lock) packages"
