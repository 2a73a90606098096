//! One input, taken apart in ways that follow from the input alone, so that a finding happens again.

/// Stands between the parts of an input that has several.
const BETWEEN: &[u8] = b"\n====\n";

/// The input in pieces of 1 to 64 bytes.
pub fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let mut dice = data
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let longest = 1 + (dice >> 33) % 64;
    let mut pieces = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let length = usize::try_from(1 + dice % longest).unwrap_or(1).min(rest.len());
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The two parts of an input; the second is empty where nothing stands between them.
pub fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(BETWEEN.len()).position(|part| part == BETWEEN) {
        Some(at) => (&data[..at], &data[at + BETWEEN.len()..]),
        None => (data, &[]),
    }
}

/// Whether `part` stands in `whole`.
pub fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}
