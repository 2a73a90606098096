use super::{changed, table, told};

const GO: &str = r#"package cart

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTotal(t *testing.T) {
	cases := []struct {
		name string
		want int
	}{
		{"tea", 3},
		{"cake", 5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Total(c.name); got != c.want {
				t.Errorf("Total(%q) = %d", c.name, got)
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	sum := Sum()
	assert.Equal(t, 0, sum)
	if sum != 0 {
		t.Fatal("not empty")
	}
}

func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Parse(text); err != nil && err != ErrForm {
			t.Fatal(err)
		}
	})
}
"#;

#[test]
fn functions_of_go_test() {
    table(
        "cart/cart_test.go",
        GO,
        &[
            ("{\"cake\", 5},", "{\"cake\", 5},\n\t\t{\"jam\", 4},", ""),
            ("\"not empty\"", "\"it is not empty\"", ""),
            ("func TestEmpty", "func TestNothing", ""),
            ("func TestEmpty", "func testEmpty", "deleted TestEmpty"),
            ("func FuzzParse(f *testing.F)", "func FuzzParse()", "deleted FuzzParse"),
            ("	sum := Sum()\n", "	t.Skip(\"flaky\")\n	sum := Sum()\n", "skipped TestEmpty"),
            ("	sum := Sum()\n", "	if testing.Short() {\n		t.Skip()\n	}\n	sum := Sum()\n", "skipped TestEmpty"),
            ("	sum := Sum()\n", "	return\n	sum := Sum()\n", "skipped TestEmpty, weakened TestEmpty"),
            (
                "package cart",
                "//go:build ignore\n\npackage cart",
                "skipped TestTotal, skipped TestEmpty, skipped FuzzParse",
            ),
            ("\t\t{\"cake\", 5},\n", "", "weakened TestTotal"),
            ("{\"cake\", 5}", "{\"cake\", 50}", "weakened TestTotal"),
            ("got != c.want", "got < 0", "weakened TestTotal"),
            ("got := Total(c.name); got != c.want", "false", "weakened TestTotal"),
            ("t.Errorf", "t.Logf", "weakened TestTotal"),
            ("assert.Equal(t, 0, sum)", "assert.Equal(t, 0, 0)", "weakened TestEmpty"),
            ("assert.Equal(t, 0, sum)", "assert.NotNil(t, sum)", "weakened TestEmpty"),
            ("assert.Equal(t, 0, sum)", "assert.Equal(t, 7, sum)", "weakened TestEmpty"),
        ],
    );
    assert_eq!(told(&changed("cart/cart.go", GO, "package cart\n")), "");
}
