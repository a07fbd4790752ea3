//! Compiles the shim: statically, so that it runs in any root tree, whatever C library that has.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    let source = PathBuf::from("shim/main.rs");
    let shim = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("shim");
    let status = Command::new(env::var_os("RUSTC").expect("cargo sets it"))
        .args(["--edition=2024", "--crate-name=openclaw_shim", "--crate-type=bin"])
        .args(["-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols", "-Ctarget-feature=+crt-static"])
        .arg(format!("--target={}", env::var("TARGET").expect("cargo sets it")))
        .arg("-o")
        .arg(&shim)
        .arg(&source)
        .status()
        .expect("rustc starts");
    assert!(status.success(), "the shim does not compile");
    println!("cargo::rerun-if-changed=shim");
}
