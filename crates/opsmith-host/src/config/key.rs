use std::fmt;

/// A key as its segments; a segment may hold dots (`policy."ampx.merge"`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyPath(Vec<String>);

impl KeyPath {
    /// Reads a dotted key whose segments may be in double quotes; `None` when it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            let (segment, after) = if let Some(quoted) = rest.strip_prefix('"') {
                quoted.split_once('"')?
            } else {
                rest.split_at(rest.find('.').unwrap_or(rest.len()))
            };
            if segment.is_empty() {
                return None;
            }
            segments.push(segment.to_owned());
            if after.is_empty() {
                return Some(Self(segments));
            }
            rest = after.strip_prefix('.')?;
        }
    }

    pub(super) fn segments(&self) -> &[String] {
        &self.0
    }

    pub(super) fn child(&self, segment: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment.to_owned());
        Self(segments)
    }

    pub(super) fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            let bare = segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if bare && !segment.is_empty() { f.write_str(segment)? } else { write!(f, "{segment:?}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::KeyPath;

    #[test]
    fn a_quoted_segment_keeps_its_dots() {
        let path = KeyPath::parse(r#"policy."ampx.merge""#).unwrap();
        assert_eq!(path.segments(), ["policy", "ampx.merge"]);
        assert_eq!(path.to_string(), r#"policy."ampx.merge""#);
        for wrong in ["", ".", "a.", "a..b", "\"a", "\"a\"b"] {
            assert!(KeyPath::parse(wrong).is_none(), "{wrong}");
        }
    }
}
