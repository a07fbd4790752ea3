//! sqlite-vec in one connection. It is not registered for the whole process: no other database needs its functions.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use rusqlite::{Connection, ffi};
// Compiles and links it; its own declaration of the function has no parameters.
use sqlite_vec as _;

#[allow(unsafe_code, reason = "sqlite-vec is C")]
unsafe extern "C" {
    /// The last argument is of use where SQLite loads it as a library, which is not how it is compiled.
    fn sqlite3_vec_init(database: *mut ffi::sqlite3, message: *mut *mut c_char, api: *const c_void) -> c_int;
}

/// Makes `vec0` known to a connection.
#[allow(unsafe_code, reason = "sqlite-vec is called by SQLite's handle")]
pub fn add_to(connection: &Connection) -> rusqlite::Result<()> {
    let mut message: *mut c_char = ptr::null_mut();
    // SAFETY: the handle is an open connection's, which is borrowed for as long as the call takes and used by no other
    // thread, since `Connection` is not `Sync`. The function keeps neither pointer; it registers functions and modules,
    // which live as long as the connection does. The message is null or of sqlite3_malloc, and freed by SQLite's own.
    let code = unsafe {
        let code = sqlite3_vec_init(connection.handle(), &raw mut message, ptr::null());
        ffi::sqlite3_free(message.cast());
        code
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}
