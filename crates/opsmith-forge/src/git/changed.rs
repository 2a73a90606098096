use std::collections::BTreeMap;
use std::path::Path;

use super::checkout::LONG;
use super::refs::object_id;
use super::{Git, GitError};

/// The mode of a submodule's entry, which has no blob.
const SUBMODULE: &str = "160000";

/// A path that is not the same in two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// What was there before; none for a new file.
    pub old: Option<FileAt>,
    /// What is there now, at another path where git sees a rename; none for a deleted file.
    pub new: Option<FileAt>,
}

/// A file at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAt {
    /// Its path, what is not UTF-8 replaced.
    pub path: String,
    /// Its content's object id; none for a submodule.
    pub blob: Option<String>,
}

/// The paths that differ between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFiles {
    /// In git's order, renames found.
    pub files: Vec<ChangedFile>,
    /// Whether there are more.
    pub truncated: bool,
}

/// A file's content, as far as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blob {
    /// All of it.
    Content(Vec<u8>),
    /// It is not read: larger than one file may be, or too large for what is left of all.
    TooLarge {
        /// Its size.
        bytes: u64,
    },
}

/// How much of files is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobLimits {
    /// Bytes of one file.
    pub each_bytes: u64,
    /// Bytes of all files together; what comes after that is too large.
    pub total_bytes: u64,
}

/// The files that differ between two commits or trees in `git_dir`; at most `max_files` of them.
pub async fn changed_files(
    git: &Git,
    git_dir: &Path,
    base: &str,
    head: &str,
    max_files: usize,
) -> Result<ChangedFiles, GitError> {
    let command = git
        .work(git_dir)
        .args(["diff-tree", "-r", "-M", "-z", "--raw", "--no-abbrev", "--no-ext-diff", "--no-textconv"])
        .args([object_id(base)?, object_id(head)?])
        .timeout(LONG);
    let listed = command.run().await?;
    let mut files = parse(&listed.stdout);
    let truncated = listed.truncated || files.len() > max_files;
    files.truncate(max_files);
    Ok(ChangedFiles { files, truncated })
}

/// Reads `--raw -z`: `:mode mode id id status NUL path NUL`, and a second path where the status is a rename's.
pub(super) fn parse(raw: &[u8]) -> Vec<ChangedFile> {
    let mut files = Vec::new();
    let mut parts = raw.split(|byte| *byte == 0);
    while let (Some(head), Some(path)) = (parts.next(), parts.next()) {
        let head = String::from_utf8_lossy(head);
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, old_id, new_id, status] = words[..] else { break };
        let path = String::from_utf8_lossy(path).into_owned();
        let renamed = matches!(status.as_bytes().first(), Some(b'R' | b'C'));
        let new_path = if renamed {
            let Some(to) = parts.next() else { break };
            String::from_utf8_lossy(to).into_owned()
        } else {
            path.clone()
        };
        files.push(ChangedFile { old: file_at(path, old_mode, old_id), new: file_at(new_path, new_mode, new_id) });
    }
    files
}

fn file_at(path: String, mode: &str, id: &str) -> Option<FileAt> {
    let absent = mode.bytes().all(|byte| byte == b'0');
    let blob = (mode != SUBMODULE).then(|| id.to_owned());
    (!absent).then_some(FileAt { path, blob })
}

/// Reads blobs of `git_dir` by their ids, in two processes however many there are.
pub async fn read_blobs(
    git: &Git,
    git_dir: &Path,
    ids: &[String],
    limits: BlobLimits,
) -> Result<BTreeMap<String, Blob>, GitError> {
    let mut asked = ids.iter().map(|id| object_id(id)).collect::<Result<Vec<_>, _>>()?;
    asked.sort_unstable();
    asked.dedup();
    let mut blobs = BTreeMap::new();
    if asked.is_empty() {
        return Ok(blobs);
    }
    let sizes = git.work(git_dir).args(["cat-file", "--batch-check"]).stdin(lines(&asked)).text().await?;
    let (mut wanted, mut total) = (Vec::new(), 0);
    for line in sizes.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (id, size) = match words[..] {
            [id, "blob", size] => (id, size.parse::<u64>().unwrap_or(u64::MAX)),
            _ => return Err(GitError::NoSuchRef { name: words[0].to_owned() }),
        };
        if size <= limits.each_bytes && total + size <= limits.total_bytes {
            total += size;
            wanted.push(id);
        } else {
            blobs.insert(id.to_owned(), Blob::TooLarge { bytes: size });
        }
    }
    if wanted.is_empty() {
        return Ok(blobs);
    }
    // Each content comes with a line of its own and a newline.
    let room = usize::try_from(total).unwrap_or(usize::MAX).saturating_add(wanted.len() * 128);
    let read = git.work(git_dir).args(["cat-file", "--batch"]).stdin(lines(&wanted)).timeout(LONG).max_output(room);
    contents(&read.run().await?.stdout, &mut blobs);
    match wanted.iter().find(|id| !blobs.contains_key(**id)) {
        Some(missing) => Err(GitError::NoSuchRef { name: (*missing).to_owned() }),
        None => Ok(blobs),
    }
}

fn lines(ids: &[&str]) -> Vec<u8> {
    ids.iter().flat_map(|id| [id.as_bytes(), b"\n"].concat()).collect()
}

/// Reads `cat-file --batch`: `id SP blob SP size LF content LF`, again and again.
pub(super) fn contents(mut output: &[u8], blobs: &mut BTreeMap<String, Blob>) {
    while let Some(end) = output.iter().position(|byte| *byte == b'\n') {
        let header = String::from_utf8_lossy(&output[..end]).into_owned();
        let mut words = header.split(' ');
        let (Some(id), Some("blob"), Some(Ok(size))) =
            (words.next(), words.next(), words.next().map(str::parse::<usize>))
        else {
            return;
        };
        let Some((content, rest)) = output[end + 1..].split_at_checked(size) else { return };
        blobs.insert(id.to_owned(), Blob::Content(content.to_vec()));
        output = rest.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_listing_knows_renames_submodules_and_odd_names() {
        let (a, b, none) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        let raw = format!(
            ":100644 100644 {a} {b} M\0a\tb\0:100644 100644 {a} {a} R100\0old\0new\0:000000 160000 {none} {b} A\0sub\0:100644 000000 {a} {none} D\0gone\0"
        );
        let listed = parse(raw.as_bytes());
        let side = |side: &Option<FileAt>| {
            side.as_ref()
                .map_or("-".to_owned(), |at| format!("{} {}", at.path, at.blob.as_deref().map_or("", |id| &id[..1])))
        };
        let rows: Vec<String> =
            listed.iter().map(|file| format!("{} → {}", side(&file.old), side(&file.new))).collect();
        assert_eq!(rows, ["a\tb a → a\tb b", "old a → new a", "- → sub ", "gone a → -"]);
        assert_eq!(parse(b""), []);
        assert_eq!(parse(b":broken\0x\0"), []);
    }

    #[test]
    fn a_blob_of_any_size_that_is_told_is_read_as_far_as_it_is_there() {
        let output = b"a blob 3\nx\ny\nb blob 18446744073709551615\nrest\n";
        let mut blobs = BTreeMap::new();
        contents(output, &mut blobs);
        assert_eq!(blobs, BTreeMap::from([("a".to_owned(), Blob::Content(b"x\ny".to_vec()))]));
    }
}
