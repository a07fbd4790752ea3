//! The allocator of a component: a static arena, then the standard one.
//!
//! Every call gets a fresh instance, so memory is seldom worth giving back: a
//! bump pointer serves what most calls need without growing the memory, which
//! would cost the host two system calls. What does not fit the arena goes to
//! the standard allocator.
#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait; a component has one thread")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;

const ARENA_SIZE: usize = 40 << 10;

#[global_allocator]
static ALLOCATOR: Arena = Arena { bytes: UnsafeCell::new([0; ARENA_SIZE]), used: UnsafeCell::new(0) };

#[repr(C, align(16))]
struct Arena {
    bytes: UnsafeCell<[u8; ARENA_SIZE]>,
    /// Bytes handed out, counted from the start; never above `ARENA_SIZE`.
    used: UnsafeCell<usize>,
}

// SAFETY: wasm32 without the atomics feature has one thread.
unsafe impl Sync for Arena {}

impl Arena {
    fn base(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    fn used(&self) -> usize {
        // SAFETY: one thread, and no reference into `used` outlives a statement.
        unsafe { *self.used.get() }
    }

    fn set_used(&self, used: usize) {
        // SAFETY: as in `used`.
        unsafe { *self.used.get() = used }
    }

    /// Where a block begins, counted from the arena's start; none for a block
    /// of the standard allocator.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = (block as usize).wrapping_sub(self.base() as usize);
        (offset < ARENA_SIZE).then_some(offset)
    }
}

// SAFETY: a block lies between the old and the new `used`, aligned, inside the
// arena, and is handed out again only after it was freed as the last one; every
// other block comes from and goes back to `System`.
unsafe impl GlobalAlloc for Arena {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.base() as usize;
        let start = (base + self.used()).next_multiple_of(layout.align()) - base;
        if layout.size() <= ARENA_SIZE.saturating_sub(start) && layout.size() > 0 {
            self.set_used(start + layout.size());
            // SAFETY: `start + size` is at most ARENA_SIZE.
            return unsafe { self.base().add(start) };
        }
        // SAFETY: the caller's promise about the layout is System's.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) if offset + layout.size() == self.used() => self.set_used(offset),
            Some(_) => {}
            // SAFETY: the block is not the arena's, so `System` made it.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: the block is not the arena's, so `System` made it.
            return unsafe { System.realloc(block, layout, new_size) };
        };
        let is_last = offset + layout.size() == self.used();
        if is_last && new_size <= ARENA_SIZE - offset {
            self.set_used(offset + new_size);
            return block;
        }
        if new_size <= layout.size() {
            return block;
        }
        // SAFETY: the size is the caller's and its alignment was valid before;
        // both blocks are live and distinct, the old one `layout.size()` long.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size());
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
