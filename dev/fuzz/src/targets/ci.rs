use opsmith_forge::ci::fuzzing::{listen, workflow as read_workflow};

use crate::cut;

const WORKFLOW: &str = "on: push\njobs:\n  test:\n    runs-on: ${{ matrix.os }}\n  lint:\n    runs-on: ubuntu-latest\n    \
                        needs: test\n";
const MOST_JOBS: usize = 1024;

/// What act writes.
pub fn act(data: &[u8]) {
    let whole = listen(WORKFLOW, [data]).expect("the workflow is one");
    let cut = listen(WORKFLOW, cut::pieces(data)).expect("the workflow is one");
    assert_eq!(whole, cut, "cut in pieces it reads otherwise");
    assert!(whole.jobs <= MOST_JOBS);
}

/// A workflow file.
pub fn workflow(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match read_workflow(&text, "topic", "main") {
        Ok((_, labels)) => assert!(labels.is_sorted() && !labels.is_empty()),
        Err(words) => assert!(!words.contains('\n'), "one line: {words:?}"),
    }
}
