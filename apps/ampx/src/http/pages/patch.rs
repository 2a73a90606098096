//! git's unified diff, taken apart for a page: which files, and what became of each line.
//!
//! Our own, since what there is drops git's own words between the files: renames, modes, binary files.

/// One file's part of a diff.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FilePatch<'a> {
    /// The file as it is now, or as it was where it is gone; quoted as git does.
    pub(super) path: &'a str,
    /// What git says of the file as a whole, such as `new file mode 100644`.
    pub(super) notes: Vec<&'a str>,
    pub(super) lines: Vec<Line<'a>>,
}

/// A line of a diff, with its numbers before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Where the next ones stand.
    Hunk(&'a str),
    Same {
        before: u32,
        after: u32,
        text: &'a str,
    },
    Added {
        after: u32,
        text: &'a str,
    },
    Removed {
        before: u32,
        text: &'a str,
    },
    /// Git's remark on the line above, such as that the file ends without a line's end.
    Remark(&'a str),
}

impl FilePatch<'_> {
    /// How many lines were added and removed.
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = |wanted: fn(&Line<'_>) -> bool| self.lines.iter().filter(|line| wanted(line)).count();
        (count(|line| matches!(line, Line::Added { .. })), count(|line| matches!(line, Line::Removed { .. })))
    }
}

/// Takes a diff apart. Within a hunk each line begins with a sign of its own, so no content can pass for a header.
pub(super) fn files(diff: &str) -> Vec<FilePatch<'_>> {
    let mut files: Vec<FilePatch<'_>> = Vec::new();
    let (mut before, mut after, mut in_hunk) = (0, 0, false);
    for line in diff.split_terminator('\n') {
        if let Some(names) = line.strip_prefix("diff --git ") {
            in_hunk = false;
            files.push(FilePatch { path: second_name(names), ..FilePatch::default() });
            continue;
        }
        let Some(file) = files.last_mut() else { continue };
        if let Some(numbers) = line.strip_prefix("@@ -").and_then(numbers) {
            (before, after) = numbers;
            in_hunk = true;
            file.lines.push(Line::Hunk(line));
        } else if in_hunk {
            file.lines.push(content(line, &mut before, &mut after));
        } else {
            header(file, line);
        }
    }
    files
}

fn content<'a>(line: &'a str, before: &mut u32, after: &mut u32) -> Line<'a> {
    let next = |number: &mut u32| std::mem::replace(number, number.saturating_add(1));
    if let Some(text) = line.strip_prefix('+') {
        Line::Added { after: next(after), text }
    } else if let Some(text) = line.strip_prefix('-') {
        Line::Removed { before: next(before), text }
    } else if let Some(text) = line.strip_prefix(' ') {
        Line::Same { before: next(before), after: next(after), text }
    } else {
        Line::Remark(line)
    }
}

fn header<'a>(file: &mut FilePatch<'a>, line: &'a str) {
    if let Some(name) = line.strip_prefix("--- ").or_else(|| line.strip_prefix("+++ ")) {
        if name != "/dev/null" {
            file.path = bare(name);
        }
    } else if !line.starts_with("index ") && !line.is_empty() {
        if let Some(name) = line.strip_prefix("rename to ") {
            file.path = name;
        }
        file.notes.push(line);
    }
}

/// The first lines before and after of `12,3 +14,5 @@ …`.
fn numbers(rest: &str) -> Option<(u32, u32)> {
    let (before, rest) = rest.split_once(" +")?;
    let (after, _) = rest.split_once(" @@")?;
    let first = |range: &str| range.split(',').next()?.parse().ok();
    Some((first(before)?, first(after)?))
}

/// The second of the two names of a `diff --git` line, which are the same but for a rename.
fn second_name(names: &str) -> &str {
    let half = names.len().checked_sub(1).map_or(0, |rest| rest / 2);
    // Two names of one length with a space between; a name may have spaces itself.
    names.get(half + 1..).map_or(names, bare)
}

fn bare(name: &str) -> &str {
    let name = name.trim_end_matches('\t');
    name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).unwrap_or(name)
}

/// Takes a diff apart and gives each file's lines as they were, for dev/fuzz only.
#[cfg(feature = "fuzzing")]
pub fn lines_by_file(diff: &str) -> Vec<(usize, Vec<String>)> {
    let line = |line: &Line<'_>| match line {
        Line::Hunk(text) | Line::Remark(text) => (*text).to_owned(),
        Line::Same { text, .. } => format!(" {text}"),
        Line::Added { text, .. } => format!("+{text}"),
        Line::Removed { text, .. } => format!("-{text}"),
    };
    files(diff).iter().map(|file| (file.notes.len(), file.lines.iter().map(line).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_file_and_line() {
        let diff = "diff --git a/sum.sh b/sum.sh\nindex 1..2 100644\n--- a/sum.sh\n+++ b/sum.sh\n\
                    @@ -1,2 +1,3 @@ main\n same\n--- a/trap\n+++ b/trap\n+new\n\\ No newline at end of file\n";
        let read = files(diff);
        assert_eq!((read.len(), read[0].path, read[0].counts()), (1, "sum.sh", (2, 1)));
        assert_eq!(
            read[0].lines,
            [
                Line::Hunk("@@ -1,2 +1,3 @@ main"),
                Line::Same { before: 1, after: 1, text: "same" },
                Line::Removed { before: 2, text: "-- a/trap" },
                Line::Added { after: 2, text: "++ b/trap" },
                Line::Added { after: 3, text: "new" },
                Line::Remark("\\ No newline at end of file"),
            ]
        );
    }

    #[test]
    fn what_becomes_of_whole_files_is_told() {
        for (diff, path, notes) in [
            (
                "diff --git a/x y b/x y\nnew file mode 100644\n--- /dev/null\n+++ b/x y\t\n",
                "x y",
                vec!["new file mode 100644"],
            ),
            (
                "diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n",
                "old",
                vec!["deleted file mode 100644"],
            ),
            ("diff --git a/a b/b c\nrename from a\nrename to b c\n", "b c", vec!["rename from a", "rename to b c"]),
            (
                "diff --git a/i.png b/i.png\nBinary files a/i.png and b/i.png differ\n",
                "i.png",
                vec!["Binary files a/i.png and b/i.png differ"],
            ),
            (
                "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n",
                "run",
                vec!["old mode 100644", "new mode 100755"],
            ),
        ] {
            let read = files(diff);
            assert_eq!((read.len(), read[0].path, &read[0].notes), (1, path, &notes), "{diff}");
        }
    }

    #[test]
    fn what_is_no_diff_does_no_harm() {
        for text in ["", "\n", "@@ -1 +1 @@\n+x\n", "diff --git ", "diff --git é", "diff --git a b\n@@ -x +y @@\n"] {
            assert!(files(text).iter().all(|file| file.lines.is_empty()), "{text}");
        }
        let huge = "diff --git a/x b/x\n@@ -4294967295 +4294967295 @@\n+a\n+b\n";
        assert_eq!(files(huge)[0].counts(), (2, 0));
    }
}
