#!/bin/sh
# Makes NAME.wasm. Python is started and the module imported here, once, so that no call has to.
set -eu
cd "$(dirname "$0")"
if [ ! -x .venv/bin/componentize-py ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --requirement requirements.txt
fi
.venv/bin/componentize-py --quiet --wit-path wit --world handler componentize handler --output NAME.wasm
