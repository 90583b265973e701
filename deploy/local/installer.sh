#!/bin/sh
# Installs uv into an environment, from the lock with its hashes: installer.sh ENVIRONMENT
set -eu
mkdir -p build
"$1/bin/python" - >build/installer.txt <<'PYTHON'
import tomllib
from pathlib import Path

packages = tomllib.loads(Path("uv.lock").read_text())["package"]
uv = next(package for package in packages if package["name"] == "uv")
hashes = " ".join(f"--hash={wheel['hash']}" for wheel in uv["wheels"])
print(f"uv=={uv['version']} {hashes}")
PYTHON
echo "== set-up: installer $(cut -d' ' -f1 build/installer.txt)"
"$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    --only-binary :all: -r build/installer.txt
