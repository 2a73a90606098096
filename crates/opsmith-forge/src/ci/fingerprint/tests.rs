use super::{HEX, PASSED, RULES, VARIES, fingerprint};
use regex::Regex;

#[test]
fn every_pattern_compiles() {
    for pattern in VARIES.iter().map(|(pattern, _)| *pattern).chain([HEX, PASSED]) {
        Regex::new(pattern).unwrap();
    }
    assert_eq!(RULES.varies.len(), VARIES.len());
}

/// The same failure seen twice, then another failure of the same runner.
const LOGS: [(&str, &str, &str, &str); 8] = [
    (
        "pytest",
        "tests/test_cart.py F..                                          [100%]\n\
         =================================== FAILURES ===================================\n\
         _______________________________ test_total_is_sum ______________________________\n\
         tmp_path = PosixPath('/tmp/pytest-of-ada/pytest-3/test_total_is_sum0')\n\
         >       assert cart.total() == 3\n\
         E       AssertionError: assert 4 == 3\n\
         E        +  where 4 = <cart.Cart object at 0x7f3a5c1b2d90>.total()\n\
         tests/test_cart.py:12: AssertionError\n\
         =========================== short test summary info ============================\n\
         FAILED tests/test_cart.py::test_total_is_sum - AssertionError: assert 4 == 3\n\
         ========================= 1 failed, 2 passed in 0.12s ==========================\n",
        "tests/test_cart.py F..                                          [100%]\n\
         =================================== FAILURES ===================================\n\
         _______________________________ test_total_is_sum ______________________________\n\
         tmp_path = PosixPath('/tmp/pytest-of-ada/pytest-41/test_total_is_sum0')\n\
         >       assert cart.total() == 3\n\
         E       AssertionError: assert 4 == 3\n\
         E        +  where 4 = <cart.Cart object at 0x7fe00c0ffee0>.total()\n\
         tests/test_cart.py:12: AssertionError\n\
         =========================== short test summary info ============================\n\
         FAILED tests/test_cart.py::test_total_is_sum - AssertionError: assert 4 == 3\n\
         =================== 1 failed, 2 passed in 75.48s (0:01:15) ====================\n",
        "FAILED tests/test_cart.py::test_total_of_nothing - AssertionError: assert 1 == 0\n\
         ========================= 1 failed, 2 passed in 0.12s ==========================\n",
    ),
    (
        "cargo test",
        "    Finished `test` profile [unoptimized + debuginfo] target(s) in 1.52s\n\
         \x20    Running unittests src/lib.rs (target/debug/deps/cart-7f2c9a0d1e5b4c33)\n\
         test tests::empty ... ok\ntest tests::total ... FAILED\ntest tests::rounding ... ok\n\n\
         ---- tests::total stdout ----\n\
         thread 'tests::total' (48211) panicked at src/lib.rs:14:9:\n\
         assertion `left == right` failed\n  left: 4\n right: 3\n\n\
         failures:\n    tests::total\n\n\
         test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        "    Finished `test` profile [unoptimized + debuginfo] target(s) in 1m 12s\n\
         \x20    Running unittests src/lib.rs (target/debug/deps/cart-00be41aa92f3d7c8)\n\
         test tests::rounding ... ok\ntest tests::empty ... ok\ntest tests::total ... FAILED\n\n\
         ---- tests::total stdout ----\n\
         thread 'tests::total' (977) panicked at src/lib.rs:14:9:\n\
         assertion `left == right` failed\n  left: 4\n right: 3\n\n\
         failures:\n    tests::total\n\n\
         test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s\n",
        "thread 'tests::total' (977) panicked at src/lib.rs:15:9:\n\
         failures:\n    tests::rounding\n\n\
         test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s\n",
    ),
    (
        "go test",
        "2026/11/21 13:20:01 listening on 127.0.0.1:40123\n\
         --- FAIL: TestTotal (0.00s)\n    cart_test.go:9: got 4, want 3 (id 3f2504e0-4f89-41d3-9a0c-0305e82c3301)\n\
         FAIL\nFAIL\texample.com/cart\t0.003s\nok  \texample.com/cart/tax\t0.002s\nFAIL\n",
        "2026/11/22 09:01:59 listening on 127.0.0.1:39871\n\
         --- FAIL: TestTotal (0.02s)\n    cart_test.go:9: got 4, want 3 (id 9b2e1c44-0d0e-4e2f-8a77-5dfe1a2b3c4d)\n\
         FAIL\nFAIL\texample.com/cart\t12.118s\nok  \texample.com/cart/tax\t(cached)\nFAIL\n",
        "--- FAIL: TestTax (0.00s)\n    cart_test.go:9: got 4, want 3\n\
         FAIL\nFAIL\texample.com/cart\t0.003s\nok  \texample.com/cart/tax\t0.002s\nFAIL\n",
    ),
    (
        "npm",
        "> cart@1.0.0 test\n> jest\n\nPASS src/tax.test.js\nFAIL src/cart.test.js\n\
         \x20 ● cart › totals\n\n    Expected: 3\n    Received: 4\n\n      at Object.<anonymous> (src/cart.test.js:6:19)\n\n\
         Tests:       1 failed, 4 passed, 5 total\nTime:        0.412 s, estimated 1 s\n\
         npm error Lifecycle script `test` failed with error:\nnpm error code 1\n\
         npm error A complete log of this run can be found in: /home/ci/.npm/_logs/2026-11-21T13_20_00_123Z-debug-0.log\n",
        "> cart@1.0.0 test\n> jest\n\nFAIL src/cart.test.js\n\
         \x20 ● cart › totals\n\n    Expected: 3\n    Received: 4\n\n      at Object.<anonymous> (src/cart.test.js:6:19)\n\n\
         PASS src/tax.test.js\n\
         Tests:       1 failed, 4 passed, 5 total\nTime:        12.9 s, estimated 13 s\n\
         npm error Lifecycle script `test` failed with error:\nnpm error code 1\n\
         npm error A complete log of this run can be found in: /home/ci/.npm/_logs/2026-12-02T07_09_59_001Z-debug-0.log\n",
        "> cart@1.0.0 test\n> jest\n\nPASS src/tax.test.js\nFAIL src/cart.test.js\n\
         \x20 ● cart › empties\n\n    Expected: 3\n    Received: 4\n\n      at Object.<anonymous> (src/cart.test.js:6:19)\n\n\
         Tests:       1 failed, 4 passed, 5 total\nTime:        0.412 s, estimated 1 s\n",
    ),
    (
        "node --test",
        "not ok 1 - totals\n  ---\n  duration_ms: 1.234567\n  code: 'ERR_ASSERTION'\n  ...\n# duration_ms 55.1\n",
        "not ok 1 - totals\n  ---\n  duration_ms: 0.9\n  code: 'ERR_ASSERTION'\n  ...\n# duration_ms 1044.77\n",
        "not ok 1 - empties\n  ---\n  duration_ms: 1.234567\n  code: 'ERR_ASSERTION'\n  ...\n# duration_ms 55.1\n",
    ),
    (
        "a crash",
        "run.sh: line 3:  4711 Segmentation fault      (core dumped) ./cart\n==4711==ABORTING pid 4711\n",
        "run.sh: line 3: 31337 Segmentation fault      (core dumped) ./cart\n==31337==ABORTING pid 31337\n",
        "run.sh: line 4: 31337 Segmentation fault      (core dumped) ./cart\n==31337==ABORTING pid 31337\n",
    ),
    (
        "shuffled tests",
        "Using --randomly-seed=3911472\nRandom seed: 12\nFAILED a on Fri Nov 21 13:20:00 UTC 2026 at 4be1c0d9f2a7\n",
        "Using --randomly-seed=77\nRandom seed: 9\nFAILED a on Sat Nov 22 03:00:59 UTC 2026 at 0a0b0c0d0e0f00\n",
        "Using --randomly-seed=77\nRandom seed: 9\nFAILED b on Sat Nov 22 03:00:59 UTC 2026 at 0a0b0c0d0e0f00\n",
    ),
    (
        "words of hexadecimal letters",
        "the facade was defaced\n",
        "the facade was defaced\n",
        "the facade was effaced\n",
    ),
];

#[test]
fn the_same_failure_has_one_name_and_another_failure_another() {
    for (runner, seen, seen_again, another) in LOGS {
        assert_eq!(fingerprint(seen), fingerprint(seen_again), "{runner}");
        assert_ne!(fingerprint(seen), fingerprint(another), "{runner}");
        assert!(fingerprint(seen).len() == 16);
    }
}

#[test]
fn where_the_excerpt_was_cut_does_not_matter() {
    let log = |time: &str| -> String {
        let steps: String = (0..400).map(|step| format!("step {step} took {time}\n")).collect();
        crate::ci::excerpt(format!("{steps}FAILED total\n").as_bytes())
    };
    let (short, long) = (log("1s"), log("1200.123 seconds"));
    assert_ne!(short.lines().count(), long.lines().count());
    assert_eq!(fingerprint(&short), fingerprint(&long));
}

#[test]
fn order_and_line_numbers_count() {
    assert_ne!(fingerprint("error: a\nerror: b\n"), fingerprint("error: b\nerror: a\n"));
    assert_ne!(fingerprint("src/a.rs:10: error"), fingerprint("src/a.rs:11: error"));
}
