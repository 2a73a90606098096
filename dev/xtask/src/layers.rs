//! Who may know whom: the dependency rule between the crates of this workspace.

use crate::finding::Finding;

/// A member of the workspace.
#[derive(Clone, Debug)]
pub struct Crate {
    /// The package's name.
    pub name: String,
    /// Its manifest, from the root of the checkout.
    pub manifest: String,
    /// Its dependencies on other members.
    pub edges: Vec<Edge>,
}

/// A dependency of one member on another.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The name of the crate that is depended on.
    pub to: String,
    /// A dev-dependency; normal and build dependencies are not.
    pub for_tests: bool,
}

/// Where a crate stands, and so whom it may know.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// A crate of the platform, which knows just these.
    Platform(&'static [&'static str]),
    /// A product: it knows the platform, never another product.
    Product,
    /// The one binary: it knows platform and products.
    Binary,
    /// The fakes: they know the platform, and are known to tests only.
    Testkit,
    /// A program for developers, which knows just these and is known to nobody.
    Chore(&'static [&'static str]),
}

/// Every crate there is or may be. A new one needs a line here and one in ARCHITECTURE.md.
const CRATES: &[(&str, Place)] = &[
    ("opsmith-model", Place::Platform(&[])),
    ("opsmith-store", Place::Platform(&["opsmith-model"])),
    ("opsmith-guard", Place::Platform(&["opsmith-model", "opsmith-store"])),
    ("opsmith-runs", Place::Platform(&["opsmith-model", "opsmith-store", "opsmith-guard"])),
    ("opsmith-sandbox", Place::Platform(&["opsmith-model", "opsmith-guard"])),
    ("opsmith-llm", Place::Platform(&["opsmith-model", "opsmith-store", "opsmith-guard"])),
    ("opsmith-forge", Place::Platform(&["opsmith-model", "opsmith-store", "opsmith-guard", "opsmith-sandbox"])),
    ("opsmith-host", Place::Platform(&["opsmith-model", "opsmith-store", "opsmith-guard", "opsmith-runs"])),
    ("ampx", Place::Product),
    ("llm-ops", Place::Product),
    ("lsqm", Place::Product),
    ("openshift-agent", Place::Product),
    ("pxrun", Place::Product),
    ("opsmith", Place::Binary),
    ("testkit", Place::Testkit),
    ("xtask", Place::Chore(&[])),
    ("bench", Place::Chore(&["*"])),
    ("fuzz", Place::Chore(&["*"])),
];

fn place_of(name: &str) -> Option<Place> {
    CRATES.iter().find(|(known, _)| *known == name).map(|(_, place)| *place)
}

/// Checks each member and each of its edges.
pub fn check(crates: &[Crate]) -> Vec<Finding> {
    crates.iter().flat_map(check_crate).collect()
}

fn check_crate(member: &Crate) -> Vec<Finding> {
    let Crate { name, manifest, edges } = member;
    let Some(place) = place_of(name) else {
        return vec![Finding::of_file(
            manifest,
            format!("crate `{name}` is not listed"),
            "every crate has its place in the dependency rule",
            "add it to CRATES in dev/xtask/src/layers.rs and to ARCHITECTURE.md, or make it a module",
        )];
    };
    let mut findings = Vec::new();
    if !manifest.starts_with(place.folder()) {
        findings.push(Finding::of_file(
            manifest,
            format!("crate `{name}` is in the wrong folder"),
            format!("the rule lists it under `{}`", place.folder()),
            "move it there",
        ));
    }
    findings.extend(edges.iter().filter_map(|edge| {
        let why = broken_rule(place, edge)?;
        let fix = match place_of(&edge.to) {
            Some(Place::Testkit) => "move it to `[dev-dependencies]`",
            _ => "drop the dependency: move what is needed down to a crate both may know, or invert the call",
        };
        Some(Finding::of_file(manifest, format!("`{name}` depends on `{}`", edge.to), why, fix))
    }));
    findings
}

/// The rule that an edge from a crate in `place` breaks, if any.
fn broken_rule(place: Place, edge: &Edge) -> Option<String> {
    // An unknown target is a finding of its own.
    let to = place_of(&edge.to)?;
    match (to, edge.for_tests) {
        (Place::Testkit | Place::Platform(_), true) => None,
        (Place::Testkit, false) if !matches!(place, Place::Chore(_)) => {
            Some("`testkit` is a dev-dependency only".to_owned())
        }
        (Place::Chore(_), _) => Some("nobody depends on a developer's program".to_owned()),
        (Place::Platform(_) | Place::Testkit, false) | (Place::Product | Place::Binary, _) => {
            (!place.may_know(&edge.to, to)).then(|| place.rule())
        }
    }
}

