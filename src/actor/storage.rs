//! Checkpoint storage: files, a latency before the first byte, and bandwidth that readers and writers share.

use std::collections::BTreeMap;

use crate::kernel::{Span, Time};
use crate::substrate::server::Server;

use super::checkpoint::{Blob, BlobKey};
use super::context::Context;
use super::fact::Fact;
use super::message::{Body, Envelope, StorageTrouble};
use super::settings;

#[derive(Clone, Debug)]
pub struct Storage {
    latency: Span,
    reads: Server,
    writes: Server,
    files: BTreeMap<BlobKey, (u64, Blob)>,
    trouble: Option<StorageTrouble>,
}

impl Storage {
    pub fn new(settings: &settings::Storage) -> Storage {
        Storage {
            latency: settings.latency,
            reads: Server::new(settings.read_bytes_per_s),
            writes: Server::new(settings.write_bytes_per_s),
            files: BTreeMap::new(),
            trouble: None,
        }
    }

    /// Something is wrong with it, or nothing any more.
    pub fn suffer(&mut self, trouble: Option<StorageTrouble>) {
        self.trouble = trouble;
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        let now = ctx.now();
        match envelope.body {
            Body::Start | Body::ConnectionReset { .. } | Body::ConnectionRefused { .. } => {}
            Body::Write { key, .. } if self.is_failing() => {
                ctx.state(Fact::WriteRefused { key });
                let body = Body::WriteFailed { key };
                ctx.send_after(self.latency, envelope.from, 0, body);
            }
            Body::Read { key } if self.is_failing() => {
                let body = Body::ReadDone { key, blob: None };
                ctx.send_after(self.latency, envelope.from, 0, body);
            }
            Body::Write { key, bytes, blob } => {
                let (_, done) = self.writes.serve(now, self.slowed(bytes));
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
                let bytes = file.as_ref().map_or(0, |(bytes, blob)| match blob {
                    // With the files of earlier snapshots that it builds on.
                    Blob::State(snapshot) => snapshot.bytes,
                    _ => *bytes,
                });
                let (_, done) = self.reads.serve(now, self.slowed(bytes));
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
        (done - now) + Span(self.slowed(self.latency.0))
    }

    fn is_failing(&self) -> bool {
        self.trouble == Some(StorageTrouble::Failing)
    }

    fn slowed(&self, quantity: u64) -> u64 {
        match self.trouble {
            Some(StorageTrouble::Slow { factor_per_mille }) => {
                (u128::from(quantity) * u128::from(factor_per_mille) / 1000) as u64
            }
            _ => quantity,
        }
    }
}
