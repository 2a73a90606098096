use std::io::{self, Write};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::{DecodeError, Message as _};

use crate::redaction::redact;

/// Takes secrets out of lines for people; each write is a whole line.
pub(super) struct Redacting<W>(pub(super) W);

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(redact(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What goes to the collector at `path`, without secrets. Numbers of metrics hold none, and their labels are bounded.
pub(super) fn exported(path: &str, body: Vec<u8>) -> Result<Vec<u8>, DecodeError> {
    if path.ends_with("/v1/logs") {
        let mut request = ExportLogsServiceRequest::decode(&*body)?;
        let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
        for record in scopes.flat_map(|scope| &mut scope.log_records) {
            record.body.as_mut().into_iter().for_each(value);
            attributes(&mut record.attributes);
        }
        return Ok(request.encode_to_vec());
    }
    if path.ends_with("/v1/traces") {
        let mut request = ExportTraceServiceRequest::decode(&*body)?;
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            text(&mut span.name);
            attributes(&mut span.attributes);
            span.status.as_mut().into_iter().for_each(|status| text(&mut status.message));
            for event in &mut span.events {
                text(&mut event.name);
                attributes(&mut event.attributes);
            }
        }
        return Ok(request.encode_to_vec());
    }
    Ok(body)
}

fn attributes(attributes: &mut [KeyValue]) {
    attributes.iter_mut().filter_map(|attribute| attribute.value.as_mut()).for_each(value);
}

fn value(any: &mut AnyValue) {
    match &mut any.value {
        Some(Value::StringValue(string)) => text(string),
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(value),
        Some(Value::KvlistValue(list)) => attributes(&mut list.values),
        Some(Value::BytesValue(bytes)) => *bytes = redact(&String::from_utf8_lossy(bytes)).into_owned().into_bytes(),
        // A number, or nothing.
        Some(_) | None => {}
    }
}

fn text(string: &mut String) {
    *string = redact(string).into_owned();
}
