//! What a waiting process is told to become, in the form that `shim/start.rs` reads.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// The number of the way that the order comes by, which stays open.
pub(super) const CONTROL: usize = 3;
/// The number of the first descriptor that is sent; the others follow.
pub(super) const FIRST: usize = CONTROL + 1;

/// bubblewrap with its arguments, as whom, and with what.
pub(super) struct Order {
    pub(super) arguments: Vec<String>,
    /// What is open for it, from `FIRST` on.
    pub(super) descriptors: Vec<OwnedFd>,
    /// stdin, stdout, stderr.
    pub(super) streams: [OwnedFd; 3],
    /// Where that is not ours.
    pub(super) user: Option<(u32, u32)>,
    /// Numbers of what has to be within that user's reach: each is a mount that is nowhere yet.
    pub(super) bound: Vec<usize>,
}

impl Order {
    fn encode(&self) -> Vec<u8> {
        let user = self.user.map_or_else(|| "our-user".to_owned(), |(uid, gid)| format!("user={uid}:{gid}"));
        let bound: Vec<String> = self.bound.iter().map(ToString::to_string).collect();
        let fields = [user, bound.join(",")];
        let fields = fields.iter().chain(&self.arguments);
        let body: Vec<u8> = fields.flat_map(|field| [field.as_bytes(), b"\0"].concat()).collect();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes(), &body[..]].concat()
    }

    /// In one piece: nothing else has been sent there, so there is room.
    pub(super) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let bytes = self.encode();
        let descriptors: Vec<BorrowedFd<'_>> = self.descriptors.iter().chain(&self.streams).map(AsFd::as_fd).collect();
        let rights = SendAncillaryMessage::ScmRights(&descriptors);
        let mut space = vec![MaybeUninit::uninit(); rights.size()];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(rights);
        let sent = sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a file of the machine's")]
    fn an_order_is_fields_after_their_length() {
        let stream = || std::fs::File::open("/dev/null").unwrap().into();
        let mut order = Order {
            arguments: vec!["--args".to_owned(), "4".to_owned()],
            descriptors: Vec::new(),
            streams: [stream(), stream(), stream()],
            user: Some((7, 8)),
            bound: vec![5, 9],
        };
        let fields = |order: &Order| String::from_utf8(order.encode()[4..].to_vec()).unwrap();
        assert_eq!(fields(&order), "user=7:8\x005,9\0--args\x004\0");
        assert_eq!(order.encode()[..4], 22_u32.to_le_bytes());
        (order.user, order.bound) = (None, Vec::new());
        assert!(fields(&order).starts_with("our-user\0\0--args\0"));
    }
}
