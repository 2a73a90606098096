//! The forms in which a text of ours that must not be seen may turn up.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// A shorter piece of an encoded secret stands in too many texts by chance.
const SHORTEST_PIECE: usize = 12;
/// A line of a secret of several lines counts by itself from this length on.
const SHORTEST_LINE: usize = 16;

/// The secret as it is, encoded, escaped, and within something larger that is encoded.
pub(super) fn of(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::from([secret.to_owned()]);
    let lines: Vec<&str> = secret.lines().map(str::trim).collect();
    if lines.len() > 1 {
        forms.extend(lines.into_iter().filter(|line| line.len() >= SHORTEST_LINE).map(str::to_owned));
    }
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        forms.insert(engine.encode(secret));
    }
    forms.extend(inside_base64(secret.as_bytes()).into_iter().filter(|piece| piece.len() >= SHORTEST_PIECE));
    let hex = hex::encode(secret);
    forms.extend([hex.to_ascii_uppercase(), hex].into_iter().filter(|hex| hex.len() >= SHORTEST_PIECE));
    forms.extend(percent_encoded(secret));
    // A text has a JSON form.
    if let Ok(json) = serde_json::to_string(secret) {
        let escaped = json[1..json.len() - 1].to_owned();
        forms.insert(escaped.replace('/', "\\/"));
        // JSON within JSON.
        forms.insert(escaped.replace('\\', "\\\\").replace('"', "\\\""));
        forms.insert(escaped);
    }
    forms.into_iter().map(String::into_bytes).collect()
}

/// What base64 makes of the secret with other bytes before and behind it, by the three ways it may be aligned.
fn inside_base64(secret: &[u8]) -> Vec<String> {
    let mut pieces = Vec::new();
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(secret);
        // Characters that also hold bits of a neighbour differ from text to text.
        let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            pieces.extend(engine.encode(&padded).get(from..to).map(str::to_owned));
        }
    }
    pieces
}

/// As encoders write it that disagree on which marks stay, and on the case of digits.
fn percent_encoded(secret: &str) -> [String; 4] {
    let encode = |kept: &str| {
        secret.bytes().fold(String::new(), |mut text, byte| {
            if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
    };
    let lower = |text: &str| {
        let mut parts = text.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (digits, rest) = part.split_at(2);
            text + "%" + &digits.to_ascii_lowercase() + rest
        })
    };
    let strict = encode("-._~");
    [lower(&strict), encode("-._~!'()*"), encode("*-._").replace("%20", "+"), strict]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(secret: &str, text: &str) -> bool {
        of(secret).iter().any(|form| text.as_bytes().windows(form.len()).any(|window| window == form))
    }

    #[test]
    fn each_way_to_write_it_is_a_form() {
        let secret = "p\u{e4}ss/w+rd \"1\"\n";
        for text in [
            secret.to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            "p%C3%A4ss%2Fw%2Brd%20%221%22%0A".to_owned(),
            "p%c3%a4ss%2fw%2brd%20%221%22%0a".to_owned(),
            "p%C3%A4ss%2Fw%2Brd+%221%22%0A".to_owned(),
            serde_json::to_string(secret).unwrap(),
            serde_json::to_string(secret).unwrap().replace('/', "\\/"),
            serde_json::to_string(&serde_json::to_string(secret).unwrap()).unwrap(),
            hex::encode(secret),
            hex::encode_upper(secret),
        ] {
            assert!(has(secret, &text), "{text}");
        }
        assert!(!has(secret, "p\u{e4}ss/w+rd"));
    }

    #[test]
    fn it_is_found_inside_what_is_encoded_as_a_whole() {
        for before in ["", "a", "ab", "abc", "x-access-token:"] {
            for behind in ["", "z", "zy"] {
                let text = format!("{before}a-long-enough-secret{behind}");
                assert!(has("a-long-enough-secret", &STANDARD.encode(&text)), "{text}");
                assert!(has("a-long-enough-secret", &URL_SAFE.encode(&text)), "{text}");
            }
        }
    }

    #[test]
    fn a_line_of_several_counts_by_itself() {
        let key = format!("first\r\n{}\r\nlast\r\n", "k".repeat(20));
        assert!(has(&key, &format!("+{}\n", "k".repeat(20))));
        assert!(!has(&key, "first"));
    }
}
