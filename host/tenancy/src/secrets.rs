//! Keys at rest: the installation's key, and each tenant's own derived from it.
//!
//! A tenant's key depends on its row number as well as its id, so a tenant that
//! takes a deleted one's id cannot open what the old one left behind.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::TenantId;

#[cfg(test)]
mod tests;

const NONCE: usize = 24;
const INFO: &[u8] = b"openclaw tenant key v1";

/// Why something could not be sealed or opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the sealed value was changed, or belongs to another tenant or another place")]
    Refused,
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// The installation's key, 32 bytes.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; Self::BYTES]>);

impl SecretKey {
    pub const BYTES: usize = 32;

    /// A key read from storage.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; Self::BYTES]>) -> Self {
        Self(bytes)
    }

    /// A new random key.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        getrandom::fill(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    /// A key of the installation for another purpose than tenants' secrets.
    #[must_use]
    pub fn derive(&self, purpose: &[u8]) -> [u8; Self::BYTES] {
        let mut key = [0; Self::BYTES];
        Hkdf::<Sha256>::new(None, self.0.as_ref())
            .expand_multi_info(&[b"openclaw purpose ", purpose], &mut key)
            .unwrap_or_else(|_| unreachable!("32 bytes are within HKDF's limit"));
        key
    }

    /// The key of one tenant: HKDF-SHA256 with its id and row as the info.
    #[must_use]
    pub fn tenant_key(&self, tenant: &TenantId, row: u64) -> TenantKey {
        let row = row.to_be_bytes();
        let length = [u8::try_from(tenant.as_str().len()).unwrap_or(u8::MAX)];
        let info: [&[u8]; 4] = [INFO, &length, tenant.as_str().as_bytes(), &row];
        let mut key = Zeroizing::new([0; Self::BYTES]);
        Hkdf::<Sha256>::new(None, self.0.as_ref())
            .expand_multi_info(&info, key.as_mut())
            .unwrap_or_else(|_| unreachable!("32 bytes are within HKDF's limit"));
        TenantKey(XChaCha20Poly1305::new(key.as_ref().into()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

/// Seals and opens the secrets of one tenant (XChaCha20-Poly1305). The key is
/// wiped when it goes.
#[derive(Clone)]
pub struct TenantKey(XChaCha20Poly1305);

impl TenantKey {
    /// Encrypts `plain`. `aad` says where it belongs (a family and a name, for
    /// example) and must be the same when it is opened. The answer is the
    /// random nonce, the ciphertext and the tag.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(SealError::Random)?;
        let payload = Payload { msg: plain, aad };
        let sealed = self.0.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| SealError::Refused)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what `seal` made with the same `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, msg) = sealed.split_at_checked(NONCE).ok_or(SealError::Refused)?;
        self.0
            .decrypt(XNonce::from_slice(nonce), Payload { msg, aad })
            .map(Zeroizing::new)
            .map_err(|_| SealError::Refused)
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey(redacted)")
    }
}
