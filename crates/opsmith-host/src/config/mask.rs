/// Hides what could be a password in a URL: of `user:password@`, of a lone `token@` over http, and of `password=`.
pub fn mask_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        // A password may itself hold an unencoded `/` or `@`, so the authority is taken up to the last `@` of the word.
        let word = &after[..after.find(|c: char| c.is_whitespace() || "\"',".contains(c)).unwrap_or(after.len())];
        let word = &word[..word.find("://").unwrap_or(word.len())];
        let Some(end) = word.rfind('@') else {
            rest = after;
            continue;
        };
        match word[..end].split_once(':') {
            Some((user, _)) if !user.contains('/') => {
                out.push_str(user);
                out.push_str(":***");
                rest = &after[end..];
            }
            None if before.ends_with("http://") || before.ends_with("https://") => {
                out.push_str("***");
                rest = &after[end..];
            }
            Some(_) | None => rest = after,
        }
    }
    out.push_str(rest);
    mask_parameter(&out)
}

fn mask_parameter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("password=") {
        let (before, after) = rest.split_at(at + "password=".len());
        out.push_str(before);
        out.push_str("***");
        rest = &after[after.find(|c: char| c == '&' || c.is_whitespace()).unwrap_or(after.len())..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::mask_url;

    #[test]
    fn passwords_go_and_the_rest_stays() {
        for (url, shown) in [
            ("postgres://ada:hunter2@db:5432/x", "postgres://ada:***@db:5432/x"),
            ("postgres://ada:hu/nt@er2@db/x", "postgres://ada:***@db/x"),
            ("postgres://db/x?password=hunter2&a=1", "postgres://db/x?password=***&a=1"),
            ("https://ghp_token@github.com/a/b", "https://***@github.com/a/b"),
            ("ssh://git@github.com/a/b", "ssh://git@github.com/a/b"),
            ("sqlite:///a/b@c.db", "sqlite:///a/b@c.db"),
            ("[http://a:b@c, http://d:e@f]", "[http://a:***@c, http://d:***@f]"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(mask_url(url), shown);
        }
    }
}
