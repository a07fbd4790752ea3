//! The built-in embedding: hashed n-grams of characters and words. It needs no download and no network, and gives
//! the same vector on every machine. It finds texts that share words and parts of words, and knows nothing of meaning;
//! where that matters, a provider's embedding model is configured.

use sha2::{Digest, Sha256};

/// The name under which its vectors may be compared. It changes whenever a vector would.
pub const NAME: &str = "hashed-ngram-v1";

/// The length of its vectors.
pub const DIMENSIONS: usize = 384;

/// Characters of the n-grams within a word.
const NGRAMS: [usize; 2] = [3, 4];

/// A whole word weighs more than a part of one.
const WORD_WEIGHT: f32 = 2.0;

/// The vector of a text: of length one, or all zero where the text has no letter and no digit.
pub fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    let text = text.to_lowercase();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        add(&mut vector, word, WORD_WEIGHT);
        let framed: Vec<char> = std::iter::once('^').chain(word.chars()).chain(std::iter::once('$')).collect();
        for ngram in NGRAMS.iter().flat_map(|size| framed.windows(*size)) {
            add(&mut vector, &ngram.iter().collect::<String>(), 1.0);
        }
    }
    normalise(&mut vector);
    vector
}

/// One feature: its hash chooses the place and the sign, so that collisions cancel out on average.
fn add(vector: &mut [f32], feature: &str, weight: f32) {
    let hash = Sha256::digest(feature.as_bytes());
    let place = usize::from(u16::from_le_bytes([hash[0], hash[1]])) % vector.len();
    vector[place] += if hash[2] & 1 == 0 { weight } else { -weight };
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn similarity(a: &str, b: &str) -> f32 {
        embed(a).iter().zip(embed(b)).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn shared_words_are_near_and_others_are_far() {
        let note = "The invoice of the bakery is due on Friday";
        assert!(
            similarity(note, "when is the bakery invoice due?") > similarity(note, "our dog likes long walks") + 0.2
        );
        assert!(similarity("configure", "configuration") > similarity("configure", "umbrella") + 0.2);
        assert!(similarity("BAKERY", "bakery") > 0.999);
    }

    #[test]
    fn a_text_without_words_is_the_zero_vector() {
        assert!(embed(" … !").iter().all(|x| *x == 0.0));
    }

    proptest! {
        #[test]
        fn every_vector_has_length_one_and_is_the_same_again(text in ".{0,200}") {
            let vector = embed(&text);
            prop_assert_eq!(vector.len(), DIMENSIONS);
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-4);
            prop_assert_eq!(vector, embed(&text));
        }
    }
}
