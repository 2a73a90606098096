use super::table;

const JAVA: &str = r#"package shop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import org.junit.jupiter.api.Test;

class CartTest {
    @Test
    void emptyCartCostsNothing() {
        Cart cart = new Cart();
        assertEquals(0, cart.total());
        assertThat(cart.items()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void oneIsItself(int price) {
        assertThat(new Cart(price).total()).isEqualTo(price);
        verify(log).said("one");
    }

    @Nested
    class Discount {
        @Test
        public void refusesNegatives() throws Exception {
            assertThrows(IllegalArgumentException.class, () -> new Cart().discount(-1));
        }
    }

    private void check(Cart cart) {
        assertTrue(cart.isOpen());
    }
}
"#;

#[test]
fn methods_of_junit_and_testng() {
    let empty = "weakened CartTest.emptyCartCostsNothing";
    table(
        "src/test/java/shop/CartTest.java",
        JAVA,
        &[
            (
                "    @Nested",
                "    @Test\n    void more() {\n        assertTrue(new Cart().isOpen());\n    }\n\n    @Nested",
                "",
            ),
            ("{1, 2, 3}", "{1, 2, 3, 4}", ""),
            ("void emptyCartCostsNothing", "void anEmptyCartIsFree", ""),
            ("    @Test\n", "", "deleted CartTest.emptyCartCostsNothing"),
            ("    @Test\n", "    @Test\n    @Disabled(\"flaky\")\n", "skipped CartTest.emptyCartCostsNothing"),
            ("    @Test\n", "    @Test(enabled = false)\n", "skipped CartTest.emptyCartCostsNothing"),
            ("    @Nested", "    @Ignore\n    @Nested", "skipped CartTest.Discount.refusesNegatives"),
            (
                "        Cart cart",
                "        assumeTrue(false);\n        Cart cart",
                "skipped CartTest.emptyCartCostsNothing",
            ),
            ("        assertEquals(0, cart.total());\n", "", empty),
            ("assertEquals(0, cart.total())", "assertEquals(0, 0)", empty),
            ("assertEquals(0, cart.total())", "assertTrue(true)", empty),
            ("assertEquals(0, cart.total())", "assertNotNull(cart.total())", empty),
            ("assertEquals(0, cart.total())", "assertEquals(9, cart.total())", empty),
            (".isEmpty();", ";", empty),
            ("{1, 2, 3}", "{1, 2}", "weakened CartTest.oneIsItself"),
            ("verify(log).said(\"one\");", "", "weakened CartTest.oneIsItself"),
            ("IllegalArgumentException.class", "Exception.class", "weakened CartTest.Discount.refusesNegatives"),
            ("assertTrue(cart.isOpen());", "", "weakened CartTest.check"),
            (
                "        assertEquals(0, cart.total());",
                "        try {\n            assertEquals(0, cart.total());\n        } catch (Throwable error) {\n            log(error);\n        }",
                empty,
            ),
        ],
    );
}

#[test]
fn junit_3_goes_by_names() {
    let source = "public class SumTest extends TestCase {\n    public void testSum() {\n        assertEquals(4, sum(2, 2));\n    }\n}\n";
    table(
        "test/SumTest.java",
        source,
        &[("testSum", "sumTest", "deleted SumTest.testSum"), ("sum(2, 2)", "sum(1, 3)", "weakened SumTest.testSum")],
    );
}
