//! What a program needs of the file system to run.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use crate::find;

/// The folders of programs and their settings, as the file system hierarchy has them, and those of two package systems.
pub(crate) const SYSTEM: &[&str] =
    &["/usr", "/etc", "/opt", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];

/// What belongs to the programs in a folder `bin` and lies beside it.
const BESIDE_BIN: &[&str] = &["lib", "lib64", "libexec", "pyvenv.cfg"];

/// The most links in a row, as the kernel has it.
const MOST_LINKS: usize = 40;

/// The most interpreters that are themselves scripts, as the kernel has it.
const MOST_INTERPRETERS: usize = 5;

/// The most of a first line that names an interpreter, as the kernel has it.
const FIRST_LINE_BYTES: u64 = 256;

/// The files and folders that `program` needs to run, beside the system's: its file with the links that lead there, the
/// `bin` folders these are in with what lies beside, the packages of Node's that it is one of, and its interpreter's.
///
/// Looked up as the system does in a command that starts in `cwd`. Nothing where there is no such program.
pub fn program_files(program: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut next = find::program(program, path, cwd);
    for _ in 0..MOST_INTERPRETERS {
        let Some(file) = next.take() else { break };
        let real = installed(&plain(&file), &mut files);
        next = interpreter(&real, path);
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| !is_systems(file) && seen.insert(file.clone()));
    files
}

/// A folder of programs, and what belongs to these.
pub(crate) fn with_beside(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    // As pyenv and its kin have it: each program there hands over to one of those that are installed beside.
    all.extend(folder.parent().filter(|_| folder.ends_with("shims")).map(Path::to_owned));
    if folder.ends_with("bin")
        && let Some(above) = folder.parent()
    {
        all.extend(BESIDE_BIN.iter().map(|name| above.join(name)).filter(|path| path.exists()));
    }
    all
}

pub(crate) fn is_systems(path: &Path) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// Adds the file, and all between it and what it is at the end of its links, which is returned.
fn installed(file: &Path, files: &mut Vec<PathBuf>) -> PathBuf {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut hop = file.to_owned();
    for _ in 0..MOST_LINKS {
        place(&hop, files);
        let Ok(target) = fs::read_link(&hop) else { break };
        hop = match hop.parent() {
            // The folder without links, or `..` in the target would mean another.
            Some(folder) => folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).join(target),
            None => target,
        };
        hop = normal(&hop);
    }
    place(&real, files);
    real
}

fn place(file: &Path, files: &mut Vec<PathBuf>) {
    // A package of Node's asks for others beside it.
    files.extend(file.ancestors().filter(|folder| folder.ends_with("node_modules")).last().map(Path::to_owned));
    let folder = file.parent().filter(|folder| folder.ends_with("bin") || folder.ends_with("shims"));
    files.extend(folder.map(with_beside).unwrap_or_default());
    files.push(file.to_owned());
}

/// The program that a script's first line names; `env` stands for the one that it looks for.
fn interpreter(file: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let mut head = Vec::new();
    File::open(file).ok()?.take(FIRST_LINE_BYTES).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let first = PathBuf::from(OsString::from_vec(words.next()?.to_vec()));
    if !first.ends_with("env") {
        return first.is_file().then_some(first);
    }
    let program = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    find::program(OsStr::from_bytes(program), path, Path::new("/"))
}

/// The path without `.` parts; `..` stays, since a link may be before it.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// The path without `.` and `..` parts, for one that has no link before these.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program `name` in `bin` needs, below `root`.
    fn needed(root: &Path, name: &str) -> Vec<String> {
        let path = OsString::from(root.join("home/bin"));
        let files = program_files(OsStr::new(name), Some(&path), Path::new("/"));
        files.iter().map(|file| file.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    fn world() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home/bin", "home/pipx/tool/bin", "home/pipx/tool/lib", "home/python/bin", "home/python/lib"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    #[test]
    fn a_script_brings_its_interpreter_and_a_virtual_environment_the_real_one() {
        let root = world();
        let at = |path: &str| root.path().join(path);
        let link = |target: &str, path: &str| std::os::unix::fs::symlink(target, at(path)).unwrap();
        fs::write(at("home/python/bin/python3.12"), "").unwrap();
        fs::write(at("home/pipx/tool/pyvenv.cfg"), "").unwrap();
        link("python3.12", "home/python/bin/python3");
        link("../../../python/bin/python3", "home/pipx/tool/bin/python");
        fs::write(at("home/pipx/tool/bin/tool"), format!("#!{}\n", at("home/pipx/tool/bin/python").display())).unwrap();
        link("../pipx/tool/bin/tool", "home/bin/tool");
        let needed = needed(root.path(), "tool");
        for file in ["home/bin/tool", "home/pipx/tool/bin/tool", "home/pipx/tool/lib", "home/pipx/tool/pyvenv.cfg"] {
            assert!(needed.contains(&file.to_owned()), "{file} is not in {needed:?}");
        }
        for file in ["home/pipx/tool/bin/python", "home/python/bin/python3", "home/python/lib"] {
            assert!(needed.contains(&file.to_owned()), "{file} is not in {needed:?}");
        }
        assert!(!needed.iter().any(|file| file == "home" || file == "home/pipx"), "{needed:?}");
    }

    #[test]
    fn env_stands_for_what_it_looks_for_and_the_systems_programs_need_nothing() {
        let root = world();
        let at = |path: &str| root.path().join(path);
        fs::write(at("home/bin/run"), "#!/usr/bin/env -S A=1 engine --flag\n").unwrap();
        fs::write(at("home/python/bin/engine"), "#!/bin/sh\n").unwrap();
        std::os::unix::fs::symlink(at("home/python/bin/engine"), at("home/bin/engine")).unwrap();
        assert!(needed(root.path(), "run").contains(&"home/python/bin/engine".to_owned()));
        assert_eq!(program_files(OsStr::new("/bin/sh"), None, Path::new("/")), Vec::<PathBuf>::new());
        assert_eq!(needed(root.path(), "nothing"), Vec::<String>::new());
    }

    #[test]
    fn links_and_interpreters_that_go_round_come_to_an_end() {
        let root = world();
        let at = |path: &str| root.path().join(path);
        fs::write(at("home/bin/self"), format!("#!{}\n", at("home/bin/self").display())).unwrap();
        assert!(needed(root.path(), "self").contains(&"home/bin/self".to_owned()));
        std::os::unix::fs::symlink("round", at("home/bin/round")).unwrap();
        assert_eq!(needed(root.path(), "round"), Vec::<String>::new());
    }
}