impl Place {
    fn folder(self) -> &'static str {
        match self {
            Self::Platform(_) => "crates/",
            Self::Product | Self::Binary => "apps/",
            Self::Testkit | Self::Chore(_) => "dev/",
        }
    }

    fn may_know(self, name: &str, to: Place) -> bool {
        match self {
            Self::Platform(known) => known.contains(&name),
            Self::Product | Self::Testkit => matches!(to, Place::Platform(_)),
            Self::Binary => matches!(to, Place::Platform(_) | Place::Product),
            Self::Chore(known) => known.contains(&"*") || known.contains(&name),
        }
    }

    fn rule(self) -> String {
        match self {
            Self::Platform([]) | Self::Chore([]) => "it may know no other crate of the workspace".to_owned(),
            Self::Platform(known) | Self::Chore(known) => format!("it may know only `{}`", known.join("`, `")),
            Self::Product => "a product knows the platform, never another product or the binary".to_owned(),
            Self::Binary => "the binary knows the platform and the products only".to_owned(),
            Self::Testkit => "the fakes know the platform only".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, folder: &str, to: &str, for_tests: bool) -> Vec<String> {
        let member = Crate {
            name: name.into(),
            manifest: format!("{folder}/{name}/Cargo.toml"),
            edges: vec![Edge { to: to.into(), for_tests }],
        };
        check(&[member]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn edges_along_the_rule_pass() {
        for (name, folder, to, for_tests) in [
            ("opsmith-store", "crates", "opsmith-model", false),
            ("opsmith-forge", "crates", "opsmith-sandbox", false),
            ("opsmith-store", "crates", "testkit", true),
            ("opsmith-sandbox", "crates", "opsmith-store", true),
            ("ampx", "apps", "opsmith-forge", false),
            ("ampx", "apps", "testkit", true),
            ("opsmith", "apps", "ampx", false),
            ("testkit", "dev", "opsmith-store", false),
            ("bench", "dev", "testkit", false),
            ("bench", "dev", "ampx", false),
        ] {
            assert_eq!(found(name, folder, to, for_tests), Vec::<String>::new(), "{name} -> {to}");
        }
    }

    #[test]
    fn an_edge_against_the_rule_names_crate_edge_and_rule() {
        for (name, folder, to, for_tests, rule) in [
            ("opsmith-model", "crates", "opsmith-store", false, "it may know no other crate"),
            ("opsmith-store", "crates", "opsmith-guard", false, "it may know only `opsmith-model`"),
            ("opsmith-host", "crates", "opsmith-forge", false, "it may know only `opsmith-model`, `opsmith-store`"),
            ("opsmith-runs", "crates", "ampx", true, "it may know only"),
            ("ampx", "apps", "llm-ops", false, "never another product"),
            ("ampx", "apps", "pxrun", true, "never another product"),
            ("ampx", "apps", "opsmith", false, "never another product or the binary"),
            ("ampx", "apps", "testkit", false, "`testkit` is a dev-dependency only"),
            ("testkit", "dev", "ampx", false, "the fakes know the platform only"),
            ("xtask", "dev", "opsmith-model", false, "it may know no other crate"),
            ("opsmith", "apps", "xtask", true, "nobody depends on a developer's program"),
        ] {
            let findings = found(name, folder, to, for_tests);
            assert_eq!(findings.len(), 1, "{name} -> {to}: {findings:?}");
            let start = format!("{folder}/{name}/Cargo.toml: `{name}` depends on `{to}`: ");
            assert!(findings[0].starts_with(&start), "{}", findings[0]);
            assert!(findings[0].contains(rule), "{}", findings[0]);
        }
    }

    #[test]
    fn a_stranger_must_be_listed_and_everyone_stands_in_their_folder() {
        let stranger = found("opsmith-extra", "crates", "opsmith-model", false);
        assert!(stranger[0].contains("crate `opsmith-extra` is not listed"), "{stranger:?}");
        let misplaced = found("ampx", "crates", "opsmith-model", false);
        assert!(misplaced[0].contains("the rule lists it under `apps/`"), "{misplaced:?}");
    }
}
