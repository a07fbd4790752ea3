//! Any text as a tenant's path: no panic, and an accepted one has plain names
//! only, as Linux will read them.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use openclaw_tenancy::TenantPath;

fuzz_target!(|text: &str| {
    let Ok(path) = text.parse::<TenantPath>() else { return };
    let read = path.as_str();
    assert!(!read.is_empty() && read.len() <= 4095 && !read.starts_with('/') && !read.contains(['\\', '\0']));
    let names: Vec<Component<'_>> = Path::new(read).components().collect();
    assert!(names.iter().all(|name| matches!(name, Component::Normal(_))), "{read:?}");
    assert_eq!(names.len(), read.split('/').count(), "{read:?}");
    assert!(read.split('/').all(|name| name.len() <= 255 && !name.chars().any(char::is_control)), "{read:?}");
    // Reading what was accepted once more changes nothing, and neither does taking it apart.
    assert_eq!(read.parse::<TenantPath>().as_ref().map(TenantPath::as_str), Ok(read));
    if let Some((parent, name)) = path.split_last() {
        assert_eq!(parent.join(name).as_ref(), Ok(&path));
    }
});
