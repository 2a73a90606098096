use super::{changed, file, table, told};
use crate::gates::{Change, judge};

const PYTEST: &str = r#"import pytest
from shop.cart import Cart, total

PRICES = [
    ("tea", 3),
    ("cake", 5),
]


@pytest.fixture
def cart():
    return Cart()


def check_total(cart, expected):
    assert cart.total() == expected


def test_empty_cart_costs_nothing(cart):
    """An empty cart."""
    assert cart.total() == 0
    assert not cart.items


@pytest.mark.parametrize("name, price", [("tea", 3), ("cake", 5), ("jam", 4)])
def test_price(name, price):
    assert total([name]) == price, "a wrong price"


class TestDiscount:
    def test_half(self, cart):
        cart.add("cake")
        with pytest.raises(ValueError):
            cart.discount(-1)
        assert cart.discount(0.5) == 2.5

    @pytest.mark.skipif("sys.version_info < (3, 12)")
    def test_new_syntax(self):
        assert total(["tea"]) >= 1
"#;

#[test]
fn pytest_functions_and_classes() {
    table(
        "tests/test_cart.py",
        PYTEST,
        &[
            // What passes.
            ("    assert not cart.items\n", "    assert not cart.items\n    assert cart.total() < 1\n", ""),
            ("class TestDiscount:", "def test_added(cart):\n    assert cart\n\n\nclass TestDiscount:", ""),
            ("\"a wrong price\"", "f\"a wrong price for {name}\"", ""),
            ("\"\"\"An empty cart.\"\"\"", "\"\"\"Nothing in it.\"\"\"", ""),
            ("(\"jam\", 4)]", "(\"jam\", 4), (\"pie\", 6)]", ""),
            ("    assert cart.total() == 0\n", "    # Free.\n    assert cart.total() == 0\n", ""),
            ("def test_half", "def test_half_price", ""),
            ("test_empty_cart_costs_nothing", "test_an_empty_cart_is_free", ""),
            ("    return Cart()", "    return Cart(currency=\"EUR\")", ""),
            // What is gone.
            ("def test_half", "def half", "deleted TestDiscount::test_half"),
            ("def test_price", "def _test_price", "deleted test_price"),
            (
                "class TestDiscount",
                "class Discount",
                "deleted TestDiscount::test_half, deleted TestDiscount::test_new_syntax",
            ),
            // What no longer runs.
            (
                "def test_empty",
                "@pytest.mark.skip(reason=\"flaky\")\ndef test_empty",
                "skipped test_empty_cart_costs_nothing",
            ),
            ("def test_empty", "@pytest.mark.xfail\ndef test_empty", "skipped test_empty_cart_costs_nothing"),
            (
                "class TestDiscount",
                "@pytest.mark.skip\nclass TestDiscount",
                "skipped TestDiscount::test_half, skipped TestDiscount::test_new_syntax",
            ),
            (
                "        cart.add(",
                "        pytest.skip(\"later\")\n        cart.add(",
                "skipped TestDiscount::test_half",
            ),
            ("(3, 12)", "(4, 0)", "skipped TestDiscount::test_new_syntax"),
            (
                "    \"\"\"An empty cart.\"\"\"\n",
                "    return\n",
                "skipped test_empty_cart_costs_nothing, weakened test_empty_cart_costs_nothing",
            ),
            // What demands less.
            ("    assert not cart.items\n", "", "weakened test_empty_cart_costs_nothing"),
            ("assert cart.total() == 0", "assert True", "weakened test_empty_cart_costs_nothing"),
            ("assert cart.total() == 0", "assert cart.total() == 0 or True", "weakened test_empty_cart_costs_nothing"),
            (
                "assert cart.total() == 0",
                "assert (cart.total() == 0, \"free\")",
                "weakened test_empty_cart_costs_nothing",
            ),
            (
                "assert cart.total() == 0",
                "assert cart.total() == cart.total()",
                "weakened test_empty_cart_costs_nothing",
            ),
            ("assert cart.total() == 0", "assert cart.total() is not None", "weakened test_empty_cart_costs_nothing"),
            ("assert cart.total() == 0", "assert cart.total() == 7", "weakened test_empty_cart_costs_nothing"),
            (
                "assert cart.total() == 0",
                "if False:\n        assert cart.total() == 0",
                "weakened test_empty_cart_costs_nothing",
            ),
            ("raises(ValueError)", "raises(Exception)", "weakened TestDiscount::test_half"),
            (", (\"jam\", 4)]", "]", "weakened test_price"),
            ("(\"jam\", 4)]", "(\"jam\", 40)]", "weakened test_price"),
            ("(\"jam\", 4)]", "pytest.param(\"jam\", 4, marks=pytest.mark.skip)]", "weakened test_price"),
            ("    (\"cake\", 5),\n", "", "weakened PRICES"),
            ("    assert cart.total() == expected", "    pass", "weakened check_total"),
            (
                "        assert cart.discount(0.5) == 2.5",
                "        try:\n            assert cart.discount(0.5) == 2.5\n        except Exception:\n            pass",
                "weakened TestDiscount::test_half",
            ),
            (
                "        cart.add(\"cake\")\n",
                "        cart.add(\"cake\")\n        if not cart.items:\n            return\n",
                "weakened TestDiscount::test_half",
            ),
        ],
    );
}

