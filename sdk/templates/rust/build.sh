#!/bin/sh
# Makes NAME.wasm; `./build.sh quick` takes less time and makes a slower one. Rust needs its target once:
#     rustup target add wasm32-unknown-unknown
# Where that cannot be had, Debian's compiler builds the standard library too: apt-get install rustc-web cargo-web rust-web-src
set -eu
cd "$(dirname "$0")"

profile=${1:-release}
target=wasm32-unknown-unknown
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
sysroot=$(rustc --print sysroot)
if [ -d "$sysroot/lib/rustlib/$target/lib" ]; then
    cargo build --quiet --target "$target" --profile "$profile"
elif [ -x /usr/bin/cargo ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then
    # The linker that makes components comes with the other toolchain.
    host=$(rustc -vV | sed -n 's/^host: //p')
    PATH=$sysroot/lib/rustlib/$host/bin:$PATH
    unset RUSTUP_TOOLCHAIN
    export PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
    /usr/bin/cargo build --quiet --target "$target" --profile "$profile" -Zbuild-std=std,panic_abort
else
    echo "build.sh: there is no standard library for $target: rustup target add $target" >&2
    exit 1
fi
cp "$CARGO_TARGET_DIR/$target/$profile/NAME.wasm" NAME.wasm
