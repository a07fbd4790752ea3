#!/bin/sh
# Makes NAME.wasm. Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32
set -eu
cd "$(dirname "$0")"
openclaw components c-bindings wit --output bindings
clang --target=wasm32-wasi -mexec-model=reactor -O2 -Wall -Wextra -Werror -Wl,-z,stack-size=65536 \
    -o handler.core.wasm handler.c json.c bindings/handler.c bindings/handler_component_type.o
openclaw components encode handler.core.wasm --output NAME.wasm
