use std::ffi::{OsStr, OsString};
use std::path::Path;

use opsmith_host::cli::Exit;

use super::parser;
use crate::CATALOGUE;

/// The products by the names of their commands.
const PRODUCTS: [&str; 1] = ["ampx"];

/// Runs a command line, the program's own name first: a product's when it is called by its name or its name is the
/// first word, else the platform's.
pub async fn run(words: Vec<OsString>) -> Exit {
    match product(&words) {
        Some(("ampx", words)) => ampx::cli::run(words, &CATALOGUE).await,
        Some(_) | None => parser::run(words).await,
    }
}

/// The product that is called, and its own words.
fn product(words: &[OsString]) -> Option<(&'static str, Vec<OsString>)> {
    let called = words.first().and_then(|word| Path::new(word).file_name());
    if let Some(name) = known(called?) {
        return Some((name, words.to_vec()));
    }
    let at = first_word(words)?;
    let name = known(&words[at])?;
    // Help says `opsmith ampx …`, since that is how it was called; flags ahead of the name are the product's too.
    let program = OsString::from(format!("opsmith {name}"));
    let others = words.iter().enumerate().skip(1).filter(|(i, _)| *i != at).map(|(_, word)| word.clone());
    Some((name, [program].into_iter().chain(others).collect()))
}

fn known(word: &OsStr) -> Option<&'static str> {
    PRODUCTS.into_iter().find(|name| word == *name)
}

/// Where the first word is that is neither a flag nor a flag's value.
fn first_word(words: &[OsString]) -> Option<usize> {
    let mut i = 1;
    while let Some(word) = words.get(i) {
        match word.to_string_lossy().as_ref() {
            // The one flag for every command that takes a value.
            "--config" => i += 2,
            "--" => return None,
            flag if flag.starts_with('-') => i += 1,
            _ => return Some(i),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(words: &[&str]) -> Option<Vec<String>> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        product(&words).map(|(_, words)| words.into_iter().map(|word| word.into_string().unwrap()).collect())
    }

    #[test]
    fn a_product_is_called_by_link_and_by_first_word() {
        assert_eq!(called(&["/usr/bin/ampx", "list"]).unwrap(), ["/usr/bin/ampx", "list"]);
        assert_eq!(called(&["opsmith", "ampx", "ls", "--", "ampx"]).unwrap(), ["opsmith ampx", "ls", "--", "ampx"]);
        let flags_ahead = called(&["opsmith", "--json", "--config", "ampx", "-v", "ampx", "list"]).unwrap();
        assert_eq!(flags_ahead, ["opsmith ampx", "--json", "--config", "ampx", "-v", "list"]);
        for own in [&["opsmith", "serve", "ampx"][..], &["opsmith"], &["opsmith", "--config", "ampx"], &[]] {
            assert_eq!(called(own), None, "{own:?}");
        }
    }
}
