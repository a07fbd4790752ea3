//! What of `/proc` and `/sys` is hidden or cannot be written, in both modes: Docker's own lists, and all of `/sys`.

/// Reads as an empty file.
pub(crate) const MASKED_FILES: &[&str] =
    &["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats"];

/// Lists as an empty directory.
pub(crate) const MASKED_DIRECTORIES: &[&str] = &["/proc/acpi", "/proc/asound", "/proc/scsi"];

/// Hidden as a whole; bubblewrap never mounts it.
pub(crate) const HIDDEN: &str = "/sys";

/// Can be read, not written, whoever its owner is.
pub(crate) const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
