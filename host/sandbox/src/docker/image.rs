//! The root tree as an image of the engine.

use std::io::{self, Write};
use std::path::PathBuf;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptionsBuilder;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use tokio::sync::mpsc;

use crate::Error;
use crate::image::Tree;

const REPOSITORY: &str = "openclaw-sandbox";

/// Imports the tree, where the engine has not yet the image of this digest; answers its name.
pub(super) async fn import(engine: &Docker, tree: &Tree) -> Result<String, Error> {
    let tag = &tree.digest()[..16];
    let name = format!("{REPOSITORY}:{tag}");
    if engine.inspect_image(&name).await.is_ok() {
        return Ok(name);
    }
    let options = CreateImageOptionsBuilder::default().from_src("-").repo(REPOSITORY).tag(tag).build();
    let archive = stream::unfold(archive(tree.path().to_owned()), |mut pieces| async move {
        pieces.recv().await.map(|piece| (piece, pieces))
    });
    let body = bollard::body_try_stream(archive);
    engine.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>().await?;
    engine.inspect_image(&name).await?;
    Ok(name)
}

/// The tree as a tar file, made on a thread of its own while it is sent.
fn archive(root: PathBuf) -> mpsc::Receiver<io::Result<Bytes>> {
    const PIECES: usize = 8;
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let mut archive = tar::Builder::new(io::BufWriter::with_capacity(256 << 10, Pieces(sender.clone())));
        archive.follow_symlinks(false);
        let written = archive.append_dir_all(".", &root).and_then(|()| archive.into_inner()?.flush());
        if let Err(error) = written {
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
