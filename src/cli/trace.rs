//! `trace.jsonl`: one event a line, as it is written and as it is read back.

use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};

use super::engine::{TraceKind, TraceLine, TraceSink};

/// A line as it is written. Short keys: a long run has millions of these.
#[derive(Serialize)]
struct Line<'a, B> {
    t: u64,
    e: u64,
    c: u64,
    a: &'a str,
    k: TraceKind,
    b: &'a B,
}

/// Writes one event and its line end.
pub(super) fn write_line<B: Serialize>(
    out: &mut impl Write,
    line: &TraceLine<'_>,
    body: &B,
) -> io::Result<()> {
    let line = Line {
        t: line.time.0,
        e: line.event,
        c: line.cause,
        a: line.actor,
        k: line.kind,
        b: body,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// A line as it is read back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    /// Nanoseconds since the start of the simulation.
    #[serde(rename = "t")]
    pub(super) time: u64,
    #[serde(rename = "e")]
    pub(super) number: u64,
    #[serde(rename = "c")]
    pub(super) cause: u64,
    #[serde(rename = "a")]
    pub(super) actor: String,
    #[serde(rename = "k")]
    pub(super) kind: String,
    #[serde(rename = "b")]
    pub(super) body: serde_json::Value,
}

/// Streams a trace into a file while the run works.
pub(super) struct Writer<W: Write> {
    out: BufWriter<W>,
    failed: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Writer<W> {
        Writer {
            out: BufWriter::with_capacity(1 << 20, out),
            failed: None,
        }
    }

    /// Whether everything so far went through; what did not comes out of [`Writer::finish`].
    pub(super) fn is_well(&self) -> bool {
        self.failed.is_none()
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => {
                // What is still buffered would only fail again.
                let _ = self.out.into_parts();
                Err(error)
            }
            None => self.out.flush(),
        }
    }
}

impl<W: Write> TraceSink for Writer<W> {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B) {
        if self.failed.is_none() {
            self.failed = write_line(&mut self.out, line, body).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::Time;

    const LINE: TraceLine<'static> = TraceLine {
        time: Time(1_500),
        event: 7,
        cause: 3,
        actor: "jm-1",
        kind: TraceKind::Message,
    };

    #[test]
    fn a_line_has_short_keys_and_reads_back() {
        let mut bytes = Vec::new();
        write_line(&mut bytes, &LINE, &serde_json::json!({"n": 1})).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "{\"t\":1500,\"e\":7,\"c\":3,\"a\":\"jm-1\",\"k\":\"message\",\"b\":{\"n\":1}}\n"
        );
        let event: Event = serde_json::from_str(&text).unwrap();
        assert_eq!((event.time, event.number, event.cause), (1500, 7, 3));
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_kept_until_somebody_asks() {
        let mut writer = Writer::new(Full);
        let body = "x".repeat(2 << 20);
        writer.record(&LINE, &body);
        writer.record(&LINE, &body);
        assert!(!writer.is_well());
        assert_eq!(
            writer.finish().unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }
}
