//! Where a signature stands in a commit: a header of its own after the others, its lines indented by a space.

/// The header's name, which follows the repository's hash.
const NAMES: [&str; 2] = ["gpgsig", "gpgsig-sha256"];

/// The commit's bytes with a signature of them. `parent` is any id of the repository: it tells the hash by its length.
pub(in super::super) fn attach(payload: &[u8], signature: &str, parent: &str) -> Vec<u8> {
    let name = if parent.len() == 64 { NAMES[1] } else { NAMES[0] };
    let mut header = name.to_owned();
    for line in signature.trim_end().lines() {
        header.push(' ');
        header.push_str(line);
        header.push('\n');
    }
    let end = headers_end(payload);
    [&payload[..end], header.as_bytes(), &payload[end..]].concat()
}

/// The bytes that were signed, and the signature.
pub(in super::super) fn detach(raw: &[u8]) -> Option<(Vec<u8>, String)> {
    let end = headers_end(raw);
    let (mut payload, mut signature) = (Vec::with_capacity(raw.len()), Vec::new());
    let mut within = false;
    for line in raw[..end].split_inclusive(|byte| *byte == b'\n') {
        let named = NAMES.iter().find_map(|name| line.strip_prefix(name.as_bytes())?.strip_prefix(b" "));
        let more = line.strip_prefix(b" ").filter(|_| within);
        within = named.is_some() || more.is_some();
        match named.or(more) {
            Some(part) => signature.extend_from_slice(part),
            None => payload.extend_from_slice(line),
        }
    }
    payload.extend_from_slice(&raw[end..]);
    let signature = String::from_utf8(signature).ok()?;
    (!signature.is_empty()).then_some((payload, signature))
}

/// Where the empty line before the message begins.
fn headers_end(raw: &[u8]) -> usize {
    raw.windows(2).position(|pair| pair == b"\n\n").map_or(raw.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] = b"tree t\nparent p\nauthor a\ncommitter c\nencoding ISO-8859-1\n\ngpgsig no\n gr\xfc\xdfe\n";

    #[test]
    fn a_signature_is_put_in_and_taken_out_again() {
        let signature = "-----BEGIN X-----\n\nabc=\n-----END X-----\n";
        let signed = attach(RAW, signature, "p");
        let text = String::from_utf8_lossy(&signed);
        assert!(text.contains("8859-1\ngpgsig -----BEGIN X-----\n \n abc=\n -----END X-----\n\ngpgsig no\n"), "{text}");
        assert_eq!(detach(&signed), Some((RAW.to_vec(), signature.to_owned())));
        assert!(attach(RAW, signature, &"0".repeat(64)).windows(15).any(|part| part == b"\ngpgsig-sha256 "));
    }

    #[test]
    fn what_has_no_signature_has_none() {
        for raw in [RAW, b"", b"\n\n", b"gpgsig", b" gpgsig x\n\n", b"\xff gpgsig"] {
            assert_eq!(detach(raw), None, "{raw:?}");
        }
        // The end of the file may come in the middle of it.
        assert_eq!(detach(b"gpgsig x"), Some((Vec::new(), "x".to_owned())));
        assert_eq!(detach(b"gpgsig \xff\n\n"), None);
    }
}
