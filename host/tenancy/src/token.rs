//! Tokens: minted once, shown once, kept as a hash, compared in constant time.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::TenantId;

#[cfg(test)]
mod tests;

/// Random bytes in a token.
const ENTROPY: usize = 16;

/// A token in clear. `Debug` hides it; the memory is wiped when it goes.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new token `tk_<tenant>_<32 hex>` with 128 random bits.
    pub fn mint(tenant: &TenantId) -> Result<Self, getrandom::Error> {
        Ok(Self(Zeroizing::new(format!("tk_{tenant}_{}", random_hex()?.as_str()))))
    }

    /// The text to show to its owner, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// SHA-256 of a token. `==` takes the same time wherever two hashes differ.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes the bytes of a token (or of an imported token's secret part).
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A hash read from storage.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash for storage.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A short name for the token in logs and in the audit log.
    #[must_use]
    pub fn id(&self) -> TokenId {
        let [a, b, c, d, ..] = self.0;
        TokenId(u32::from_be_bytes([a, b, c, d]))
    }
}

impl ConstantTimeEq for TokenHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({}…)", self.id())
    }
}

/// The first 8 hexadecimal digits of a token's hash: tells tokens apart, says
/// nothing about the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId(u32);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Where a tenant's token came from, and so what its stored hash covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Minted here: the hash covers the whole token.
    Minted,
    /// Imported as `tenant:<id>:<secret>`: the hash covers the secret alone.
    Imported,
}

/// A token as a client sent it, split but not believed.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    /// The tenant it claims; not necessarily a valid id.
    pub tenant: &'a str,
    pub kind: TokenKind,
    hashed: &'a str,
}

impl<'a> PresentedToken<'a> {
    /// Splits `tk_<tenant>_<32 hex>` at its last `_`, or the imported form
    /// `tenant:<id>:<secret>`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("tk_") {
            let (tenant, secret) = rest.rsplit_once('_')?;
            let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            return (secret.len() == 2 * ENTROPY && secret.bytes().all(digit)).then_some(Self {
                tenant,
                kind: TokenKind::Minted,
                hashed: text,
            });
        }
        let (tenant, secret) = text.strip_prefix("tenant:")?.split_once(':')?;
        (!secret.is_empty()).then_some(Self { tenant, kind: TokenKind::Imported, hashed: secret })
    }

    /// The hash to compare with the stored one.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.hashed.as_bytes())
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedToken({:?}, redacted)", self.tenant)
    }
}

/// As many characters as 128 random bits have in hexadecimal.
const UNGUESSABLE: usize = 2 * ENTROPY;

/// The operator's token: opens the control plane and the admin methods.
#[derive(Clone)]
pub struct OperatorToken {
    text: Zeroizing<String>,
    hash: TokenHash,
}

impl OperatorToken {
    /// Takes a configured token; an empty or blank one is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self { text: Zeroizing::new(text.to_owned()), hash: TokenHash::of(text.as_bytes()) })
    }

    /// A new token `op_<32 hex>` with 128 random bits.
    pub fn mint() -> Result<Self, getrandom::Error> {
        let text = Zeroizing::new(format!("op_{}", random_hex()?.as_str()));
        let hash = TokenHash::of(text.as_bytes());
        Ok(Self { text, hash })
    }

    /// Whether `presented` is this token. Both are hashed first, so neither
    /// length nor content shows in the time taken.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        TokenHash::of(presented.as_bytes()) == self.hash
    }

    /// Whether nobody finds it by trying, as an operator's own choice may well be found.
    #[must_use]
    pub fn withstands_guessing(&self) -> bool {
        self.text.len() >= UNGUESSABLE
    }

    /// The text, for the command line's own calls.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Its short name in logs.
    #[must_use]
    pub fn id(&self) -> TokenId {
        self.hash.id()
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(redacted)")
    }
}

fn random_hex() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; ENTROPY]);
    getrandom::fill(bytes.as_mut())?;
    Ok(Zeroizing::new(hex::encode(bytes.as_ref())))
}