#[test]
fn unittest_classes_count_wherever_they_are() {
    let source = "import unittest\n\nclass Sums(unittest.TestCase):\n    def test_two(self):\n        self.assertEqual(1 + 1, 2)\n        self.assertTrue(2)\n\n    def helper(self):\n        return 1\n";
    table(
        "shop/checks.py",
        source,
        &[
            ("self.assertEqual(1 + 1, 2)", "self.assertEqual(2, 2)", "weakened Sums::test_two"),
            ("self.assertEqual(1 + 1, 2)", "self.assertTrue(1 + 1 >= 2)", "weakened Sums::test_two"),
            ("self.assertEqual(1 + 1, 2)", "self.skipTest('x')", "skipped Sums::test_two, weakened Sums::test_two"),
            ("class Sums", "@unittest.skip('x')\nclass Sums", "skipped Sums::test_two"),
            ("unittest.TestCase", "object", "deleted Sums::test_two"),
            ("return 1", "return 2", ""),
        ],
    );
}

#[test]
fn functions_that_only_look_like_tests_are_none() {
    let source = "def test_connection(host):\n    assert ping(host)\n";
    assert_eq!(told(&changed("shop/network.py", source, "")), "");
}

#[test]
fn a_moved_test_is_no_deleted_one() {
    let rest = PYTEST.replace("class TestDiscount", "class TestElse");
    let at = PYTEST.find("class TestDiscount").unwrap();
    let moved = [
        Change { old: file("tests/test_cart.py", PYTEST), new: file("tests/test_cart.py", &PYTEST[..at]) },
        Change { old: None, new: file("tests/test_discount.py", &format!("import pytest\n\n{}", &PYTEST[at..])) },
    ];
    assert_eq!(told(&judge(&moved)), "");
    let renamed = [Change { old: file("tests/test_cart.py", PYTEST), new: file("tests/unit/test_basket.py", PYTEST) }];
    assert_eq!(told(&judge(&renamed)), "");
    assert_eq!(told(&changed("tests/test_cart.py", PYTEST, &rest)), "");
    // Renamed to where pytest does not look.
    let away = [Change { old: file("test_cart.py", PYTEST), new: file("old_cart.py", PYTEST) }];
    assert!(told(&judge(&away)).starts_with("deleted test_empty_cart_costs_nothing, deleted test_price, "));
    // Moved and weakened on the way.
    let weaker = PYTEST[at..].replace("assert cart.discount(0.5) == 2.5", "cart.discount(0.5)");
    let moved = [moved[0].clone(), Change { old: None, new: file("tests/test_discount.py", &weaker) }];
    assert_eq!(told(&judge(&moved)), "weakened TestDiscount::test_half");
}
