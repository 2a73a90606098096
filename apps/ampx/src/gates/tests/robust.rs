use super::{changed, file, told};
use crate::gates::{Change, judge};

const SOURCES: &[(&str, &str)] = &[
    (
        "tests/test_a.py",
        "@pytest.mark.parametrize('a', [(1, 2)])\nclass TestA:\n    async def test_ä(self):\n        try:\n            assert f(\"x\") == 1, 'ü'\n        except Exception as e:\n            raise\n",
    ),
    (
        "a.test.ts",
        "describe('ä', () => { it.each`a | b\n${1} | ${2}`('x', async () => { await expect(f(`ü`)).resolves.toBe(1); }); });\n",
    ),
    (
        "tests/a.rs",
        "#[cfg(test)]\nmod tests { #[tokio::test] async fn ä() { assert_eq!(f(\"ü\"), [1, 2], \"{}\", 3); proptest! { #[test] fn x(a in 1..2) {} } } }\n",
    ),
    (
        "a_test.go",
        "//go:build linux\npackage a\nfunc TestA(t *testing.T) { for _, c := range []struct{a int}{{1}, {2}} { if c.a != 1 { t.Errorf(\"ü\") } } }\n",
    ),
    (
        "ATest.java",
        "class ATest { @ParameterizedTest @ValueSource(ints = {1, 2}) void ä() { try { assertThat(f(\"ü\")).isEqualTo(1); } catch (Throwable e) { } } }\n",
    ),
    (
        "pyproject.toml",
        "[tool.pytest.ini_options]\naddopts = \"-q --cov-fail-under=80\"\n[tool.coverage.report]\nfail_under = 8\n",
    ),
    (
        "package.json",
        "{\"scripts\": {\"test\": \"jest\"}, \"jest\": {\"coverageThreshold\": {\"global\": {\"lines\": 80}}}}",
    ),
    ("setup.cfg", "[tool:pytest]\naddopts =\n  -q\n[coverage:report]\nfail_under = 80\n"),
    ("vitest.config.ts", "export default { test: { exclude: ['ä'], coverage: { lines: 80 } } };\n"),
];

/// A small generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (sides as u64)).unwrap()
    }
}

#[test]
fn no_cut_or_damaged_source_makes_it_panic() {
    let mut dice = Dice(0x5eed);
    for (path, source) in SOURCES {
        let judged = |old: &[u8], new: &[u8]| {
            let side = |bytes: &[u8]| {
                file(path, "").map(|mut file| {
                    file.content = crate::gates::Content::Bytes(bytes.to_vec());
                    file
                })
            };
            judge(&[Change { old: side(old), new: side(new) }])
        };
        let bytes = source.as_bytes();
        assert!(judged(bytes, bytes).is_empty(), "{path}");
        for end in 0..bytes.len() {
            judged(bytes, &bytes[..end]);
            judged(&bytes[..end], &bytes[end..]);
        }
        for _ in 0..100 {
            let mut damaged = bytes.to_vec();
            for _ in 0..=dice.roll(4) {
                let at = dice.roll(damaged.len());
                match dice.roll(3) {
                    0 => drop(damaged.remove(at)),
                    1 => damaged[at] = u8::try_from(dice.roll(256)).unwrap(),
                    _ => damaged.insert(at, b"(){}[]\"'`#:,\n\0"[dice.roll(14)]),
                }
            }
            judged(bytes, &damaged);
            judged(&damaged, bytes);
        }
    }
}

#[test]
fn nesting_without_end_costs_no_stack() {
    for (path, open, close) in [
        ("tests/test_a.py", "(", ")"),
        ("tests/test_a.py", "- ", ""),
        ("a.test.ts", "describe('a', () => {", "});"),
        ("a.test.ts", "[", "]"),
        ("tests/a.rs", "mod tests {", "}"),
        ("a_test.go", "((", "))"),
        ("ATest.java", "class A {", "}"),
    ] {
        let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        judge(&[Change { old: file(path, "x = 1\n"), new: file(path, &deep) }]);
    }
}

#[test]
fn a_source_of_many_tests_is_judged_in_time() {
    let source: String = (0..5_000).map(|n| format!("def test_{n}():\n    assert f({n}) == {n}\n")).collect();
    let renamed = source.replace("test_", "test_renamed_");
    assert_eq!(told(&changed("tests/test_a.py", &source, &renamed)), "");
    // Renamed and rewritten, so that no search for the old ones ends well.
    let other = (0..5_000).map(|n| format!("def test_other_{n}():\n    check(run({n}, {n} + 1), {n})\n"));
    let findings = changed("tests/test_a.py", &source, &other.collect::<String>());
    assert_eq!(findings.len(), 501);
    assert_eq!(findings[500].what, "has 4500 more findings");
}
