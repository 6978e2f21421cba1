//! Checkpoint storage: files, a latency before the first byte, and bandwidth that readers and writers share.

use std::collections::BTreeMap;

use crate::kernel::{Span, Time};
use crate::substrate::server::Server;

use super::checkpoint::{Blob, BlobKey};
use super::context::Context;
use super::message::{Body, Envelope};
use super::settings;

#[derive(Clone, Debug)]
pub struct Storage {
    latency: Span,
    reads: Server,
    writes: Server,
    files: BTreeMap<BlobKey, (u64, Blob)>,
}

impl Storage {
    pub fn new(settings: &settings::Storage) -> Storage {
        Storage {
            latency: settings.latency,
            reads: Server::new(settings.read_bytes_per_s),
            writes: Server::new(settings.write_bytes_per_s),
            files: BTreeMap::new(),
        }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        let now = ctx.now();
        match envelope.body {
            Body::Start | Body::ConnectionReset { .. } | Body::ConnectionRefused { .. } => {}
            Body::Write { key, bytes, blob } => {
                let (_, done) = self.writes.serve(now, bytes);
                // Seen only through the answer, or by a read that its writer causes: so it may be in place already.
                self.files.insert(key, (bytes, blob));
                ctx.send_after(
                    self.wait(now, done),
                    envelope.from,
                    0,
                    Body::Written { key },
                );
            }
            Body::Read { key } => {
                let file = self.files.get(&key).cloned();
                let bytes = file.as_ref().map_or(0, |(bytes, _)| *bytes);
                let (_, done) = self.reads.serve(now, bytes);
                let blob = file.map(|(_, blob)| blob);
                ctx.send_after(
                    self.wait(now, done),
                    envelope.from,
                    bytes,
                    Body::ReadDone { key, blob },
                );
            }
            Body::Delete { key } => {
                self.files.remove(&key);
            }
            body => unreachable!("storage does not receive {body:?}"),
        }
    }

    fn wait(&self, now: Time, done: Time) -> Span {
        (done - now) + self.latency
    }
}
