//! Each time limit, with limits short enough to wait for.

use std::time::Duration;

use opsmith_llm::{Client, ClientOptions, LlmError, Phase, Timeouts};
use opsmith_model::{ErrorKind, Hint};

use crate::stub::{Act, Gateway, Script, messages, send, stream_begins};
use crate::{OPUS, anthropic, hello, options};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

async fn phase(timeouts: Timeouts, script: Script) -> (Phase, usize) {
    let gateway = Gateway::start(vec![script]).await;
    let client = Client::new(anthropic(&gateway), ClientOptions { timeouts, ..options() }).unwrap();
    let error = client.complete(&hello(OPUS)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = if let LlmError::BrokenOff { source, .. } = error { *source } else { error };
    let LlmError::Timeout { phase, .. } = error else { panic!("{error:?}") };
    (phase, gateway.asked().len())
}

#[tokio::test]
async fn each_limit_ends_its_own_wait_and_nothing_is_asked_twice() {
    let patient = Timeouts { connect: LONG, first_byte: LONG, idle: LONG, whole: LONG };
    let begun = || send(messages::begin(1, 0, 0) + &messages::text(0, &["So far"]));
    let silent = phase(Timeouts { first_byte: SHORT, ..patient }, vec![Act::Hang]).await;
    assert_eq!(silent, (Phase::FirstByte, 1));
    let stuck = phase(Timeouts { idle: SHORT, ..patient }, vec![stream_begins(), begun(), Act::Hang]).await;
    assert_eq!(stuck, (Phase::NextByte, 1));
    let headers_alone = phase(Timeouts { idle: SHORT, ..patient }, vec![stream_begins(), Act::Hang]).await;
    assert_eq!(headers_alone, (Phase::NextByte, 1));
    let slow = phase(Timeouts { whole: SHORT, ..patient }, vec![stream_begins(), begun(), Act::Hang]).await;
    assert_eq!(slow, (Phase::Whole, 1));
}
