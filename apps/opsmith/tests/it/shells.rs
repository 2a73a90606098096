//! Completion in each shell that there is, and manual pages as `man` shows them.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::desk::Desk;

/// What is typed before TAB, and what the line is afterwards.
const TYPED: [(&str, &str); 5] = [
    ("ampx st", "ampx start"),
    ("opsmith ampx st", "opsmith ampx start"),
    ("opsmith aud", "opsmith audit"),
    ("ampx merge --del", "ampx merge --delete-branch"),
    ("opsmith runs list --state runn", "opsmith runs list --state running"),
];

/// What bash does at a TAB: it calls the registered function and takes COMPREPLY.
const BASH: &str = r#"
source ./complete.bash
for line in "$@"; do
    COMP_WORDS=($line); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); name=${COMP_WORDS[0]}
    function=$(complete -p "$name" | sed 's/.* -F \([^ ]*\).*/\1/')
    $function "$name" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    echo "${line% *} ${COMPREPLY[*]}"
done
"#;

/// zsh completes at its own prompt only: it gets a terminal, TAB, and a key that shows the line.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; stty cols 200; autoload -U compinit; compinit -u -D; source ./complete.zsh
show() { print -r -- "<$BUFFER>"; zle kill-whole-line }; zle -N show; bindkey "^X" show; print rea""dy'
zpty -r shell said '*ready*'
for line in "$@"; do
    zpty -w -n shell "$line"$'\t\x18'
    zpty -r shell said '*<*>*'
    print -r -- ${${said##*<}%%>*}
done
"#;

/// fish answers what it would offer, each with its description.
const FISH: &str = "
source complete.fish
for line in $argv
    echo (string replace -r '[^ ]*$' '' -- $line)(complete -C $line | string replace -r '\\t.*' '')
end
";

/// A program on `PATH`; `None`, said so, where there is none.
#[allow(clippy::print_stdout, reason = "a skipped test says why in its output")]
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: `{name}` is not installed; `dev/deps.sh test` installs it");
    }
    found
}

fn completes(shell: &str, words: &[&str]) {
    let Some(program) = found(shell) else { return };
    let desk = Desk::new();
    desk.write(&format!("complete.{shell}"), &desk.run(&["completion", shell]).expect(0).stdout);
    let typed = TYPED.iter().map(|(typed, _)| *typed);
    let mut command = Command::new(program);
    let output = command.args(words).args(typed).current_dir(desk.path("")).stdin(Stdio::null()).output().unwrap();
    let said = text(&output);
    let completed: Vec<&str> = said.lines().map(str::trim_end).collect();
    assert_eq!(completed, TYPED.map(|(_, completed)| completed), "{shell}: {output:?}");
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn bash_completes_the_binary_and_the_product_by_its_own_name() {
    completes("bash", &["--norc", "-c", BASH, "bash"]);
}

#[test]
fn zsh_completes_the_binary_and_the_product_by_its_own_name() {
    completes("zsh", &["-f", "-c", ZSH, "zsh"]);
}

#[test]
fn fish_completes_the_binary_and_the_product_by_its_own_name() {
    completes("fish", &["--no-config", "-c", FISH]);
}

#[test]
fn completion_is_for_both_names_or_for_the_one_asked_for() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let both = desk.run(&["completion", shell]).expect(0).stdout;
        let script = desk.run(&["completion", shell, "--for", "ampx"]).expect(0).stdout;
        assert!(!script.contains("opsmith audit") && script.contains("delete-branch"), "{shell}");
        assert!(both.contains("opsmith") && both.ends_with(&script), "{shell}");
    }
}

#[test]
fn manual_pages_are_shown_without_a_warning_and_have_their_examples() {
    let desk = Desk::new();
    assert!(desk.run(&["man"]).expect(0).stdout.contains(".TH opsmith 1"));
    desk.run(&["man", "pages"]).expect(0);
    let pages: Vec<PathBuf> = std::fs::read_dir(desk.path("pages")).unwrap().map(|page| page.unwrap().path()).collect();
    for name in ["opsmith", "opsmith-ampx-merge", "opsmith-runs-cancel", "ampx", "ampx-merge"] {
        assert!(pages.contains(&desk.path(&format!("pages/{name}.1"))), "{name}: {pages:?}");
    }
    let Some(man) = found("man") else { return };
    for page in pages {
        let mut command = Command::new(&man);
        command.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page).env("MANWIDTH", "100").env("MANPAGER", "cat");
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", page.display());
        let shown = text(&output);
        // Bold letters are letters, a step back and the letter again.
        let name = page.file_stem().unwrap().to_str().unwrap();
        assert!(shown.contains("EXAMPLES") && shown.contains("Opsmith Manual"), "{name}: {shown}");
        assert!(!shown.contains("EXTRA"), "{name}: {shown}");
    }
}
