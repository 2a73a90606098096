/// Shannon's entropy of the bytes' frequencies, in bits per byte: 0 for one byte repeated, at most 8.
pub(super) fn bits_per_byte(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in text {
        counts[usize::from(byte)] += 1;
    }
    let len = text.len() as f64;
    let share = |count: &u32| f64::from(*count) / len;
    -counts.iter().filter(|count| **count > 0).map(share).map(|p| p * p.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::bits_per_byte;

    #[test]
    fn what_repeats_has_little_and_what_varies_has_much() {
        let table: [(&[u8], f64); 4] = [(b"", 0.0), (b"aaaaaaaa", 0.0), (b"abababab", 1.0), (b"0123456789abcdef", 4.0)];
        for (text, bits) in table {
            assert!((bits_per_byte(text) - bits).abs() < 1e-9, "{text:?}: {}", bits_per_byte(text));
        }
    }
}
