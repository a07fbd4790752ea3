//! Exact decimals: read digit by digit, kept as integers, never as floats.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no decimal of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("not a decimal number such as 12.50")]
    Syntax,
    #[error("a negative amount is not allowed")]
    Negative,
    #[error("at most {0} digits after the point are kept exactly")]
    TooFine(usize),
    #[error("the number is too large")]
    TooLarge,
}

/// An amount of US dollars in units of 10⁻¹² USD. Written as a decimal string, every digit of it;
/// a precision (`{:.2}`) rounds half to even, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PicoUsd(u128);

impl PicoUsd {
    /// Digits after the point.
    const SCALE: usize = 12;
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn from_pico(pico: u128) -> Self {
        Self(pico)
    }

    #[must_use]
    pub const fn pico(self) -> u128 {
        self.0
    }

    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.0.checked_mul(times.into()).map(Self)
    }

    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The amount in units of 10^-places USD, rounded half to even.
    fn rounded(self, places: usize) -> u128 {
        let unit = 10_u128.pow((Self::SCALE - places.min(Self::SCALE)) as u32);
        let (whole, rest) = (self.0 / unit, self.0 % unit);
        let up = rest * 2 > unit || (rest * 2 == unit && whole % 2 == 1);
        whole + u128::from(up)
    }
}

impl FromStr for PicoUsd {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        parse(text, Self::SCALE).map(Self)
    }
}

impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(places) = f.precision() else { return print(f, self.0, Self::SCALE) };
        let kept = places.min(Self::SCALE);
        let digits = format!("{:0>width$}", self.rounded(kept), width = kept + 1);
        let (whole, fraction) = digits.split_at(digits.len() - kept);
        if places == 0 { f.write_str(whole) } else { write!(f, "{whole}.{fraction:0<places$}") }
    }
}

impl Serialize for PicoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PicoUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Decimal(Self::SCALE)).map(Self)
    }
}

/// A share of processor time in thousandths of one processor, above zero.
/// Written as a number of processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuMillis(u32);

impl CpuMillis {
    const SCALE: usize = 3;

    /// Thousandths of one processor.
    #[must_use]
    pub const fn millis(self) -> u32 {
        self.0
    }

    fn new(millis: u128) -> Result<Self, DecimalError> {
        match u32::try_from(millis) {
            Ok(0) => Err(DecimalError::Syntax),
            Ok(millis) => Ok(Self(millis)),
            Err(_) => Err(DecimalError::TooLarge),
        }
    }
}

impl FromStr for CpuMillis {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::new(parse(text, Self::SCALE)?)
    }
}

impl fmt::Display for CpuMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0.into(), Self::SCALE)
    }
}

impl Serialize for CpuMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(1000) {
            serializer.serialize_u32(self.0 / 1000)
        } else {
            serializer.serialize_f64(f64::from(self.0) / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for CpuMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = deserializer.deserialize_any(Decimal(Self::SCALE))?;
        Self::new(millis).map_err(de::Error::custom)
    }
}

/// Reads a number or a decimal string as an integer of 10^-scale. A float is
/// taken as the shortest decimal that stands for it, which is what was written.
struct Decimal(usize);

impl Visitor<'_> for Decimal {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number or string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u128, E> {
        parse(text, self.0).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u128, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u128, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u128, E> {
        self.visit_str(&number.to_string())
    }
}

fn parse(text: &str, scale: usize) -> Result<u128, DecimalError> {
    if text.starts_with('-') {
        return Err(DecimalError::Negative);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(DecimalError::Syntax);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return Err(DecimalError::TooFine(scale));
    }
    format!("{whole}{fraction:0<scale$}").parse().map_err(|_| DecimalError::TooLarge)
}

fn print(f: &mut fmt::Formatter<'_>, value: u128, scale: usize) -> fmt::Result {
    let digits = format!("{value:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { f.write_str(whole) } else { write!(f, "{whole}.{fraction}") }
}
