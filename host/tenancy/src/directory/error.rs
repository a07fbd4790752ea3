//! Why something beneath a directory could not be done.

use std::io;

use rustix::io::Errno;

use crate::PathError;

/// An error of a file operation. It never holds a path of the host.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("path refused: {0}")]
    Path(#[from] PathError),
    #[error("no such file or directory")]
    NotFound,
    #[error("already exists")]
    AlreadyExists,
    #[error("a symbolic link leads out of the directory")]
    Escapes,
    #[error("a symbolic link is not followed here, or links form a loop")]
    Link,
    #[error("neither a regular file nor a directory")]
    NotRegular,
    #[error("is a directory")]
    IsDirectory,
    #[error("is not a directory")]
    NotDirectory,
    #[error("the directory is not empty")]
    NotEmpty,
    #[error("the directory itself cannot be replaced or removed")]
    Root,
    #[error("larger than the {max_bytes} bytes allowed")]
    TooLarge { max_bytes: u64 },
    #[error("changed again and again while it was being looked at")]
    Changing,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for DirectoryError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::NotFound,
            Errno::EXIST => Self::AlreadyExists,
            Errno::XDEV => Self::Escapes,
            Errno::LOOP => Self::Link,
            // Opening a socket, or a FIFO that nobody reads.
            Errno::NXIO => Self::NotRegular,
            Errno::ISDIR => Self::IsDirectory,
            Errno::NOTDIR => Self::NotDirectory,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::AGAIN => Self::Changing,
            other => Self::Io(other.into()),
        }
    }
}
