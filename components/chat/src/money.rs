//! Amounts of US dollars as whole pico-dollars: what the host bills in, and writes as decimals.

const PER_DOLLAR: u128 = 1_000_000_000_000;
const DIGITS: usize = 12;

/// A decimal as the host writes it; none of anything else.
pub(crate) fn parse(decimal: &str) -> Option<u128> {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > DIGITS || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let fraction: u128 = format!("{fraction:0<DIGITS$}").parse().ok()?;
    whole.checked_mul(PER_DOLLAR)?.checked_add(fraction)
}

/// The shortest decimal of an amount.
pub(crate) fn print(pico: u128) -> String {
    let (whole, fraction) = (pico / PER_DOLLAR, pico % PER_DOLLAR);
    let text = format!("{whole}.{fraction:0DIGITS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for text in ["0", "1", "0.000008", "12.000000000001"] {
            assert_eq!(parse(text).map(print).as_deref(), Some(text));
        }
        assert_eq!(parse("0.5"), Some(500_000_000_000));
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in ["", ".5", "-1", "1e3", "0.0000000000001", "1.2.3"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
