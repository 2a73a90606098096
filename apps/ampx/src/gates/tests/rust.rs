use super::{changed, table, told};

const UNIT: &str = r#"//! Carts.

pub fn total(items: &[u32]) -> u32 {
    items.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: &[u32], expected: u32) {
        assert_eq!(total(items), expected);
    }

    #[test]
    fn nothing_costs_nothing() {
        assert_eq!(total(&[]), 0, "of nothing");
        assert!(total(&[0]) == 0);
    }

    /// Over a wire.
    #[tokio::test(flavor = "multi_thread")]
    async fn two_are_summed() {
        let sum = total(&[1, 2]);
        assert_eq!(sum, 3);
        assert!(matches!(sum, 1..=5));
    }

    #[test_case(1, 1)]
    #[test_case(2, 2)]
    fn one_is_itself(item: u32, sum: u32) {
        assert_eq!(total(&[item]), sum);
    }
}
"#;

#[test]
fn unit_tests() {
    let two = "weakened tests::two_are_summed";
    table(
        "src/cart.rs",
        UNIT,
        &[
            ("items.iter().sum()", "items.iter().copied().sum()", ""),
            ("\"of nothing\"", "\"of {} nothing\", 1", ""),
            ("    #[test]\n", "    #[test]\n    fn three() {\n        check(&[3], 3);\n    }\n\n    #[test]\n", ""),
            ("fn two_are_summed", "fn they_are_summed", ""),
            ("    #[test]\n", "    #[test]\n    #[ignore]\n", "skipped tests::nothing_costs_nothing"),
            ("    #[test]\n", "    #[test]\n    #[should_panic]\n", "skipped tests::nothing_costs_nothing"),
            ("    #[test]\n", "    #[cfg(any())]\n    #[test]\n", "skipped tests::nothing_costs_nothing"),
            ("    #[test]\n", "", "deleted tests::nothing_costs_nothing"),
            (
                "#[cfg(test)]\nmod",
                "#[cfg(all(test, feature = \"slow\"))]\nmod",
                "skipped tests::check, skipped tests::nothing_costs_nothing, skipped tests::two_are_summed, skipped tests::one_is_itself",
            ),
            ("        assert_eq!(sum, 3);\n", "", two),
            ("assert_eq!(sum, 3)", "assert_eq!(3, 3)", two),
            ("assert_eq!(sum, 3)", "assert!(true)", two),
            ("assert_eq!(sum, 3)", "assert!(sum > 0)", two),
            ("assert_eq!(sum, 3)", "assert_eq!(sum, 4)", two),
            ("        let sum", "        return;\n        let sum", &format!("skipped tests::two_are_summed, {two}")),
            (
                "        assert_eq!(sum, 3)",
                "        if sum > 9 {\n            return;\n        }\n        assert_eq!(sum, 3)",
                two,
            ),
            ("    #[test_case(2, 2)]\n", "", "weakened tests::one_is_itself"),
            ("        assert_eq!(total(items), expected);\n", "", "weakened tests::check"),
        ],
    );
}

#[test]
fn modules_of_tests_have_to_stay_declared() {
    let source = "//! Stories.\n\nmod cart;\nmod desk;\n";
    table(
        "tests/it/main.rs",
        source,
        &[("mod cart;\n", "", "deleted mod cart"), ("mod desk;", "mod desk;\nmod more;", "")],
    );
    assert_eq!(told(&changed("src/lib.rs", "#[cfg(test)]\nmod tests;\n", "")), "deleted mod tests");
    assert_eq!(told(&changed("src/lib.rs", "mod cart;\n", "")), "");
}
