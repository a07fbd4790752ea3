use proptest::prelude::*;
use zeroize::Zeroizing;

use super::{SealError, SecretKey};
use crate::TenantId;

fn key() -> SecretKey {
    SecretKey::from_bytes(Zeroizing::new([7; 32]))
}

fn tenant(id: &str) -> TenantId {
    id.parse().unwrap()
}

#[test]
fn a_tenant_opens_what_it_sealed_and_nobody_else_does() {
    let acme = key().tenant_key(&tenant("acme"), 1);
    let sealed = acme.seal(b"channels/telegram", b"bot token").unwrap();
    assert_eq!(*acme.open(b"channels/telegram", &sealed).unwrap(), b"bot token");

    let other = key().tenant_key(&tenant("beta"), 1);
    let same_name_later = key().tenant_key(&tenant("acme"), 2);
    let elsewhere = SecretKey::generate().unwrap().tenant_key(&tenant("acme"), 1);
    for stranger in [other, same_name_later, elsewhere] {
        let opened = stranger.open(b"channels/telegram", &sealed);
        assert_eq!(opened.unwrap_err(), SealError::Refused);
    }
}

#[test]
fn a_sealed_value_cannot_be_moved_to_another_place() {
    let key = key().tenant_key(&tenant("acme"), 1);
    let sealed = key.seal(b"skills/a", b"x").unwrap();
    assert!(key.open(b"skills/b", &sealed).is_err());
}

#[test]
fn sealing_twice_never_gives_the_same_bytes() {
    let key = key().tenant_key(&tenant("acme"), 1);
    assert_ne!(key.seal(b"", b"x").unwrap(), key.seal(b"", b"x").unwrap());
}

#[test]
fn no_debug_output_holds_a_key() {
    let printed = format!("{:?} {:?}", key(), key().tenant_key(&tenant("acme"), 1));
    assert_eq!(printed, "SecretKey(redacted) TenantKey(redacted)");
}

proptest! {
    #[test]
    fn every_changed_bit_and_every_cut_is_noticed(
        plain in proptest::collection::vec(any::<u8>(), 0..64),
        position in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let key = key().tenant_key(&tenant("acme"), 1);
        let mut sealed = key.seal(b"place", &plain).unwrap();
        let at = position.index(sealed.len());
        prop_assert!(key.open(b"place", &sealed[..at]).is_err());
        sealed[at] ^= 1_u8 << bit;
        prop_assert!(key.open(b"place", &sealed).is_err());
    }
}
